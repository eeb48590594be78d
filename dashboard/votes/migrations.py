"""The vote store's schema, version by version: numbered steps, each applied once and in one transaction.

A step already released is never edited; a change is a new step at the end. Alembic would bring a folder of generated
files and an environment to two tables; these are statements that SQLite and PostgreSQL both understand.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, inspect, text

from pipelines.errors import UserError

Step = tuple[str, Callable[[Connection], None]]
LOCK = 7_203_114
"""Number of the advisory lock under which PostgreSQL lets one process at a time migrate."""


def upgrade(connection: Connection, where: str, steps: Sequence[Step] | None = None, *, create: bool = True) -> int:
    """Bring a database to the newest version within the connection's transaction, and return that version.

    Parameters
    ----------
    connection : Connection
        In a transaction that writes.
    where : str
        The store's address for the error, without a password.
    steps : sequence of (str, function), optional
        The steps; by default those of this module.
    create : bool
        Whether tables are made where there are none.

    Raises
    ------
    UserError
        When the database was written by a newer version of the project, or has no tables and shall get none.
    """
    steps = STEPS if steps is None else steps
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    if not inspect(connection).has_table("schema_steps"):
        if not create:
            raise UserError(f"{where}: is no vote store; correct dashboard.store.url.")
        connection.execute(text("CREATE TABLE schema_steps (version INTEGER PRIMARY KEY, name TEXT, applied_at TEXT)"))
    done = connection.execute(text("SELECT max(version) FROM schema_steps")).scalar() or 0
    if done > len(steps):
        raise UserError(
            f"The vote store {where} has schema version {done}, this program knows {len(steps)}: update the program."
        )
    for version, (name, apply) in list(enumerate(steps, start=1))[done:]:
        apply(connection)
        row = {"version": version, "name": name, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        connection.execute(text("INSERT INTO schema_steps VALUES (:version, :name, :at)"), row)
    return len(steps)


def _battles_and_votes(connection: Connection) -> None:
    moment = "TIMESTAMP WITH TIME ZONE" if connection.dialect.name == "postgresql" else "TIMESTAMP"
    number = "DOUBLE PRECISION"
    serial = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    serial = serial if connection.dialect.name == "postgresql" else "INTEGER PRIMARY KEY AUTOINCREMENT"
    connection.execute(
        text(
            f"""CREATE TABLE battles (
            id TEXT PRIMARY KEY, created_at {moment} NOT NULL, session TEXT NOT NULL, source TEXT NOT NULL,
            lang TEXT NOT NULL, prompt TEXT NOT NULL, response_a TEXT NOT NULL, response_b TEXT NOT NULL,
            style_a TEXT NOT NULL, style_b TEXT NOT NULL, model_a TEXT NOT NULL, model_b TEXT NOT NULL,
            settings_a TEXT NOT NULL, settings_b TEXT NOT NULL, fault_a TEXT NOT NULL, fault_b TEXT NOT NULL,
            p_a {number}, p_b {number}, p_tie {number}, judge TEXT NOT NULL,
            CHECK (source IN ('ask', 'file')))"""
        )
    )
    connection.execute(
        text(
            f"""CREATE TABLE votes (
            id {serial}, battle_id TEXT NOT NULL REFERENCES battles (id), session TEXT NOT NULL,
            choice TEXT NOT NULL, voted_at {moment} NOT NULL, undone_at {moment},
            CHECK (choice IN ('a', 'tie', 'b', 'both_bad')))"""
        )
    )
    # at most one vote that holds for each battle; withdrawn ones stay as a record
    connection.execute(text("CREATE UNIQUE INDEX one_vote ON votes (battle_id) WHERE undone_at IS NULL"))
    connection.execute(text("CREATE INDEX votes_by_time ON votes (voted_at)"))


def _asked_and_origin(connection: Connection) -> None:
    """Add what was typed where a recorded battle answers another question, and the file a battle comes from."""
    for column in ("asked", "origin", "origin_id"):
        connection.execute(text(f"ALTER TABLE battles ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"))
    connection.execute(text("CREATE INDEX battles_by_origin ON battles (origin, session)"))


def _named(connection: Connection) -> None:
    """Add which answers name their own model; of battles stored before it is not known."""
    connection.execute(text("ALTER TABLE battles ADD COLUMN named TEXT NOT NULL DEFAULT ''"))


STEPS: tuple[Step, ...] = (
    ("battles and votes", _battles_and_votes),
    ("what was asked, and the file a battle comes from", _asked_and_origin),
    ("which answers name their own model", _named),
)
