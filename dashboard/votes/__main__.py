"""`python -m dashboard.votes backup|restore|erase`: keeps the vote store, also while the dashboard runs."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dashboard.params import DashboardParams, read_dashboard
from dashboard.votes.backups import restore_backup, write_backup
from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import pseudonym
from pipelines.errors import UserError
from pipelines.terminal.command_line import Screen, run_command
from pipelines.terminal.unseen_signs import one_line


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and do it."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.votes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    backup = commands.add_parser("backup", help="write a copy of the store to a file")
    restore = commands.add_parser("restore", help="put a copy into the store")
    for each in (backup, restore):
        each.add_argument("file", type=Path, help="an SQLite file, or with PostgreSQL an archive of pg_dump")
    restore.add_argument("--replace", action="store_true", help="in place of votes in it; a copy of those is kept")
    erase = commands.add_parser("erase", help="count what one person asked and voted, or erase it")
    erase.add_argument("person", help="her pseudonym, as exports have it, or with --account the name of her account")
    erase.add_argument("--account", action="store_true", help="the person is named by her account")
    erase.add_argument("--yes", action="store_true", help="erase; without it the command only counts")
    for each in (backup, restore, erase):
        each.add_argument("--params", type=Path, default=Path("params.yaml"), help="names the vote store")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _run(chosen, read_dashboard(chosen.params)))


def _run(chosen: argparse.Namespace, params: DashboardParams) -> None:
    store, screen = params.store, Screen()
    if chosen.command == "backup":
        votes = write_backup(store.url, store.password, chosen.file)
        screen.note(f"{votes:,} votes are in {chosen.file}; keep {params.server.secret_file} with it.")
    elif chosen.command == "restore":
        votes, kept = restore_backup(store.url, store.password, chosen.file, replace=chosen.replace)
        told = "" if kept is None else f" What it held before is in {kept}."
        screen.note(f"{votes:,} votes of {chosen.file} are in the store now.{told}")
    else:
        _erase(chosen.person, chosen.account, chosen.yes, params, screen)


def _erase(person: str, account: bool, sure: bool, params: DashboardParams, screen: Screen) -> None:
    session = person
    if account:
        from dashboard.server.services import kept_secret

        session = pseudonym(person, kept_secret(params.server))
    store = VoteStore.open(params.store.url, password=params.store.password, create=False)
    shown = one_line(person, 80)
    try:
        found = store.people().set_index("session")
        if session not in found.index:
            raise UserError(f"{shown}: nothing in {params.store.url} is of this person; look it up in an export.")
        battles, votes = store.erase(session) if sure else found.loc[session, ["battles", "votes"]]
    finally:
        store.close()
    what = f"{battles:,} battles and {votes:,} votes are of {shown}"
    screen.note(f"{what}, and are erased; copies made before have them." if sure else f"{what}; --yes erases them.")


if __name__ == "__main__":
    main()
