"""How far people agree with each other, the ceiling of any judge: pairs of answers that several people voted on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Ints
from stacker.evaluate.intervals import Groups, share_interval
from stacker.evaluate.metrics import most_probable_shares
from stacker.evaluate.votes.judge_scores import Figure, difference, mean, share
from stacker.evaluate.votes.vote_arrays import VoteArrays

LEAST_ANNOTATORS, LEAST_ITEMS = 3, 30
"""Annotators that the test needs, and pairs that each must share with others (Calderon et al., 2025)."""
EPSILONS = {"crowd workers": 0.1, "skilled annotators": 0.15, "experts": 0.2}
"""What a judge may be behind a person, for it costs less: the more, the dearer the people are (the same)."""
FALSE_DISCOVERIES = 0.05
PASSES = 0.5
"""The share of annotators that a judge must win against."""


@dataclass(frozen=True)
class SharedPairs:
    """n votes on pairs that several people voted on, all as if the answers stood in one order.

    Attributes
    ----------
    outcome : (n,) int
        Votes.
    others : (n, 3) float
        Votes of the others on the same pair, by outcome; at least one.
    call : (n,) int
        What the judge says.
    group : (n,) int
        Prompts.
    annotator : (n,) str
        Who voted, "" where unknown.
    pairs : int
        How many pairs.
    repeated : int
        Votes left out since the same person had voted on the same pair before.
    """

    outcome: Ints
    others: Floats
    call: Ints
    group: Ints
    annotator: NDArray[Any]
    pairs: int
    repeated: int


def shared_pairs(votes: VoteArrays, call: Ints) -> SharedPairs:
    """Find the votes on pairs that several people voted on.

    Parameters
    ----------
    votes : VoteArrays, m votes
        A pair is a prompt and two different answers, whichever side each is on.
    call : (m,) int
        The judge's verdicts, 0, 1 or 2; the first is taken for all votes on a pair.
    """
    frame = pd.DataFrame({"pair": votes.pair, "annotator": votes.annotator})
    again = frame.duplicated().to_numpy() & (votes.annotator != "")
    kept = np.flatnonzero(~votes.alike & ~again)
    _, place, times = np.unique(votes.pair[kept], return_inverse=True, return_counts=True)
    several = times[place] > 1
    kept, place = kept[several], np.unique(place[several], return_inverse=True)[1]
    pairs = int(place.max(initial=-1)) + 1
    outcome, called = (_in_one_order(each[kept], votes.turned[kept]) for each in (votes.outcome, call))
    counts = np.zeros((pairs, 3))
    np.add.at(counts, (place, outcome), 1.0)
    first = np.zeros(pairs, dtype=np.int64)
    first[place[::-1]] = called[::-1]
    return SharedPairs(
        outcome=outcome,
        others=counts[place] - np.eye(3)[outcome],
        call=first[place],
        group=votes.group[kept],
        annotator=votes.annotator[kept],
        pairs=pairs,
        repeated=int(again.sum()),
    )


def _in_one_order(outcome: Ints, turned: NDArray[np.bool_]) -> Ints:
    return np.where(turned & (outcome < 2), 1 - outcome, outcome)


def ceiling(shared: SharedPairs) -> dict[str, Any] | None:
    """Return how well a left-out vote, and the judge, agree with the other votes on the same pair.

    Returns
    -------
    dict or None
        `pairs`, `votes`, `annotators` (known by name), `repeated`; `one_other` (with a vote of the others drawn at
        random) and `majority` (with the outcome that most others voted for, equally many sharing it), each with
        `people`, `judge` and `difference` (judge less people, paired); three outcomes. None where no pair has several
        votes.
    """
    n = len(shared.outcome)
    if n == 0:
        return None
    found: dict[str, Any] = {
        "pairs": shared.pairs,
        "votes": n,
        "annotators": len(set(shared.annotator.tolist()) - {""}),
        "repeated": shared.repeated,
    }
    one = shared.others / shared.others.sum(axis=1, keepdims=True)
    rows = np.arange(n)
    for name, held in (("one_other", one), ("majority", most_probable_shares(shared.others))):
        people, judge = held[rows, shared.outcome], held[rows, shared.call]
        found[name] = {
            "people": share(people, shared.group),
            "judge": share(judge, shared.group),
            "difference": difference(judge, people, shared.group),
        }
    return found


def alternative_annotator_test(shared: SharedPairs, level: float = FALSE_DISCOVERIES) -> dict[str, Any]:
    """Test whether the judge may stand in for a person: the alternative annotator test (Calderon et al., 2025).

    Each annotator is left out in turn. On every pair that others voted on too, the judge wins where it agrees with at
    least as many of the others as the annotator does, and the annotator where it does with at least as many as the
    judge. The judge beats the annotator where its share of wins is above the annotator's less epsilon, by a one-sided
    paired t-test; pairs of one prompt are taken together, which is the paper's test where each pair has a prompt of its
    own. Over annotators the false discovery rate is held by Benjamini and Yekutieli (2001).

    Returns
    -------
    dict
        `why`: "" or why there is no test. Otherwise also `annotators`, for each `name`, `items`, `judge` and `person`
        (shares of wins) and `p` by epsilon; `left_out` (annotators with too few pairs); `advantage` (the mean over
        annotators of the judge's share of wins); `by_epsilon`, for each `people`, `epsilon`, `winning_rate` (the share
        of annotators beaten), `beaten` and `passes`.
    """
    from scipy.stats import false_discovery_control

    known = shared.annotator != ""
    if not known.any():
        return {"why": "the votes do not say who gave them"}
    names, place, times = np.unique(
        np.asarray(shared.annotator[known], dtype=str), return_inverse=True, return_counts=True
    )
    enough = np.flatnonzero(times >= LEAST_ITEMS)
    if len(enough) < LEAST_ANNOTATORS:
        return {
            "why": f"{LEAST_ANNOTATORS} annotators or more must each share {LEAST_ITEMS} pairs or more with others; "
            f"{len(enough)} of {len(names)} do"
        }
    rows = np.flatnonzero(known)
    one = shared.others[rows]
    person, judge = one[np.arange(len(rows)), shared.outcome[rows]], one[np.arange(len(rows)), shared.call[rows]]
    judge_wins, person_wins = (judge >= person).astype(np.float64), (person >= judge).astype(np.float64)
    annotators, each_p, weight = [], [], np.zeros(len(rows))
    for number in enough:
        inside = place == number
        group = shared.group[rows][inside]
        behind = person_wins[inside] - judge_wins[inside]
        each_p.append([paired_p(behind, epsilon, group) for epsilon in EPSILONS.values()])
        weight[inside] = 1 / (len(enough) * inside.sum())
        annotators.append(
            {
                "name": str(names[number]),
                "items": int(inside.sum()),
                "judge": float(judge_wins[inside].mean()),
                "person": float(person_wins[inside].mean()),
                "p": dict(zip(map(str, EPSILONS.values()), each_p[-1], strict=True)),
            }
        )
    used = weight > 0
    found: dict[str, Any] = {
        "why": "",
        "annotators": annotators,
        "left_out": len(names) - len(enough),
        "advantage": _clipped(mean((judge_wins * weight * used.sum())[used], shared.group[rows][used])),
        "by_epsilon": [],
    }
    for (people, epsilon), p in zip(EPSILONS.items(), np.array(each_p).T, strict=True):
        beaten = false_discovery_control(p, method="by") <= level
        low, high = share_interval(beaten.astype(np.float64), np.arange(len(beaten)))
        rate = float(beaten.mean())
        found["by_epsilon"].append(
            {
                "people": people,
                "epsilon": epsilon,
                "beaten": int(beaten.sum()),
                "winning_rate": {"value": rate, "low": low, "high": high},
                "passes": rate >= PASSES,
            }
        )
    return found


def paired_p(behind: Floats, epsilon: float, group: Ints) -> float:
    """Return the one-sided p-value of a t-test that the mean of n values is below epsilon, rows of a group together."""
    from scipy import stats

    groups = Groups.of(group)
    off = float(behind.mean()) - epsilon
    if len(groups.size) < 2:
        return 1.0
    error = float(np.sqrt(np.sum(groups.residuals(behind) ** 2)))
    if error == 0:
        return float(off >= 0)
    return float(stats.t.cdf(off / error, groups.freedom))


def _clipped(figure: Figure | None) -> Figure | None:
    if figure is None or figure["low"] is None or figure["high"] is None:
        return figure
    return figure | {"low": max(figure["low"], 0.0), "high": min(figure["high"], 1.0)}
