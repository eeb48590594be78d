"""Graded preferences, each set with its own columns and sense of sign; AlpacaEval's annotations and outputs."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from pipelines.formats.columns.scales import Scale
from pipelines.formats.columns.vote_columns import number
from pipelines.formats.forms.form_interface import NoBattles, RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, messages, with_input
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import (
    ANNOTATORS,
    LANGUAGES,
    NoVoteError,
    Record,
    UnknownWinnerError,
    Vote,
    first_of,
    id_of,
    is_missing,
    record,
)


class Layout(NamedTuple):
    """A set of graded votes: what it is called, its columns of texts and models, and how its votes are read."""

    title: str
    prompt: str
    answers: tuple[str, str]
    column: str
    vote: Callable[[str, Any], Vote]
    models: tuple[str, str] = ("", "")


def _side(first: str, second: str) -> Callable[[str, Any], Vote]:
    """Return how a column is read that holds a number for each side."""

    def find(column: str, value: Any) -> Vote:
        if is_missing(value):
            raise NoVoteError(f"has no vote: {column} is empty")
        text = str(value).strip().removesuffix(".0")
        if text not in (first, second):
            raise UnknownWinnerError(column, value)
        return Vote(int(text == second))

    return find


def alpaca_vote(column: str, value: Any) -> Vote:
    """Return the vote of AlpacaEval's `preference`: 1 is the first output, 2 the second, 1.5 and 0 a tie.

    Weighted annotators give what lies between; such a vote weighs by how far it is from the middle.
    """
    if is_missing(value):
        raise NoVoteError(f"has no vote: {column} is empty")
    found = number(value)
    if found in (0.0, 1.5):
        return Vote(2)
    if found is None or not 1.0 <= found <= 2.0:
        raise UnknownWinnerError(column, value)
    return Vote(int(found > 1.5), weight=max(abs(found - 1.5) * 2, 1e-6))


_HELPSTEERS = Scale(-3, 3).vote
LAYOUTS = (
    Layout(
        "HelpSteer2's preferences", "prompt", ("response_1", "response_2"), "preference_strength", Scale(-3, 3).vote
    ),
    Layout("HelpSteer3's preferences", "context", ("response1", "response2"), "overall_preference", _HELPSTEERS),
    Layout(
        *("AlpacaEval's annotations", "instruction", ("output_1", "output_2"), "preference", alpaca_vote),
        models=("generator_1", "generator_2"),
    ),
    Layout("SHP's preferences", "history", ("human_ref_A", "human_ref_B"), "labels", _side("1", "0")),
    Layout("PKU-SafeRLHF's preferences", "prompt", ("response_0", "response_1"), "better_response_id", _side("0", "1")),
)
"""Every set of graded votes that is known; a new one is a line here. HelpSteer's grades below 0 prefer the first."""


class Graded(VoteForm):
    """A prompt, two answers and a number whose sign or size says which is better, and by how much."""

    title = "graded preferences"
    needs = "the columns of HelpSteer2, HelpSteer3 or AlpacaEval"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether the columns are those of a known set."""
        return _layout(shape, labelled) is not None

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        found = _layout(shape, labelled=False)
        assert found is not None
        self.layout = found

    def name(self) -> str:
        """Return which set it is."""
        return self.layout.title

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a row."""
        layout = self.layout
        sides = []
        for name, role in ((layout.prompt, "user"), *((answer, "assistant") for answer in layout.answers)):
            try:
                sides.append(messages(self._cell(row, name), role, self.shape.text_style(name)))
            except BadTurnsError as fault:
                raise BadTurnsError(f"{name} {fault}") from fault
        vote = reading.vote(lambda: layout.vote(layout.column, row.get(layout.column)))
        models = (row.get(layout.models[0]), row.get(layout.models[1]))
        who, lang = first_of(row, ANNOTATORS), first_of(row, LANGUAGES)
        yield record(battle(*sides), vote, id_of(row), models, who, lang)

    def _cell(self, row: Mapping[str, Any], name: str) -> Any:
        cell = row.get(name)  # AlpacaFarm has AlpacaEval's columns, and what an instruction is about besides
        return with_input(cell, row.get("input")) if name == "instruction" and isinstance(cell, str) else cell


def _layout(shape: Shape, labelled: bool | None) -> Layout | None:
    for layout in LAYOUTS:
        texts = (layout.prompt, *layout.answers)
        if not all(name in shape.columns for name in texts):
            continue
        if layout.column in shape.columns or (not labelled and all(n and n in shape.columns for n in layout.models)):
            return layout
    return None


class AlpacaOutputs(NoBattles):
    """AlpacaEval's outputs of one model: answers that nobody compared."""

    title = "AlpacaEval's outputs"
    needs = "instruction, output and generator"
    instead = (
        "answers of one model that nobody compared; name its annotations.json, which has output_1, output_2 and "
        "preference"
    )

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there are instructions, outputs and who made them."""
        return shape.has("instruction", "output", "generator") and not any(map(_is_list, shape.sample("output")))


def _is_list(cell: Any) -> bool:
    return isinstance(cell, list)
