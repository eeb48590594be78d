"""Parts of the page that name things: the worst battles with their texts, and settings and versions."""

from html import escape
from typing import Any

import pandas as pd

from pipelines.battles.table import text_of
from pipelines.terminal.unseen_signs import show_controls
from stacker.learners.transformer.network.structure import share_read
from stacker.reporting.numbers import figure, name, table
from stacker.reporting.report_page import Part

REPORT = "report"
VOTES = ("A preferred", "B preferred", "a tie")


def listed_battles(found: dict[str, Any], battles: pd.DataFrame, characters: int) -> Part:
    """Return the worst and the most surprising battles; `characters` of each text are shown."""
    place = {ident: row for row, ident in enumerate(battles["id"].tolist())}
    body = ""
    for key, heading, hint in (
        ("worst", "The ones the stack got most wrong", "The highest log loss of the stack."),
        (
            "surprising",
            "The ones no learner saw coming",
            "Of the others: even the learner that came nearest has the highest loss.",
        ),
    ):
        shown = [
            _battle(found, (REPORT, key, number), battles.iloc[place[each["id"]]], characters)
            for number, each in enumerate(found[REPORT][key])
        ]
        if shown:
            body += f"<h3>{heading}</h3><p class='hint'>{hint}</p>{''.join(shown)}"
    return Part("battles", "Battles to look at", body)


def _battle(found: dict[str, Any], keys: tuple[str | int, ...], battle: pd.Series, characters: int) -> str:
    of = found[REPORT][keys[1]][keys[2]]
    chances = ", ".join(
        f"{title} {figure(found, *keys, 'probabilities', side, form='.1%')}"
        for side, title in enumerate(("A", "B", "tie"))
    )
    nearest = name(found["learners"][of["nearest"]])
    sides = []
    for side, column in enumerate(("response_a", "response_b")):
        known = battle[f"model_{'ab'[side]}"]
        title = f"Answer {'AB'[side]}{f' ({name(known)})' if known else ''}"
        won = " class='won'" if of["outcome"] == side else ""
        preferred = " — preferred" if of["outcome"] == side else ""
        sides.append(f"<div{won}><h4>{title}{preferred}</h4>{_clipped(text_of(battle[column]), characters)}</div>")
    return (
        f'<article class="battle"><header><span>Voted: <strong>{VOTES[of["outcome"]]}</strong></span>'
        f"<span>Stack: {chances}</span><span>Loss {figure(found, *keys, 'loss', form='.3f')}; nearest, {nearest}:"
        f" {figure(found, *keys, 'least_loss', form='.3f')}</span><span>{name(of['id'])}</span></header>"
        f"<h4>Prompt</h4>{_clipped(text_of(battle['prompt']), characters)}"
        f'<div class="texts">{"".join(sides)}</div></article>'
    )


def _clipped(text: str, characters: int) -> str:
    shown = show_controls(text[:characters])
    more = f" <span class='hint'>… {len(text) - characters:,} more characters</span>" if len(text) > characters else ""
    return f'<p dir="auto">{escape(shown)}{more}</p>'


def _read_by(transformer: dict[str, Any]) -> str:
    cut = transformer["fit"]["cut"]
    parts = (f"{share_read(cut[part]):.0%} of the {part}s' tokens" for part in ("prompt", "answer"))
    return f"read {' and '.join(parts)}, weights {transformer['sha256'][:16]}…"


def settings(found: dict[str, Any], params: str) -> Part:
    """Return what the run was made with; `params` is the resolved params.yaml."""
    encoder = found["encoder"]
    facts = [
        ["seed", figure(found, "seed", form="d")],
        [
            "folds",
            f"{figure(found, 'folds', 'count', form='d')}, grouped by prompt; SHA-256 {found['folds']['sha256'][:16]}…",
        ],
        ["votes for A, B, tie", ", ".join(figure(found, "class_shares", side, form=",d") for side in range(3))],
        ["rows set aside", figure(found, "set_aside", form=",d")],
        ["encoder", "none" if encoder is None else f"{name(encoder['name'])}, weights {encoder['sha256'][:16]}…"],
        *([name(each["name"]), _read_by(each)] for each in found.get("transformers", [])),
    ]
    seconds = [[name(stage), figure(found, "seconds", stage, form=",.1f")] for stage in found.get("seconds", {})]
    versions = [[name(package), name(version)] for package, version in found["versions"].items()]
    body = (
        f'<div class="facts">{table(["", ""], facts, label="Facts of the run")}</div>'
        + '<div class="two"><div><h3>Versions</h3>'
        + table(["package", "version"], versions, label="Versions")
        + "</div><div><h3>Time</h3>"
        + table(["stage", "seconds"], seconds, label="Time")
        + "<p class='hint'>Next to nothing where a fit was found in the cache.</p></div></div>"
        f"<h3>Settings</h3><pre>{escape(show_controls(params))}</pre>"
    )
    return Part("settings", "Settings and versions", body)
