"""The ranking as a page of its own, which can be shown to others: strengths, rank ranges, and nothing of any person."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from markupsafe import Markup

from dashboard.texts import LANGUAGES, Texts
from dashboard.votes.model_ranking import Ranking, rank, style_differences
from stacker.evaluate.charts import Row, fitting, interval_rows
from stacker.evaluate.html_templates import environment, written

Of = Literal["style", "model"]
ADDRESS = "leaderboard"
"""Where it is served, below the page's own address."""
_TEMPLATE = environment(Path(__file__).parent).get_template("leaderboard.html")


def rankings(votes: pd.DataFrame, of: Of) -> tuple[Ranking, Ranking]:
    """Return the ranking as voted and that with length and style held equal, of votes from `with_outcomes`."""
    differences = style_differences(votes["response_a"].tolist(), votes["response_b"].tolist())
    return rank(votes, of), rank(votes, of, differences)


def leaderboard_page(votes: pd.DataFrame, of: Of, say: Texts, made: datetime, made_up: bool = False) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    votes : DataFrame
        From `with_outcomes`: those that are ranked.
    of : "style" or "model"
        What is ranked.
    made : datetime
        When, with its zone.
    made_up : bool
        Whether the votes are those of a demonstration, which the page then says.
    """
    voted, held = rankings(votes, of)
    equal = held.rows.set_index("name")
    rows: list[dict[str, Any]] = []
    drawn = []
    for row in voted.rows.to_dict("records"):
        other = equal.loc[row["name"]]
        name = say.style_name(row["name"]) if of == "style" else row["name"]
        record = say("history.record", wins=row["wins"], ties=row["ties"], losses=row["losses"])
        told = {"name": name, "votes": int(row["votes"]), "record": record}
        for ending, of_row in (("", row), ("_equal", other)):
            low, high = int(of_row["rank_low"]), int(of_row["rank_high"])
            told[f"rank{ending}"] = str(low) if low == high else f"{low} – {high}"
            told[f"strength{ending}"] = written(round(float(of_row["strength"]), 2) + 0.0, "+.2f")
            told[f"interval{ending}"] = (
                f"{written(float(of_row['low']), '.2f')} – {written(float(of_row['high']), '.2f')}"
            )
        rows.append(told)
        second = (float(other["strength"]), float(other["low"]), float(other["high"]))
        note = say("leaderboard.rank_is", rank=told["rank"])
        drawn.append(Row(str(name), row["strength"], row["low"], row["high"], note, second=second))
    ends = [end for each in drawn for end in (each.low, each.high, *(each.second or ())[1:]) if end is not None]
    chart = interval_rows(drawn, fitting([*ends, 0.0]), say("history.ranking_label"), reference=0.0) if drawn else ""
    return _TEMPLATE.render(
        say=say,
        votes=voted.votes,
        questions=int(votes["question"].nunique()) if len(votes) else 0,
        rows=rows,
        nothing=say(f"history.no_{of}s"),
        made_up=made_up,
        apart=voted.rows["group"].nunique() > 1,
        chart=Markup(chart),
        links=_links(of, say),
        time=f"{made:%Y-%m-%d %H:%M} {made:%Z}".strip(),
    )


def _links(of: Of, say: Texts) -> list[tuple[str, str, bool]]:
    """Return address, name and whether it is this page, of the rankings and of the languages."""
    kinds: tuple[Of, ...] = ("style", "model")
    found = [(f"?of={kind}&language={say.language}", say(f"history.{kind}s"), kind == of) for kind in kinds]
    return found + [
        (f"?of={of}&language={code}", name, False) for code, name in LANGUAGES.items() if code != say.language
    ]
