"""Rows of JSON Lines and of JSON in a stream: what is held at a time is one row, however large the file.

JSON is a list of battles, a list inside an object (as Hugging Face's API writes rows, and pandas with `orient="table"`
or `"split"`), one battle, or several one after the other.
"""

import json
import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import is_utf8
from pipelines.formats.containers.json_stream import DECODER, PIECE, DoubledKeys, JsonText
from pipelines.formats.containers.packed_files import BattleFile
from pipelines.formats.containers.raw_rows import MOST_ROW, NOT_UTF8, ROW_SIZE, TOO_LONG, RawRow

_SHOWN = 1000
"""Characters of a row that is too long which are kept for the file of rows set aside."""
_COMMA = re.compile(r"\},\s*\Z")


def json_lines(path: BattleFile) -> Iterator[RawRow]:
    """Yield a row for each line that is not blank."""
    for number, (data, whole) in enumerate(_lines(path), start=1):
        if number == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        if not data.strip():
            continue
        line = data.decode("utf-8", "surrogateescape")
        if not whole:
            yield RawRow("line", number, {}, TOO_LONG, f"{line[:_SHOWN]}…".rstrip, ROW_SIZE + _SHOWN)
            continue
        values, fault = _object(line)
        if not is_utf8(line):
            fault = NOT_UTF8
        yield RawRow("line", number, values, fault, line.rstrip, ROW_SIZE + len(line))


def _lines(path: BattleFile) -> Iterator[tuple[bytes, bool]]:
    """Yield each line, and whether it is whole; of a longer one than a row may be, the rest is passed over."""
    with path.open("rb") as file:
        while data := file.readline(MOST_ROW + 1):
            whole = len(data) <= MOST_ROW or data.endswith(b"\n")
            yield data, whole
            while not whole and (data := file.readline(PIECE)):
                whole = data.endswith(b"\n")


def _object(line: str) -> tuple[dict[str, Any], str]:
    """Return the object that a line of JSON holds, and what is wrong where it holds none."""
    try:
        found = DECODER.decode(_COMMA.sub("}", line))  # as where the brackets of a list were taken off
    except json.JSONDecodeError as fault:
        return {}, f"is not JSON ({fault.msg} at character {fault.pos + 1})"
    except (ValueError, RecursionError):
        return {}, "is not JSON that can be read"
    return _checked(found)


def _checked(found: Any) -> tuple[dict[str, Any], str]:
    """Return an object, and what is wrong where it is none or names a key twice."""
    if not isinstance(found, dict):
        return {}, "is not a JSON object with a battle's keys"
    return found, f"has the key {shown(found.key)} twice; keep one" if isinstance(found, DoubledKeys) else ""


def json_layout(path: BattleFile) -> str:
    """Tell a file that begins with an object apart: "jsonl" where a line is an object, otherwise "json".

    A broken first line is one of JSON Lines where the second begins with an object as well, or where it is too long to
    be held.
    """
    lines = ((data, whole) for data, whole in _lines(path) if data.strip(b"\xef\xbb\xbf \t\r\n"))
    first, whole = next(lines)
    if not whole:
        return "jsonl" if _is_jsonl(path) else "json"
    second = next(lines, (b"", True))[0].lstrip()
    values, fault = _object(first.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"))
    if not second:
        if fault and not _is_jsonl(path):
            return "json"  # objects one after the other, or a broken one
        wrapped = not fault and _is_of_many(values, path)
        return "json" if wrapped or any(key.lower() in WRAPPERS for key in values) else "jsonl"
    return "jsonl" if not fault or second.startswith(b"{") else "json"


WRAPPERS = ("rows", "data", "battles", "votes", "records", "items", "examples", "instances", "entries", "feedbacks")
"""Keys of an object under which a list of battles is looked for."""


def json_list(path: BattleFile) -> Iterator[RawRow]:
    """Yield a row for each item of a list, or for each object where objects follow one another.

    Raises
    ------
    UserError
        When the file holds something else, or, once the rows before it are out, something that is not JSON.
    """
    with path.open("rb") as file:
        text = JsonText(path, file)
        begins = text.next()
        if begins == "[":
            number = 0
            while text.next() == "[":  # lists may follow one another, as where files were joined
                for item, size in _items(text):
                    number += 1
                    yield _row(number, item, size)
        elif begins == "{":
            yield from _objects(text)
        else:
            text.value("what it holds")
            raise UserError(f"{path}: holds no list of battles; write a list of objects.")
        text.end()


def _items(text: JsonText) -> Iterator[tuple[Any, int]]:
    """Take a list, and yield its items and the characters that each takes."""
    text.take()
    number = 0
    while text.next() != "]":  # a comma behind the last is none of JSON's, and leaves no doubt
        number += 1
        yield text.value(f"row {number}")
        if text.next() != ",":
            break
        text.take()
    text.expect("]", "Expecting ',' delimiter")


def _objects(text: JsonText) -> Iterator[RawRow]:
    """Yield the rows that lie in an object, or the object and those behind it."""
    record: dict[str, Any] = {}
    held = 0
    under = ""
    for key in _keys(text):
        if key.lower() in WRAPPERS and text.next() == "[":
            items = _items(text)
            head = list(islice(items, 1))
            if head and _is_row(head[0][0], record):
                if under:
                    raise UserError(f"{text.path}: holds battles under {under} and under {key}; write one list of all.")
                under = key
                for number, (item, size) in enumerate(chain(head, items), start=1):
                    yield _row(number, _named(item, record), size)
                continue
            record[key] = []
            for item, size in chain(head, items):  # of something else
                held = _within(text, held + size)
                record[key].append(item)
        else:
            record[key], size = text.value(f"the value of {shown(key)}")
            held = _within(text, held + size)
    if under:
        return
    if text.next() != "{":
        _check_lone(text.path, record)
    yield _row(1, record, held)
    number = 1
    while text.next() == "{":
        number += 1
        yield _row(number, *text.value(f"row {number}"))


def _within(text: JsonText, held: int) -> int:
    if held > MOST_ROW:
        raise UserError(f"{text.path}: holds one object that {TOO_LONG}; write a list of battles, each an object.")
    return held


def _keys(text: JsonText) -> Iterator[str]:
    """Take an object, and yield its keys; whoever asks takes the value of each."""
    text.take()
    first = True
    while text.next() != "}" or not first:
        first = False
        if text.next() != '"':
            raise text.broken("Expecting property name enclosed in double quotes")
        key = text.value("a key")[0]
        text.expect(":", "Expecting ':' delimiter")
        yield str(key)
        if text.next() != ",":
            break
        text.take()
    text.expect("}", "Expecting ',' delimiter")


def _is_row(item: Any, beside: dict[str, Any]) -> bool:
    if isinstance(item, list):
        return isinstance(beside.get("columns"), list)
    return isinstance(item, dict) and not ("content" in item and "role" in item)


def _named(item: Any, beside: dict[str, Any]) -> Any:
    """Return a row by column where it is a list: pandas' `orient="split"` has the names beside the rows."""
    return dict(zip(map(str, beside["columns"]), item, strict=False)) if isinstance(item, list) else item


def _is_jsonl(path: BattleFile) -> bool:
    return path.suffix.lower() in (".jsonl", ".ndjson")


def _is_of_many(record: dict[str, Any], path: BattleFile) -> bool:
    """Tell an object of columns, or of battles by their ids, from one battle.

    Columns and battles are objects that share keys, or lists of which none is one of messages. Lists of plain values
    may be turns of one battle or columns of several: in JSON Lines, where a line is a battle, they are turns.
    """
    values = list(record.values())
    if all(isinstance(value, dict) for value in values):
        return not values or bool(set.intersection(*map(set, values)))
    if not all(isinstance(value, list) for value in values):
        return False
    items = [item for value in values for item in value]
    if any(isinstance(item, dict) for item in items):
        return False
    return not _is_jsonl(path) or any(isinstance(item, list) for item in items)


def _check_lone(path: BattleFile, record: dict[str, Any]) -> None:
    if _is_of_many(record, path):
        keys = ", ".join(shown(key, 20) for key in list(record)[:3]) + (", ..." if len(record) > 3 else "")
        raise UserError(
            f"{path}: holds one object of columns, or of battles by their ids (its keys are {keys or 'none'}); write a "
            f'list of battles, each an object, as pandas does with to_json(orient="records").'
        )


def _row(number: int, record: Any, size: int) -> RawRow:
    if isinstance(record, dict) and "row_idx" in record and isinstance(record.get("row"), dict):
        record = record["row"]  # as Hugging Face's API has it
    values, wrong = _checked(record)
    return RawRow("row", number, values, wrong, lambda: record, ROW_SIZE + size)
