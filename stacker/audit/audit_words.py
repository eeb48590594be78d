"""An audit in words: a sentence for each measure, and the cells of its table."""

from typing import TYPE_CHECKING, Any

from stacker.evaluate.html_templates import written
from stacker.evaluate.intervals import LEAST_GROUPS, Interval

if TYPE_CHECKING:
    from stacker.audit.found_effects import Effect

WAYS = {
    "duel": "against the original",
    "in_place": "in its place",
    "orders": "first shown",
    "flips": "sides swapped",
    "people": "against people",
    "judges": "against other judges",
}
"""How a measure was made, as tables say it."""
_RATES = {
    "duel": ("the changed answer wins {} of battles against the original", "the changed answer loses {} of battles"),
    "in_place": (
        "the verdict moves towards the changed answer in {} of battles",
        "the verdict moves away from the changed answer in {} of battles",
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
    form = f"+.{digits}f"
    ends = "" if found["low"] is None else f" [{written(found['low'], form)}, {written(found['high'], form)}]"
    return f"{written(found['mean'], form)}{ends}"


def control_of(effect: "Effect") -> str:
    """Return the rate of the control as a table says it."""
    return written(effect.control, ".0%").replace("\u00a0", " ")


def state_of(effect: "Effect") -> str:
    """Return what was found, in a word or two."""
    if effect.state == "moved" and (effect.change["mean"] or 0) < 0 and not effect.tolerates:
        return "MOVED, against it"
    return {"moved": "MOVED", "none": "not found", "unseen": "does not see it", "few": "too few"}[effect.state]


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
        "none": f"not moved by {effect.title}: ",
        "unseen": f"does not see {effect.title}: ",
        "few": f"{effect.title}, on fewer than {LEAST_GROUPS} prompts: ",
    }[effect.state]
    return f"{start}{rate}{aside}{change}."


def rows_of(effects: Any) -> list[list[str]]:
    """Return the table of the measures, its heading first."""
    head = ["", "measured", "battles", "wins", "control", "probability", "log-odds", "adjusted p", "found"]
    return [
        head,
        *(
            [
                effect.title,
                WAYS[effect.way],
                f"{effect.battles:,}",
                per_cent(effect.rate),
                control_of(effect),
                signed(effect.change),
                signed(effect.log_odds, 2),
                written(effect.adjusted, ".3f"),
                state_of(effect),
            ]
            for effect in effects
        ),
    ]
