"""What anybody can check of two answers before asking which is better: counts asked for, repetition, broken ends.

These are facts of the texts, found by the blocks that read (`features.blocks.reading`), whatever judge is in use and
however little it makes of them. What is told should be right when it is told, so that less is told than the blocks
measure: only what a short question asks for plainly, and of repetition and language only what leaves no doubt.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from features.blocks.reading.instructions import count_of
from features.blocks.reading.integrity import Integrity
from features.blocks.reading.prompt_requests import AT_LEAST, AT_MOST, Requests, language_of, requests_of

CODES = ("empty", "count", "language", "other_language", "repeats", "broken_off")
"""What can be seen, in the order in which it is told."""
REPEATED = 0.25
"""Share of an answer's sentences, by length, that say again what one before them said: 3 in 1,000 real answers."""
PLAIN = 400
"""Characters of a question in which a number belongs to what is asked for, and not to a text or an example in it."""
_UNITS = {"items": 2, "sentences": 1, "paragraphs": 1, "words": 20}
"""What is counted, and from which number on."""
_MOST_ITEMS = 30
_FREE = {"words": 0.25, "items": 0.0, "sentences": 0.1, "paragraphs": 0.1}
"""By how much, in log ratios, a count may be missed; words are never counted exactly."""
_ITEM = re.compile(r"^[#*_ ]{0,5}(?:(\d{1,3})[.)、．]|[-+*•]\s|([一二三四五六七八九十]{1,3})、)", re.MULTILINE)
_ASKS = re.compile(
    r"\b(?:list|give|name|suggest|provide|write|tell|recommend|propose|generate|offer|share|mention|identify|describe|"
    r"what are|come up with|think of|brainstorm)\b|"
    r"列出|列舉|列举|舉|推薦|推荐|建議|建议|說出|说出|給|给|寫|写|提供|介紹|介绍|提出",
    re.IGNORECASE,
)
"""Asks for things to be listed; a number of things may also stand in what a question is about."""
_EAST = frozenset(("zh", "ja", "ko"))
_HEAD = 20_000


@dataclass(frozen=True)
class Observation:
    """One thing that is seen in one answer.

    Attributes
    ----------
    code : str
        One of `CODES`.
    side : "A" or "B"
        The answer.
    details : dict
        Of `count`: `unit`, `how` ("exactly", "most" or "least"), `asked` and `got`.
    """

    code: str
    side: Literal["A", "B"]
    details: dict[str, Any] = field(default_factory=dict)


def observations(prompt: str, a: str, b: str) -> list[Observation]:
    """Return what is seen in two answers to a prompt, in the order of `CODES`; in time linear in the texts.

    Parameters
    ----------
    prompt : str
        What both answer.
    a, b : str
        The answers; swapped, what is seen in them is swapped.
    """
    asked = requests_of(prompt)
    block = Integrity()
    found = []
    sides: tuple[tuple[Literal["A", "B"], str], ...] = (("A", a[:_HEAD]), ("B", b[:_HEAD]))
    for (side, answer), row in zip(sides, block.compute([text for _, text in sides]).tolist(), strict=True):
        values = dict(zip(block.columns, row, strict=True))
        found += [Observation(code, side, details) for code, details in _seen(prompt, asked, answer, values)]
    return sorted(found, key=lambda each: CODES.index(each.code))


Seen = Iterator[tuple[str, dict[str, Any]]]


def _seen(prompt: str, asked: Requests, answer: str, values: dict[str, float]) -> Seen:
    if not answer.strip():
        yield "empty", {}
        return
    yield from _counts(prompt, asked, answer)
    spoken = language_of(answer)
    if spoken and asked.language and spoken != asked.language:
        yield "language", {}
    elif spoken and asked.own and not asked.language and "translate" not in asked.tasks and len(prompt) <= PLAIN:
        if spoken != asked.own and len({spoken, asked.own} & _EAST) == 1:
            yield "other_language", {}
    if values["repeated sentences"] >= REPEATED:
        yield "repeats", {}
    if values["broken off"] or values["open code block"]:
        yield "broken_off", {}


def _counts(prompt: str, asked: Requests, answer: str) -> Seen:
    """Yield the counts that a short question asks for, and for one of a kind, where the answer misses it."""
    if len(prompt) > PLAIN or "```" in prompt:
        return
    for unit, least in _UNITS.items():
        of_unit = [count for count in asked.counts if count.unit == unit and count.number >= least]
        if len(of_unit) != 1:
            continue
        (count,) = of_unit
        if unit == "items" and (count.number > _MOST_ITEMS or not _ASKS.search(prompt)):
            continue
        got = _items(answer) if unit == "items" else count_of(unit, answer)
        if not got:
            continue
        how = "most" if count.how in AT_MOST else "least" if count.how in AT_LEAST else "exactly"
        gap, free = math.log(got / count.number), _FREE[unit]
        if {"most": gap, "least": -gap, "exactly": abs(gap)}[how] > free:
            yield "count", {"unit": unit, "how": how, "asked": count.number, "got": got}


def _items(answer: str) -> int:
    """Return how many items the one list of an answer has, outermost; 0 where there is no list or more than one."""
    found = _ITEM.findall(answer)
    numbers = [int(number) for number, _ in found if number]
    if numbers:
        return len(numbers) if numbers == list(range(1, len(numbers) + 1)) and len(numbers) > 1 else 0
    chinese = sum(bool(number) for _, number in found)
    bullets = len(found) - chinese
    if chinese and bullets:
        return chinese
    # Headings part bullets into several lists.
    return 0 if re.search(r"^#{1,6} ", answer, re.MULTILINE) else chinese + bullets if len(found) > 1 else 0
