"""The parts of an explanation, and what a person would name first of a group."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from features.blocks.interface import SCORE
from stacker.judge.explain import wording
from stacker.judge.explain.group_effects import CAUTION, CHECKS, LENGTH, MODELS, PROMPT, TRANSFORMER, WORDS
from stacker.judge.explain.wording import Language

LONGER = "surface: words"
_TERMS = 3
_TERM_SHOWN = 40


@dataclass(frozen=True)
class GroupPart:
    """What a group adds to a verdict.

    Attributes
    ----------
    group : str
        One of `stacker.judge.explain.group_effects.GROUPS`, or the name of a block or learner of its own.
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


@dataclass(frozen=True)
class QuestionPart:
    """What the answer of a language model to one question adds to the log-odds of A against B.

    Attributes
    ----------
    judge, question : str
        The learner, and the question's name.
    wording : dict of str to str
        What the question is called, by language.
    """

    judge: str
    question: str
    wording: dict[str, str]
    margin: float

    def said(self, language: str = "en") -> str:
        """Return what the question is called."""
        return self.wording.get(language) or self.wording.get("en") or self.question


def reason(
    group: str,
    margin: float,
    tie: float,
    features: Sequence[FeaturePart],
    terms: Sequence[TermPart],
    language: Language = "en",
    findings: Sequence[tuple[str, str]] = (),
    questions: Sequence[QuestionPart] = (),
) -> str:
    """Return how the answers differ in a group, "" where there is nothing to name.

    Parameters
    ----------
    group : str
        A group of the explanation.
    margin, tie : float
        What it adds to the log-odds of A against B and to the tie log-odds.
    features : sequence of FeaturePart
        Those of the whole explanation. Named is the one that weighs most on the group's side, of those in which the
        answers differ; of the length it always is the words.
    terms : sequence of TermPart
        Those of the whole explanation.
    language : str
        One of `stacker.judge.explain.wording.LANGUAGES`.
    findings : sequence of (str, str)
        What the checks found, and of what script little is known.
    questions : sequence of QuestionPart
        What language models were asked.
    """
    if group == CAUTION:
        return "".join(wording.sentence(f"caution {script}", language) for key, script in findings if key == CAUTION)
    if group == MODELS:
        speaking = [part for part in questions if part.margin * margin > 0]
        if not speaking:
            return wording.sentence("asked", language)
        strongest = max(speaking, key=lambda part: abs(part.margin))
        return wording.sentence("asked above all", language, question=strongest.said(language))
    if group == CHECKS:
        found = [wording.sentence(f"check {key}", language, side=side) for key, side in findings if key != CAUTION]
        return wording.sentence("between", language).join(found)
    if group == TRANSFORMER:
        return wording.sentence("transformer", language)
    if group == WORDS:
        return _words(terms, margin, language)
    inside = [part for part in features if part.group == group]
    if group == LENGTH:
        inside = [part for part in inside if part.feature == LONGER and part.of == "answers"] or inside
    if not inside:
        return ""
    if group == PROMPT:
        told = [part for part in inside if part.kind != SCORE]  # a score of the question tells a person nothing
        if not told:
            return wording.sentence("prompt alone", language)
        part = max(told, key=lambda part: part.tie * math.copysign(1, tie))
        return wording.sentence("prompt above all", language, said=_said(part, language))
    differing = [part for part in inside if part.a != part.b or part.of == "both"]
    return _said(max(differing or inside, key=lambda part: part.margin * math.copysign(1, margin)), language)


def said_of(
    feature: str, of: str, a: float | None, b: float | None, value: float | None, language: Language = "en"
) -> str:
    """Say what is known of one feature.

    Parameters
    ----------
    feature : str
        `block: column`.
    of : str
        `answers`, `prompt` or `both`: whose number it is.
    a, b, value : float or None
        Its value for either answer, or for the prompt or both; None where it does not apply.
    language : str
        One of `stacker.judge.explain.wording.LANGUAGES`.
    """
    block, _, column = feature.partition(": ")
    if wording.is_nameless(block, column):
        return wording.nameless(block, column, of, language)
    if of == "answers":
        return wording.compared(block, column, _number(a), _number(b), language)
    return (wording.of_prompt if of == "prompt" else wording.of_both)(block, column, _number(value), language)


def _said(part: FeaturePart, language: Language) -> str:
    return said_of(part.feature, part.of, part.a, part.b, part.value, language)


def _words(terms: Sequence[TermPart], margin: float, language: Language) -> str:
    """Name the terms that speak for the side that the words as a whole speak for."""
    named = [part.term.strip()[:_TERM_SHOWN] for part in terms if part.margin * margin > 0 and part.term.strip()]
    named = list(dict.fromkeys(named))[:_TERMS]
    if not named:
        return wording.sentence("words", language)
    quoted = [wording.sentence("quoted", language, term=term) for term in named]
    return wording.sentence("words such as", language, terms=wording.sentence("between", language).join(quoted))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
