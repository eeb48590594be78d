"""The base of every section of params.yaml, its kinds of value, and the sentence on one that is not allowed."""

import difflib
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipelines.errors import UserError, shown

LARGEST = 2**31 - 1
"""Whole numbers beyond this are refused: the libraries that get them hold them in 32 bits."""
MOST_FOLDS = 50
MOST_COMPONENTS = 1024
LONGEST_PART = 255
"""Bytes of a folder's or file's name, as file systems have it."""
LONGEST_PATH = 4096
_SECRET = re.compile("key|secret|password|url|storage")
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Section(BaseModel):
    """One section of params.yaml: immutable, an unknown key refused by name, and no value that no library could take.

    Refused for every key: true or false where a number is meant, whole numbers of more than 32 bits, numbers that are
    not finite, and texts that hold a null character or a lone half of a pair of UTF-16.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    """Names that keys had in earlier versions, each with the name of today; both are read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), validate_default=True, allow_inf_nan=False
    )

    @classmethod
    def todays(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """Return keys under the names of today; ValueError where one is given under both its names."""
        for old in cls.renamed.keys() & content.keys():
            if cls.renamed[old] in content:
                raise ValueError(f"{old} is the former name of {cls.renamed[old]}, and both are given; leave {old} out")
        return {cls.renamed.get(key, key): value for key, value in content.items()}

    @model_validator(mode="before")
    @classmethod
    def _under_todays_names(cls, content: Any) -> Any:
        return cls.todays(content) if cls.renamed and isinstance(content, Mapping) else content

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        kinds = _kinds(cls.model_fields[str(info.field_name)].annotation)
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("must be a number")
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _can_be_handed_on(cls, value: Any) -> Any:
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str | Path) and _UNWRITABLE.search(str(each)):
                raise ValueError("must not hold a null character or half a character")
            if isinstance(each, int) and abs(each) > LARGEST:
                raise ValueError(f"must be a whole number of at most {LARGEST:,}")
        return value


def _kinds(annotation: Any) -> set[Any]:
    """Return the plain types that a field may hold."""
    if get_origin(annotation) in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _kinds(part)}
    return {annotation}


def as_path(value: Any) -> Any:
    """Refuse what no file system can have as a path, before the empty text becomes the folder one stands in."""
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("must not be empty; write a path")
        encoded = value.encode("utf-8", "surrogatepass")
        if len(encoded) > LONGEST_PATH or any(len(part) > LONGEST_PART for part in re.split(rb"[/\\]", encoded)):
            raise ValueError(f"must be a path whose names have at most {LONGEST_PART} bytes each")
    return value


def _variable(value: str) -> str:
    if value and not _VARIABLE.fullmatch(value):
        raise ValueError(
            "must be the name of an environment variable such as OPENAI_API_KEY, not the key itself; "
            "set the variable and write its name here"
        )
    return value


LocalPath = Annotated[Path, BeforeValidator(as_path)]
"""A file or folder."""
PathText = Annotated[str, BeforeValidator(as_path)]
"""The same as it was written."""
OptionalPathText = Annotated[str, BeforeValidator(lambda value: value if value == "" else as_path(value))]
"""The same, or "" for none."""
Variable = Annotated[str, AfterValidator(_variable)]
"""Name of an environment variable; empty for none."""
OneOrMore = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
"""Lets a single text stand for a list of one."""
Strengths = Annotated[tuple[Annotated[float, Field(ge=1e-9, le=1e9)], ...], Field(min_length=1, max_length=100)]
"""Candidates for the inverse penalty of a regression (scikit-learn's C)."""
InnerFolds = Annotated[int, Field(ge=2, le=MOST_FOLDS)]
Components = Annotated[int, Field(ge=0, le=MOST_COMPONENTS)]
"""Directions kept of the embeddings; 0 leaves the embeddings out."""


def todays_name(model: type[Section], name: str) -> tuple[str, type[Section]]:
    """Return a dotted key under the names of today, and the section that it names or is in."""
    parts = []
    for part in name.split("."):
        parts.append(model.renamed.get(part, part))
        field = model.model_fields.get(parts[-1])
        default = None if field is None else field.get_default(call_default_factory=True)
        model = type(default) if isinstance(default, Section) else model
    return ".".join(parts), model


def todays_sections(model: type[Section], content: Any, origin: str) -> tuple[Any, list[str]]:
    """Return sections, or a mapping of dotted keys, under the names of today.

    Parameters
    ----------
    model : type of Section
        What the content is checked by afterwards.
    content
        Mappings within mappings or lists; anything else is returned as it is.
    origin : str
        Named in the error.

    Returns
    -------
    content, list of str
        What `model` reads, and for each key that was renamed "KEY is now called NAME".

    Raises
    ------
    UserError
        When a key is given under both its names.
    """
    said: list[str] = []

    def walk(node: Any, model: type[Section], prefix: str) -> Any:
        if isinstance(node, list):
            return [walk(each, model, f"{prefix}{place}.") for place, each in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        found = {}
        for key, value in node.items():
            name, inner = todays_name(model, str(key))
            if name != str(key):
                if name in node:
                    raise UserError(f"{origin}: {prefix}{key} is the former name of {name}; give only {name}.")
                said.append(f"{prefix}{key} is now called {name.rpartition('.')[2]}")
            found[key if name == str(key) else name] = walk(value, inner, f"{prefix}{key}.")
        return found

    return walk(content, model, ""), said


_WISHES = {
    "tuple_type": "must be a list: write [one, two], or each on a line of its own behind a dash",
    "dict_type": "must be a section: write keys and values under it",
    "model_type": "must be a section: write keys and values under it",
    "path_type": "must be a path: write it in quotes",
    "string_type": "must be a text: write it in quotes",
}
"""What people are told in place of the names that Python has for these kinds."""


def fault_sentence(fault: ValidationError, origin: str, names: Collection[str], prefix: str = "") -> str:
    """Return one sentence on the first key or value that is not allowed, and how many more there are.

    A key that is missing is told last: an unknown one, mistyped, may have been meant by it.

    Parameters
    ----------
    names : collection of str
        Every key there is, dotted, for a suggestion where a key is unknown.
    prefix : str
        Dotted name of the section that was checked, with a full stop behind it; "" for the whole file.
    """
    errors = fault.errors(include_url=False)
    first = next((error for error in errors if error["type"] != "missing"), errors[0])
    key = prefix + ".".join(str(part) for part in first["loc"])
    key = key.removesuffix(".") or "the file"
    others = len(errors) - 1
    more = f" ({others} more {'key is' if others == 1 else 'keys are'} wrong)" if others else ""
    if first["type"] == "extra_forbidden":
        sections = {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}
        listed = re.sub(r"\.\d+(?=\.)", "", key)  # without places in lists
        near = difflib.get_close_matches(listed, sorted(sections), n=1, cutoff=0.6)
        place = key.rpartition(".")[0]
        if near and listed != key and near[0].rpartition(".")[0] == listed.rpartition(".")[0]:
            near = [f"{place}.{near[0].rpartition('.')[2]}"]
        hint = f"did you mean {near[0]}?" if near else "see --help for the keys there are."
        return f"{origin}: the key {shown(key, 120)} is unknown; {hint}{more}"
    if first["type"] == "invalid_key":
        return f"{origin}: {key} is a key that is no text; put it in quotes, or correct it.{more}"
    wish = _WISHES.get(first["type"], first["msg"].removeprefix("Value error, "))
    wish = f"{wish[:1].lower()}{wish[1:]}"
    if first["type"] == "missing":
        return f"{origin}: {key} is missing; write it there.{more}"
    # What might be a secret is not repeated, and of a whole section it is the sentence that says what is wrong.
    told = not (_SECRET.search(key) or isinstance(first["input"], dict | BaseModel))
    found = f" is {shown(repr(first['input']), 80)};" if told else ":"
    return f"{origin}: {key}{found} {wish}.{more}"
