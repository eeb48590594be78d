"""Traditional and Simplified Chinese alike: every text with Chinese characters, by its Simplified ones."""

import hashlib
import re
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).with_name("traditional.txt")
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")


def simplified(text: str) -> str:
    """Return a text with each Traditional character as its Simplified one, of the same length; others stay.

    Character by character: what OpenCC knows of phrases is left out, as it does not matter to what two texts share.
    """
    return text.translate(_table()) if _HAN.search(text) else text


@cache
def _table() -> dict[int, int]:
    _, traditional, plain = _TABLE.read_text(encoding="utf-8").splitlines()
    return {ord(a): ord(b) for a, b in zip(traditional, plain, strict=True)}


def data_hash(*paths: Path) -> str:
    """Return a hash of files of data, 16 hex digits: versions of blocks that read them change with these."""
    found = hashlib.sha256()
    for path in (_TABLE, *paths):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]
