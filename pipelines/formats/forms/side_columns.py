"""Tables of prompts, two answers and a vote: Kaggle's and RouteLLM's columns, WSDM Cup's, PPE's, and spreadsheets."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.formats.cells import parse_turns, rescue_turns
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, messages, nested
from pipelines.formats.forms.winners import marked_vote, spelled, winner_vote
from pipelines.formats.messages import BadTurnsError, are_messages
from pipelines.formats.records import (
    ANNOTATORS,
    IDS,
    LANGUAGES,
    BadRecordError,
    Record,
    Texts,
    Vote,
    canonical,
    first_of,
    id_of,
    name_of,
    record,
)

PROMPTS = (
    *("prompt", "question", "instruction", "query", "user_prompt", "user_input", "input", "request", "conversation"),
    *("context", "history", "messages"),
)
"""Names of the column of prompts, the first that a file has is taken."""
_STEMS = ("response", "answer", "output", "completion", "reply", "generation", "candidate", "text", "option")
_ENDS = (("_a", "_b"), ("_1", "_2"), ("_0", "_1"), ("a", "b"), ("1", "2"), ("_left", "_right"))
PAIRS = (
    *((f"{stem}{first}", f"{stem}{second}") for stem in _STEMS for first, second in _ENDS),
    *((f"{first}_{stem}", f"{second}_{stem}") for stem in _STEMS for first, second in (("model_a", "model_b"),)),
    *((f"{first}_{stem}", f"{second}_{stem}") for stem in _STEMS for first, second in (("left", "right"),)),
)
"""Names of the two columns of answers."""
VOTES = (
    *("winner", "preference", "preferred", "vote", "choice", "chosen", "label", "better", "verdict", "judgment"),
    *("judgement", "human_preference", "preferred_response", "better_response", "selected", "selection", "best"),
)
"""Names of the column of votes: the winner where there is one, or else the only one whose cells spell votes."""
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
    models: tuple[str | None, str | None]


class SideColumns(VoteForm):
    """A column of prompts, two of answers, and the vote: a winner's name, or Kaggle's three columns of marks."""

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
        return not labelled or shape.has(*OUTCOMES) or (bool(_vote_columns(shape)) and not _half_marked(shape))

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
        if third := _third_answer(shape, first, second):
            raise UserError(
                f"has more than two answers, {first}, {second} and {third}; write a row for each pair of them, or name "
                "two by columns."
            )
        models = next((pair for pair in _MODELS if shape.has(*pair)), None)
        named = (shape.named[models[0]], shape.named[models[1]]) if models else (None, None)
        marks = any(map(shape.has, OUTCOMES))
        vote = shape.named.get("winner") if marks else _vote_column(shape)
        for column in filter(None, (prompt, first, second, vote)):
            _check_single(shape, column)
        return Columns(prompt, first, second, vote, marks, named)

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
        return self.title

    def columns(self) -> tuple[str, ...]:
        """Return the columns that are read."""
        used = self.used
        chosen = {used.prompt, used.first, used.second, used.vote, *used.models, "id"} - {None}
        about = (*OUTCOMES, *IDS, *ANNOTATORS, *LANGUAGES, "choice")
        return tuple(name for name in self.shape.columns if name in chosen or canonical(name) in about)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a row."""
        used = self.used
        found = {canonical(name): value for name, value in reversed(list(row.items()))}
        name = id_of(found)
        if not name and (reading.trouble or any(map(self.shape.has, IDS))):
            raise BadRecordError(reading.trouble or "has no id")
        models = tuple(name_of(row.get(column)) if column else "" for column in used.models)
        vote = reading.vote(lambda: self._vote(row, found, models))
        texts, trouble = reading.texts(lambda: self._texts(row), lambda: self._rescued(row))
        yield record(
            texts,
            vote,
            name,
            (models[0], models[1]),
            annotator=first_of(found, ANNOTATORS),
            lang=first_of(found, LANGUAGES),
            trouble=trouble,
        )

    def _vote(self, row: Mapping[str, Any], found: Mapping[str, Any], models: tuple[str, ...]) -> Vote:
        used = self.used
        if any(name in found for name in OUTCOMES):
            vote = marked_vote(found)
            said = found.get("choice", found.get("winner"))  # the dashboard's exports say more than Kaggle's columns
            bad = vote.outcome == 2 and isinstance(said, str) and spelled(said) == Vote(2, both_bad=True)
            return vote._replace(both_bad=bad)
        if used.vote is None:
            return winner_vote("winner", None)
        first, second = ({used.first.lower()}, {used.second.lower()})
        if models[0] != models[1]:
            first, second = first | {models[0].lower()} - {""}, second | {models[1].lower()} - {""}
        return winner_vote(used.vote, row.get(used.vote), first, second, _base(used))

    def _texts(self, row: Mapping[str, Any]) -> Texts:
        used = self.used
        cells = {name: self._cell(row, name) for name in (used.prompt, used.first, used.second)}
        if any(map(are_messages, cells.values())):
            roles = ("user", "assistant", "assistant")
            sides = [
                _parsed(name, messages, cell, role) for (name, cell), role in zip(cells.items(), roles, strict=True)
            ]
            return battle(*sides)
        turns = [_parsed(name, parse_turns, cell, self.shape.style(name)) for name, cell in cells.items()]
        return turns[0], turns[1], turns[2]

    def _cell(self, row: Mapping[str, Any], name: str) -> Any:
        if name not in row:
            raise BadTurnsError(f"is missing the column {name}")
        cell = row[name]
        if isinstance(cell, dict):
            return nested(cell.get("messages")) if "messages" in cell else [cell]
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


def _base(used: Columns) -> int | None:
    """Return the number that stands for the first answer, where the names of the answers are numbered."""
    ends = (used.first.rstrip()[-1:], used.second.rstrip()[-1:])
    return int(ends[0]) if ends in (("0", "1"), ("1", "2")) else None


def response_columns(shape: Shape) -> list[str]:
    """Return the columns that hold lists of responses, each with its person and its value, as Argilla's tables have."""
    if "fields" in shape.columns or not answer_columns(shape):
        return []
    found = []
    for column in shape.columns:
        cells = [nested(cell) for cell in shape.sample(column)]
        lists = [cell for cell in cells if isinstance(cell, list) and cell]
        if lists and all(
            isinstance(each, dict) and {"user_id", "value"} <= set(each) for cell in lists for each in cell
        ):
            found.append(column)
    return found


def prompt_column(shape: Shape) -> str | None:
    """Return the column of prompts, by the names that it usually has."""
    return next((shape.named[name] for name in PROMPTS if name in shape.named), None)


def answer_columns(shape: Shape) -> list[tuple[str, str]]:
    """Return the pairs of columns that can be the answers; Kaggle's alone, where they are there."""
    pairs = [(shape.named[first], shape.named[second]) for first, second in PAIRS if shape.has(first, second)]
    return pairs[:1] if pairs and canonical(pairs[0][0]) == TEXT_COLUMNS[1] else pairs


def _third_answer(shape: Shape, first: str, second: str) -> str | None:
    """Return the column that goes on behind two of answers, where it says anything; None where there is none."""
    stem, end = canonical(second)[:-1], canonical(second)[-1:]
    following = {"b": "c", "2": "3", "1": "2"}.get(end)
    third = None if following is None else shape.named.get(stem + following)
    return third if third is not None and shape.sample(third) else None


def _check_single(shape: Shape, column: str) -> None:
    """Raise where another column has the same name but for its case and signs, and says something else."""
    for other in shape.columns:
        if other != column and canonical(other) == canonical(column):
            if any(str(row.get(other)) != str(row.get(column)) for row in shape.rows):
                raise UserError(f"{column} and {other} have one name and say different things; name one by columns.")


def _half_marked(shape: Shape) -> bool:
    """Tell whether some of Kaggle's columns of marks are there, and no winner: a column is missing."""
    return any(map(shape.has, OUTCOMES)) and not shape.has("winner")


def _vote_columns(shape: Shape) -> list[str]:
    return [shape.named[name] for name in VOTES if name in shape.named]


def _vote_column(shape: Shape) -> str | None:
    found = _vote_columns(shape)
    if len(found) < 2 or canonical(found[0]) == "winner":
        return found[0] if found else None
    spelling = [column for column in found if all(_spells(cell) for cell in shape.sample(column))]
    if len(spelling) == 1:
        return spelling[0]
    raise UserError(f"{' and '.join((spelling or found)[:2])} can both be the vote; name one by columns.")


def _spells(cell: Any) -> bool:
    return isinstance(cell, str) and spelled(cell) is not None
