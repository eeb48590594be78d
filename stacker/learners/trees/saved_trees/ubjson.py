"""Universal Binary JSON as XGBoost writes it, read within bounds: no count is believed before its bytes are there."""

import struct
from typing import Any

import numpy as np

DEEPEST = 16
"""Objects and lists inside one another; a model of XGBoost has 6."""
_NUMBERS = {
    marker: np.dtype(form)
    for marker, form in {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4"}.items()
}
_SINGLE = {marker: struct.Struct(f">{form}") for marker, form in zip("iUIlLd", "bBhiqf", strict=True)}


def parse(data: bytes) -> Any:
    """Return the value that the bytes hold.

    Only what XGBoost writes is read: objects, lists with their length, typed arrays (as numpy arrays), strings and
    numbers; everything else is refused. https://ubjson.org

    Raises
    ------
    ValueError
        When the bytes are something else, end too early, or go on behind the value.
    """
    reader = _Reader(data)
    value = reader.value(reader.marker(), 0)
    if reader.place != len(data):
        raise ValueError(f"byte {reader.place}: the value has ended")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.place:
            raise ValueError(f"byte {self.place}: {count} bytes are announced, {len(self.data) - self.place} are left")
        self.place += count
        return self.data[self.place - count : self.place]

    def marker(self) -> str:
        return chr(self.take(1)[0])

    def length(self) -> int:
        """Take a length, which XGBoost always writes with eight bytes."""
        taken = self.take(9)
        if taken[:1] != b"L":
            raise ValueError(f"byte {self.place - 9}: no length of eight bytes")
        return int.from_bytes(taken[1:], "big", signed=True)

    def string(self) -> str:
        text = self.take(self.length())
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise ValueError(f"byte {self.place}: a string is not UTF-8") from fault

    def value(self, marker: str, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError(f"byte {self.place}: more than {DEEPEST} values inside one another")
        if marker == "{":
            return self.object(depth)
        if marker == "[":
            return self.list(depth)
        if marker == "S":
            return self.string()
        if marker in _SINGLE:
            form = _SINGLE[marker]
            return form.unpack(self.take(form.size))[0]
        raise ValueError(f"byte {self.place - 1}: {marker!r} begins no value that a model has")

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.data[self.place : self.place + 1] != b"}":
            key = self.string()
            if key in found:
                raise ValueError(f"byte {self.place}: {key[:40]!r} a second time")
            found[key] = self.value(self.marker(), depth + 1)
        self.place += 1
        return found

    def list(self, depth: int) -> Any:
        kind = ""
        if self.data[self.place : self.place + 1] == b"$":
            kind = chr(self.take(2)[1])
        if self.take(1) != b"#":
            raise ValueError(f"byte {self.place - 1}: a list without its length")
        count = self.length()
        if not kind:
            self.take(count)  # each value takes a byte at least
            self.place -= count
            return [self.value(self.marker(), depth + 1) for _ in range(count)]
        if kind not in _NUMBERS:
            raise ValueError(f"byte {self.place}: a list of {kind!r}")
        form = _NUMBERS[kind]
        return np.frombuffer(self.take(count * form.itemsize), dtype=form)
