"""Sentences that say nothing of the matter: filler that fits any prompt, pleas to a judge, praise and claims of worth.

All take a sentence in small letters, of which several blocks ask in a row; what was said of the last ones is kept. A
pattern is entered only behind one of its triggers, which are found much faster.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

import yaml

_REMEMBERED = 2048
FILES = tuple(Path(__file__).parents[1] / f"{name}.yaml" for name in ("integrity", "substance"))


@lru_cache(maxsize=_REMEMBERED)
def filler_phrases(sentence: str) -> int:
    """Count the phrases in a sentence that fit any prompt."""
    return len(_pattern_for("filler", sentence).findall(sentence)) if triggered("filler", sentence) else 0


def is_filler(sentence: str) -> bool:
    """Tell whether a sentence holds a phrase that fits any prompt."""
    return filler_phrases(sentence) > 0


@lru_cache(maxsize=_REMEMBERED)
def is_plea(sentence: str) -> bool:
    """Tell whether a sentence speaks to whoever judges the text."""
    return triggered("judge", sentence) and _pattern_for("judge", sentence).search(sentence) is not None


def pleas_among(found: Iterable[str]) -> list[str]:
    """Return those of some sentences that speak to whoever judges the text."""
    return [sentence for sentence in found if is_plea(sentence)]


@lru_cache(maxsize=_REMEMBERED)
def is_claim(sentence: str) -> bool:
    """Tell whether a sentence praises who asks, or the answer itself."""
    return triggered("claims", sentence) and _pattern_for("claims", sentence).search(sentence) is not None


def triggered(kind: str, sentence: str) -> bool:
    """Tell whether a sentence or a text holds something without which no pattern of a kind matches."""
    for trigger in _triggers(kind, sentence.isascii()):  # a generator for `any` takes twice as long
        if trigger in sentence:
            return True
    return False


@cache
def _triggers(kind: str, plain: bool) -> tuple[str, ...]:
    found: tuple[str, ...] = tuple(_patterns()[f"{kind} triggers"])
    return tuple(filter(str.isascii, found)) if plain else found


@cache
def pattern(kind: str) -> re.Pattern[str]:
    """Return the pattern of a kind, of integrity.yaml or substance.yaml."""
    found = _patterns()[kind]
    return _joined(found) if isinstance(found, list) else re.compile(found)


def _pattern_for(kind: str, sentence: str) -> re.Pattern[str]:
    """Return what of a pattern a sentence can match: no part with signs beyond ASCII matches one without any."""
    return _plain_pattern(kind) if sentence.isascii() else pattern(kind)


@cache
def _plain_pattern(kind: str) -> re.Pattern[str]:
    return _joined([part for part in _patterns()[kind] if part.isascii()])


def _joined(parts: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern of parts in their order; those that begin alike, at a word's edge, share that look."""
    groups = ("|".join(group) for _, group in groupby(parts, str.isascii))
    return re.compile("|".join(f"(?:{group})" for group in groups))


def listed(kind: str) -> list[str]:
    """Return the lines of a list in integrity.yaml or substance.yaml."""
    return list(_patterns()[kind])


@cache
def _patterns() -> dict[str, list[str] | str]:
    found: dict[str, list[str] | str] = {}
    for path in FILES:
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
