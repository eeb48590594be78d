"""Whether the sentences of a text stand in the order in which somebody wrote them, by what needs no encoder."""

import re
from collections.abc import Sequence
from itertools import chain

import numpy as np

from features.blocks.reading.parts.sentence_kinds import pattern
from features.blocks.reading.parts.text_parts import plain_words
from features.text import FUNCTION_WORDS

MOST = 60
"""Sentences that are looked at."""
_LEAD_IN = (":", "：")
_ITEM = re.compile(
    r"\W{0,3}(?:[-*+•·▪●◦–]\s|\(?\d{1,3}[.)、．:]|[a-zA-Z][.)]\s|[①-⑳]|\||```|[一二三四五六七八九十]、|[\"“「])"
)
_ITEM_INSIDE = re.compile(r"[.!?。！？:：][ \t]{0,3}(?:[-*•]\s|\d{1,2}[.)、]\s?\w|#{1,5}\s)")
_ORDINALS = {
    **dict.fromkeys(("first", "firstly", "首先", "第一", "一、"), 1),
    **dict.fromkeys(("second", "secondly", "其次", "第二", "二、"), 2),
    **dict.fromkeys(("third", "thirdly", "再次", "第三", "三、"), 3),
    **dict.fromkeys(("fourth", "fourthly", "第四", "四、"), 4),
    **dict.fromkeys(("fifth", "第五", "五、"), 5),
    **dict.fromkeys(("finally", "lastly", "last", "最後", "最后"), 90),
}
_ORDINAL = re.compile(
    r"\W{0,4}(?:(?P<number>\d{1,2})[.)、．:]|step\s(?P<step>\d{1,2})|(?P<word>first(?:ly)?|second(?:ly)?|third(?:ly)?"
    r"|fourth(?:ly)?|fifth|finally|lastly|last|首先|其次|再次|最後|最后|第[一二三四五]|[一二三四五]、)(?![a-z]))"
)


def order_of(found: Sequence[str], text: str) -> tuple[float, ...]:
    """Return what tells the order of the sentences of a text.

    Parameters
    ----------
    found : sequence of str
        The sentences, in small letters.
    text : str
        The text.

    Returns
    -------
    tuple of 9 float
        Whether it begins as texts do, the share of other sentences that do, whether it ends as texts do, the share of
        others that do, whether it begins as a sentence in the middle does, lead-ins with something after them less
        those that hang, items within lines, ordinal numbers out of order, and by how much more neighbours share words
        than other sentences do.
    """
    found = found[:MOST]
    if len(found) < 2:
        return (0.0,) * 9
    opens, closes = (np.array([pattern(kind).match(each) is not None for each in found]) for kind in _KINDS[:2])
    inner = max(len(found) - 1, 1)
    items = len(_ITEM_INSIDE.findall(text)) / len(found)
    return (
        float(opens[0]),
        float(opens[1:].sum() / inner),
        float(closes[-1]),
        float(closes[:-1].sum() / inner),
        float(pattern("middles").match(found[0]) is not None),
        _lead_ins(found),
        min(items, 1.0),
        _ordinals(found),
        _chain(found),
    )


def _lead_ins(found: Sequence[str]) -> float:
    """Return lead-ins with something after them less those that hang, by the number of sentences."""
    total = 0
    for one, after in zip(found, [*found[1:], ""], strict=True):
        if one.rstrip("*_ ").endswith(_LEAD_IN):
            total += 1 if _ITEM.match(after) else -1 if not after or after.endswith(_LEAD_IN) else 0
    return total / len(found)


def _ordinals(found: Sequence[str]) -> float:
    """Return the share of ordinal numbers at the start of sentences that are lower than the one before them."""
    numbers = []
    for sentence in found:
        if match := _ORDINAL.match(sentence):
            said = match["number"] or match["step"]
            numbers.append(int(said) if said else _ORDINALS.get(match["word"], 0))
    falls = sum(after < before and after != 1 for before, after in zip(numbers, numbers[1:], strict=False))
    return falls / max(len(numbers) - 1, 1)


def _chain(found: Sequence[str]) -> float:
    """Return the share of neighbours with a content word in common, less that of all pairs of sentences."""
    known = (frozenset(plain_words(each)) - FUNCTION_WORDS for each in found)
    sets = [frozenset(word for word in each if len(word) > 3) for each in known]
    vocabulary = {word: place for place, word in enumerate(frozenset().union(*sets))}
    if not vocabulary or len(sets) < 3:
        return 0.0
    has = np.zeros((len(sets), len(vocabulary)), dtype=np.float32)
    places = list(map(vocabulary.__getitem__, chain.from_iterable(sets)))
    has[np.repeat(np.arange(len(sets)), list(map(len, sets))), places] = 1.0
    shared = (has @ has.T) > 0
    pairs = len(sets) * (len(sets) - 1)
    everywhere = (shared.sum() - np.trace(shared)) / pairs
    return float(np.diagonal(shared, 1).mean() - everywhere)


_KINDS = ("openers", "closers", "middles")
