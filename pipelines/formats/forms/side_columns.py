"""Tables of prompts, two answers and a vote: Kaggle's and RouteLLM's columns, WSDM Cup's, PPE's, and spreadsheets."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.formats.cells import parse_turns, rescue_turns
from pipelines.formats.columns.text_columns import answer_columns, prompt_column, response_columns, third_answer
from pipelines.formats.columns.vote_columns import (
    number,
    score_columns,
    score_vote,
    vote_column,
    vote_columns,
    voter_columns,
)
from pipelines.formats.columns.winners import marked_vote, spelled, winner_vote
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, is_asked_transcript, messages, nested, with_input
from pipelines.formats.messages import BadTurnsError, are_messages, object_text
from pipelines.formats.records import (
    ANNOTATORS,
    IDS,
    LANGUAGES,
    BadRecordError,
    NoVoteError,
    Record,
    Texts,
    Vote,
    canonical,
    first_of,
    id_of,
    is_missing,
    name_of,
    record,
)

_MODELS = (("model_a", "model_b"), ("model_1", "model_2"), ("model_a_name", "model_b_name"), ("model1", "model2"))
_MARKERS = {"annotation_id", "lead_time", "annotations", "completions", "generator_1", "preference_strength"} | {
    "overall_preference",
    "chosen_model_name",
    "both_equal",
    "better_response_id",
    "snapshot",
    "fields",
    "states",
}
"""Columns that tell of other forms."""


class Columns(NamedTuple):
    """Which columns hold what, by their names in the file; None where there is no such column."""

    prompt: str
    first: str
    second: str
    vote: str | None
    marks: bool
    voters: tuple[str, ...]
    scores: tuple[str, str] | None
    models: tuple[str | None, str | None]
    more: str | None


class SideColumns(VoteForm):
    """A column of prompts, two of answers, and the vote: a winner's name, or Kaggle's three columns of marks.

    Or the votes of several people, a column each, or a score for each answer, of which the higher wins.
    """

    title = "a table of prompts, answers and votes"
    needs = f"prompt, response_a, response_b and winner (or {', '.join(OUTCOMES)})"
    rescues = True

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there are prompts, two answers and, where it is asked for, votes."""
        if any(name in shape.named for name in _MARKERS) or not answer_columns(shape) or prompt_column(shape) is None:
            return False
        if any(name.endswith(".responses") for name in shape.columns) or response_columns(shape):
            return False
        if shape.has("instruction", "output_1", "output_2", "preference"):  # AlpacaEval's, whose numbers are its own
            return False
        if not labelled or shape.has(*OUTCOMES):
            return True
        if vote_columns(shape):
            return not _half_marked(shape)
        return bool(voter_columns(shape)) or score_columns(shape, answer_columns(shape)[0]) is not None

    @cached_property
    def used(self) -> Columns:
        """The columns that are read."""
        shape = self.shape
        pairs = answer_columns(shape)
        if len(pairs) > 1:
            told = " and ".join(f"{first}, {second}" for first, second in pairs[:2])
            raise UserError(f"two pairs of columns can be the answers, {told}; name one by columns.")
        prompt, (first, second) = prompt_column(shape), pairs[0]
        assert prompt is not None
        if third := third_answer(shape, first, second):
            raise UserError(
                f"has more than two answers, {first}, {second} and {third}; write a row for each pair of them, or name "
                "two by columns."
            )
        models = next((pair for pair in _MODELS if shape.has(*pair)), None)
        named = (shape.named[models[0]], shape.named[models[1]]) if models else (None, None)
        marks = any(map(shape.has, OUTCOMES))
        vote = shape.named.get("winner") if marks else vote_column(shape)
        for column in filter(None, (prompt, first, second, vote)):
            _check_single(shape, column)
        voters, scores = voter_columns(shape), score_columns(shape, (first, second))
        more = shape.named.get("input") if canonical(prompt) == "instruction" else None
        return Columns(prompt, first, second, vote, marks, voters, scores, named, more)

    @cached_property
    def objects(self) -> frozenset[str]:
        """The columns of texts whose cells are objects, written as text."""
        return frozenset(name for name in self.used[:3] if name and _are_objects(self.shape.sample(name)))

    def name(self) -> str:
        """Return whose columns they are."""
        shape, used = self.shape, self.used
        if (used.prompt, used.first, used.second) == TEXT_COLUMNS:
            if used.marks:
                plain = shape.style(used.prompt) == "turns" and shape.style(used.first) == "text"
                return "RouteLLM's columns" if plain else "Kaggle's columns"
            if shape.has("id", "model_a", "model_b", "winner") and shape.style(used.prompt) == "text":
                return "WSDM Cup's columns"
        if shape.has("question_id", "prompt", "response_1", "response_2", "winner"):
            return "PPE's columns"
        if used.voters:
            return "PandaLM's annotations" if self.of_pandalm else f"{self.title} of {len(used.voters)} people"
        if used.scores:
            return "WebGPT's comparisons" if shape.has("quotes_0", "tokens_0") else "a table of answers and scores"
        return self.title

    @property
    def of_pandalm(self) -> bool:
        """Whether the votes of several people are PandaLM's, whose 0 is a tie."""
        return bool(self.used.voters) and self.shape.has("cmp_key")

    def columns(self) -> tuple[str, ...]:
        """Return the columns that are read."""
        used = self.used
        chosen = {*used[:4], *used.voters, *(used.scores or ()), *used.models, used.more, "id"} - {None}
        about = (*OUTCOMES, *IDS, *ANNOTATORS, *LANGUAGES, "choice", "cmp_key")
        return tuple(name for name in self.shape.columns if name in chosen or canonical(name) in about)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a row; one for each of several people's votes."""
        used = self.used
        found = {canonical(name): value for name, value in reversed(list(row.items()))}
        name = id_of(found)
        if not name and (reading.trouble or any(map(self.shape.has, IDS))):
            raise BadRecordError(reading.trouble or "has no id")
        models = tuple(name_of(row.get(column)) if column else "" for column in used.models)
        if self.of_pandalm and str(found.get("cmp_key")).count("_") == 1:
            models = tuple(str(found["cmp_key"]).split("_"))
        votes = self._votes(row, found, models, reading)
        texts, trouble = reading.texts(lambda: self._texts(row), lambda: self._rescued(row))
        for who, vote in votes:
            yield record(texts, vote, name, (models[0], models[1]), who, first_of(found, LANGUAGES), trouble)

    def _votes(
        self, row: Mapping[str, Any], found: Mapping[str, Any], models: tuple[str, ...], reading: RowReading
    ) -> list[tuple[Any, Vote]]:
        """Return who voted, and how."""
        voters = self.used.voters if reading.labelled is not False else ()
        given = [column for column in voters if not is_missing(row.get(column))]
        if not given:
            return [(first_of(found, ANNOTATORS), reading.vote(lambda: self._vote(row, found, models)))]
        return [(column, self._vote_of(column, row, models)) for column in given]

    def _vote_of(self, column: str, row: Mapping[str, Any], models: tuple[str, ...]) -> Vote:
        """Return the vote that a column names."""
        used, cell = self.used, row.get(column)
        if self.of_pandalm and number(cell) == 0:
            return Vote(2)
        first, second = ({used.first.lower()}, {used.second.lower()})
        if models[0] != models[1]:
            first, second = first | {models[0].lower()} - {""}, second | {models[1].lower()} - {""}
        return winner_vote(column, cell, first, second, _base(used))

    def _vote(self, row: Mapping[str, Any], found: Mapping[str, Any], models: tuple[str, ...]) -> Vote:
        used = self.used
        if any(name in found for name in OUTCOMES):
            vote = marked_vote(found)
            said = found.get("choice", found.get("winner"))  # the dashboard's exports say more than Kaggle's columns
            bad = vote.outcome == 2 and isinstance(said, str) and spelled(said) == Vote(2, both_bad=True)
            return vote._replace(both_bad=bad)
        if used.scores:
            return score_vote(row, used.scores)
        if used.vote is None:
            raise NoVoteError(f"has no vote: {', '.join(used.voters) or 'winner'} is empty")
        return self._vote_of(used.vote, row, models)

    def _texts(self, row: Mapping[str, Any]) -> Texts:
        used = self.used
        cells = {name: self._cell(row, name) for name in (used.prompt, used.first, used.second)}
        if any(map(are_messages, cells.values())) or is_asked_transcript(cells[used.prompt]):
            roles = ("user", "assistant", "assistant")
            sides = [
                _parsed(name, messages, cell, role) for (name, cell), role in zip(cells.items(), roles, strict=True)
            ]
            return battle(*sides)
        turns = [_parsed(name, parse_turns, cell, self.shape.style(name)) for name, cell in cells.items()]
        prompt = turns[0]
        if used.more is not None and len(prompt) == 1:
            prompt = (with_input(prompt[0], row.get(used.more)),)
        return prompt, turns[1], turns[2]

    def _cell(self, row: Mapping[str, Any], name: str) -> Any:
        if name not in row:
            raise BadTurnsError(f"is missing the column {name}")
        cell = nested(row[name]) if name in self.objects else row[name]
        if isinstance(cell, dict):
            text = None if are_messages([cell]) else object_text(cell)
            return nested(cell.get("messages")) if "messages" in cell else [cell if text is None else text]
        # A list of turns is parsed once; one of messages begins with an object.
        held = (
            nested(cell) if self.shape.style(name) == "turns" and isinstance(cell, str) and "{" in cell[:40] else cell
        )
        return held if are_messages(held) else cell

    def _rescued(self, row: Mapping[str, Any]) -> Texts:
        used = self.used
        prompt, first, second = (
            rescue_turns(row.get(name), self.shape.style(name)) for name in (used.prompt, used.first, used.second)
        )
        return prompt, first, second


def _parsed(name: str, parse: Callable[..., Any], cell: Any, how: str) -> Any:
    try:
        return parse(cell, how)
    except BadTurnsError as fault:
        raise BadTurnsError(f"{name} {fault}") from fault


def _are_objects(cells: list[Any]) -> bool:
    """Tell whether the texts among some cells are objects with a text or messages, by JSON or as Python prints them."""
    texts = [nested(cell) for cell in cells if isinstance(cell, str)]
    return bool(texts) and all(
        isinstance(cell, dict) and ("messages" in cell or are_messages([cell]) or object_text(cell) is not None)
        for cell in texts
    )


def _base(used: Columns) -> int | None:
    """Return the number that stands for the first answer, where the names of the answers are numbered."""
    ends = (used.first.rstrip()[-1:], used.second.rstrip()[-1:])
    return int(ends[0]) if ends in (("0", "1"), ("1", "2")) else None


def _check_single(shape: Shape, column: str) -> None:
    """Raise where another column has the same name but for its case and signs, and says something else."""
    for other in shape.columns:
        if other != column and canonical(other) == canonical(column):
            if any(str(row.get(other)) != str(row.get(column)) for row in shape.rows):
                raise UserError(f"{column} and {other} have one name and say different things; name one by columns.")


def _half_marked(shape: Shape) -> bool:
    """Tell whether some of Kaggle's columns of marks are there, and no winner: a column is missing."""
    return any(map(shape.has, OUTCOMES)) and not shape.has("winner")
