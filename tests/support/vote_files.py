"""Files of votes that tests write: the same few battles in the forms of many tools."""

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.formats.reading import read_battles

BATTLES = [
    # prompt, the answers on the left and on the right, who won
    ("Name a river.", "The Rhine.", "The river Danube, in the east.", "a"),
    ("Name a tea.", "Oolong\n- strong", "Sencha", "b"),
    ("Name a bread.", "Rye", "[Naan]", "tie"),
    ("Name a cheese.", "Brie, soft.", "Gouda", "b"),
]
MODELS = ("m-red", "m-blue")
OUTCOMES = [{"a": 0, "b": 1, "tie": 2}[winner] for *_, winner in BATTLES]
DECIDED = [battle for battle in BATTLES if battle[3] != "tie"]


def talk(*texts: str) -> list[dict[str, str]]:
    """Return messages in turn of a user and an assistant."""
    return [{"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(texts)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as the file's ending says; in CSV what is no text, number or None is JSON."""
    if path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            nested = (list, dict)
            writer.writerows(
                {key: json.dumps(cell) if isinstance(cell, nested) else cell for key, cell in row.items()}
                for row in rows
            )
    return path


def read_form(path: Path, rows: list[dict[str, Any]], **how: Any) -> tuple[pd.DataFrame, str]:
    """Write rows and read them with their votes, none of them bad; return the table and the form's name."""
    told: list[str] = []
    table, bad = read_battles(write_rows(path, rows), **{"labelled": True, "note": told.append, **how})
    assert [row.reason for row in bad] == []
    return table, told[0].removeprefix(f"{path}: ").rpartition(",")[0]


def expect_battles(table: pd.DataFrame) -> None:
    """Check that a table holds `BATTLES` with their sides and votes."""
    assert [*zip(table["prompt"], table["response_a"], table["response_b"], strict=True)] == [
        ((prompt,), (first,), (second,)) for prompt, first, second, _ in BATTLES
    ]
    assert table["outcome"].tolist() == OUTCOMES


def expect_pairs(table: pd.DataFrame) -> None:
    """Check that a table holds the better and the worse answers of `DECIDED`, whichever is A, and both sides win."""
    better = [(first, second) if winner == "a" else (second, first) for _, first, second, winner in DECIDED]
    assert table["prompt"].tolist() == [(prompt,) for prompt, *_ in DECIDED]
    for (good, bad), (_, row) in zip(better, table.iterrows(), strict=True):
        sides = [row["response_a"], row["response_b"]]
        assert (sides[row["outcome"]], sides[1 - row["outcome"]]) == ((good,), (bad,))


def pairs() -> list[tuple[str, str, str]]:
    """Return prompt, better and worse answer of `DECIDED`."""
    return [(prompt, *((a, b) if winner == "a" else (b, a))) for prompt, a, b, winner in DECIDED]
