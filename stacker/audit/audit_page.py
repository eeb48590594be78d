"""An audit as one self-contained HTML page."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.files.atomic_files import atomic_write
from stacker.audit.audit import Audit
from stacker.audit.audit_words import findings_of, measured, notes_of, per_cent, rows_of, signed
from stacker.audit.found_effects import BLIND, CLEAR, JUDGES, LEAST, MOVED, PEOPLE, TOLERATED, Effect
from stacker.audit.questions import DUEL, IN_PLACE, MATCHED
from stacker.evaluate.charts import Row, fitting, interval_rows, shares
from stacker.evaluate.html_templates import environment, written


def write_page(path: Path, found: Audit) -> None:
    """Write the page, whole or not at all."""
    html = page(found)
    with atomic_write(path) as part:
        part.write_text(html, encoding="utf-8", errors="replace")


def page(found: Audit) -> str:
    """Return the page that `write_page` writes."""
    duels = [effect for effect in found.effects if effect.way in (DUEL, MATCHED)]
    in_place = [effect for effect in found.effects if effect.way == IN_PLACE]
    compared = [effect for effect in found.effects if effect.way in (PEOPLE, JUDGES) and effect.battles]
    moved = {effect.name for effect in found.findings}
    tried = {effect.name for effect in found.effects if not effect.control_probe}
    head, *rows = rows_of(found.effects)
    return (
        environment(Path(__file__).with_name("templates"))
        .get_template("audit.html")
        .render(
            found=found,
            moved=len(moved),
            tried=len(tried),
            strongest=_strongest(found),
            findings=findings_of(found),
            notes=notes_of(found),
            charts={
                "duel": _shares(duels, "Battles in which the changed answer wins and loses"),
                "in_place": _changes(in_place),
                "people": _shares(compared, "Share of the judge's score and of that of others"),
            },
            head=head,
            rows=[(effect.state == MOVED, row) for effect, row in zip(found.effects, rows, strict=True)],
            clear=written(CLEAR, ".0%"),
            least=written(LEAST, ".2f"),
            blind=written(BLIND, ".2f"),
            tolerated=written(TOLERATED, ".0%"),
            any_alarm=written(found.alarms["any"], ".1%"),
        )
    )


def _strongest(found: Audit) -> Effect | None:
    """Return the finding with the largest change of probability in favour of the changed answer."""
    gained = [effect for effect in found.findings if effect.way in (DUEL, MATCHED) and (effect.change["mean"] or 0) > 0]
    return max(gained, key=lambda effect: effect.change["mean"] or 0.0, default=None)


def _shares(effects: Iterable[Effect], label: str) -> str:
    """Return a row for each effect: its share and, in the second colour, the opposite or the others' share."""
    rows = []
    for effect in effects:
        first, second = effect.rate, effect.other
        if first["share"] is None:
            continue
        both = second["share"], second["low"], second["high"]
        rows.append(
            Row(
                measured(effect),
                first["share"],
                first["low"],
                first["high"],
                per_cent(first),
                effect.control_probe,
                None if None in both else (both[0] or 0.0, both[1] or 0.0, both[2] or 0.0),
            )
        )
    return interval_rows(rows, shares(), label) if rows else ""


def _changes(effects: Iterable[Effect]) -> str:
    rows = [
        Row(
            effect.title, mean, effect.change["low"], effect.change["high"], signed(effect.change), effect.control_probe
        )
        for effect in effects
        if (mean := effect.change["mean"]) is not None
    ]
    axis = fitting([0.0, *(end for row in rows for end in (row.value, row.low, row.high))])
    return interval_rows(rows, axis, "Change of the probability by the changed answer", 0.0) if rows else ""
