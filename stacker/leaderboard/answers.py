"""Answers of named models to the same prompts, read from files, and the battles between them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pipelines.battles.folds import normalised
from pipelines.battles.texts import storable
from pipelines.errors import UserError, shown
from pipelines.formats.cells import cell_style, conversation, parse_turns
from pipelines.formats.containers.file_formats import open_rows
from pipelines.formats.containers.raw_rows import BadRow, RawRow
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.reading_options import MAX_REJECTED
from pipelines.formats.records import IDS

Turns = tuple[str, ...]
Kind = Literal["battles", "answers", "prompts"]
ID = (*IDS, "uid", "instruction_id", "idx")
PROMPT = ("prompt", "instruction", "question", "query", "turns", "input")
MODEL = ("model", "generator", "model_id", "model_name")
ANSWER = ("answer", "output", "response", "completion", "generation", "choices")
MESSAGES = ("messages", "conversation")
"""Names of columns; the first that a row has is taken. A file without a model's name is one model's, named as it is."""
PAIRS = (
    "conversation_a",
    "conversation_b",
    "response_a",
    "response_b",
    "answer_a",
    "answer_b",
    "output_1",
    "output_2",
    "chosen",
    "rejected",
)
_SAMPLE = 100


def kind_of(path: Path) -> Kind:
    """Tell what a file holds by the columns of its first rows; whatever is a form of votes holds battles.

    Raises
    ------
    UserError
        When it cannot be read.
    """
    from pipelines.formats.row_stream import open_form

    with open_rows(path) as opened:
        keys = set(opened.columns or ())
        for row in islice(opened.rows, _SAMPLE):
            keys.update(row.values)
    answers, prompts = keys.intersection((*ANSWER, *MESSAGES)), keys.intersection(ID) and keys.intersection(PROMPT)
    if keys.intersection(PAIRS) or not (answers or prompts):
        return "battles"
    try:
        open_form(path, labelled=None)[0].name()
    except UserError:
        return "answers" if answers else "prompts"
    return "battles"


@dataclass
class Answers:
    """What models answered.

    Attributes
    ----------
    prompts : dict
        Prompts by key: the id, or a hash of the prompt where rows have none.
    by : dict
        Answers by key, then by model.
    bad : list of BadRow
        Rows that cannot be used.
    """

    prompts: dict[str, Turns] = field(default_factory=dict)
    by: dict[str, dict[str, Turns]] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """Return the models' names, sorted."""
        return sorted({model for answers in self.by.values() for model in answers})


def read_answers(paths: Sequence[Path], max_rejected: float = MAX_REJECTED) -> Answers:
    """Read answers from CSV, JSON, JSON Lines or parquet files: a row an answer, of one model a file or of several.

    A row has a prompt (`PROMPT`), an id of it (`ID`), or both, the model (`MODEL`, else the file's name), and the
    answer (`ANSWER`, or a list of messages). Rows with a prompt and an id alone say what was asked, as FastChat's
    question.jsonl does.

    `max_rejected` is the share of rows that may be lost.

    Raises
    ------
    UserError
        When a file cannot be read or holds no answer, most rows cannot be used, or an id has two prompts.
    """
    rows = [(path, row) for path in paths for row in _rows(path)]
    found = Answers()
    keyed = all(row.id for _, row in rows) and (_shared(rows) or any(row.prompt is None for _, row in rows))
    for path, row in rows:
        if row.prompt is None:
            continue
        key = row.id if keyed else _key_of(row.prompt)
        before = found.prompts.setdefault(key, row.prompt)
        if keyed and normalised(before) != normalised(row.prompt):
            raise UserError(
                f"{path}, {row.unit} {row.place}: id {shown(row.id)} has another prompt than before; give each prompt "
                f"an id of its own."
            )
    by_id = {row.id: _key_of(row.prompt) for _, row in rows if row.id and row.prompt is not None and not keyed}
    for path, row in rows:
        _take(found, path, row, row.id if keyed else _key_of(row.prompt) if row.prompt else by_id.get(row.id, ""))
    lost, kept = len(found.bad), sum(map(len, found.by.values()))
    if lost > max_rejected * (lost + kept):
        raise UserError(
            f"{', '.join(map(str, paths))}: {lost:,} of {lost + kept:,} rows cannot be used, too many to go on. "
            f"{found.bad[0].sentence()}"
        )
    if not kept:
        raise UserError(
            f"{', '.join(map(str, paths))}: holds no answer; give rows with a prompt or an id, a model and an answer."
        )
    return found


def _shared(rows: Sequence[tuple[Path, "_Row"]]) -> bool:
    """Tell whether an id is of a prompt, as two models have it, and not of the answer."""
    first: dict[str, str] = {}
    return any(first.setdefault(row.id, row.model) != row.model for _, row in rows if row.answer is not None)


@dataclass(frozen=True)
class _Row:
    unit: str
    place: int
    id: str
    prompt: Turns | None
    model: str
    answer: Turns | None
    fault: str
    raw: Any


def _rows(path: Path) -> Iterator[_Row]:
    """Yield the rows of a file; how its columns are written is told by each column as a whole."""
    with open_rows(path) as opened:
        rows = list(opened.rows)
    sample = [row.values for row in islice(rows, _SAMPLE)]
    named = {name: cell_style(values.get(name) for values in sample) for name in (*PROMPT, *ANSWER)}
    for row in rows:
        yield _row(row, named, path)


def _row(row: RawRow, style: dict[str, Any], path: Path) -> _Row:
    values, fault = row.values, row.fault
    prompt = answer = None
    try:
        if name := _first(values, PROMPT):
            prompt = parse_turns(values[name], style[name], "asked")
        if name := _first(values, ANSWER):
            answer = _chosen(values[name]) if name == "choices" else parse_turns(values[name], style[name], "answered")
        elif name := _first(values, MESSAGES):
            asked, answer = conversation(values[name])
            prompt = prompt or asked
    except BadTurnsError as said:
        fault = fault or f"{name} {said}"
    model = _first(values, MODEL)
    called = " ".join(str(values[model]).split()) if model else path.name.partition(".")[0]
    number = _first(values, ID)
    return _Row(
        row.unit, row.place, _id(values[number]) if number else "", prompt, storable(called), answer, fault, row.raw
    )


def _first(values: dict[str, Any], names: Iterable[str]) -> str:
    """Return the first of the names that has a value; "" for none."""
    for name in names:
        value = values.get(name)
        if value is None or (isinstance(value, float) and value != value) or (isinstance(value, str) and not value):
            continue
        return name
    return ""


def _chosen(choices: Any) -> Turns:
    """Return the turns of FastChat's first choice."""
    choices = choices.tolist() if hasattr(choices, "tolist") else choices
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise BadTurnsError("is not a list of choices with turns")
    return parse_turns(choices[0].get("turns"))


def _id(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return storable(str(value).strip())


def _key_of(prompt: Turns) -> str:
    return blake2b(normalised(prompt).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _take(found: Answers, path: Path, row: _Row, key: str) -> None:
    """Keep an answer, or say why it cannot be used."""
    fault = row.fault
    if not fault and row.answer is None:
        if row.prompt is not None and row.id:
            return
        fault = f"has no answer; write one of {', '.join(ANSWER)}"
    if not fault and key not in found.prompts:
        fault = (
            f"has no prompt, and no row says what id {shown(row.id)} asked" if row.id else "has neither prompt nor id"
        )
    if not fault and row.answer is not None:
        before = found.by.setdefault(key, {}).setdefault(row.model, row.answer)
        if before is not row.answer:
            fault = f"is a second answer of {shown(row.model)} to the same prompt"
    if fault:
        found.bad.append(BadRow(str(path), row.unit, row.place, row.id, fault, row.raw()))
