"""Files of a saved judge, read as if a stranger had written them: bounded, checked, and one sentence for a fault."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipelines.errors import UserError, shown

M = TypeVar("M", bound=BaseModel)

MOST_JSON = 4 << 20
"""Bytes of a JSON file that names what a judge has and learnt; a real one takes 30 kB."""
MOST_WORDS_JSON = 16 << 20
"""Bytes of a JSON file with a vocabulary, of which a real one takes 2 MB, or with what a run found out."""
MOST_ITEMS = 1_000_000
"""Values in a JSON file: what Python makes of one takes up to a hundred times the two bytes that it has there."""
MOST_TENSORS = 128 << 20
"""Bytes of the numbers of a learner; those of the sparse learner take 3 MB."""
MOST_HEADER = 1 << 20
"""Bytes of what a file of numbers says of them."""
MOST_SAID = 300
"""Characters of what is wrong with a file, and of its name, in a sentence."""
MOST_BYTES = 512 << 20
"""Bytes of any other file that is read at once; the trees of a run on 57,477 battles take 4 MB."""
LARGEST = 1e9
"""No learned number is as large; sums of larger ones could overflow, and give no verdict."""
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, strict=True)]
"""A learned number in a JSON file."""
Name = Annotated[str, StringConstraints(pattern=r"^[\w.+-][\w.+ -]{0,99}$")]
"""What stands in tables and sentences, or is a folder's name."""


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) != len(names):
        raise ValueError("a name stands there twice")
    return names


Names = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_distinct)]
"""Names of features in the order in which a learner takes them."""


class Saved(BaseModel):
    """What a JSON file of a saved judge holds: immutable, and no key but those that are known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DamagedError(UserError):
    """A saved file that is missing, changed or damaged; `what` is wrong with it follows its name in a sentence."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, shown(what, MOST_SAID)
        super().__init__(f"{shown(str(path), MOST_SAID)}: {self.what}; get it or make it again.")


@contextmanager
def checking(path: Path) -> Iterator[None]:
    """Turn what goes wrong inside into a `DamagedError` of the file: every library has errors of its own."""
    try:
        yield
    except UserError:
        raise
    except Exception as fault:
        raise DamagedError(path, _told(fault)) from fault
    except BaseException as fault:
        if type(fault).__name__ != "PanicException":  # what libraries written in Rust end in, which is no Exception
            raise
        raise DamagedError(path, "makes its library panic") from fault


def _told(fault: Exception) -> str:
    if isinstance(fault, ValidationError):
        first = fault.errors()[0]
        where = shown(".".join(map(str, first["loc"])))
        return f"{where}: {first['msg'][:160]}" if where else first["msg"].removeprefix("Value error, ")[:160]
    if isinstance(fault, OSError):  # whose text holds the path
        return f"cannot be read ({fault.strerror or type(fault).__name__})"
    said = str(fault).strip().partition("\n")[0][:160].rstrip(".") or type(fault).__name__
    return f"has no {said}" if isinstance(fault, KeyError) else said


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return what a file holds.

    Raises
    ------
    DamagedError
        When there is no such file, it is none to be read (a folder, a pipe), or it is larger than `most` bytes.
    """
    with checking(path):
        if not path.is_file():
            raise DamagedError(path, "is no file" if path.exists() else "is missing")
        size = path.stat().st_size
        if size > most:
            raise DamagedError(path, f"has {size:,} bytes, and such a file may have {most:,}")
        return path.read_bytes()


def read_object(path: Path, most: int = MOST_JSON) -> dict[str, Any]:
    """Return the object that a JSON file of at most `most` bytes holds; its numbers are finite, its keys distinct.

    Raises
    ------
    DamagedError
        When it cannot be read, or holds something else.
    """
    data = read_bytes(path, most)
    with checking(path):
        items = sum(map(data.count, (b",", b"[", b"{")))
        if items > MOST_ITEMS:
            raise DamagedError(path, f"holds {items:,} values, and such a file may hold {MOST_ITEMS:,}")
        try:
            found = json.loads(
                data.decode("utf-8"), parse_float=_finite, parse_constant=_finite, object_pairs_hook=_distinct_keys
            )
        except (ValueError, RecursionError) as fault:
            told = "nested too deeply" if isinstance(fault, RecursionError) else fault
            raise DamagedError(path, f"is not JSON that can be read ({told})") from fault
        if not isinstance(found, dict):
            raise DamagedError(path, f"holds {type(found).__name__}, not an object")
        return found


def read_model(path: Path, kind: type[M], most: int = MOST_JSON) -> M:
    """Return the object of a JSON file as the model that describes it; errors as those of `read_object`."""
    stored = read_object(path, most)
    with checking(path):
        return kind.model_validate(stored)


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {shown(twice)} stands there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is not finite")
    return number


def check_names(path: Path, known: str) -> None:
    """Refuse a safetensors file with a tensor whose name is not of a pattern; only its header is read.

    Raises
    ------
    DamagedError
        When there is one, or the header cannot be read.
    """
    with checking(path):
        if not path.is_file():
            raise DamagedError(path, "is no file" if path.exists() else "is missing")
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > MOST_HEADER:
                raise DamagedError(path, f"has a header of {length:,} bytes, and it may have {MOST_HEADER:,}")
            try:
                names = set(json.loads(file.read(length), object_pairs_hook=_distinct_keys)) - {"__metadata__"}
            except (ValueError, TypeError, RecursionError) as fault:
                raise DamagedError(path, "does not begin with a safetensors header") from fault
        unknown = sorted(name for name in names if not re.fullmatch(known, name))
        if unknown:
            raise DamagedError(path, f"holds {shown(unknown[0])}, which no such file has")


class Tensors:
    """The tensors of a safetensors file, each taken for what it must be.

    Parameters
    ----------
    known : str
        Pattern of the names that its tensors can have.

    Raises
    ------
    DamagedError
        When the file cannot be read or holds an unknown tensor; when a tensor that is taken is missing, or of another
        shape or kind.
    """

    def __init__(self, path: Path, known: str) -> None:
        from safetensors.numpy import load

        self.path = path
        check_names(path, known)
        data = read_bytes(path, MOST_TENSORS)
        with checking(path):
            self._found: Mapping[str, NDArray[Any]] = load(data)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def floats(
        self, name: str, *shape: int | None, least: float = -LARGEST, most: float = LARGEST, unknown: bool = False
    ) -> NDArray[Any]:
        """Take numbers from `least` to `most`.

        Parameters
        ----------
        *shape : int or None
            Its lengths; None is any length.
        least, most : float
            Bounds of the numbers.
        unknown : bool
            Whether NaN may stand among them.
        """
        found = self._taken(name, "f", shape)
        wrong = ~((found >= least) & (found <= most) | (np.isnan(found) if unknown else False))
        if wrong.any():
            raise DamagedError(self.path, f"{name} holds the number {found[wrong][0]}, which cannot be")
        return found

    def places(self, name: str, below: int) -> NDArray[np.int64]:
        """Take places in something of `below` items, each at most once, as (k,) int64."""
        found = self._taken(name, "i", (None,))
        if ((found < 0) | (found >= below)).any() or len(np.unique(found)) != len(found):
            raise DamagedError(self.path, f"{name} holds places that are not among {below:,}")
        return found.astype(np.int64)

    def keys(self, name: str) -> NDArray[np.uint64]:
        """Take ascending keys, (k,) uint64."""
        found = self._taken(name, "u", (None,))
        if found.dtype != np.uint64 or (found[1:] <= found[:-1]).any():
            raise DamagedError(self.path, f"{name} holds keys that do not ascend")
        return found

    def _taken(self, name: str, kind: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
        if name not in self._found:
            raise DamagedError(self.path, f"has no {name}")
        found = self._found[name]
        fits = len(found.shape) == len(shape) and all(
            wanted is None or length == wanted for length, wanted in zip(found.shape, shape, strict=True)
        )
        if found.dtype.kind != kind or not fits:
            wanted = " x ".join("any" if length is None else str(length) for length in shape)
            raise DamagedError(self.path, f"{name} is {found.dtype} {found.shape}, where {wanted} are needed")
        return found
