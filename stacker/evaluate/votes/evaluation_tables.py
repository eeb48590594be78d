"""An evaluation as tables of text, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.terminal.unseen_signs import one_line
from stacker.evaluate.html_templates import NONE
from stacker.evaluate.votes.evaluation import JUDGE, LONGER, PREDICTORS, PRIOR
from stacker.evaluate.votes.judge_scores import Figure

Table = tuple[str, list[list[str]]]
HEADINGS = {
    "log_loss": "log loss",
    "brier": "Brier score",
    "accuracy": "accuracy, three outcomes",
    "accuracy_without_ties": "accuracy, votes for a side",
    "agreement": "agreement, both name a side",
    "kappa": "Cohen's kappa",
    "auc": "AUC, A against B",
}
"""The scores in their order, as tables name them."""
SHARES = ("accuracy", "accuracy_without_ties", "agreement")
"""Scores that are told in per cent."""
LONGEST = 40
"""Characters of a name that others gave."""


def number(figure: Mapping[str, float | None] | None, form: str = ".3f") -> str:
    """Return a figure with its interval as text."""
    return _with_interval(figure, lambda value: format(value, form))


def per_cent(figure: Mapping[str, float | None] | None) -> str:
    """Return a figure from 0 to 1 with its interval as text, in per cent."""
    return _with_interval(figure, lambda value: f"{100 * value:.1f}")


def _with_interval(figure: Mapping[str, float | None] | None, form: Any) -> str:
    if figure is None or figure["value"] is None:
        return NONE
    if figure["low"] is None or figure["high"] is None:
        return str(form(figure["value"]))
    return f"{form(figure['value'])} ({form(figure['low'])} to {form(figure['high'])})"


def score(name: str, figure: Figure | None) -> str:
    """Return a score of a name in `HEADINGS` as text."""
    return per_cent(figure) if name in SHARES else number(figure)


def heading(name: str) -> str:
    """Return what a score is called, with its unit."""
    return HEADINGS[name] + (", %" if name in SHARES else "")


def tables(found: Mapping[str, Any], judge: str) -> Iterator[Table]:
    """Yield the tables of an evaluation, each its title and its rows with the heading first.

    Parameters
    ----------
    found : mapping
        Of `stacker.evaluate.votes.evaluation.evaluate`.
    judge : str
        What the judge is called.
    """
    names = {JUDGE: one_line(judge, LONGEST), LONGER: LONGER, PRIOR: PRIOR}
    rows = [["", *names.values()]]
    for name in HEADINGS:
        cells = [found["scores"][each][name] for each in PREDICTORS]
        if any(cell is not None for cell in cells):
            rows.append([heading(name), *(score(name, cell) for cell in cells)])
    yield "Against people's votes (95 % intervals, votes on one prompt together)", rows
    if found["calibration"] is not None:
        by = found["calibration"]
        yield (
            "Calibration",
            [
                ["", "", "by chance, up to"],
                ["calibration error (ECE)", f"{by['ece']:.3f}", f"{by['by_chance']['high']:.3f}"],
                ["confidence less accuracy", number(by["overconfidence"], "+.3f"), ""],
            ],
        )
    if found["decided_by"] is not None:
        yield (
            "How much a difference of the scores means (votes for a side)",
            [
                ["mean difference", "ahead was preferred, %", "votes"],
                *(
                    [
                        f"{each['predicted']:.3g}",
                        per_cent({"value": each["seen"], "low": each["low"], "high": each["high"]}),
                        f"{int(each['battles']):,}",
                    ]
                    for each in found["decided_by"]
                ),
            ],
        )
    if len(found["sources"]) > 1:
        yield "By source", part_rows("source", found["sources"], found)
    for way, parts in found["slices"].items():
        yield f"By {way}", part_rows(way.partition(",")[0], parts, found)
    yield from _people(found, names[JUDGE])
    if found.get("asking"):
        yield "How the judge answered", _asking(found["asking"])


def _asking(asked: Mapping[str, Any]) -> list[list[str]]:
    rows = [["", "of all", "share, %"]]
    for told, part, whole, rate in (
        ("askings that say nothing that can be read", "failed", "asked", "failure_rate"),
        ("battles whose winner changes with the order", "flipped", "both_orders", "flip_rate"),
        ("battles whose winner changes when asked again", "unsteady", "repeated", "unsteady_rate"),
    ):
        rows.append([told, f"{asked[part]:,} of {asked[whole]:,}", per_cent(asked[rate])])
    return rows


def part_rows(what: str, parts: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table of the parts of a way, the heading first."""
    loss = not found["no_log_loss"]
    first = ["log loss", "class prior's"] if loss else []
    rows = [[what, "votes", *first, "accuracy, %", "votes for a side, %", "longer's, %"]]
    for part in parts:
        own = part[JUDGE]
        cells = [number(own["log_loss"]), _plain(part[PRIOR]["log_loss"], 1)] if loss else []
        longer = _plain(part[LONGER]["accuracy_without_ties"], 100)
        rows.append(
            [
                one_line(part["label"], LONGEST),
                f"{part['votes']:,}",
                *cells,
                per_cent(own["accuracy"]),
                per_cent(own["accuracy_without_ties"]),
                longer,
            ]
        )
    return rows


def _plain(figure: Figure | None, times: int) -> str:
    if figure is None or figure["value"] is None:
        return NONE
    return f"{times * figure['value']:.3f}" if times == 1 else f"{times * figure['value']:.1f}"


def _people(found: Mapping[str, Any], judge: str) -> Iterator[Table]:
    """Yield what several people's votes on one pair, and "both bad", say."""
    people = found["ceiling"]
    if people is not None:
        rows = [["agrees with", "a left-out person, %", f"{judge}, %", "difference, points"]]
        for name, told in (("one_other", "one of the others"), ("majority", "most of the others")):
            each = people[name]
            points = {k: None if v is None else 100 * v for k, v in each["difference"].items()}
            rows.append([told, per_cent(each["people"]), per_cent(each["judge"]), number(points, "+.1f")])
        yield (
            f"Human ceiling: {people['votes']:,} votes on {people['pairs']:,} pairs that several people voted on",
            rows,
        )
    test = found["alternative_annotators"]
    if not test["why"]:
        rows = [["people are", "epsilon", "annotators beaten", "winning rate, %", "may stand in for one"]]
        for each in test["by_epsilon"]:
            beaten = f"{each['beaten']} of {len(test['annotators'])}"
            verdict = "yes" if each["passes"] else "no"
            rows.append([each["people"], f"{each['epsilon']:g}", beaten, per_cent(each["winning_rate"]), verdict])
        yield f"Alternative annotator test (advantage {number(test['advantage'], '.2f')})", rows
    bad = found["both_bad"]
    if bad is not None:
        rows = [["", '"both are bad"', "other ties"]]
        rows.append(["votes", f"{bad['votes']:,}", f"{bad['other_ties']:,}"])
        rows.append(["judge calls a tie, %", per_cent(bad["called_tie"]), per_cent(bad["other_ties_called_tie"])])
        if "p_tie" in bad:
            rows.append(["probability of a tie, %", per_cent(bad["p_tie"]), per_cent(bad["other_ties_p_tie"])])
        yield "Votes that call both answers bad", rows


def notes(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on what is missing, and why."""
    if found["missing"]:
        total = found["votes"] + found["missing"]
        yield f"{found['missing']:,} of {total:,} votes have no verdict and are left out."
    if found["no_log_loss"]:
        yield f"No log loss: {found['no_log_loss']}."
    if found["ceiling"] is None:
        yield "No human ceiling: no pair of answers has votes of several people."
    elif found["ceiling"]["repeated"]:
        yield (
            f"Left out of the human ceiling: {found['ceiling']['repeated']:,} votes of people on a pair that they had "
            "voted on before."
        )
    if found["ceiling"] is not None and found["alternative_annotators"]["why"]:
        yield f"No alternative annotator test: {found['alternative_annotators']['why']}."
    if found.get("asking") and found["asking"]["failed"]:
        yield f"First verdict that cannot be read: {found['asking']['first_failure']}."
