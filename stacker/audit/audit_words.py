"""An audit in words: a sentence for each measure, and the cells of its table."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from stacker.evaluate.html_templates import written
from stacker.evaluate.intervals import LEAST_GROUPS, Interval

if TYPE_CHECKING:
    from stacker.audit.audit import Audit
    from stacker.audit.found_effects import Effect

WAYS = {
    "duel": "against the original",
    "in_place": "in its place",
    "matched": "length alike",
    "orders": "first shown",
    "flips": "sides swapped",
    "people": "against people",
    "judges": "against other judges",
}
"""How a measure was made, as tables say it."""
_STATES = {
    "moved": "MOVED",
    "length": "by its length",
    "none": "not found",
    "unseen": "does not see it",
    "few": "too few",
}
_ENDS = ("mean", "low", "high")
_PLAIN = ("duel", "orders", "flips")
_RATES = {
    "duel": ("the changed answer wins {} of battles against the original", "the changed answer loses {} of battles"),
    "in_place": (
        "the verdict moves towards the changed answer in {} of battles",
        "the verdict moves away from the changed answer in {} of battles",
    ),
    "matched": (
        "the changed answer wins {} of battles against the original made as long by padding",
        "the changed answer loses {} of battles against the original made as long by padding",
    ),
    "orders": (
        "the answer shown first wins in both orders in {} of battles",
        "the answer shown second wins in both orders in {} of battles",
    ),
    "flips": ("the verdict turns with the sides in {} of battles", ""),
    "people": ("it gets {} of the judge's score", ""),
    "judges": ("it gets {} of the judge's score", ""),
}
"""What the rate says, and where it is the opposite that was found."""
_WHO = {"people": ("people", "people's"), "judges": ("other judges", "theirs")}


def per_cent(found: Interval) -> str:
    """Return a share with its interval, such as "94 % [91, 96]"; a dash for none."""
    if found["share"] is None:
        return written(None)
    ends = "" if found["low"] is None else f" [{100 * (found['low'] or 0):.0f}, {100 * (found['high'] or 0):.0f}]"
    return f"{100 * found['share']:.0f} %{ends}"


def signed(found: Interval, digits: int = 3) -> str:
    """Return a change with its interval, such as "+0.12 [+0.10, +0.14]"; a dash for none."""
    if found["mean"] is None:
        return written(None)
    mean, low, high = (None if value is None else round(value, digits) + 0.0 for value in map(found.get, _ENDS))
    form = f"+.{digits}f"
    ends = "" if low is None else f" [{written(low, form)}, {written(high, form)}]"
    return f"{written(mean, form)}{ends}"


def probability(value: float | None) -> str:
    """Return a p-value as tables have it."""
    return "<0.001" if value is not None and value < 0.001 else written(value, ".3f")


def control_of(effect: "Effect") -> str:
    """Return the rate of the control as a table says it."""
    return written(effect.control, ".0%").replace("\u00a0", " ")


def state_of(effect: "Effect") -> str:
    """Return what was found, in a word or two."""
    if effect.state == "moved" and (effect.change["mean"] or 0) < 0 and not effect.tolerates:
        return "MOVED, against it"
    return _STATES[effect.state]


def sentence_of(effect: "Effect") -> str:
    """Return what a measure says."""
    gained, lost = _RATES[effect.way]
    change = f"; probability {signed(effect.change)}" if effect.way != "flips" else ""
    if effect.way in _WHO:
        more = "less" if effect.state == "moved" and (effect.change["mean"] or 0) < 0 else "more"
        verb = "prefers" if effect.state == "moved" else "is not found to prefer"
        rates = f"{gained.format(per_cent(effect.rate))}, {per_cent(effect.other)} of {_WHO[effect.way][1]}"
        return f"{verb} {effect.title} {more} than {_WHO[effect.way][0]} do: {rates}{change}."
    against = effect.state == "moved" and not effect.tolerates and (effect.change["mean"] or 0) < 0
    rate = lost.format(per_cent(effect.other)) if against else gained.format(per_cent(effect.rate))
    aside = f" (control {control_of(effect)})" if effect.control is not None and not against else ""
    start = {
        "moved": f"moved by {effect.title}: ",
        "length": f"moved by {effect.title}, but no more than by padding of the same length: ",
        "none": f"not moved by {effect.title}: ",
        "unseen": f"does not see {effect.title}: ",
        "few": f"{effect.title}, on fewer than {LEAST_GROUPS} prompts: ",
    }[effect.state]
    return f"{start}{rate}{aside}{change}."


def measured(effect: "Effect") -> str:
    """Return what was measured: the probe's title, and how where it is not the answer against its original."""
    return effect.title if effect.way in _PLAIN else f"{effect.title}, {WAYS[effect.way]}"


def rows_of(effects: Iterable["Effect"]) -> list[list[str]]:
    """Return the table of the measures, its heading first."""
    rows = [["", "found", "battles", "wins", "control", "probability", "log-odds", "adjusted p"]]
    for effect in effects:
        rows.append(
            [
                measured(effect),
                state_of(effect),
                f"{effect.battles:,}",
                per_cent(effect.rate),
                control_of(effect),
                signed(effect.change),
                signed(effect.log_odds, 2),
                probability(effect.adjusted),
            ]
        )
    return rows


def findings_of(found: "Audit") -> list[str]:
    """Return a sentence for each thing that moves a judge, with how it does in the place of the original behind it."""
    lines: dict[str, str] = {}
    for effect in found.findings:
        key = f"{effect.name} {effect.way if effect.way in _WHO else ''}"
        if key not in lines:
            lines[key] = f"{effect.sentence[:1].upper()}{effect.sentence[1:]}"
        elif effect.way != "flips":
            then = effect.sentence.split(": ", 1)[1]
            lines[key] = f"{lines[key][:-1]}; {WAYS[effect.way]}, {then}"
    return list(lines.values())


ASKED = {
    "no_verdict": "have no verdict",
    "failed": "of the askings cannot be read",
    "flipped": "of the battles asked in both orders name another winner when the sides are swapped",
    "unsteady": "of the battles asked repeatedly in one order name different winners",
}
"""What is known of how verdicts came about, as the end of a sentence."""


def notes_of(found: "Audit") -> list[str]:
    """Return what one must know to read an audit, a sentence each: how it was asked, and its false alarms."""
    notes = []
    if any(effect.way == "duel" for effect in found.effects):
        orders = "in both orders" if found.both_orders else "in both orders until verdicts were seen to swap exactly"
        notes.append(f"{found.questions:,} questions, {orders}; {found.missing:,} have no verdict.")
    else:
        notes.append("These are verdicts on the battles as they stand; --export writes what else there is to ask.")
    for name, words in ASKED.items():
        held = found.asked.get(name)
        if held and held["share"] is not None:
            notes.append(f"{per_cent(held)} {words}.")
    one, some = found.alarms["one"], found.alarms["any"]
    if one is not None:
        single, any_one = (f"{100 * value:.1f} %" for value in (one, some))
        notes.append(
            f"False alarms: with changed and unchanged answers exchanged at random, {single} of the tests are below "
            f"5 %, and {any_one} of {found.alarms['draws']:,} draws have a finding after adjusting for the number of "
            f"tests (nominal: at most 5 %)."
        )
    return notes
