"""The one error type for what the user can fix, and how a value is quoted in its sentence."""

import json
from typing import Any


class UserError(Exception):
    """Something the user can fix, said in one sentence.

    The sentence names the file, row, column or key, what was found there, and what to do. Command lines print it
    without a traceback and exit with status 2.
    """


class AbruptEndError(UserError):
    """The same, where a native library would crash or hang as this process ends: a command then ends at once.

    So it is where the cluster that Ray has connected this process to is gone.
    """


def shown(value: Any, most: int = 60) -> str:
    """Return a value as it may stand in a sentence: at most `most` characters, on one line, printable everywhere."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    except (RecursionError, ValueError):
        text = f"a nested {type(value).__name__}"
    text = text[:10_000].encode("utf-8", "backslashreplace").decode("utf-8")
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= most else f"{text[: most - 3]}..."
