"""Votes and verdicts drawn at random, by prompt, for tests of what is said of them."""

import numpy as np
import pandas as pd

from stacker.evaluate.votes.vote_arrays import VoteArrays


def vote_arrays(outcome, probabilities, margin=None, **others):
    """Return `VoteArrays` of outcomes and verdicts; each vote has a prompt and a pair of its own unless told."""
    outcome = np.asarray(outcome)
    n = len(outcome)
    probabilities = np.asarray(probabilities, dtype=float).reshape(n, 3)
    given = {
        "both_bad": np.zeros(n, dtype=bool),
        "margin": probabilities[:, 0] - probabilities[:, 1] if margin is None else np.asarray(margin, dtype=float),
        "longer": np.zeros(n, dtype=np.int64),
        "group": np.arange(n),
        "pair": np.arange(n),
        "turned": np.zeros(n, dtype=bool),
        "alike": np.zeros(n, dtype=bool),
        "source": np.full(n, "here", dtype=object),
        "annotator": np.full(n, "", dtype=object),
        "traits": pd.DataFrame(
            {
                "lang": np.full(n, "", dtype=object),
                "script": np.full(n, "Latin", dtype=object),
                "characters": np.full(n, 100),
                "ratio": np.full(n, 1.2),
                "turns": np.full(n, 1),
                "kind": np.full(n, "other", dtype=object),
            }
        ),
    }
    given |= {name: value if name == "traits" else np.asarray(value) for name, value in others.items()}
    return VoteArrays(outcome=outcome, probabilities=probabilities, **given)


def swapped(votes):
    """Return the same votes with the answers on the other side."""
    values = dict(vars(votes))
    flip = np.array([1, 0, 2])
    values |= {
        "outcome": flip[votes.outcome],
        "probabilities": votes.probabilities[:, flip],
        "margin": -votes.margin,
        "longer": -votes.longer,
        "turned": ~votes.turned,
    }
    return VoteArrays(**values)


def drawn_votes(rng, prompts, most=4, shift=1.0):
    """Return votes on prompts of 1 to `most` battles that move together, and verdicts that know half of why."""
    sizes = rng.integers(1, most + 1, prompts)
    group = np.repeat(np.arange(prompts), sizes)
    of_prompt = rng.normal(0, shift, prompts)[group]
    known = rng.normal(0, 1, len(group))
    log_odds = np.stack([known + of_prompt, -known - of_prompt, np.zeros(len(group))], axis=1)
    chance = np.exp(log_odds) / np.exp(log_odds).sum(axis=1, keepdims=True)
    outcome = (rng.random((len(group), 1)) > chance.cumsum(axis=1)[:, :2]).sum(axis=1)
    said = np.exp(np.stack([known, -known, np.zeros(len(group))], axis=1))
    longer = np.round(10 * known + rng.normal(0, 10, len(group))).astype(np.int64)
    return vote_arrays(outcome, said / said.sum(axis=1, keepdims=True), group=group, longer=longer)
