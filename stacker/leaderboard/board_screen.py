"""A leaderboard on the terminal."""

from collections.abc import Mapping
from typing import Any

from pipelines.terminal.command_line import Screen
from pipelines.terminal.unseen_signs import one_line
from stacker.evaluate.html_templates import written
from stacker.leaderboard.board_words import BASIS, NAME, effect_of, ends, heading, percent, rank_of, remarks


def show_board(found: Mapping[str, Any], screen: Screen) -> None:
    """Print what `stacker.leaderboard.board.board` gave, each number with its interval."""
    screen.table(f"Leaderboard: {heading(found)}.", _main(found))
    others = [basis for basis in BASIS if basis in found["models"][0]["by"]]
    for basis in others:
        by = (
            BASIS[basis]
            if basis == "votes" or not found["judge"]
            else f"{BASIS[basis]} of {one_line(found['judge'], NAME)}"
        )
        screen.table(f"By {by} alone:", _other(found, basis))
    if found["controls"]:
        title = "Log-odds for one standard deviation more of it than the other answer:"
        screen.table(title, [["control", "effect", "interval"], *map(effect_of, found["controls"])])
    for remark in remarks(found):
        screen.note(remark)


def _main(found: Mapping[str, Any]) -> list[list[str]]:
    split = found["components"] > 1
    head = [
        "model",
        "rank",
        "strength",
        "",
        "win rate %",
        "",
        "style equal: rank",
        "win rate %",
        "",
        "battles",
        "votes",
    ]
    rows = [["group " * split + head[0], *head[1:]]]
    groups: dict[int, int] = {}
    for row in found["models"]:
        group = groups.setdefault(row["component"], len(groups) + 1)
        rows.append(
            [
                (f"{group}  " if split else "") + one_line(row["model"], NAME),
                rank_of(row["rank"]),
                written(row["strength"]["value"], ".2f"),
                ends(row["strength"], 2),
                percent(row["win_rate"]["value"]),
                ends(row["win_rate"], 1, 100),
                rank_of(row["controlled_rank"]),
                percent(row["controlled_win_rate"]["value"]),
                ends(row["controlled_win_rate"], 1, 100),
                f"{row['battles']:,}",
                f"{row['votes']:,}",
            ]
        )
    return rows


def _other(found: Mapping[str, Any], basis: str) -> list[list[str]]:
    rows = [["model", "rank", "strength", "", "win rate %", ""]]
    for row in found["models"]:
        by = row["by"][basis]
        rows.append(
            [
                one_line(row["model"], NAME),
                rank_of(by["rank"]),
                written(by["strength"]["value"], ".2f"),
                ends(by["strength"], 2),
                percent(by["win_rate"]["value"]),
                ends(by["win_rate"], 1, 100),
            ]
        )
    return rows
