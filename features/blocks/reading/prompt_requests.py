"""What a prompt asks for in the form of its answer: counts, length, format, language, words to use or to leave out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

from features.text import SCRIPTS, dominant_script

END = 3000
"""Characters at either end of a prompt that are looked at."""
_INSTRUCTION = 600
"""Characters at either end where the instruction of a prompt with a long text to work on stands."""
_LANGUAGE_HEAD, _LANGUAGE_WORDS = 4000, 400
"""Characters and words by which the language of a text is told."""
_LEAST_SHARE = 0.06
"""Share of little words of a language among those, below which a text is of no language."""
_MOST_ITEMS = 100
"""`The 2,000 things` is no request for so many."""
AT_MOST = frozenset(
    (
        "at most",
        "no more than",
        "not more than",
        "fewer than",
        "less than",
        "under",
        "up to",
        "maximum of",
        "within",
        "max",
    )
)
AT_LEAST = frozenset(("at least", "minimum of", "more than", "over", "min"))
_NUMBERS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
        " seventeen eighteen nineteen twenty".split()
    )
} | {"a couple of": 2, "thirty": 30, "fifty": 50, "hundred": 100}
_HAN = {sign: number for number, sign in enumerate("零一二三四五六七八九")} | {"兩": 2, "两": 2, "十": 10}
_HAN_UNDER = re.compile("超|最多|內|内|以下|少於|少于|限")
_HAN_LEAST = re.compile("至少|最少|不少|以上")
_HAN_COUNT = re.compile(
    r"(?P<how>至少|最少|不少於|不少于|不超過|不超过|少於|少于|最多|以内|限|約|约|大約|大约)?[\s寫写列舉举給给用提出]{0,3}"
    r"(?P<number>\d{1,5}|[一二三四五六七八九十兩两百]{1,3})\s{0,2}"
    r"(?P<unit>個字|个字|字|詞|词|句|段|行|個|个|條|条|點|点|種|种|項|项|首|本|部|道|步)"
    r"(?P<after>以內|以内|以下|之內|之内|以上|左右)?"
)
_QUOTED = re.compile(r"\"([^\"\n]{2,60})\"|“([^”\n]{2,60})”|「([^」\n]{1,40})」|『([^』\n]{1,40})』")
_LETTER = re.compile(r"(?:start|begin)(?:s|ing)? with (?:the letter )?[\"'“‘]?([a-z])\b", re.IGNORECASE)
_OPTION = re.compile(r"(?:^|\s)\(?([A-Ea-e])[).:]\s")
_KANA = re.compile("[\u3041-\u30ff]")
_OF_SCRIPT = {"Han": "zh", "Kana": "ja", "Hangul": "ko", "Cyrillic": "ru"}


@dataclass(frozen=True)
class Count:
    """A number of something that an answer should have: as many, AT_MOST so many or AT_LEAST so many."""

    unit: str
    number: int
    how: str


@dataclass(frozen=True)
class Requests:
    """What a prompt asks for.

    Attributes
    ----------
    counts : tuple of Count
        Numbers of words, sentences, paragraphs, lines, characters or items.
    short, long, only : bool
        Whether it asks for few words, for many, and for nothing but the answer.
    formats, tasks : frozenset of str
        Keys of `instructions.yaml`.
    without : frozenset of str
        Words that the answer should not have.
    language, own : str
        Language asked for, and the prompt's own; "" where there is none or it cannot be told.
    quoted : tuple of str
        What stands in quotation marks.
    letter : str
        The letter that lines should begin with.
    options : bool
        Whether there are answers to choose from.
    """

    counts: tuple[Count, ...]
    short: bool
    long: bool
    only: bool
    formats: frozenset[str]
    tasks: frozenset[str]
    without: frozenset[str]
    language: str
    own: str
    quoted: tuple[str, ...]
    letter: str
    options: bool


@lru_cache(maxsize=256)
def requests_of(prompt: str) -> Requests:
    """Return what a prompt asks for; in time linear in its ends, whatever it holds."""
    text = _ends(_ends(prompt, END), _INSTRUCTION)
    letter = _LETTER.search(text)
    asked = [match.lastgroup or "" for match in _languages().finditer(text)]
    return Requests(
        counts=(*_counts(text), *_han_counts(text)),
        short=_search("short", text),
        long=_search("long", text),
        only=_search("only", text),
        formats=frozenset(name for name, pattern in _each("formats").items() if pattern.search(text)),
        tasks=frozenset(name for name, pattern in _each("tasks").items() if pattern.search(text)),
        without=frozenset(match[1].lower() for match in _compiled("without").finditer(text))
        - {"a", "an", "the", "any", "it", "this"},
        language=asked[-1] if asked else "",
        own=language_of(prompt),
        quoted=tuple(next(filter(None, match.groups())) for match in _QUOTED.finditer(text))[:10],
        letter=letter[1].lower() if letter else "",
        options=len({option.lower() for option in _OPTION.findall(text)}) >= 2,
    )


@lru_cache(maxsize=1024)
def language_of(text: str) -> str:
    """Return a text's language: by its script, or by little words where it has Latin letters; "" where unclear."""
    head = text[:_LANGUAGE_HEAD]
    script = dominant_script(head)
    if script < 0:
        return ""
    name = SCRIPTS[script]
    if name in ("Han", "Kana") and _KANA.search(head[:500]):
        return "ja"
    if name != "Latin":
        return _OF_SCRIPT.get(name, "other")
    found = head.lower().split()[:_LANGUAGE_WORDS]
    if len(found) < 4:
        return ""
    scores = {language: sum(map(little.__contains__, found)) for language, little in _little_words().items()}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] >= max(1, _LEAST_SHARE * len(found)) else ""


def begins_with_preamble(answer: str) -> bool:
    """Tell whether an answer says something before it answers."""
    return _compiled("preamble").match(answer) is not None


def tasks() -> tuple[str, ...]:
    """Return the names of the tasks that are told apart."""
    return tuple(_patterns()["tasks"])


def _ends(text: str, size: int) -> str:
    return text if len(text) <= 2 * size else f"{text[:size]}\n{text[-size:]}"


def _counts(text: str) -> list[Count]:
    found = []
    for match in _counted().finditer(text):
        unit = next(name for name in _patterns()["units"] if match[name])
        raw = match["number"].lower()
        number = int(raw) if raw.isdecimal() else _NUMBERS[raw]
        if number and (unit != "items" or 1 < number <= _MOST_ITEMS):
            found.append(Count(unit, number, (match["how"] or "").lower()))
    return found


def _han_counts(text: str) -> list[Count]:
    found = []
    for match in _HAN_COUNT.finditer(text):
        unit = _patterns()["han units"].get(match["unit"], "items")
        said = (match["how"] or "") + (match["after"] or "")
        least = _HAN_LEAST.search(said) is not None
        how = "at least" if least else "at most" if _HAN_UNDER.search(said) else ""
        number = _han_number(match["number"])
        if number > (unit == "items") and (unit != "items" or number <= _MOST_ITEMS):
            found.append(Count(unit, number, how))
    return found


def _han_number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    if "百" in text:
        return _HAN.get(text[0], 1) * 100
    if "十" in text:
        tens, _, ones = text.partition("十")
        return _HAN.get(tens, 1) * 10 + _HAN.get(ones, 0)
    return _HAN.get(text[0], 0)


@cache
def _patterns() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("instructions.yaml").read_text(encoding="utf-8"))
    return found


@cache
def _compiled(kind: str) -> re.Pattern[str]:
    return re.compile(_patterns()[kind], re.IGNORECASE)


@cache
def _each(kind: str) -> Mapping[str, re.Pattern[str]]:
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _patterns()[kind].items()}


@cache
def _counted() -> re.Pattern[str]:
    how = "|".join(
        sorted(AT_MOST | AT_LEAST | {"exactly", "about", "around", "approximately", "top"}, key=len, reverse=True)
    )
    units = "|".join(f"(?P<{name}>{words})" for name, words in _patterns()["units"].items())
    return re.compile(
        rf"\b(?P<how>{how})?\s{{0,3}}(?P<number>\d{{1,5}}|{'|'.join(_NUMBERS)})[\s-]{{1,3}}(?:[a-z]+[\s-]){{0,2}}?(?:{units})\b",
        re.IGNORECASE,
    )


@cache
def _languages() -> re.Pattern[str]:
    names = "|".join(f"(?P<{code}>{names})" for code, names in _patterns()["languages"].items())
    return re.compile(rf"(?:\b(?:in|into|to)\s(?:the\s)?|用|成|翻譯成|翻译成)(?:{names})(?![a-z])", re.IGNORECASE)


@cache
def _little_words() -> Mapping[str, frozenset[str]]:
    return {language: frozenset(found.split()) for language, found in _patterns()["little words"].items()}


def _search(kind: str, text: str) -> bool:
    return _compiled(kind).search(text) is not None
