"""Heads: symmetric under a swap, right in hand-computed cases, and good to start from."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.battles.arrays import FLIP
from stacker.learners.transformer.fine_tuning import Votes, fit_head
from stacker.learners.transformer.fine_tuning_work import BattleLoss
from stacker.learners.transformer.network.network import battle_logits, log_expm1, make_head
from stacker.learners.transformer.params import LossParams

WIDTH = 4


def head_of(kind, ties="davidson", lengths=True):
    head = make_head(kind, WIDTH, lengths, 0.0, ties)
    with torch.no_grad():
        for value in head.parameters():
            value.normal_()
    return head.eval()


@pytest.mark.parametrize("ties", ["davidson", "rao_kupper"])
@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_pairwise_head_is_symmetric_in_float32(ties, seed):
    torch.manual_seed(seed)
    head = head_of("pairwise", ties)
    pooled, lengths = torch.randn(2, 2, WIDTH), torch.randn(2, 4)
    numbers = head(head.inputs(pooled, lengths))
    straight = torch.softmax(head.logits(numbers[None]), dim=1)
    swapped = torch.softmax(head.logits(numbers[[1, 0]][None]), dim=1)
    assert (straight - swapped[:, FLIP]).abs().max() <= 1e-6


@pytest.mark.parametrize(
    ("kind", "ties"), [("pairwise", "davidson"), ("pairwise", "rao_kupper"), ("joint", "davidson")]
)
def test_swapped_sequences_swap_the_logits_to_the_last_bit(kind, ties):
    head = head_of(kind, ties)
    numbers = np.random.default_rng(0).normal(size=(50, 2, 3 if kind == "joint" else 2))
    assert np.array_equal(battle_logits(head, numbers), battle_logits(head, numbers[:, ::-1])[:, FLIP])


def test_davidson_of_a_hand_computed_case():
    head = head_of("pairwise")
    logits = head.logits(torch.tensor([[[1.5, 0.2], [0.5, 0.4]]], dtype=torch.float64))
    # Davidson (1970): p(A) : p(B) : p(tie) = w_A : w_B : v sqrt(w_A w_B), with w = e^s and v = e^t.
    shares = np.array([np.exp(1.5), np.exp(0.5), np.exp(0.3) * np.sqrt(np.exp(2.0))])
    assert torch.softmax(logits, dim=1)[0].tolist() == pytest.approx(shares / shares.sum())


def test_rao_kupper_of_a_hand_computed_case():
    head = head_of("pairwise", "rao_kupper")
    found = torch.softmax(head.logits(torch.tensor([[[0.9, 0.1], [0.2, -0.3]]], dtype=torch.float64)), dim=1)[0]
    threshold = np.log1p(np.exp(-0.1))
    a, b = 1 / (1 + np.exp(-(0.7 - threshold))), 1 / (1 + np.exp(0.7 + threshold))
    assert found.tolist() == pytest.approx([a, b, 1 - a - b], abs=1e-5)


def test_rao_kupper_log_probabilities_sum_to_one():
    head = head_of("pairwise", "rao_kupper")
    logits = head.logits(torch.randn(20, 2, 2, dtype=torch.float64) * 5)
    torch.testing.assert_close(logits.exp().sum(dim=1), torch.ones(20, dtype=torch.float64))


@given(st.floats(1e-6, 600))
@settings(deadline=None)
def test_log_expm1(x):
    found = log_expm1(torch.tensor(x, dtype=torch.float64)).item()
    assert found == pytest.approx(np.log(np.expm1(x)), rel=1e-9, abs=1e-9)


def test_joint_head_takes_one_order_or_the_mean_of_both():
    head = head_of("joint")
    numbers = torch.tensor([[[1.0, 2.0, 3.0], [5.0, 4.0, 0.0]]])
    assert head.logits(numbers[:, :1]).tolist() == [[1.0, 2.0, 3.0]]
    assert head.logits(numbers).tolist() == [[2.5, 3.5, 1.5]]


@pytest.mark.parametrize(
    ("kind", "ties"), [("pairwise", "davidson"), ("pairwise", "rao_kupper"), ("joint", "davidson")]
)
def test_a_started_head_gives_the_shares_of_the_votes(kind, ties):
    head = make_head(kind, WIDTH, True, 0.0, ties)
    head.start_at(np.array([30.0, 20.0, 50.0]))
    parts = len(head.parts)
    numbers = head(head.inputs(torch.randn(2, parts, WIDTH), torch.randn(2, 2 * parts)))
    found = torch.softmax(head.logits(numbers[None]), dim=1)[0]
    assert found.tolist() == pytest.approx([0.25, 0.25, 0.5], abs=1e-4)


@pytest.mark.parametrize("kind", ["pairwise", "joint"])
def test_lengths_are_hardly_penalised(kind):
    head = make_head(kind, WIDTH, True, 0.0)
    head.start_at(np.ones(3))
    main = head.map if kind == "joint" else head.score
    with torch.no_grad():
        main.weight[0, 0] = 2.0
        main.weight[0, -1] = 3.0
    assert head.penalty().item() == pytest.approx(4.0 + 0.01 * 9.0)


def test_first_fit_finds_a_planted_score_and_is_linear_where_lengths_are_off():
    draw = np.random.default_rng(0)
    pooled = torch.from_numpy(draw.normal(size=(400, 2, WIDTH)))
    places = np.arange(400).reshape(200, 2)
    head = make_head("pairwise", WIDTH, False, 0.0)
    inputs = head.inputs(pooled, torch.zeros(400, 0)).detach()
    gap = inputs[places[:, 0], WIDTH].numpy() - inputs[places[:, 1], WIDTH].numpy()
    outcome = np.where(np.abs(gap) < 0.5, 2, np.where(gap > 0, 0, 1)).astype(np.int64)
    loss = BattleLoss(LossParams(), torch.ones(3))
    strength, score = fit_head(
        head, inputs, places, Votes(outcome, np.ones(200)), np.arange(200) % 4, loss, (0.0001, 1.0)
    )
    assert strength == 1.0
    assert score < 0.75
    assert head.score.weight[0].abs().argmax().item() == WIDTH


def test_first_fit_learns_nothing_from_rows_that_are_left_out():
    draw = np.random.default_rng(1)
    head = make_head("pairwise", WIDTH, False, 0.0)
    inputs = head.inputs(torch.from_numpy(draw.normal(size=(80, 2, WIDTH))), torch.zeros(80, 0)).detach()
    places, outcome = np.arange(80).reshape(40, 2), draw.integers(0, 3, 40)
    folds = np.where(np.arange(40) < 30, np.arange(40) % 3, -1)
    found = []
    for flip in (False, True):
        votes = outcome.copy()
        if flip:
            votes[30:] = (votes[30:] + 1) % 3
        fit_head(
            head, inputs, places, Votes(votes, np.ones(40)), folds, BattleLoss(LossParams(), torch.ones(3)), (0.1,)
        )
        found.append(head.score.weight.detach().clone())
    assert torch.equal(found[0], found[1])


@pytest.mark.parametrize("kind", ["pairwise", "joint"])
@pytest.mark.parametrize("missing", ["ties", "decided"])
def test_first_fit_takes_an_outcome_that_nobody_voted_yet_for_rare_and_not_impossible(kind, missing):
    draw = np.random.default_rng(2)
    head = make_head(kind, WIDTH, False, 0.0)
    parts = len(head.parts)
    sequences = 60 if kind == "joint" else 120
    inputs = head.inputs(torch.from_numpy(draw.normal(size=(sequences, parts, WIDTH))), torch.zeros(sequences, 0))
    inputs, places = inputs.detach(), np.arange(sequences).reshape(60, -1)
    outcome = draw.integers(0, 2, 60) if missing == "ties" else np.full(60, 2)
    loss = BattleLoss(LossParams(), torch.ones(3))
    fit_head(head, inputs, places, Votes(outcome, np.ones(60)), np.arange(60) % 3, loss, (0.001,))
    said = torch.softmax(head.logits(head(inputs.float())[places]), dim=1).mean(dim=0).tolist()
    absent = said[2] if missing == "ties" else said[0] + said[1]
    assert absent == pytest.approx(0.5 / 61, rel=0.5)
