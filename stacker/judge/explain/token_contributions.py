"""Inside the sparse learner: what single words and letter sequences add to the log-odds; exact, since it is linear."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from stacker.learners.learner_interface import LearnerData
from stacker.learners.linear.sparse import SparseLearner
from stacker.learners.stacking.pool import Pool


def token_contributions(
    learners: Sequence[Any], pool: Pool, data: LearnerData, row: int, most: int
) -> list[tuple[str, float]]:
    """Return the terms that add most to the log-odds of A against B of one battle.

    A term counts for an answer where it is more frequent there than in the other one. All terms together add up to the
    sparse learner's margin, weighted as the pool does.

    Parameters
    ----------
    learners : sequence of K learners
        Those of the judge in the order of the pool's weights; only sparse ones are looked at.
    pool : Pool
        The fitted level-1 model.
    data : LearnerData
        The battles.
    row : int
        Which of them.
    most : int
        Terms to return at most.

    Returns
    -------
    list of (str, float)
        Terms as the learner has them (letter sequences keep their spaces) and log-odds, the strongest first.
    """
    found: list[tuple[str, float]] = []
    for place, learner in enumerate(learners):
        if not isinstance(learner, SparseLearner):
            continue
        difference = learner.difference(data.take(np.array([row])))
        if not learner.vectorisers_:
            continue
        columns = difference.indices
        effects = difference.data * learner.model_.margin_[columns] * (pool.margin_weights_[place] / pool.temperature_)
        order = np.lexsort((columns, -np.abs(effects)))[:most]
        names = _names(learner, set(columns[order].tolist()))
        found += [(names[int(columns[at])], float(effects[at])) for at in order if effects[at]]
    return sorted(found, key=lambda each: (-abs(each[1]), each[0]))[:most]


def _names(learner: SparseLearner, columns: set[int]) -> dict[int, str]:
    """Return the terms of some columns; the vocabularies stand side by side in the learner's order."""
    names, start = {}, 0
    for vectoriser in learner.vectorisers_.values():
        vocabulary = vectoriser.vocabulary_
        for term, place in vocabulary.items():
            if start + place in columns:
                names[start + int(place)] = str(term)
        start += len(vocabulary)
    return names
