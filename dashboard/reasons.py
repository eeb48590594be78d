"""What a person would name first of a group of features: "answer A is 320 words longer", in the page's language."""

import math
from typing import TYPE_CHECKING

from dashboard.texts import Texts
from stacker.groups import LENGTH, PROMPT, TRANSFORMER, WORDS
from stacker.wording import KIND_COUNT, KIND_FLAG, KIND_LOG, KIND_SHARE, MEANING, kind_of

if TYPE_CHECKING:
    from stacker.explanation import Explanation, FeaturePart

READERS = {WORDS: "reason.words", TRANSFORMER: "reason.transformer"}
LONGER = "surface: words"


def reason(group: str, found: "Explanation", say: Texts) -> str:
    """Return how the answers differ in a group, "" where there is nothing to name.

    Parameters
    ----------
    group : str
        A group of the explanation.
    found : Explanation
        All of it: the strongest feature of the group is taken, of the length always the words.
    say : Texts
        The page's language.
    """
    if group in READERS:
        return say(READERS[group])
    margin = next(part.margin for part in found.groups if part.group == group)
    inside = [part for part in found.features if part.group == group]
    if group == LENGTH:
        words = [part for part in inside if part.feature == LONGER and part.of == "answers"]
        inside = words or inside
    if not inside:
        return ""
    if group == PROMPT:
        return say("reason.prompt")
    differing = [part for part in inside if part.a != part.b or part.of == "both"]
    return _told(max(differing or inside, key=lambda part: part.margin * math.copysign(1, margin)), say)


def _told(part: "FeaturePart", say: Texts) -> str:
    block, _, column = part.feature.partition(": ")
    if column == MEANING:
        return say("reason.meaning")
    name = say(f"feature.{block}.{column}") if f"feature.{block}.{column}" in say else column
    if part.of == "both":
        return say("reason.both", name=name, value=_number(part.value, KIND_SHARE))
    if part.a is None or part.b is None:
        return say("reason.unknown", name=name)
    kind = kind_of(block, column)
    if kind == KIND_FLAG:
        if (part.a > 0) == (part.b > 0):
            return say("reason.each" if part.a > 0 else "reason.neither", name=name)
        return say("reason.only_a" if part.a > 0 else "reason.only_b", name=name)
    fields = {"name": name, "a": _number(part.a, kind), "b": _number(part.b, kind)}
    if part.a == part.b:
        return say("reason.alike", **fields)
    side = "a" if part.a > part.b else "b"
    if part.feature in (LONGER, "surface: characters", "surface: sentences", "surface: lines"):
        gap = abs(round(part.a) - round(part.b))
        unit = say(f"unit.{column}.{'one' if gap == 1 else 'many'}")
        return say(f"reason.longer_{side}", gap=f"{gap:,}", unit=unit)
    return say(f"reason.{'more' if kind == KIND_COUNT else 'higher'}_{side}", **fields)


def _number(value: float | None, kind: str) -> str:
    if value is None:
        return "–"
    if kind == KIND_COUNT:
        return f"{round(value):,}"
    if kind == KIND_LOG:
        return f"{round(math.expm1(value)):,}"
    return f"{100 * value:.0f} %" if kind == KIND_SHARE else f"{value:.2f}"
