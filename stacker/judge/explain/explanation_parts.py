"""The parts of an explanation: what a group, a feature or a term adds to one verdict."""

from dataclasses import dataclass


@dataclass(frozen=True)
class GroupPart:
    """What a group adds to a verdict.

    Attributes
    ----------
    group : str
        One of `stacker.judge.explain.groups.GROUPS`, or the name of a block or learner of its own.
    margin, tie : float
        Its exact Shapley value for the log-odds of A against B, and for the tie log-odds.
    text : str
        The same in words, with the feature that matters most in it.
    """

    group: str
    margin: float
    tie: float
    text: str


@dataclass(frozen=True)
class FeaturePart:
    """What a named feature adds to the trees' part of a verdict.

    Attributes
    ----------
    feature : str
        `block: column`; all the forms in which the trees see it (A, B, A - B, its logarithm) are taken together.
    of : str
        `answers` where each answer has a value, `prompt`, or `both` where the answers share one.
    group : str
        Its group.
    kind : str
        How to write its numbers: count, log count (log(1 + count)), share (of 1), flag (0 or 1) or score.
    a, b : float or None
        Its value for either answer; None where it does not apply or belongs to the prompt or to both.
    difference : float or None
        a - b.
    value : float or None
        Its value for the prompt or for both answers.
    margin, tie : float
        What it adds to the log-odds of A against B and to the tie log-odds (TreeSHAP, weighted as the pool does).
    text : str
        How the answers differ, in words.
    """

    feature: str
    of: str
    group: str
    kind: str
    a: float | None
    b: float | None
    difference: float | None
    value: float | None
    margin: float
    tie: float
    text: str


@dataclass(frozen=True)
class TermPart:
    """What a word or a sequence of letters adds to the log-odds of A against B, inside the sparse learner."""

    term: str
    margin: float
