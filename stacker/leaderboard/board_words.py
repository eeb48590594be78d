"""What a leaderboard says in sentences, on the screen and on its page alike."""

from collections.abc import Mapping
from typing import Any

from pipelines.terminal.unseen_signs import one_line

NAME = 60
"""Characters of a model's name that are shown."""
BASIS = {"votes": "people's votes", "verdicts": "verdicts", "both": "people's votes and verdicts together"}


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in per cent, a dash for None."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def ends(found: Mapping[str, float | None], digits: int, times: float = 1.0) -> str:
    """Return an interval in brackets; "unknown" where it has no ends."""
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return "unknown" if found["value"] is not None else ""
    return f"[{times * low:.{digits}f}, {times * high:.{digits}f}]".replace("-", "−")


def rank_of(found: Mapping[str, int]) -> str:
    """Return a range of ranks."""
    return str(found["low"]) if found["low"] == found["high"] else f"{found['low']}–{found['high']}"


def heading(found: Mapping[str, Any]) -> str:
    """Say what was ranked by what."""
    said = f"{len(found['models']):,} models, {found['battles']:,} battles on {found['prompts']:,} prompts"
    by = BASIS[found["basis"]]
    if found["judge"] and found["basis"] != "votes":
        by = f"{by} of {one_line(found['judge'], NAME)}" if found["basis"] == "verdicts" else by
    return f"{said}; ranked by {by}"


def remarks(found: Mapping[str, Any]) -> list[str]:
    """Return what has to be known of a leaderboard, each as a sentence."""
    level = f"{100 * found['level']:g} %"
    said = [f"All ranges of ranks hold together at {level}; battles of one prompt move together in every interval."]
    if found["against"]:
        said.append(f"Win rates are against {one_line(found['against'], NAME)}.")
    if found["components"] > 1:
        said.append(
            f"The models fall into {found['components']} groups that never met, directly or by others: strengths and "
            f"ranks of different groups cannot be compared, and each group has ranks of its own."
        )
    if found["prompts"] < 2:
        said.append("All battles are of one prompt: nothing can be said of other prompts, so no interval is known.")
    counts = {
        "do not name both models": found["nameless"],
        "are of a model against itself": found["same"],
        "have neither a vote nor a verdict": found["unjudged"],
    }
    said += [f"Left out: {count:,} battles that {what}." for what, count in counts.items() if count]
    if found["weighed"]:
        alone = "" if found["basis"] == "votes" else " where they stand alone; with verdicts every vote counts alike"
        said.append(f"Votes count by their weights (their grades, where a file has grades){alone}.")
    if found["missing"]:
        said.append(f"The judge has no verdict on {found['missing']:,} battles.")
    return said + _of_votes(found)


def _of_votes(found: Mapping[str, Any]) -> list[str]:
    """Say what the verdicts were worth next to the votes."""
    saved = found.get("saved")
    if saved is None:
        if found["votes"] and found["verdicts"]:
            return ["Every battle with a verdict has a vote: the ranks rest on the votes, and verdicts add nothing."]
        return []
    said = [
        f"{saved['votes']:,} battles have a vote and {found['verdicts']:,} a verdict. Where votes were cast on battles "
        f"drawn at random, the intervals hold however wrong the judge is."
    ]
    for key, name in (("strengths", "strengths"), ("win_rates", "win rates")):
        if key in saved:
            said.append(_worth(name, saved[key], saved["votes"]))
    picked = found["picked"]
    if picked["likely"]:
        said.append(
            f"Beware: the battles with a vote seem to be picked. Verdicts on them are {abs(picked['difference']):.3f} "
            f"{'surer' if picked['difference'] > 0 else 'less sure'} than on the others (standard error "
            f"{picked['standard_error']:.3f}), so that the intervals need not hold; rank by `votes` alone."
        )
    return said


def _worth(name: str, worth: Mapping[str, Any], votes: int) -> str:
    interval = "" if worth["low"] is None else f", 95 % interval {worth['low']:.2f} to {worth['high']:.2f}"
    if worth["saved"] < 0.5:
        return f"For {name} the verdicts save no vote ({worth['ratio']:.2f} times as many{interval})."
    return (
        f"For {name} the {votes:,} votes with the verdicts say as much as {worth['worth']:,.0f} votes alone "
        f"({worth['ratio']:.2f} times as many{interval}): {worth['saved']:,.0f} saved."
    )


def effect_of(effect: Mapping[str, Any]) -> list[str]:
    """Return the row of one effect of length or style."""
    return [effect["control"], f"{effect['value']:+.2f}".replace("-", "−"), ends(effect, 2)]
