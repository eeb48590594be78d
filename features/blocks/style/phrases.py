"""Phrases that mark an assistant's style: English, Chinese, and some of the other languages people write in."""

import hashlib
import re
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from features.text import BEFORE_CJK, PIECE, blocks_of, code_points

_FILE = Path(__file__).with_suffix(".yaml").read_bytes()
_LISTS: dict[str, dict[str, str]] = yaml.safe_load(_FILE)
VERSION = hashlib.sha256(_FILE).hexdigest()[:16]
"""Changes with the phrases."""
KINDS = tuple(_LISTS["spaced"])
"""Kinds of phrases, in the order that counts have."""
# Runs of letters and apostrophes; for texts without Chinese and Japanese there is a faster way to the same.
_WORD = re.compile(r"(?:[^\W\d_]|')+")
_SPACED = np.array(
    [c if c == 0x27 or (chr(c).isalnum() and not chr(c).isdecimal()) else 0x20 for c in range(BEFORE_CJK)], dtype="<u4"
)
_ASCII_SPACED = bytes(_SPACED[:128].astype(np.uint8)) + bytes(128)


def _listed(phrases: str) -> list[str]:
    """Split a list of phrases at bars and line ends."""
    return [phrase.strip() for phrase in re.split(r"[|\n]", phrases) if phrase.strip()]


class _Tree:
    """The phrases as a tree of their words: each phrase is a way from the root, and ends in a node.

    Attributes
    ----------
    codes : dict
        Number of each word that stands in a phrase; others, and the end of a text, have 0.
    follows : (nodes, words) int32
        Node that a word leads to from a node; 0 is nowhere, 1 the root.
    ends : (nodes, len(KINDS)) float64
        How many phrases of each kind end in a node.
    """

    def __init__(self) -> None:
        ending = [
            (tuple(phrase.split()), place)
            for place, kind in enumerate(KINDS)
            for phrase in _listed(_LISTS["spaced"][kind])
        ]
        # A single word is of one kind, the last that lists it.
        single = {phrase: place for phrase, place in ending if len(phrase) == 1}
        phrases = [*single.items(), *(each for each in ending if len(each[0]) > 1)]
        self.codes = {word: code for code, word in enumerate(dict.fromkeys(w for p, _ in phrases for w in p), 1)}
        nodes: dict[tuple[str, ...], int] = {(): 1}
        for phrase, _ in phrases:
            for length in range(1, len(phrase) + 1):
                nodes.setdefault(phrase[:length], len(nodes) + 1)
        self.follows = np.zeros((len(nodes) + 1, len(self.codes) + 1), dtype=np.int32)
        self.ends = np.zeros((len(nodes) + 1, len(KINDS)))
        for way, node in nodes.items():
            if way:
                self.follows[nodes[way[:-1]], self.codes[way[-1]]] = node
        for phrase, place in phrases:
            self.ends[nodes[phrase], place] += 1


_TREE = _Tree()
_SIGNS = {KINDS.index(kind): _listed(phrases) for kind, phrases in _LISTS["unspaced"].items()}


def plain(text: str) -> str:
    """Return a text in lower case with straight apostrophes, as the phrases are written."""
    if text.isascii():
        return text.lower()
    # Piece by piece: to lower a text beyond ASCII, Python takes twelve bytes a character for a while.
    return "".join(map(str.lower, blocks_of(text))).replace("’", "'").replace("ʼ", "'")


def words_of(lowered: str) -> list[str]:
    """Return the words of a text as `plain` returns it: runs of letters and apostrophes."""
    if lowered.isascii():
        return lowered.encode("ascii").translate(_ASCII_SPACED).decode("ascii").split()
    codes = code_points(lowered)
    if codes.max() < BEFORE_CJK:
        return _SPACED[codes].tobytes().decode("utf-32-le").split()
    return _WORD.findall(lowered)


def count_in_words(texts: Sequence[list[str]]) -> NDArray[np.int64]:
    """Count the phrases of each of `KINDS` in n texts given by their words: (n, len(KINDS))."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    words = chain.from_iterable(texts)
    codes = np.fromiter(map(_TREE.codes.get, words, repeat(0)), np.int32, int(lengths.sum()))
    # A word that is in no phrase stands between two texts.
    codes = np.insert(codes, np.cumsum(lengths), 0)
    ends = np.cumsum(lengths + 1)
    at = np.flatnonzero(codes)
    nodes = np.ones(len(at), dtype=np.int32)
    found = np.zeros((len(texts), len(KINDS)))
    while len(at):
        nodes = _TREE.follows[nodes, codes[at]]
        alive = np.flatnonzero(nodes)
        at, nodes = at[alive], nodes[alive]
        of = np.searchsorted(ends, at, side="right")
        ending = _TREE.ends[nodes]
        for kind in range(len(KINDS)):
            found[:, kind] += np.bincount(of, ending[:, kind], len(texts))
        at = at + 1  # the 0 behind the last text ends every walk
    return found.astype(np.int64)


def count_signs(lowered: str) -> list[int]:
    """Count the phrases of Chinese and Japanese of each of `KINDS` in a text."""
    counts = [0] * len(KINDS)
    if not lowered.isascii() and code_points(lowered).max() >= BEFORE_CJK:
        for kind, signs in _SIGNS.items():
            counts[kind] = sum(map(lowered.count, signs))
    return counts


def count_all(lowered: Sequence[str]) -> NDArray[np.int64]:
    """Count the phrases of each of `KINDS` in n texts as `plain` returns them: (n, len(KINDS))."""
    found = np.zeros((len(lowered), len(KINDS)), dtype=np.int64)
    short = [row for row, text in enumerate(lowered) if text and len(text) <= PIECE]
    found[short] = count_in_words([words_of(lowered[row]) for row in short])
    for row, text in enumerate(lowered):
        if len(text) > PIECE:
            for piece in blocks_of(text):
                found[row] += count_in_words([words_of(piece)])[0] + count_signs(piece)
        elif not text.isascii():
            found[row] += count_signs(text)
    return found


def some_words(lowered: str, most: int | None, last: bool = False) -> list[str]:
    """Return the first or the last words of a text, `most` at most."""
    words = words_of(lowered) if lowered else []
    if most is None:
        return words
    return words[-most:] if last else words[:most]


def has_phrase(counts: Sequence[int], kind: str) -> bool:
    """Tell whether a kind of phrase was counted."""
    return counts[KINDS.index(kind)] > 0
