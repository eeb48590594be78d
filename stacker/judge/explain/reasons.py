"""What a person would name first of a group of an explanation: "answer A is 320 words longer", in any language."""

import math
from collections.abc import Sequence

from features.blocks.interface import SCORE
from stacker.judge.explain.explanation_parts import FeaturePart, TermPart
from stacker.judge.explain.groups import LENGTH, PROMPT, TRANSFORMER, WORDS
from stacker.judge.explain.wording import (
    Language,
    compared,
    is_nameless,
    nameless,
    of_both,
    of_prompt,
    sentence,
)

LONGER = "surface: words"
_TERMS = 3
_TERM_SHOWN = 40


def reason(
    group: str,
    margin: float,
    tie: float,
    features: Sequence[FeaturePart],
    terms: Sequence[TermPart],
    language: Language = "en",
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
    """
    if group == TRANSFORMER:
        return sentence("transformer", language)
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
            return sentence("prompt alone", language)
        part = max(told, key=lambda part: part.tie * math.copysign(1, tie))
        return sentence("prompt above all", language, said=_said(part, language))
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
    if is_nameless(block, column):
        return nameless(block, column, of, language)
    if of == "answers":
        return compared(block, column, _number(a), _number(b), language)
    return (of_prompt if of == "prompt" else of_both)(block, column, _number(value), language)


def _said(part: FeaturePart, language: Language) -> str:
    return said_of(part.feature, part.of, part.a, part.b, part.value, language)


def _words(terms: Sequence[TermPart], margin: float, language: Language) -> str:
    """Name the terms that speak for the side that the words as a whole speak for."""
    named = [part.term.strip()[:_TERM_SHOWN] for part in terms if part.margin * margin > 0 and part.term.strip()]
    named = list(dict.fromkeys(named))[:_TERMS]
    if not named:
        return sentence("words", language)
    quoted = [sentence("quoted", language, term=term) for term in named]
    return sentence("words such as", language, terms=sentence("between", language).join(quoted))


def _number(value: float | None) -> float:
    return math.nan if value is None else value
