"""What the card of learning from votes says, as HTML: how many votes there are, progress, and before and after."""

from collections.abc import Mapping
from html import escape
from typing import Any

from dashboard.judges.learning_service import Overview, Status
from dashboard.judges.votes_to_learn import LEAST
from dashboard.pages.history.history_cards import percent, span
from dashboard.texts import Say
from pipelines.terminal.unseen_signs import plain

MANY = 1_000
"""Votes below which it is said that more of them teach more."""


def votes_line(overview: Overview, say: Say) -> str:
    """Return how many votes there are to learn from, and how many are left out."""
    usable = overview.usable
    count = len(usable)
    if not usable.enough:
        line = say("model.learn.too_few", count=f"{count:,}", least=LEAST, missing=f"{LEAST - count:,}")
    elif overview.last is not None and overview.new == 0:
        line = say("model.learn.nothing_new", count=f"{count:,}")
    elif overview.last is not None:
        line = say("model.learn.some_new", count=f"{count:,}", new=f"{overview.new:,}")
    else:
        line = say("model.learn.ready", count=f"{count:,}")
    bar = "" if usable.enough else _bar(count / LEAST, say("model.learn.bar_votes"), f"{count:,} / {LEAST}")
    hints = [say("model.learn.left_out", count=f"{usable.left_out:,}")] if usable.left_out else []
    if usable.enough and count < MANY:
        hints.insert(0, say("model.learn.expect"))
    if usable.people > 1:
        hints.insert(0, say("model.learn.people", people=f"{usable.people:,}"))
    return f'<p class="nothing">{escape(line)}</p>{bar}{"".join(map(_hint, hints))}'


def progress_bar(status: Status, say: Say) -> str:
    """Return what is being done, and about how much of the whole is."""
    return _bar(status.share, say(f"model.learn.step.{status.step}"), f"{100 * status.share:.0f} %")


def outcome(about: Mapping[str, Any], say: Say) -> str:
    """Return before and after in words and numbers.

    Parameters
    ----------
    about : mapping
        What `learned.json` holds.
    say : function
        The texts.
    """
    old = about["old"]
    name = say("model.learn.starter") if old["starter"] else say("model.learn.so_far", name=old["name"])
    votes, seen = f"{about['votes']:,}", f"{old['seen']:,}"
    parts = [_hint(say("model.learn.learnt", count=votes))]
    if old["starter"]:
        parts += [_sentence(about["against_starter"], name, say), _table(about["against_starter"], name, say)]
    else:
        against = about["against_old"]
        parts.append(_sentence(against, name, say))
        if old["seen"]:
            kind = "seen_by_time" if old["why"] == "time" else "seen"
            parts.append(_hint(say(f"model.learn.{kind}", seen=seen, old=name)))
        parts.append(_table(against, name, say))
        starter = say("model.learn.starter")
        parts += [_sentence(about["against_starter"], starter, say), _table(about["against_starter"], starter, say)]
    return "".join((*parts, _hint(say("model.learn.how"))))


def _sentence(found: Mapping[str, Any], name: str, say: Say) -> str:
    word = found["word"]
    votes = f"{found['votes']:,}"
    text = plain(say(f"model.learn.word.{word}", count=votes, old=name), 600)
    return f'<p class="verdict" data-word="{escape(word)}"><b>{text}</b></p>'


def _hint(sentence: str) -> str:
    return f'<p class="hint">{plain(sentence, 600)}</p>'


def _table(found: Mapping[str, Any], name: str, say: Say) -> str:
    if found["word"] == "untold":
        return ""
    head = "".join(f'<th scope="col">{escape(say(f"model.score.{key}"))}</th>' for key in ("log_loss", "accuracy"))
    body = ""
    for kind, label in (("new", say("model.learn.new")), ("old", name)):
        row = found[kind]
        cells = f"<td>{row['log_loss']:.4f}</td><td>{percent(row['accuracy'])}</td>"
        marked = ' class="stack"' if kind == "new" else ""
        body += f'<tr{marked}><th scope="row">{plain(label, 120)}</th>{cells}</tr>'
    loss, right = found["log_loss"], found["accuracy"]
    gaps = [
        f"{_signed(loss['difference'])}<br><small>{span(_signed(loss['low']), _signed(loss['high']))}</small>",
        f"{_points(right['difference'])}<br><small>{span(_points(right['low']), _points(right['high']))}</small>",
    ]
    label = f"{escape(say('model.learn.difference'))}<br><small>{escape(say('model.learn.interval'))}</small>"
    cells = "".join(f"<td>{gap}</td>" for gap in gaps)
    body += f'<tr><th scope="row">{label}</th>{cells}</tr>'
    table = f'<table class="scores"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide">{table}</div>'


def _signed(number: float) -> str:
    """Return a difference of log losses with its sign and four places."""
    return _minus(f"{number:+.4f}")


def _points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return _minus(f"{100 * share:+.1f}")


def _minus(number: str) -> str:
    """Return a number with a true minus sign, and zero without a sign."""
    return number.replace("-", "\u2212") if number.strip("+-0.") else number.lstrip("+-")


def _bar(share: float, label: str, value: str) -> str:
    now = round(100 * min(max(share, 0.0), 1.0))
    attributes = f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{now}"'
    return (
        f'<div class="status"><b>{escape(label)}</b><span>{escape(value)}</span></div>'
        f'<div class="bar-of" {attributes} aria-label="{escape(label)}"><i style="width: {now}%"></i></div>'
    )
