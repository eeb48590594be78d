"""Votes as files: Kaggle's CSV, the Arena's JSONL and parquet; each can be named in `data.sources` and learned from.

`Offers` has them for one person's browser, under an address that nobody can guess, while she is there.
"""

import io
import json
import re
import secrets
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import pandas as pd

from dashboard.votes.agreement import outcomes
from dashboard.votes.vote_records import PAIRED, Choice
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS

KAGGLE_COLUMNS = ("id", "model_a", "model_b", "prompt", "response_a", "response_b", *OUTCOMES)
EXTRA_COLUMNS = (
    *("source", "lang", "choice", "voted_at", "style_a", "style_b", "p_a", "p_b", "p_tie", "judge", "session"),
    *("fault_a", "fault_b", "asked", "origin", "origin_id", "named", "reasons", "remark", "pair_of", "pair_chance"),
    "own_prompt",
)
"""What parquet holds besides Kaggle's columns."""
ARENA_WINNER: dict[Choice, str] = {"a": "model_a", "b": "model_b", "tie": "tie", "both_bad": "tie (bothbad)"}
AT_ONCE = 500
"""Votes in a piece."""
CELL_LIMIT = 32_000
"""Excel holds 32,767 characters in a cell and begins a new one with the next character, whatever it is."""
_STARTS_FORMULA = re.compile(r"[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20|%]")
_PARTED_FORMULA = re.compile(r";(?=[\s\"'\\]*[=+\-@\uff1d\uff0b\uff0d\uff20|%])")
_SIGNS = re.compile(r"[=+\-@\uff1d\uff0b\uff0d\uff20|%]")
_ESCAPED = re.compile("[\ud800-\udfff\x7f-\x9f\u2028\u2029]")


def kaggle_csv(votes: pd.DataFrame) -> bytes:
    """Return votes in the columns of Kaggle's train.csv, safe to open in a spreadsheet.

    Texts are JSON lists of turns, so no cell begins with a sign that makes a formula; where a text could make one if
    the file were split at semicolons or at Excel's longest cell, that sign is written as a JSON escape and reads back
    the same. A name that begins like a formula gets an apostrophe. "Both bad" is a tie. UTF-8 with a byte order mark,
    by which spreadsheets know it.

    Parameters
    ----------
    votes : DataFrame
        As `VoteStore.votes` returns it.
    """
    table = _kaggle(votes, _cell)
    for name in ("id", "model_a", "model_b"):
        table[name] = table[name].map(_harmless)
    return table.to_csv(index=False, quoting=1, lineterminator="\n").encode("utf-8-sig")


def arena_jsonl(votes: pd.DataFrame) -> bytes:
    """Return votes as the Arena publishes them, one JSON object a line: `conversation_a`, `winner`, and so on.

    Turns alternate between user and assistant; "both bad" is `tie (bothbad)`.
    """
    lines = []
    for row in votes.to_dict("records"):
        content = {
            "question_id": row["battle_id"],
            "model_a": row["model_a"],
            "model_b": row["model_b"],
            "winner": ARENA_WINNER[row["choice"]],
            "judge": row["session"],
            "conversation_a": _conversation(row["prompt"], row["response_a"]),
            "conversation_b": _conversation(row["prompt"], row["response_b"]),
            "turn": len(row["prompt"]),
            "anony": True,
            "language": row["lang"],
            "tstamp": row["voted_at"].timestamp(),
            "style_a": row["style_a"],
            "style_b": row["style_b"],
            "reasons": row["reasons"].split(),
            "remark": row["remark"],
            "own_prompt": row["own_prompt"],
        }
        lines.append(_json(content) + "\n")
    return "".join(lines).encode("utf-8")


def parquet(votes: pd.DataFrame) -> bytes:
    """Return votes as parquet: Kaggle's columns, and all that is stored about the vote and the verdict."""
    return _parquet_of(_whole_table(votes))


def in_pieces(kind: str, votes: pd.DataFrame) -> Generator[bytes]:
    """Yield what `FORMATS[kind]` makes piece by piece, so that whoever wants it can change his mind in between.

    Empty pieces say that the work goes on; parquet comes in one piece after them.
    """
    parts = [votes[start : start + AT_ONCE] for start in range(0, max(len(votes), 1), AT_ONCE)]
    if kind == "parquet":
        tables = []
        for part in parts:
            tables.append(_whole_table(part))
            yield b""
        yield _parquet_of(pd.concat(tables, ignore_index=True))
        return
    for number, part in enumerate(parts):
        raw = FORMATS[kind][1](part)
        # the header of the CSV, one line, comes once
        yield raw.partition(b"\n")[2] if number and kind == "kaggle" else raw


def _whole_table(votes: pd.DataFrame) -> pd.DataFrame:
    table = _kaggle(votes, lambda turns: _json(list(turns)))
    for name in EXTRA_COLUMNS:
        table[name] = votes[name].to_numpy() if name == "voted_at" else votes[name].tolist()
    table["voted_at"] = pd.to_datetime(votes["voted_at"].tolist(), utc=True)
    for name in ("p_a", "p_b", "p_tie", *PAIRED):
        table[name] = table[name].astype("float64")
    return table


def _parquet_of(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


FORMATS: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "kaggle": ("votes.csv", kaggle_csv),
    "arena": ("votes.jsonl", arena_jsonl),
    "parquet": ("votes.parquet", parquet),
}
"""What can be downloaded: the file's name, and what makes it."""


def _kaggle(votes: pd.DataFrame, cell: Callable[[Sequence[str]], str]) -> pd.DataFrame:
    outcome = outcomes(votes["choice"])
    columns: dict[str, Any] = {
        "id": votes["battle_id"].astype(str).tolist(),
        "model_a": votes["model_a"].astype(str).tolist(),
        "model_b": votes["model_b"].astype(str).tolist(),
    }
    for name in TEXT_COLUMNS:
        columns[name] = [cell(turns) for turns in votes[name]]
    for place, name in enumerate(OUTCOMES):
        columns[name] = [int(each == place) for each in outcome]
    return pd.DataFrame(columns, columns=list(KAGGLE_COLUMNS))


def _conversation(prompt: Sequence[str], response: Sequence[str]) -> list[dict[str, str]]:
    turns = []
    for place in range(max(len(prompt), len(response))):
        for role, texts in (("user", prompt), ("assistant", response)):
            if place < len(texts):
                turns.append({"role": role, "content": texts[place]})
    return turns


def _json(content: Any) -> str:
    """Return JSON in readable Unicode but for lone surrogates, which UTF-8 cannot carry, and what may end a line."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(content, ensure_ascii=False))


def _cell(turns: Sequence[str]) -> str:
    """Return turns as JSON in which no part begins like a formula, wherever a spreadsheet might split it."""
    cell = _PARTED_FORMULA.sub("\\\\u003b", _json(list(turns)))
    if len(cell) > CELL_LIMIT:
        cell = _SIGNS.sub(lambda found: f"\\u{ord(found[0]):04x}", cell)
    return cell


def _harmless(name: str) -> str:
    """Return a name for a cell: on one line, without a semicolon, and with an apostrophe where it begins a formula."""
    shown = " ".join(re.sub(r"[;\x00-\x1f\x7f\ud800-\udfff]", " ", name).split())
    return f"'{shown}" if _STARTS_FORMULA.match(shown) else shown


Pieces = Callable[[], Generator[bytes]]


class Offers:
    """What can be fetched; one object serves all people of a process."""

    def __init__(self) -> None:
        self._offered: dict[str, Mapping[str, Pieces]] = {}

    def offer(self, files: Mapping[str, Pieces]) -> str:
        """Offer files and return their place: `download/<place>/<name>` is the address of each.

        Parameters
        ----------
        files : mapping
            By name, what begins to make a file; its pieces are asked for one at a time, and empty ones are passed over.
        """
        place = secrets.token_urlsafe(32)
        self._offered[place] = files
        return place

    def withdraw(self, place: str) -> None:
        """Offer them no longer, and give up those that are being fetched."""
        self._offered.pop(place, None)

    def find(self, place: str, name: str) -> Pieces | None:
        """Return what makes a file, or None where it is not offered."""
        return self._offered.get(place, {}).get(name)
