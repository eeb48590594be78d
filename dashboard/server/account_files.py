"""The file of accounts: user names and their passwords, as Panel takes them."""

from pathlib import Path

from pipelines.errors import UserError, shown
from pipelines.files.saved_files import DamagedError, read_object

SHORTEST_PASSWORD = 8


def checked_accounts(path: Path) -> list[str]:
    """Return the user names in a file of accounts that Panel can use.

    Raises
    ------
    UserError
        When it is missing, is no JSON object of texts, or has an empty or short password.
    """
    try:
        accounts = read_object(path)
    except DamagedError as fault:
        raise UserError(
            f'{path}: is no readable JSON ({shown(fault.what, 80)}); accounts are {{"user": "password"}}.'
        ) from fault
    if not accounts:
        raise UserError(f'{path}: holds no accounts; write {{"user": "password"}}.')
    for user, password in accounts.items():
        if not user.strip():
            raise UserError(f"{path}: has an account without a name; give it one.")
        if not isinstance(password, str) or len(password) < SHORTEST_PASSWORD:
            raise UserError(
                f"{path}: the password of {user!r} is no text of at least {SHORTEST_PASSWORD} characters; give a "
                "longer one."
            )
    return list(accounts)
