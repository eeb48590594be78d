"""Many sources first: the run's prompts stay out, ties differ by source, and folds begin where it ended."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformer_battles import learner_data

from pipelines.battles.built_in import sample_battles
from pipelines.errors import UserError
from stacker import Judge
from stacker.learners.learner_registry import SWITCHED
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.fine_tuning_work import BattleLoss
from stacker.learners.transformer.params import LossParams
from stacker.training.first_stage import tie_offsets, without_prompts
from stacker.training.params import parse_params
from stacker.training.train import train


def test_prompts_of_the_run_are_left_out_whatever_their_case():
    votes = pd.DataFrame({"prompt": [("Why  is it?",), ("What?",)]})
    kept, out = without_prompts(votes, pd.DataFrame({"prompt": [("why is IT?",), ("Who?",)]}))
    assert kept["prompt"].tolist() == [("What?",)] and out == 1


def test_offsets_are_log_odds_above_those_of_all():
    source = pd.Series(["s"] * 4 + ["t"] * 4)
    outcome = np.array([2, 2, 0, 1, 0, 0, 1, 1])
    found = tie_offsets(source, outcome, np.ones(8))
    assert found[:4] == pytest.approx([np.log(3 / 3) - np.log(3 / 7)] * 4)
    assert found[4:] == pytest.approx([np.log(1 / 5) - np.log(3 / 7)] * 4)


def test_an_offset_moves_the_tie_in_the_loss_alone():
    logits = torch.tensor([[0.3, -0.3, 0.1]], dtype=torch.float64)
    soft = SoftVotes(np.eye(3)[[2]], np.ones(1), np.full((1, 3), np.nan), tie_offset=np.array([1.5]))
    found = BattleLoss(LossParams(), torch.ones(3, dtype=torch.float64))(logits, torch.tensor([2]), soft)
    wanted = -torch.log_softmax(torch.tensor([0.3, -0.3, 1.6], dtype=torch.float64), 0)[2]
    assert float(found) == pytest.approx(float(wanted))
    assert soft.take([0]).tie_offset.tolist() == [1.5] and soft.digest() != SoftVotes(*[soft.shares] * 3).digest()


@pytest.mark.slow
def test_a_run_begins_where_the_first_stage_ended(tmp_path):
    """It is trained once, found again, kept inside the judge, and differs from a run without it."""
    data, outcome = learner_data(30, seed=5)
    votes = data.texts.map(lambda turns: turns[0]).assign(winner=[("A", "B", "tie")[one] for one in outcome])
    votes.to_csv(tmp_path / "votes.csv", index=False)
    battles = sample_battles(24).battles

    def params(cache, **first):
        return parse_params(
            {
                "features": {"embedding": False, "readability": False, "sentiment": False},
                "learners": {kind: {"enabled": False} for kind in SWITCHED},
                "transformer": {
                    "models": ["builtin"],
                    "C": [0.01],
                    **{"prompt_tokens": 8, "answer_tokens": 8, "device": "cpu", "first": first},
                },
                "folds": {"count": 2},
                "run": {"cache": str(tmp_path / cache), "threads": 1},
            }
        )

    first = {"sources": [{"path": str(tmp_path / "votes.csv")}], "top_layers": 1}
    notes = []
    trained = train(battles, params("one", **first), note=notes.append)
    assert any(note.startswith("First stage: 30 votes of 1 sources") for note in notes)
    again = train(battles, params("one", **first))
    without = train(battles, params("two"))
    assert again.level.probabilities.tobytes() == trained.level.probabilities.tobytes()
    assert np.abs(without.level.probabilities - trained.level.probabilities).max() > 1e-4
    trained.judge.save(tmp_path / "judge")
    for path in (tmp_path / "one").rglob("*"):  # the judge needs nothing of the cache
        if path.is_file():
            path.unlink()
    battle = ("Why?", "Because it is so.", "No.")
    assert Judge.load(tmp_path / "judge").compare(*battle) == trained.judge.compare(*battle)


def test_sources_of_the_runs_own_prompts_alone_are_refused(tmp_path):
    battles = sample_battles(24).battles
    own = battles[["prompt", "response_a", "response_b"]].map("\n\n".join)
    own.assign(winner="A").to_csv(tmp_path / "own.csv", index=False)
    params = parse_params(
        {
            "learners": {kind: {"enabled": False} for kind in SWITCHED},
            "transformer": {"models": ["builtin"], "first": {"sources": [{"path": str(tmp_path / "own.csv")}]}},
            "run": {"cache": str(tmp_path / "cache")},
        }
    )
    with pytest.raises(UserError, match="hold no vote on a prompt that the run has not"):
        train(battles, params)
