"""Battles between answers to the same prompts: every pair of models, each against one, or a balanced draw."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.battles.table import TEXT_COLUMNS, UNLABELLED, battles_table
from pipelines.battles.texts import storable
from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import atomic_write
from stacker.leaderboard.answers import Answers

EXPORTED = ("id", "model_a", "model_b", *TEXT_COLUMNS)


@dataclass(frozen=True)
class Pairing:
    """Which battles there are between answers: n of `key`, `a` and `b`, sides as they are shown.

    Attributes
    ----------
    possible : int
        Battles that there could have been.
    """

    battles: list[tuple[str, str, str]]
    possible: int


def pair_answers(answers: Answers, against: str = "", most: int | None = None, seed: int = 0) -> Pairing:
    """Pair the models' answers to each prompt.

    Parameters
    ----------
    answers : Answers
        Of at least two models.
    against : str
        A model that each other model meets; "" pairs all with all.
    most : int or None
        Battles at most: a draw in which each pair of models meets on as many prompts as each other, to one.
    seed : int
        Of the draw. Which answer is shown first is drawn by a hash of models and prompt, always alike.

    Raises
    ------
    UserError
        When `against` is no model, or no two models answered the same prompt.
    """
    models = answers.models
    if len(models) < 2:
        raise UserError(f"All answers are of one model, {_listed(models)}; give those of another to compare it with.")
    if against and against not in models:
        raise UserError(f"--reference {shown(against)}: is not among the models; name one of {_listed(models)}.")
    together: dict[tuple[str, str], list[str]] = {}
    for key in sorted(answers.by):
        named = sorted(answers.by[key])
        for at, first in enumerate(named):
            for second in named[at + 1 :]:
                if not against or against in (first, second):
                    together.setdefault((first, second), []).append(key)
    possible = sum(map(len, together.values()))
    if not possible:
        raise UserError(
            f"The answers are of {_listed(models)}, and no two models answered the same prompt; give answers of at "
            f"least two models to the same prompts or ids."
        )
    rng = np.random.default_rng(seed)
    if most is not None and most < possible:
        drawn = {pair: iter([keys[at] for at in rng.permutation(len(keys))]) for pair, keys in sorted(together.items())}
        chosen: list[tuple[tuple[str, str], str]] = []
        while len(chosen) < most:
            pairs = list(drawn)
            for at in rng.permutation(len(pairs)).tolist():
                drawn_key = next(drawn[pairs[at]], None)
                if drawn_key is None:
                    del drawn[pairs[at]]
                elif len(chosen) < most:
                    chosen.append((pairs[at], drawn_key))
    else:
        chosen = [(pair, key) for pair, keys in sorted(together.items()) for key in keys]
    battles = [(key, *_sides(key, *pair)) for pair, key in chosen]
    return Pairing(battles, possible)


def _sides(key: str, first: str, second: str) -> tuple[str, str]:
    said = "\0".join((key, first, second)).encode("utf-8", "surrogatepass")
    return (first, second) if blake2b(said, digest_size=1).digest()[0] & 1 else (second, first)


def _listed(models: Sequence[str]) -> str:
    return ", ".join(shown(model) for model in models[:10]) + (", ..." if len(models) > 10 else "")


def battles_of_answers(answers: Answers, pairing: Pairing, rows_at_once: int) -> Iterator[pd.DataFrame]:
    """Yield battles tables of at most so many rows; an id names the prompt and both models, whatever their sides."""
    for start in range(0, len(pairing.battles), rows_at_once):
        part = pairing.battles[start : start + rows_at_once]
        yield battles_table(
            {
                "id": ["|".join((key, *sorted((a, b)))) for key, a, b in part],
                "prompt": [answers.prompts[key] for key, _, _ in part],
                "response_a": [answers.by[key][a] for key, a, _ in part],
                "response_b": [answers.by[key][b] for key, _, b in part],
                "model_a": [a for _, a, _ in part],
                "model_b": [b for _, _, b in part],
                "outcome": [UNLABELLED] * len(part),
                "weight": [1.0] * len(part),
                "source": ["answers"] * len(part),
                "lang": [""] * len(part),
            }
        )


def export_battles(path: Path, tables: Iterator[pd.DataFrame]) -> int:
    """Write battles for a judge that is asked elsewhere, one JSON object a line, and return how many.

    Texts are lists of turns. The judge's verdicts come back as a file with these ids (`stacker.judge.any_judge`).
    """
    count = 0
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as file:
        for table in tables:
            for row in table[list(EXPORTED)].to_dict("records"):
                texts = {name: [storable(turn) for turn in row[name]] for name in TEXT_COLUMNS}
                file.write(json.dumps(row | texts, ensure_ascii=False) + "\n")
                count += 1
    return count
