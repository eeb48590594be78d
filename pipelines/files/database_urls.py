"""The address of a database as params.yaml has it: SQLite or PostgreSQL, checked before any driver is given it."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pipelines.errors import UserError

DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}
FORMS = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"


def database_address(url: str, key: str) -> URL:
    """Return an address with its driver, of SQLite with the file's path.

    Parameters
    ----------
    url : str
        `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`.
    key : str
        Named in the error, which never repeats the address: it may hold a password.

    Raises
    ------
    UserError
        When it is no address, or one of another kind.
    """

    def wrong(what: str) -> UserError:
        return UserError(f"{key}: {what}.")

    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise wrong(f"is no database address; write {FORMS}") from None
    kind, _, driver = address.drivername.partition("+")
    kind = "postgresql" if kind == "postgres" else kind
    if kind not in DRIVERS:
        raise wrong(f"cannot be a {kind}; take sqlite or postgresql, as in {FORMS}")
    if driver not in ("", DRIVERS[kind]):
        raise wrong(f"names the driver {driver}; leave it out, as in {FORMS}")
    if kind == "postgresql":
        return address.set(drivername=f"{kind}+{DRIVERS[kind]}")
    if not address.database or address.database == ":memory:":
        raise wrong("must be a file, as memory forgets; write sqlite:///FILE")
    odd = address.database.startswith("file:") or any(sign in address.database for sign in "?\0")
    if address.host or address.query or odd:
        raise wrong("must be a plain file, without host and options; write sqlite:///FILE")
    return address.set(database=str(Path(address.database).expanduser()))
