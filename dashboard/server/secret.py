"""The secret that signs cookies and makes pseudonyms: from the environment, else from a file made when first needed."""

import os
import secrets
from pathlib import Path

from dashboard.params import ServerParams
from pipelines.errors import UserError
from pipelines.files.saved_files import DamagedError, read_bytes

SHORTEST = 32
MOST = 1 << 16
"""Bytes of a file with a secret."""


def kept_secret(server: ServerParams) -> bytes:
    """Return the secret.

    Parameters
    ----------
    server : ServerParams
        `cookie_secret_env` names a variable; without it `secret_file` is read, and made (mode 600) where there is none.

    Raises
    ------
    UserError
        When the variable is not set or too short, or the file cannot be read or made.
    """
    if server.cookie_secret_env:
        value = os.environ.get(server.cookie_secret_env, "")
        if len(value) < SHORTEST:
            raise UserError(
                f"dashboard.server.cookie_secret_env: the variable {server.cookie_secret_env} has {len(value)} "
                f"characters; set it to a random text of at least {SHORTEST}."
            )
        return value.encode()
    path = Path(server.secret_file)
    try:
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
                made.write(secrets.token_hex(32))
        except FileExistsError:
            pass
        value = read_bytes(path, MOST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError, DamagedError) as fault:
        raise UserError(f"{path}: cannot be read or made ({fault}); correct dashboard.server.secret_file.") from fault
    if len(value) < SHORTEST:
        raise UserError(
            f"{path}: holds {len(value)} characters, too few for a secret; name another by "
            "dashboard.server.secret_file, or delete it to have one made."
        )
    return value.encode()
