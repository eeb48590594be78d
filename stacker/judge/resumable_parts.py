"""Long work kept part by part in a folder beside its result, so that a killed command resumes."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.files.atomic_files import remove_stale_temp_files, write_json
from pipelines.terminal.processes import one_writer

STAMP = "stamp.json"


class Parts:
    """Numbered files of one piece of work.

    Parameters
    ----------
    folder : Path
        Holds the parts; removed when the work is done.
    suffix : str
        Of the parts' names, a dot first.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder = folder
        self.suffix = suffix

    def path(self, number: int) -> Path:
        """Return the file of a part; it is there when, and only when, the part is whole."""
        return self.folder / f"part-{number:08d}{self.suffix}"

    def beside(self, number: int, suffix: str) -> Path:
        """Return another file of a part, to be written before the one that says it is whole."""
        return self.folder / f"part-{number:08d}{suffix}"

    def whole(self, number: int) -> bool:
        """Tell whether a part is there."""
        return self.path(number).exists()


@contextmanager
def kept_parts(result: Path, suffix: str, stamp: Mapping[str, Any]) -> Iterator[tuple[Parts, bool]]:
    """Open the folder of the parts of a result, for one process at a time.

    Parameters
    ----------
    result : Path
        The file that the parts will be joined to; the folder lies beside it.
    suffix : str
        Of the parts' names.
    stamp : mapping of JSON values
        Everything that the parts depend on; parts of other work are removed.

    Yields
    ------
    Parts, bool
        The parts, and whether parts of the same work were found. The folder is removed when the block ends well.

    Raises
    ------
    UserError
        When the folder cannot be written, or another process is at the same work.
    """
    folder = result.parent / f".{result.name}.parts"
    with one_writer(result.parent / f".{result.name}.lock", str(result)):
        folder.mkdir(exist_ok=True)
        remove_stale_temp_files(folder)
        found = _read(folder / STAMP) == dict(stamp)
        if not found:
            shutil.rmtree(folder)
            folder.mkdir()
            write_json(folder / STAMP, dict(stamp))
        yield Parts(folder, suffix), found
        shutil.rmtree(folder)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
