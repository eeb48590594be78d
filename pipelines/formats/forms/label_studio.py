"""Label Studio's exports of pairwise labelling: tasks with annotations, and the flat table of JSON_MIN and CSV."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.formats.columns.text_columns import answer_columns, prompt_column
from pipelines.formats.columns.vote_columns import VOTES
from pipelines.formats.columns.winners import spelled, winner_vote
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, messages, nested
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import NoVoteError, Record, Texts, Vote, id_of, is_missing, record

_ABOUT_TASKS = ("annotation_id", "lead_time")


class LabelStudio(VoteForm):
    """Tasks whose `data` holds the texts and whose `annotations` hold a `pairwise` choice, left or right, each."""

    title = "Label Studio's export"
    needs = "data (with a prompt and two answers) and annotations (with a pairwise choice)"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows are tasks with annotations."""
        return "data" in shape.columns and ("annotations" in shape.columns or "completions" in shape.columns)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of each annotation that was not cancelled."""
        data = nested(row.get("data"))
        if not isinstance(data, dict):
            raise BadTurnsError("data is no object with a prompt and two answers")
        given = nested(row.get("annotations", row.get("completions")))
        done = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        done = [each for each in done if not each.get("was_cancelled")]
        found: list[Any] = done or ([] if reading.labelled else [{}])
        if not found:
            raise NoVoteError("has no vote: no annotation that was not cancelled")
        task = id_of(row)
        for annotation in found:
            left, right, vote = _choice(annotation, data, reading)
            several = f"{task}-{id_of(annotation)}" if task and len(found) > 1 else task
            models = tuple(data.get(f"model_{side}") for side in "ab")
            yield record(
                _texts(data, left, right), vote, several, (models[0], models[1]), annotation.get("completed_by")
            )


def _choice(annotation: Mapping[str, Any], data: dict[str, Any], reading: RowReading) -> tuple[str, str, Vote]:
    """Return the keys of the two answers, and what was chosen of them."""
    results = nested(annotation.get("result"))
    found = [each for each in results if isinstance(each, dict)] if isinstance(results, list) else []
    pairs = [each for each in found if each.get("type") == "pairwise"]
    # A choice between the answers counts where there is no pairwise control, as where ties are allowed.
    chosen = pairs or [each for each in found if each.get("type") == "choices"]
    named = next((str(each.get("to_name", "")).split(",") for each in pairs), [])
    shape = Shape(tuple(data), (data,))
    keys = answer_columns(shape)
    left, right = named if len(named) == 2 and all(name in data for name in named) else (keys or [("", "")])[0]
    if not left:
        raise BadTurnsError(f"data has {', '.join(list(data)[:8])}, in which two answers cannot be told")

    def find() -> Vote:
        if not chosen:
            raise NoVoteError("has no vote: an annotation has no pairwise choice")
        value = chosen[0].get("value")
        value = value if isinstance(value, dict) else {}
        return winner_vote("selected", value.get("selected", value.get("choices")), {left.lower()}, {right.lower()})

    return left, right, reading.vote(find)


def _texts(data: Mapping[str, Any], left: str, right: str) -> Texts:
    prompt = prompt_column(Shape(tuple(data), (data,)))
    if prompt is None:
        raise BadTurnsError(f"data has {', '.join(list(data)[:8])}, and no prompt")
    sides = []
    for key, role in ((prompt, "user"), (left, "assistant"), (right, "assistant")):
        try:
            sides.append(messages(data[key], role))
        except BadTurnsError as fault:
            raise BadTurnsError(f"data.{key} {fault}") from fault
    return battle(*sides)


class LabelStudioTable(VoteForm):
    """JSON_MIN and CSV: a row an annotation, the texts and the choice by the names of the labelling interface."""

    title = "Label Studio's export"
    needs = "a prompt, two answers, annotation_id and the choice"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows are annotations of a prompt and two answers."""
        about = any(name in shape.columns for name in _ABOUT_TASKS) and "annotations" not in shape.columns
        if not about or not answer_columns(shape) or prompt_column(shape) is None:
            return False
        return not labelled or choice_column(shape) is not None

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.pair = answer_columns(shape)[0]
        self.choice = choice_column(shape)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of an annotation."""
        left, right = self.pair
        for name in self.pair:
            if name not in row:
                raise BadTurnsError(f"is missing the column {name}")
        names = ({left.lower()}, {right.lower()})
        choice = row.get(self.choice) if self.choice is not None else None
        vote = reading.vote(lambda: winner_vote(self.choice or "the choice", _plain(choice), *names))
        yield record(_flat_texts(row, left, right), vote, id_of(row), annotator=row.get("annotator"))


def _flat_texts(row: Mapping[str, Any], left: str, right: str) -> Texts:
    try:
        return _texts(row, left, right)
    except BadTurnsError as fault:
        raise BadTurnsError(str(fault).removeprefix("data.")) from fault


def _plain(choice: Any) -> Any:
    """Return a choice as a text: what the table has of a control is an object, or a list of one, or one in another."""
    choice = nested(choice)
    for _ in range(3):
        if isinstance(choice, dict):
            choice = choice.get("selected", choice.get("choices"))
        elif isinstance(choice, list) and len(choice) == 1:
            choice = choice[0]
    return choice


def choice_column(shape: Shape) -> str | None:
    """Return the column whose every cell spells a side or a tie: the control's name is up to who made the project."""
    texts = {column for pair in answer_columns(shape) for column in pair} | {prompt_column(shape)}
    usual = [shape.named[name] for name in VOTES if name in shape.named]
    for column in dict.fromkeys([*usual, *shape.columns]):
        cells = [_plain(cell) for cell in shape.sample(column) if not is_missing(_plain(cell))]
        sides = {name.lower() for pair in answer_columns(shape) for name in pair}
        if column not in texts and cells and all(_spells(cell, sides) for cell in cells):
            return column
    return None


def _spells(cell: Any, sides: set[str]) -> bool:
    return isinstance(cell, str) and (cell.lower() in sides or spelled(cell) is not None)
