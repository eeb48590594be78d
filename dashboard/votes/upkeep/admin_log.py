"""What admins do, one line of JSON each, in a file that only grows: who, when, what, and on what.

A line is on the disk before the thing is done: what cannot be written down is not done. What then fails is written down
too, as `failed`.
"""

import json
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from pipelines.errors import UserError

MOST_BYTES = 1 << 18
"""How much of the end of the file is read."""
_log = logging.getLogger(__name__)


class AdminLog:
    """The file. Call its methods from a thread.

    Parameters
    ----------
    path : Path
        Made, for its owner's eyes alone, when there is something to write.
    clock : function
        Returns the present time with its zone.
    """

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self._clock = path, clock
        self._writing = Lock()

    def add(self, who: str, action: str, **details: str | int) -> None:
        """Write down what somebody is about to do.

        Parameters
        ----------
        who : str
            The name of her account.
        action : str
            A word for it, such as `erase`.
        details : str or int
            On what.

        Raises
        ------
        UserError
            When the file cannot be written.
        """
        row = {"at": self._clock().isoformat(timespec="seconds"), "who": who, "action": action, **details}
        line = json.dumps(row, ensure_ascii=True).encode("ascii") + b"\n"
        try:
            with self._writing, open(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as opened:
                if (size := opened.seek(0, os.SEEK_END)) and os.pread(opened.fileno(), 1, size - 1) != b"\n":
                    line = b"\n" + line  # the machine went down in the middle of a line
                opened.write(line)
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as fault:
            raise UserError(
                f"{self.path}: cannot be written ({fault.strerror}), so this is not done; correct "
                "dashboard.accounts.log."
            ) from fault
        _log.info("admin %s", line.decode("ascii").strip())

    def last(self, count: int) -> list[dict[str, Any]]:
        """Return the last entries, the newest first; lines that are none are passed over."""
        try:
            with self.path.open("rb") as opened:
                size = opened.seek(0, os.SEEK_END)
                opened.seek(max(0, size - MOST_BYTES))
                lines = opened.read(MOST_BYTES).split(b"\n")[1 if size > MOST_BYTES else 0 :]
        except OSError:
            return []
        found = []
        for line in reversed(lines):
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and {"at", "who", "action"} <= row.keys():
                found.append(row)
            if len(found) == count:
                break
        return found
