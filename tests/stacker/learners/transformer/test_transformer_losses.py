"""Losses: hand-computed cases, what they agree on, and what they owe to the sides."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from pipelines.battles.arrays import FLIP
from stacker.learners.transformer.fine_tuning_work import BattleLoss, focal, ranking
from stacker.learners.transformer.params import LossParams

rows = st.lists(st.tuples(*[st.floats(-6, 6)] * 3, st.integers(0, 2)), min_size=1, max_size=6)


def tensors(battles):
    return torch.tensor([row[:3] for row in battles], dtype=torch.float64), torch.tensor([row[3] for row in battles])


@given(rows, st.floats(0, 0.5))
@settings(deadline=None)
def test_focal_loss_without_gamma_is_cross_entropy(battles, smoothing):
    logits, outcome = tensors(battles)
    expected = functional.cross_entropy(logits, outcome, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(focal(logits, outcome, 0.0, smoothing), expected)


def test_focal_loss_of_a_hand_computed_case():
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64))
    assert focal(logits, torch.tensor([1]), 2.0).item() == pytest.approx(-(0.7**2) * math.log(0.3))


def test_ranking_loss_of_hand_computed_cases():
    logits = torch.tensor([[1.0, 0.0, 5.0]] * 3, dtype=torch.float64)
    win, loss = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    found = ranking(logits, torch.tensor([0, 1, 2]))
    assert found.tolist() == pytest.approx([win, loss, (win + loss) / 2])


@given(rows)
@settings(deadline=None)
def test_every_loss_is_the_same_with_the_sides_swapped(battles):
    logits, outcome = tensors(battles)
    classes = torch.tensor([0.8, 0.8, 1.4])
    loss = BattleLoss(LossParams(cross_entropy=0.5, class_weighted=1, focal=2, ranking=3, label_smoothing=0.1), classes)
    torch.testing.assert_close(loss(logits, outcome), loss(logits[:, FLIP], torch.tensor(FLIP)[outcome]))


def test_losses_add_up_by_their_weights():
    logits, outcome = torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64), torch.tensor([2])
    classes = torch.tensor([0.5, 0.5, 2.0])
    plain = functional.cross_entropy(logits, outcome).item()
    found = BattleLoss(LossParams(cross_entropy=0.25, class_weighted=0.5, ranking=2), classes)(logits, outcome)
    expected = 0.25 * plain + 0.5 * 2.0 * plain + 2 * ranking(logits, outcome).item()
    assert found.item() == pytest.approx(expected)


def test_focal_loss_has_a_finite_gradient_where_the_vote_is_certain():
    logits = torch.tensor([[200.0, 0.0, 0.0]], requires_grad=True)
    focal(logits, torch.tensor([0]), 0.5).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_ranking_alone_is_refused():
    with pytest.raises(ValueError, match="ranking alone has no tie"):
        LossParams(cross_entropy=0, ranking=1)
