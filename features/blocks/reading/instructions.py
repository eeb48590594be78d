"""The block of what a prompt asks for in form, and whether an answer does it. English and Chinese."""

import json
import re
from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np

from features.blocks.interface import COUNT, FLAG, LOG_COUNT, PROMPT_AND_ANSWER, SCORE, SHARE, Block, Column
from features.blocks.reading.data_version import data_version
from features.blocks.reading.parts.text_parts import HEAD, small_words
from features.blocks.reading.prompt_requests import (
    AT_LEAST,
    AT_MOST,
    Count,
    Requests,
    begins_with_preamble,
    language_of,
    requests_of,
    tasks,
)
from features.text import count_sentences
from pipelines.battles.arrays import Floats32

_PROMPT_HEAD = 6000
"""Characters of a prompt whose numbers and names are looked for in the answer."""
_FARTHEST = 3.0
"""Cap of how far a count is missed, in log ratios."""
_BEYOND = 20
"""Words that `only the answer` may have."""
_LONG_WORD, _STEM = 7, 6
_ITEM = re.compile(
    r"^[ \t]{0,8}(?:[-*+•·▪●◦–]\s|\(?\d{1,3}[.)、．:]|[a-zA-Z][.)]\s|[①-⑳]"
    r"|[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十])",
    re.MULTILINE,
)
_CODE = re.compile(
    r"^\s{0,8}(?:def |class |import |function |var |let |const |SELECT |#include|<\w+>|public )|[;{}]\s{0,8}$",
    re.MULTILINE,
)
_LETTER = re.compile(r"\b(?:dear|hi|hello|subject:|sincerely|regards|best,)\b|敬啟|您好|此致|敬上", re.IGNORECASE)
_OPTION = re.compile(r"\W{0,3}(?:the (?:correct )?answer is:?\s)?\(?[A-Ea-e][).:\s]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][a-z]{2,}(?:\s[A-Z][a-z]+)*", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*+\n")


class Instructions(Block):
    """Compares an answer with the form that its prompt asks for; NaN where the prompt asks for nothing of the kind."""

    name = "instructions"
    version = data_version("instructions.yaml")
    group = "overlap"
    sees = PROMPT_AND_ANSWER
    declared = (
        Column("count missed", SCORE),
        Column("counts kept", SHARE),
        Column("limits kept", SHARE),
        Column("log words when asked to be short", LOG_COUNT, length=True),
        Column("log words when asked to be detailed", LOG_COUNT, length=True),
        Column("preamble though only the answer was asked for", FLAG),
        Column("log words beyond the answer asked for", LOG_COUNT, length=True),
        Column("format kept", SHARE),
        Column("code as asked", FLAG),
        Column("table as asked", FLAG),
        Column("list as asked", FLAG),
        Column("poem as asked", FLAG),
        Column("letter as asked", FLAG),
        Column("language as asked", FLAG),
        Column("language of the question", FLAG),
        Column("words left out as asked", FLAG),
        Column("quotations taken up", SHARE),
        Column("initial letter as asked", SHARE),
        Column("names an option", FLAG),
        Column("length of the summary", SCORE, length=True),
        Column("words kept in rewriting", SHARE),
        Column("length of the rewriting", SCORE, length=True),
        Column("words copied in translating", SHARE),
        Column("ends with a question", FLAG),
        Column("repeats the question", FLAG),
        Column("numbers taken up", SHARE),
        Column("names taken up", SHARE),
        Column("rare words taken up", SHARE),
        *(Column(f"asks to {task}", FLAG, of="prompt") for task in tasks()),
        Column("asks to be short", FLAG, of="prompt"),
        Column("asks for detail", FLAG, of="prompt"),
        Column("asks for the answer only", FLAG, of="prompt"),
        Column("counts asked for", COUNT, of="prompt"),
    )

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array."""
        place = {name: column for column, name in enumerate(self.columns)}
        rows = np.full((len(answers), len(self.columns)), np.nan, dtype=np.float32)
        for row, prompt, answer in zip(rows, prompts, answers, strict=True):
            asked, said = requests_of(prompt), _Answer(answer[:HEAD])
            for name, value in (_of_prompt(asked) | _form(asked, said) | _content(asked, prompt, said)).items():
                row[place[name]] = value
        return rows


class _Answer:
    """An answer, its words and its items."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.small = text.lower()
        self.words = small_words(text)
        self.lines = [line for line in text.splitlines() if line.strip()]
        self.items = len(_ITEM.findall(text))

    def has(self, unit: str) -> int:
        """Count what a prompt can ask for a number of."""
        return _COUNTED[unit](self)


_COUNTED: MappingProxyType[str, Callable[[_Answer], int]] = MappingProxyType(
    {
        "words": lambda said: len(said.words),
        "characters": lambda said: len("".join(said.text.split())),
        "sentences": lambda said: count_sentences(said.text),
        "paragraphs": lambda said: sum(1 for part in _PARAGRAPH.split(said.text) if part.strip()),
        "lines": lambda said: len(said.lines),
        "items": lambda said: said.items or max(len(said.lines), 1),
    }
)
_FORMS: MappingProxyType[str, Callable[[_Answer], bool]] = MappingProxyType(
    {
        "code": lambda said: "```" in said.text or _CODE.search(said.text) is not None,
        "table": lambda said: said.text.count("|") >= 6 or said.text.count("\t") >= 4,
        "list": lambda said: said.items >= 2,
        "json": lambda said: _is_json(said.text),
        "poem": lambda said: len(said.lines) >= 3 and float(np.median([len(line) for line in said.lines])) < 70,
        "letter": lambda said: _LETTER.search(said.text[:400] + said.text[-300:]) is not None,
        "question": lambda said: "?" in said.text or "？" in said.text,
    }
)


def _of_prompt(asked: Requests) -> dict[str, float]:
    return {f"asks to {task}": task in asked.tasks for task in tasks()} | {
        "asks to be short": asked.short,
        "asks for detail": asked.long,
        "asks for the answer only": asked.only,
        "counts asked for": min(len(asked.counts), 3),
    }


def _form(asked: Requests, said: _Answer) -> dict[str, float]:
    """Return what is known of counts, length and format."""
    found: dict[str, float] = {}
    missed = [(count, _missed(count, said)) for count in asked.counts[:4]]
    if missed:
        close = {"words": 0.25, "characters": 0.25}
        found["count missed"] = float(np.mean([min(gap, _FARTHEST) for _, gap in missed]))
        found["counts kept"] = float(np.mean([gap < close.get(count.unit, 0.1) for count, gap in missed]))
    if limits := [gap < 0.05 for count, gap in missed if count.how in AT_MOST | AT_LEAST]:
        found["limits kept"] = float(np.mean(limits))
    length = np.log1p(len(said.words))
    if asked.short:
        found["log words when asked to be short"] = length
    if asked.long:
        found["log words when asked to be detailed"] = length
    if asked.only:
        found["preamble though only the answer was asked for"] = begins_with_preamble(said.text)
        found["log words beyond the answer asked for"] = np.log1p(max(0, len(said.words) - _BEYOND))
    if asked.formats:
        kept = {name: _FORMS[name](said) for name in asked.formats}
        found["format kept"] = float(np.mean(list(kept.values())))
        found |= {f"{name} as asked": each for name, each in kept.items() if name not in ("json", "question")}
    return found


def _missed(count: Count, said: _Answer) -> float:
    """Return by how much a count is missed, as a log ratio; 0 where it is kept."""
    gap = float(np.log((said.has(count.unit) + 0.5) / (count.number + 0.5)))
    return max(gap, 0.0) if count.how in AT_MOST else max(-gap, 0.0) if count.how in AT_LEAST else abs(gap)


def count_of(unit: str, answer: str) -> int:
    """Return how many words, sentences, paragraphs or other units of `prompt_requests.Count` an answer has."""
    return _Answer(answer[:HEAD]).has(unit)


def _content(asked: Requests, prompt: str, said: _Answer) -> dict[str, float]:
    """Return what is known of language, of words to use or leave out, and of what the prompt's text becomes."""
    found: dict[str, float] = {}
    spoken = language_of(said.text)
    if spoken and asked.language:
        found["language as asked"] = spoken == asked.language
    elif spoken and asked.own:
        found["language of the question"] = spoken == asked.own
    mine = frozenset(said.words)
    if asked.without:
        found["words left out as asked"] = not asked.without & mine
    if asked.quoted:
        found["quotations taken up"] = float(np.mean([quoted.lower() in said.small for quoted in asked.quoted]))
    if asked.letter:
        starts = [line.lstrip(" -*\"'0123456789.)").lower()[:1] for line in said.lines] or [""]
        found["initial letter as asked"] = float(np.mean([start == asked.letter for start in starts]))
    if asked.options:
        found["names an option"] = _OPTION.match(said.text) is not None
    source = small_words(prompt[:HEAD])
    ratio = float(np.log((len(said.words) + 1) / (len(source) + 1)))
    theirs = frozenset(source)
    overlap = len(mine & theirs) / max(len(mine), 1)
    if "summarise" in asked.tasks:
        found["length of the summary"] = ratio
    if "rewrite" in asked.tasks:
        found["words kept in rewriting"], found["length of the rewriting"] = overlap, ratio
    if "translate" in asked.tasks:
        found["words copied in translating"] = overlap
    found["ends with a question"] = said.text.rstrip()[-1:] in ("?", "？")
    found["repeats the question"] = len(prompt) > 20 and prompt.strip()[:200].lower() in said.small
    return found | _taken_up(prompt[:_PROMPT_HEAD], theirs, said)


def _taken_up(prompt: str, source: frozenset[str], said: _Answer) -> dict[str, float]:
    """Return the shares of the prompt's numbers, names and long words that the answer has."""
    found: dict[str, float] = {}
    if numbers := set(_NUMBER.findall(prompt)):
        found["numbers taken up"] = len(numbers & set(_NUMBER.findall(said.text))) / len(numbers)
    if names := set(_NAME.findall(prompt)):
        found["names taken up"] = sum(name.lower() in said.small for name in sorted(names)[:50]) / min(len(names), 50)
    stems = {word[:_STEM] for word in source if len(word) >= _LONG_WORD}
    if stems:
        mine = {word[:_STEM] for word in said.words}
        found["rare words taken up"] = len(stems & mine) / len(stems)
    return found


def _is_json(text: str) -> bool:
    body = text.strip().strip("`").removeprefix("json").strip()
    try:
        json.loads(body[:HEAD])
    except (ValueError, RecursionError):
        return "{" in text and "}" in text and '":' in text
    return True
