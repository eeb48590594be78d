"""Replies on disk by the content of their questions: what was asked and paid for once is not asked again."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.chat.chat_reply import ChatReply
from pipelines.errors import UserError

FILE = "replies.sqlite"
_WAIT_S = 60.0
_BATCH = 500


def question_key(identity: str, messages: list[dict[str, str]], options: dict[str, Any]) -> bytes:
    """Return the 32 bytes that stand for a question: to whom, its texts, and how it is to be answered."""
    content = json.dumps([identity, messages, options], sort_keys=True)  # in ASCII, lone surrogates too
    return hashlib.sha256(content.encode()).digest()


class ReplyStore:
    """A folder with one SQLite file of replies; safe for several processes and for a sudden end.

    Raises
    ------
    UserError
        When the file cannot be made, read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=_WAIT_S, check_same_thread=False)
            self._database.execute("CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, reply TEXT NOT NULL)")
        except (sqlite3.Error, OSError) as fault:
            raise self._broken(fault) from fault

    def get(self, keys: Iterable[bytes]) -> dict[bytes, ChatReply]:
        """Return the replies that are there."""
        wanted, found = list(keys), {}
        try:
            for start in range(0, len(wanted), _BATCH):
                part = wanted[start : start + _BATCH]
                marks = ",".join("?" * len(part))
                for key, reply in self._database.execute(
                    f"SELECT key, reply FROM replies WHERE key IN ({marks})", part
                ):
                    found[bytes(key)] = ChatReply.from_json(reply)
        except (sqlite3.Error, ValueError, KeyError, TypeError) as fault:
            raise self._broken(fault) from fault
        return found

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return which of the keys have a reply."""
        wanted, found = list(keys), set()
        try:
            for start in range(0, len(wanted), _BATCH):
                part = wanted[start : start + _BATCH]
                query = f"SELECT key FROM replies WHERE key IN ({','.join('?' * len(part))})"
                found |= {bytes(key) for (key,) in self._database.execute(query, part)}
        except sqlite3.Error as fault:
            raise self._broken(fault) from fault
        return found

    def put(self, key: bytes, reply: ChatReply) -> None:
        """Keep a reply; it is on disk when this returns."""
        try:
            with self._database:
                self._database.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, reply.to_json()))
        except sqlite3.Error as fault:
            raise self._broken(fault) from fault

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _broken(self, fault: Exception) -> UserError:
        return UserError(
            f"{self.path}: the kept replies cannot be read or written ({fault}); make room or fix permissions, or move "
            "the file away and ask again."
        )
