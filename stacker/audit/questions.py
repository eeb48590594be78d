"""From battles to the questions that an audit asks: which answer is changed how, and how each question is named.

Nothing here depends on the order of the battles or on which answer stands as A: what is drawn is drawn by hashes of the
seed and the texts.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import cast

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import TEXT_COLUMNS
from stacker.audit.probe_interface import MOST_CHARACTERS, Case, Language, Probe, language_of
from stacker.audit.probes import as_long, changed_answer

Turns = tuple[str, ...]
DUEL, IN_PLACE, MATCHED = "duel", "in_place", "matched"
"""The changed answer against the one it was made of; in its place, against the battle's other answer; and against the
original made as long by sentences that say nothing."""
ORIGINAL = "original"
TRIES = 20
"""How often an answer to another prompt is drawn until one of another prompt comes."""
AGAIN = 1
"""What tells a question that is asked a second time from the first."""


@dataclass(frozen=True)
class Question:
    """One pair of answers to judge, the answer in focus first.

    Attributes
    ----------
    battle : int
        Row of the table.
    kind : tuple of two str
        Probe and way (`DUEL`, `IN_PLACE`, `MATCHED`), or (`ORIGINAL`, "").
    """

    battle: int
    kind: tuple[str, str]
    prompt: Turns
    focus: Turns
    other: Turns
    again: int = 0


def digest(text: str) -> bytes:
    """Return 16 bytes that a text alone decides."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def digest_of(turns: Turns) -> bytes:
    """Return 16 bytes that the turns of a text decide."""
    return digest(turns[0]) if len(turns) == 1 else digest("".join(f"{len(turn)}:{turn}" for turn in turns))


def question_id(prompt: bytes, response_a: bytes, response_b: bytes, again: int = 0) -> str:
    """Return the id of a question: 24 hex digits of its texts in this order, which say nothing of how it was made."""
    mixed = prompt + response_a + response_b + bytes([again])
    return hashlib.blake2b(mixed, digest_size=12, person=b"audit").hexdigest()


def _chance(*parts: bytes | str | int) -> int:
    mixed = b"\x1f".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    return int.from_bytes(hashlib.blake2b(mixed, digest_size=8).digest(), "big")


@dataclass(frozen=True)
class Chosen:
    """Which battles of a table are audited, and which answer of each is changed.

    Attributes
    ----------
    battles : DataFrame, n rows
        With an index from 0.
    rows : (m,) int
        Those that are audited, in the order of the table.
    focus_is_b : (n,) bool
        Whether the answer that is changed stands as B.
    group : (n,) int
        Prompt groups.
    seed : int
        Of every draw.
    """

    battles: pd.DataFrame
    rows: Ints
    focus_is_b: np.ndarray
    group: Ints
    seed: int
    keys: Sequence[bytes] = field(repr=False)
    """What each battle is apart from its sides: prompt and both answers."""
    records: Sequence[tuple[Turns, Turns, Turns]] = field(repr=False)
    """The three texts of each battle; a table's cells are slow to take one by one."""

    @classmethod
    def of(cls, battles: pd.DataFrame, rows: int | None, seed: int) -> "Chosen":
        """Choose `rows` battles (None for all) and one answer of each, by content and seed alone."""
        battles = battles.reset_index(drop=True)
        keys, is_b = [], np.zeros(len(battles), dtype=bool)
        records = [
            cast("tuple[Turns, Turns, Turns]", row) for row in zip(*(battles[k] for k in TEXT_COLUMNS), strict=True)
        ]
        for place, (prompt, a, b) in enumerate(records):
            first, second = digest_of(a), digest_of(b)
            key = digest_of(prompt) + min(first, second) + max(first, second)
            keys.append(key)
            is_b[place] = (first > second) != bool(_chance(seed, "focus", key) & 1)
        kept = np.arange(len(battles))
        if rows is not None and rows < len(battles):
            names = battles["id"].tolist() if "id" in battles.columns else [""] * len(battles)
            order = sorted(range(len(battles)), key=lambda place: (_chance(seed, "rows", keys[place]), names[place]))
            kept = np.sort(np.array(order[:rows], dtype=np.int64))
        return cls(battles, kept, is_b, prompt_groups(battles["prompt"]), seed, keys, records)

    def limited(self, rows: Ints) -> "Chosen":
        """Return the same with only these rows audited; answers to other prompts are still those of all battles."""
        return replace(self, rows=rows)

    def texts(self, row: int) -> tuple[Turns, Turns, Turns]:
        """Return the prompt of a battle, the answer that is changed, and the other."""
        prompt, a, b = self.records[row]
        return (prompt, b, a) if self.focus_is_b[row] else (prompt, a, b)


class AnswerPool:
    """The last turns of all answers of a table, to be drawn as answers to other prompts."""

    def __init__(self, chosen: Chosen) -> None:
        found: dict[Language, dict[bytes, tuple[int, str, int]]] = {"en": {}, "zh": {}}
        for side in ("response_a", "response_b"):
            for turns, group in zip(chosen.battles[side], chosen.group.tolist(), strict=True):
                text = turns[-1]
                if text.strip() and len(text) <= MOST_CHARACTERS:
                    found[language_of(text)].setdefault(digest(text), (len(text), text, group))
        self._by_length: dict[Language, list[tuple[int, str, int]]] = {}
        for language, texts in found.items():
            order = sorted(texts, key=lambda key: (texts[key][0], key))
            self._by_length[language] = [texts[key] for key in order]
        self._lengths = {language: [size for size, _, _ in texts] for language, texts in self._by_length.items()}

    def draw(self, random: Random, language: Language, group: int, characters: int = 0) -> str | None:
        """Return an answer to another prompt that has so many characters, of the same language."""
        texts = self._by_length[language]
        first = bisect_left(self._lengths[language], characters)
        for _ in range(TRIES if first < len(texts) else 0):
            _, text, other = texts[random.randrange(first, len(texts))]
            if other != group:
                return text
        return None


@dataclass(frozen=True)
class _Others:
    pool: AnswerPool
    language: Language
    group: int

    def any(self, random: Random) -> str | None:
        return self.pool.draw(random, self.language, self.group)

    def longer(self, random: Random, characters: int) -> str | None:
        return self.pool.draw(random, self.language, self.group, characters)


def questions_of(chosen: Chosen, pool: AnswerPool, row: int, probes: Sequence[Probe]) -> Iterator[Question]:
    """Yield what is asked about a battle: the battle itself, and each probe in both ways that it has."""
    prompt, focus, other = chosen.texts(row)
    yield Question(row, (ORIGINAL, ""), prompt, focus, other)
    others = _Others(pool, language_of(focus[-1]), int(chosen.group[row]))
    for probe in probes:
        random = Random(_chance(chosen.seed, probe.name, chosen.keys[row]))
        changed = changed_answer(probe, focus, Case(prompt[-1], random, others))
        if changed is None:
            continue
        again = AGAIN if changed == focus else 0
        yield Question(row, (probe.name, DUEL), prompt, changed, focus)
        if probe.in_place:
            yield Question(row, (probe.name, IN_PLACE), prompt, changed, other, again)
        if probe.adds:
            longer = (*focus[:-1], as_long(focus[-1], len(changed[-1]), random))
            yield Question(row, (probe.name, MATCHED), prompt, changed, longer)


def kinds_of(probes: Sequence[Probe]) -> list[tuple[str, str]]:
    """Return every kind of question that is asked of a battle, at most once each."""
    found = [(ORIGINAL, "")]
    for probe in probes:
        ways = {DUEL: True, IN_PLACE: probe.in_place, MATCHED: probe.adds}
        found += [(probe.name, way) for way, asked in ways.items() if asked]
    return found


def frame_of(
    questions: Sequence[Question], orders: Sequence[bool], known: dict[int, bytes] | None = None
) -> pd.DataFrame:
    """Return questions as battles, with `id` and the three texts; where an order is True the focus stands as B.

    Parameters
    ----------
    questions, orders : sequences of n
        What is asked, and in which order.
    known : dict or None
        Digests of texts met before, by identity, while these texts live.
    """
    known = {} if known is None else known

    def of(turns: Turns) -> bytes:
        key = id(turns)
        if key not in known:
            known[key] = digest_of(turns)
        return known[key]

    ids, texts = [], {name: np.empty(len(questions), dtype=object) for name in TEXT_COLUMNS}
    for place, (question, turned) in enumerate(zip(questions, orders, strict=True)):
        a, b = (question.other, question.focus) if turned else (question.focus, question.other)
        ids.append(question_id(of(question.prompt), of(a), of(b), question.again))
        for name, turns in zip(TEXT_COLUMNS, (question.prompt, a, b), strict=True):
            texts[name][place] = turns
    columns: Mapping[str, object] = {"id": pd.Series(ids, dtype="str"), **{k: pd.Series(v) for k, v in texts.items()}}
    return pd.DataFrame(columns)
