"""Files of battles to vote on: uploaded, lying in the folder that is open to the page, or the test set of a run."""

import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event

import pandas as pd

from dashboard.judges.saved_runs import SavedRun
from dashboard.sessions.file_reading import ReadFile, read_apart
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.formats.containers.file_formats import PACKED, SUFFIXES

ENDINGS = (*SUFFIXES, *PACKED)
MOST_FILES = 500


@dataclass(frozen=True)
class BattleFile:
    """Battles to vote on.

    Attributes
    ----------
    name : str
        The file's name.
    origin : str
        Name and content hash: what the store knows it by, so that one finds where one left off when the same file
        comes again, and a changed file is another.
    battles : DataFrame
        A battles table (`pipelines.battles.table.COLUMNS`); votes in the file are not read.
    left_out : int
        Rows that cannot be shown.
    form : str
        What the form of the file is called; "" where it was not read from one.
    """

    name: str
    origin: str
    battles: pd.DataFrame
    left_out: int
    form: str = ""


def uploaded(name: str, content: bytes | bytearray, stop: Event | None = None, person: str = "") -> BattleFile:
    """Read a file that came from a browser; waits for it, so call it from a thread.

    Parameters
    ----------
    name : str
        As the browser says; untrusted, only its ending and its last part are used.
    content : bytes or bytearray
        The whole file.
    stop, person
        As in `dashboard.sessions.file_reading.read_apart`.

    Raises
    ------
    UserError
        When the ending is unknown or the content cannot be read; the sentence says `name`, no path of this machine.
    Stopped
        When `stop` is set.
    """
    plain = name.replace("\\", "/").rpartition("/")[2] or "file"
    ending = Path(plain).suffix.lower()
    if ending not in ENDINGS:
        raise UserError(f"{plain}: is no {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]} file; save it as one of these.")
    with tempfile.TemporaryDirectory(prefix="battles-") as folder:
        path = Path(folder) / f"battles{ending}"
        path.write_bytes(content)
        read = read_apart(path, plain, stop or Event(), person)
    return _known(plain, sha256(content).hexdigest(), read)


def open_files(folder: Path) -> list[str]:
    """Return the battle files below a folder as relative paths; hidden ones and links to elsewhere are not."""
    if not folder.is_dir():
        return []
    root = folder.resolve()
    found = []
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.suffix.lower() not in ENDINGS or any(part.startswith(".") for part in inside.parts):
            continue
        if path.is_file() and path.resolve().is_relative_to(root):
            found.append(inside.as_posix())
    return found[:MOST_FILES]


def from_folder(folder: Path, name: str, stop: Event | None = None, person: str = "") -> BattleFile:
    """Read a file that `open_files` named, as `uploaded` does.

    Raises
    ------
    UserError
        When it cannot be read, or lies outside the folder.
    Stopped
        When `stop` is set.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise UserError(f"{name}: is not a file in the folder that is open to this page; choose one of the list.")
    read = read_apart(path, name, stop or Event(), person)
    return _known(path.name, sha256_of(path), read._replace(battles=read.battles.assign(source=path.name)))


def test_set(run: SavedRun, stop: Event | None = None, person: str = "") -> BattleFile:
    """Read the battles that a run was to predict, as `uploaded` does.

    Raises
    ------
    UserError
        When the run's params.yaml is not there or names no test set that can be read.
    Stopped
        When `stop` is set.
    """
    from pipelines.battles.built_in import sample_battles
    from stacker.training.params import read_params

    data = read_params(run.run / "params.yaml").data
    if data.dir is not None:
        path = data.dir / "test.csv"
        if not path.is_file():
            raise UserError(f"{run.name}: its test set {path.name} is not where the run found it; choose a file.")
        read = read_apart(path, str(path), stop or Event(), person)
        read = read._replace(battles=read.battles.assign(source=run.name))
        return _known(f"{run.name}: test.csv", sha256_of(path), read)
    if data.sources:
        raise UserError(f"{run.name}: trained on files alone and has no test set; choose a file.")
    battles = sample_battles(data.sample.test_rows, data.sample.seed, part="test").unlabelled()
    print_ = sha256(
        repr(battles[["id", "prompt", "response_a", "response_b"]].to_numpy().tolist()).encode()
    ).hexdigest()
    return _known(f"{run.name}: test", print_, ReadFile(battles, 0, ""))


def _known(name: str, content_hash: str, read: ReadFile) -> BattleFile:
    if read.battles.empty:
        raise UserError(f"{name}: holds no battle that can be shown; it needs prompt, response_a and response_b.")
    return BattleFile(name, f"{name}:{content_hash[:16]}", *read)
