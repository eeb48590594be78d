"""Whether words stand in an order that language has: how often classes of words follow each other in real texts.

Words are told apart by class alone (about 100 little words of English, 80 common Chinese characters, punctuation, and
shapes such as capitals or endings), so that a table of 50 kB is enough. In `word_order.npy` stands the pointwise mutual
information of each ordered pair of classes, counted on the texts that the starter judge was trained on. Means over
real answers lie about .6, over the same words shuffled about -.1.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.battles.arrays import Floats, Floats32, Ints

MISS = -0.7
"""Mutual information below which two neighbours count as out of order."""
_SCALE = 31.0
"""The table is kept in int8: so many steps to 1."""
_MOST = 4.0
_LITTLE = (
    "the of and to a in is that it for was on are as with his they be at this have from or by not but what all were"
    " when we there can an your which their if do will each about how up out them then she many some so these would"
    " other into has more her two like him could no make than been its who may i you my me he our us also such most"
    " very because between both through after before where should does did had am just only even any while during"
    " without within however therefore one first new use used using"
)
_CHARACTERS = (
    "的是在有和不了人我這这個个中為为以及可與与也能會会對对一用到要地就等時时或更他你您其它於于上下大多如因此所都很從从將将並并被把讓让但而使自己"
    "他們们嗎吗呢吧著着過过還还得並出來来去說说做想看最好小年月日第種种們"
)
_MARKS = {
    **dict.fromkeys(".!?。！？", "<.>"),
    **dict.fromkeys(",;，、；", "<,>"),
    **dict.fromkeys(":：", "<:>"),
}
_SHAPES = ("<lower>", "<Upper>", "<number>", "<ing>", "<ed>", "<ly>", "<s>", "<tion>", "<han>", "<line>", "<mark>")
_ENDINGS = (("ing", "<ing>"), ("ed", "<ed>"), ("ly", "<ly>"), ("tion", "<tion>"), ("s", "<s>"))
CLASSES = {
    name: number
    for number, name in enumerate(dict.fromkeys([*_LITTLE.split(), "<.>", "<,>", "<:>", *_CHARACTERS, *_SHAPES]))
}
"""Number of each class."""
_PIECE = re.compile(r"\n+|[A-Za-z]+(?:['’][a-z]+)?|\d+(?:[.,]\d+)*|[^\W\d_a-zA-Z]|[^\w\s]")


def classes(text: str) -> Ints:
    """Return the classes of a text's words and marks, in their order."""
    pieces = _PIECE.findall(text)
    found = list(map(_KNOWN.get, pieces))
    every = [_class_of(piece) if known is None else known for piece, known in zip(pieces, found, strict=True)]
    return np.array(every, dtype=np.int64)


def _class_of(piece: str) -> int:
    known = _shape_of(piece)
    if len(_KNOWN) < _MOST_KNOWN and len(piece) < 40:
        _KNOWN[piece] = known
    return known


def _shape_of(piece: str) -> int:
    first = piece[0]
    if first == "\n":
        return CLASSES["<line>"]
    found = CLASSES.get(piece if first.isupper() else piece.lower())
    if found is not None:
        return found
    if piece in _MARKS:
        return CLASSES[_MARKS[piece]]
    if first.isdigit():
        return CLASSES["<number>"]
    if not first.isalpha():
        return CLASSES["<mark>"]
    if not first.isascii():
        return CLASSES["<han>"]
    if first.isupper():
        return CLASSES["<Upper>"]
    shape = next((shape for ending, shape in _ENDINGS if piece.endswith(ending) and len(piece) > 4), "<lower>")
    return CLASSES[shape]


_KNOWN: dict[str, int] = {}
_MOST_KNOWN = 50_000
"""Pieces whose class is remembered; a text of ever new words must not fill the memory."""


def count_order(texts: Iterable[str], smoothing: float = 20.0) -> NDArray[np.int8]:
    """Count what follows what in texts of people and models, as `word_order.npy` holds it.

    Parameters
    ----------
    texts : iterable of str
        Real texts.
    smoothing : float
        Added to the counts that are seen and to those expected by chance.

    Returns
    -------
    (k, k) int8
        Mutual information of class i before class j, in steps of 1/31, cut at 4.
    """
    k = len(CLASSES)
    pairs = np.zeros((k, k))
    for text in texts:
        found = classes(text)
        np.add.at(pairs, (found[:-1], found[1:]), 1)
    expected = np.outer(pairs.sum(axis=1), pairs.sum(axis=0)) / max(pairs.sum(), 1)
    information = np.log((pairs + smoothing) / (expected + smoothing))
    return np.rint(np.clip(information, -_MOST, _MOST) * _SCALE).astype(np.int8)


def word_order(text: str) -> tuple[float, float, int]:
    """Return the mean mutual information of neighbours, the share of those out of order, and how many there are.

    NaN for both numbers where a text has fewer than two words.
    """
    found = classes(text)
    if len(found) < 2:
        return np.nan, np.nan, 0
    values = _table()[found[:-1], found[1:]]
    return float(values.mean(dtype=np.float64)), float((values < MISS).mean()), len(values)


@cache
def _table() -> Floats32:
    stored: Floats = np.load(Path(__file__).with_name("word_order.npy"), allow_pickle=False)
    return (stored / _SCALE).astype(np.float32)
