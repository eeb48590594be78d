"""Few short battles for the transformer's tests: an answer with the better word wins, equal words tie."""

import numpy as np
import pandas as pd

from features.pairs import PairMatrix
from stacker.learners.learner_interface import Fit, LearnerData

PROMPTS = ("Write a short poem about the sea", "What is the capital of France?", "Add two numbers", "法国的首都是巴黎")
WORDS = ("second", "better")


def learner_data(n: int, seed: int = 0) -> tuple[LearnerData, np.ndarray]:
    """Return n battles and their outcomes, (n,) int64."""
    draw = np.random.default_rng(seed)
    good = draw.integers(0, 2, (n, 2))
    prompts = [(f"{PROMPTS[place % len(PROMPTS)]} {place}",) for place in range(n)]
    sides = [
        [(f"The {WORDS[good[row, side]]} answer " + "is Paris " * int(draw.integers(1, 6)),) for row in range(n)]
        for side in (0, 1)
    ]
    texts = pd.DataFrame({"prompt": prompts, "response_a": sides[0], "response_b": sides[1]})
    outcome = np.where(good[:, 0] == good[:, 1], 2, np.where(good[:, 0] > good[:, 1], 0, 1)).astype(np.int64)
    return LearnerData(texts, no_pairs(n), None), outcome


def no_pairs(n: int) -> PairMatrix:
    """Return a pair matrix without columns: the transformer reads texts alone."""
    none = np.zeros(0, dtype=np.int64)
    return PairMatrix(np.zeros((n, 0), dtype=np.float32), (), none, none.astype(np.float32))


def fit_of(outcome: np.ndarray, seed: int = 0, workdir=None) -> Fit:
    """Return a fit of battles that each have a prompt of their own."""
    n = len(outcome)
    return Fit(outcome, np.ones(n), np.arange(n), seed, 1, workdir)
