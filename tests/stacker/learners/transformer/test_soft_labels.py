"""Soft labels: hard where they are hard, distillation by hand, voters, grades, a teacher's file, and a fit."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformer_battles import fit_of, learner_data

from features.encoder.choice import resolve
from pipelines.errors import UserError
from stacker.learners.learner_interface import Fit
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.fine_tuning_work import BattleLoss, distance
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import LossParams, SoftLabelParams, TransformerParams
from stacker.training.soft_labels import graded, of_voters, soft_votes

NONE = np.full((4, 3), np.nan)
OUTCOME = np.array([0, 1, 2, 0])
LOGITS = torch.tensor([[0.2, -0.2, 0.5], [1.0, -1.0, -0.5], [0.0, 0.0, 0.0], [-3.0, 3.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    "losses",
    [
        LossParams(),
        LossParams(cross_entropy=0.5, class_weighted=1, focal=2, focal_gamma=1.5, ranking=3, label_smoothing=0.1),
    ],
)
def test_soft_labels_that_are_hard_are_the_hard_ones(losses):
    loss = BattleLoss(losses, torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))
    hard = loss(LOGITS, torch.from_numpy(OUTCOME))
    soft = loss(LOGITS, torch.from_numpy(OUTCOME), SoftVotes(np.eye(3)[OUTCOME], np.ones(4), NONE))
    torch.testing.assert_close(soft, hard, rtol=1e-12, atol=1e-12)


def test_shares_weigh_the_losses_of_the_outcomes():
    loss = BattleLoss(LossParams(), torch.ones(3, dtype=torch.float64))
    shares = np.array([[0.5, 0.25, 0.25]] * 4)
    logs = torch.log_softmax(LOGITS, dim=1)
    wanted = -(0.5 * logs[:, 0] + 0.25 * logs[:, 1] + 0.25 * logs[:, 2])
    found = loss(LOGITS, torch.from_numpy(OUTCOME), SoftVotes(shares, np.ones(4), NONE))
    torch.testing.assert_close(found, wanted)


def test_the_distance_from_a_teacher_by_hand():
    """Teacher (.64, .16, .20) and student even, at 2: square roots .8, .4, .4472 share out as .4857, .2428, .2715."""
    teacher = torch.tensor([[0.64, 0.16, 0.2]], dtype=torch.float64)
    found = distance(torch.zeros((1, 3), dtype=torch.float64), teacher, 2.0)
    roots = np.sqrt([0.64, 0.16, 0.2])
    q = roots / roots.sum()
    assert q == pytest.approx([0.4857, 0.2428, 0.2715], abs=1e-4)
    assert float(found) == pytest.approx(4 * (q * np.log(3 * q)).sum(), abs=1e-9)
    assert float(found) == pytest.approx(0.2007, abs=1e-4)


def test_a_teacher_counts_by_its_share_where_it_says_something():
    loss = BattleLoss(LossParams(), torch.ones(3, dtype=torch.float64))
    teacher = NONE.copy()
    teacher[1] = [0.7, 0.1, 0.2]
    hard = loss(LOGITS, torch.from_numpy(OUTCOME))
    found = loss(LOGITS, torch.from_numpy(OUTCOME), SoftVotes(np.eye(3)[OUTCOME], np.ones(4), teacher, 0.25, 1.0))
    away = distance(LOGITS, torch.from_numpy(np.where(np.isnan(teacher), 1 / 3, teacher)), 1.0)
    assert found[[0, 2, 3]].tolist() == pytest.approx(hard[[0, 2, 3]].tolist())
    assert float(found[1]) == pytest.approx(float(0.75 * hard[1] + 0.25 * away[1]))
    logits = LOGITS.clone().requires_grad_()
    loss(logits, torch.from_numpy(OUTCOME), SoftVotes(np.eye(3)[OUTCOME], np.ones(4), teacher)).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_voters_on_one_pair_are_counted_whichever_side_an_answer_has():
    frame = pd.DataFrame(
        [(("q",), ("x",), ("y",)), (("q",), ("y",), ("x",)), (("q",), ("x",), ("y",)), (("r",), ("x",), ("y",))],
        columns=["prompt", "response_a", "response_b"],
    )
    outcome = np.array([0, 0, 2, 1])  # x, y (turned), tie; the last has a question of its own
    found = of_voters(np.eye(3)[outcome], np.array([2.0, 1.0, 1.0, 1.0]), frame)
    assert found.tolist() == [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]


def test_a_grade_is_a_share_of_the_strongest_of_its_source():
    found, weight = graded(np.eye(3)[[0, 1, 2]], np.array([0.5, 1.0, 3.0]), pd.Series(["s", "s", "t"]))
    assert found.tolist() == [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert weight.tolist() == [1.0, 1.0, 3.0]


def battles(n=8):
    data, outcome = learner_data(n)
    return data.texts.assign(id=[str(row) for row in range(n)], outcome=outcome, source="s")


def test_a_teacher_is_read_by_id_and_the_swap_turns_it(tmp_path):
    assert soft_votes(SoftLabelParams(), battles(), np.ones(8)) is None
    path = tmp_path / "teacher.csv"
    path.write_text("id,p_a,p_b,p_tie\n3,0.6,0.1,0.3\n", encoding="utf-8")
    found = soft_votes(SoftLabelParams(teacher=path), battles(), np.ones(8))
    assert np.isnan(found.teacher[[0, 1, 2, 4, 5, 6, 7]]).all()
    assert found.teacher[3] == pytest.approx([0.6, 0.1, 0.3])
    turned = found.take([3, 0]).flip([True, False])
    assert turned.teacher[0] == pytest.approx([0.1, 0.6, 0.3])
    assert turned.shares[0].tolist() == found.shares[3][[1, 0, 2]].tolist()
    assert found.digest() != soft_votes(SoftLabelParams(teacher=path, share=0.1), battles(), np.ones(8)).digest()
    with pytest.raises(UserError, match="these battles have no ids"):
        soft_votes(SoftLabelParams(teacher=path), battles().drop(columns="id"), np.ones(8))


def test_a_fit_follows_them_and_is_another_fit():
    data, outcome = learner_data(12)
    plain = fit_of(outcome)
    soft = SoftVotes(np.full((12, 3), [0.1, 0.1, 0.8]), np.ones(12), np.full((12, 3), np.nan))
    fit = Fit(outcome, plain.weight, plain.group, 0, 1, soft=soft)
    assert fit.digest() != plain.digest()
    assert fit.take(np.arange(3)).soft.shares.shape == (3, 3)
    params = TransformerParams(
        model="builtin", prompt_tokens=8, answer_tokens=8, C=(0.001,), tuning="top_k", epochs=1, device="cpu"
    )
    said = TransformerLearner("m", params, resolve("builtin")).fit(data, fit).predict_proba(data)
    assert said[:, 2].mean() > 0.7
