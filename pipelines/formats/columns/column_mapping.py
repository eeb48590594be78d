"""Columns by other names: which column of a file holds what, and what its votes mean."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from pipelines.battles.table import OUTCOMES
from pipelines.errors import UserError, shown
from pipelines.files.plain_yaml import plain_yaml
from pipelines.formats.columns.scales import Scale, parse_scale
from pipelines.formats.columns.vote_columns import number
from pipelines.formats.forms.form_interface import Shape
from pipelines.formats.forms.message_lists import nested
from pipelines.formats.records import BadRecordError, canonical, is_missing
from pipelines.settings import Section

_SPELLED = {"a": "model_a", "b": "model_b", "tie": "tie", "both_bad": "both_bad"}
_TEXTS = ("prompt", "response_a", "response_b", "conversation_a", "conversation_b", "chosen", "rejected")
_ABOUT = ("id", "model_a", "model_b", "lang", "annotator", "weight")
_VOTES = (*OUTCOMES, "winner")
_TRUTH = {True: ("true", "yes", "on"), False: ("false", "no", "off")}
_FAMILIES = (
    (("response_a", "response_b"), ("prompt", "response_a", "response_b", *_VOTES)),
    (("conversation_a", "conversation_b"), ("conversation_a", "conversation_b", *_VOTES)),
    (("chosen", "rejected"), ("prompt", "chosen", "rejected")),
    (("prompt",), (*_TEXTS, *_VOTES)),
)
"""What is kept under its own name where some texts are named: the first family of which one is."""


class ColumnMapping(Section):
    """The columns of a file by what they hold; what is not named is looked for under its usual name.

    Each names a column, or with dots a key (`data.prompt`) or a place from 0 (`answers.0.text`) inside one. `values`
    says what the cells of `winner` mean: a (response_a is better), b, tie or both_bad; other cells are read as usual.
    `scale` says that they are numbers from one answer to the other: 1-5 where 1 prefers A the most and 5 prefers B, the
    middle is a tie, and a vote weighs its distance from there; see `scales.Scale`.
    """

    prompt: str | None = Field(None, min_length=1, max_length=500)
    response_a: str | None = Field(None, min_length=1, max_length=500)
    response_b: str | None = Field(None, min_length=1, max_length=500)
    conversation_a: str | None = Field(None, min_length=1, max_length=500)
    conversation_b: str | None = Field(None, min_length=1, max_length=500)
    chosen: str | None = Field(None, min_length=1, max_length=500)
    rejected: str | None = Field(None, min_length=1, max_length=500)
    winner: str | None = Field(None, min_length=1, max_length=500)
    id: str | None = Field(None, min_length=1, max_length=500)
    model_a: str | None = Field(None, min_length=1, max_length=500)
    model_b: str | None = Field(None, min_length=1, max_length=500)
    lang: str | None = Field(None, min_length=1, max_length=500)
    annotator: str | None = Field(None, min_length=1, max_length=500)
    weight: str | None = Field(None, min_length=1, max_length=500)
    values: dict[str, Literal["a", "b", "tie", "both_bad"]] = Field(default_factory=dict)
    scale: Scale | None = None

    @field_validator("scale", mode="before")
    @classmethod
    def _from_text(cls, scale: Any) -> Any:
        ends = scale if isinstance(scale, list | tuple) else [scale]
        return None if scale is None else parse_scale("..".join(map(str, ends)))

    @field_validator("values", mode="before")
    @classmethod
    def _as_texts(cls, values: Any) -> Any:
        """YAML reads 1 and true as no texts, and yes, no, on and off as true and false: all of these are meant."""
        if not isinstance(values, Mapping):
            return values
        spelled = {name: value for key, value in values.items() if isinstance(key, bool) for name in _TRUTH[key]}
        return spelled | {_cell(key): value for key, value in values.items()}

    @model_validator(mode="after")
    def _one_each(self) -> "ColumnMapping":
        if len(set(self.named.values())) < len(self.named):
            twice = [column for column in self.named.values() if list(self.named.values()).count(column) > 1]
            raise ValueError(f"columns names {shown(twice[0])} twice; name a column once")
        return self

    @property
    def named(self) -> dict[str, str]:
        """The columns that are named, by what they hold."""
        return {key: value for key in type(self).model_fields if isinstance(value := getattr(self, key), str)}

    def reads(self, columns: Iterable[str]) -> tuple[str, ...]:
        """Return which of a file's columns are read."""
        wanted = {*self.named.values(), *(name.partition(".")[0] for name in self.named.values())}
        kept = self._kept()
        return tuple(name for name in columns if name in wanted or kept is None or canonical(name) in kept)

    def _kept(self) -> tuple[str, ...] | None:
        """Return which columns stay under their own names; None for all, where no text is named."""
        families = (family for names, family in _FAMILIES if any(name in self.named for name in names))
        family = next(families, None)
        return None if family is None else (*family, *_ABOUT)

    def check(self, where: object, shape: Shape) -> None:
        """Raise a `UserError` where a column that is named is not there."""
        for key, column in self.named.items():
            if column not in shape.columns and not any(_found(row, column)[0] for row in shape.rows):
                has = shown(", ".join(shape.columns), 200) or "none"
                raise UserError(f"{where}: has no column {shown(column)}, which columns names as {key}; it has {has}.")

    def shape(self, shape: Shape) -> Shape:
        """Return the shape of a file under the usual names."""
        rows = tuple(self.row(row) for row in shape.rows)
        columns = dict.fromkeys([*self.row(dict.fromkeys(shape.columns)), *(name for row in rows for name in row)])
        return Shape(tuple(columns), rows)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row under the usual names, its vote spelled as `values` says."""
        taken = set(self.named.values())
        kept = self._kept()
        found = {
            name: value
            for name, value in row.items()
            if name not in taken and name not in self.named and (kept is None or canonical(name) in kept)
        }
        for key, column in self.named.items():
            there, value = _found(row, column)
            if there:
                found[key] = value
        if (self.values or self.scale) and "winner" in found:
            found["winner"] = self._vote(found["winner"])
        return found

    def _vote(self, cell: Any) -> Any:
        if is_missing(cell) and _cell(cell) not in self.values:
            return cell
        if self.scale is not None and _cell(cell) not in self.values and (found := number(cell)) is not None:
            beyond = f"{_cell(cell)} (beyond the scale)"  # which no reading of a number takes for a vote
            return self.scale.vote("winner", cell) if self.scale.holds(found) else beyond
        text = _cell(cell)
        lower = {key.strip().lower(): value for key, value in self.values.items()}
        meant = self.values.get(text, lower.get(text.strip().lower()))
        return cell if meant is None else _SPELLED[meant]

    def weight_of(self, row: Mapping[str, Any]) -> float:
        """Return how much a row counts: what its column of weights says, or 1.

        Raises
        ------
        BadRecordError
            When that is no number above 0.
        """
        value = row.get("weight") if self.weight is not None else None
        if is_missing(value):
            return 1.0
        weight = number(value)
        if weight is None or not 0 < weight <= 1e6:
            raise BadRecordError(f"{self.weight} is {shown(value)}, not a weight above 0")
        return weight


def _cell(value: Any) -> str:
    """Return a cell as it stands in a file of texts: 1.0 of a spreadsheet is 1."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _found(row: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Tell whether a row has a column, or a key inside one by dots, and return what stands there."""
    if column in row:
        return True, row[column]
    value: Any = row
    for part in column.split(".")[:20]:
        value = nested(value)
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            return False, None
    return True, value


def _object(text: str) -> dict[str, Any]:
    """Return an object that is written as in params.yaml, as sentences suggest it; JSON is a kind of that."""
    try:
        return {str(key): value for key, value in dict(plain_yaml(text)).items()}
    except (yaml.YAMLError, ValueError, TypeError) as fault:
        raise UserError(f"--columns {shown(text)}: is no object; write key=column,key=column.") from fault


def parse_columns(given: Iterable[str]) -> ColumnMapping | None:
    """Read what the option `--columns` was given.

    Parameters
    ----------
    given : iterable of str
        Each an object as in params.yaml or JSON, or `key=column` several times with commas between; `values.left=a` is
        one of `values`.

    Returns
    -------
    ColumnMapping or None
        None where nothing was given.

    Raises
    ------
    UserError
        When it is neither, or names what there is not.
    """
    from pydantic import ValidationError

    content: dict[str, Any] = {}
    for text in given:
        if text.lstrip().startswith("{"):
            content |= _object(text)
            continue
        for part in filter(str.strip, text.split(",")):
            key, equals, column = (each.strip() for each in part.partition("="))
            if not equals or not key or not column:
                raise UserError(f"--columns {shown(part)}: is not key=column; write for example prompt=question.")
            if key.startswith("values."):
                content.setdefault("values", {})[key.removeprefix("values.")] = column
            else:
                content[key] = column
    if not content:
        return None
    try:
        return ColumnMapping.model_validate(content)
    except ValidationError as fault:
        first = fault.errors()[0]
        key = ".".join(map(str, first["loc"])) or "columns"
        if first["type"] == "extra_forbidden":
            raise UserError(
                f"--columns {shown(key)}: is unknown; the keys are {', '.join(ColumnMapping.model_fields)}."
            ) from fault
        raise UserError(f"--columns {shown(key)}: {first['msg']}; correct it.") from fault
