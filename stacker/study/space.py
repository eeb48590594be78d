"""The space of a study: which parameters it may change, checked against params.yaml before anything is fitted."""

import difflib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import ValidationError

from pipelines.errors import UserError
from pipelines.settings import Section, todays_name
from stacker.training.params import Params, key_names, parse_params

FIXED_SECTIONS = ("data", "folds", "run", "study", "dashboard")
"""Sections that decide what is scored and how, or where it is kept: no parameter of them can be tuned."""
MOST_POINTS = 100_000
"""A grid of more points is a mistake."""
MOST_STEPS = 1e9
"""Optuna counts a range's steps exactly, and cannot where there are many times more."""
Point = Mapping[str, Any]


class Range(Section):
    """Numbers from `low` to `high`, both among them."""

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False


@dataclass(frozen=True)
class Space:
    """What a study may change.

    Attributes
    ----------
    distributions : dict of name to distribution
        In the order of the file. A choice that is no plain value stands there as JSON text.
    """

    base: Params
    distributions: dict[str, BaseDistribution]

    def params(self, point: Point) -> Params:
        """Return the parameters at a point. Raises a `UserError` where the values do not go together."""
        content = self.base.model_dump(mode="json")
        for name, value in todays_point(point).items():
            section, _, key = name.rpartition(".")
            value_at(content, section)[key] = _meant(self.distributions[name], value)
        return parse_params(content, "study.space")

    def default(self) -> dict[str, Any] | None:
        """Return the point of the parameters as they stand; None where it lies outside of the space."""
        content = self.base.model_dump(mode="json")
        point = {}
        for name, distribution in self.distributions.items():
            value = value_at(content, name)
            point[name] = _nearest(distribution, value)
            if point[name] is None and value is not None:
                return None
        return point

    def size(self) -> int | None:
        """Return how many points there are; None where they are not to be counted."""
        total = 1
        for distribution in self.distributions.values():
            values = _values(distribution)
            if values is None:
                return None
            total *= len(values)
        return total

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield every point of a space that can be counted."""
        values = [_values(distribution) or [] for distribution in self.distributions.values()]
        for combination in itertools.product(*values):
            yield dict(zip(self.distributions, combination, strict=True))

    def choices(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and each value of every parameter that is a list of choices."""
        for name, distribution in self.distributions.items():
            if isinstance(distribution, CategoricalDistribution):
                yield from ((name, _meant(distribution, value)) for value in distribution.choices)

    def described(self) -> dict[str, Any]:
        """Return the space as JSON values, by which a study knows it again."""
        return {
            name: json.loads(optuna.distributions.distribution_to_json(distribution))
            for name, distribution in self.distributions.items()
        }


def todays_point(point: Point) -> dict[str, Any]:
    """Return a point, as a study of an earlier version may hold it, under today's names of its parameters."""
    return {todays_name(Params, name)[0]: value for name, value in point.items()}


def value_at(content: Mapping[str, Any], name: str) -> Any:
    """Return what stands under a dotted name in sections within sections."""
    return reduce(getitem, name.split("."), content)


def key_of(point: Point) -> str:
    """Return a text that two points share only where they are the same."""
    return json.dumps({name: point[name] for name in sorted(point)}, sort_keys=True)


def read_space(params: Params, written: Mapping[str, Any], grid: bool) -> Space:
    """Check the space that `study.space` writes down.

    Parameters
    ----------
    params : Params
        All sections; what the space does not name stays as it is there.
    written : mapping
        Dotted names, or sections within sections, down to a range or choices.
    grid : bool
        Whether every value has to be countable.

    Raises
    ------
    UserError
        When a name is unknown or may not be tuned, a range is upside down, or a value is not allowed.
    """
    names = [name for name, _ in key_names()]
    found: dict[str, BaseDistribution] = {}
    for name, entry in leaves(written, _is_entry):
        place = f"study.space: {name}"
        if name.partition(".")[0] in FIXED_SECTIONS:
            raise UserError(
                f"{place} decides what is scored or where it is kept, so it cannot be tuned; "
                "tune features, encoder, learners, balance, transformer or stack."
            )
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else "`python -m stacker.run --help` lists the keys there are."
            raise UserError(f"{place} is no parameter; {hint}")
        found[name] = _distribution(place, entry, _whole(name))
    if not found:
        raise UserError("study.space names nothing to tune; write a parameter and its range or choices below it.")
    space = Space(params, found)
    _check_values(space)
    if grid:
        for name, distribution in found.items():
            if _values(distribution) is None:
                raise UserError(f"study.space: {name} has no step, so a grid cannot count it; give step or choices.")
        size = space.size() or 0
        if size > MOST_POINTS:
            raise UserError(f"study.space has {size:,} points; a grid takes {MOST_POINTS:,}, use study.sampler tpe.")
    return space


def leaves(
    node: Mapping[str, Any], is_leaf: Callable[[dict[str, Any]], bool] = lambda node: False, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of whatever lies in sections within sections."""
    for key, entry in node.items():
        if isinstance(entry, dict) and not is_leaf(entry):
            yield from leaves(entry, is_leaf, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", entry


def _is_entry(node: dict[str, Any]) -> bool:
    return not node or bool(node.keys() & {"low", "high", "step", "log", "choices"})


def _whole(name: str) -> bool:
    """Return whether a parameter takes whole numbers alone, by its declaration."""
    model: Any = Params
    *sections, key = name.split(".")
    for section in sections:
        model = type(model.model_fields[section].get_default(call_default_factory=True))
    return model.model_fields[key].annotation is int


def _distribution(place: str, entry: Any, whole: bool) -> BaseDistribution:
    if isinstance(entry, dict) and set(entry) == {"choices"}:
        entry = entry["choices"]
    if isinstance(entry, list):
        labels = [_label(value) for value in entry]
        if not labels or len({json.dumps(label) for label in labels}) < len(labels):
            raise UserError(f"{place} has no choices, or one of them twice; list each once.")
        return CategoricalDistribution(labels)
    try:
        bounds = Range.model_validate(entry)
    except ValidationError as fault:
        first = fault.errors()[0]
        at = ".".join(str(part) for part in first["loc"]) or "its value"
        raise UserError(
            f"{place} is {entry!r} ({at}: {first['msg'].lower()}); write {{low: 1, high: 9}} or [1, 2]."
        ) from fault
    low, high, step = bounds.low, bounds.high, bounds.step
    if low > high:
        raise UserError(f"{place} goes from {low} to {high}, which is upside down; swap low and high.")
    if bounds.log and step is not None and not (whole and step == 1):
        raise UserError(f"{place} has both log and step; leave one of them out.")
    if bounds.log and low <= 0:
        raise UserError(f"{place} has log and begins at {low}; begin above 0 or leave log out.")
    if step is not None and step <= 0:
        raise UserError(f"{place} has the step {step}; give one above 0.")
    if step is not None and (high - low) / step > MOST_STEPS:
        raise UserError(f"{place} has the step {step}, of which {low} to {high} takes too many; give a larger one.")
    if whole:
        if any(isinstance(value, float) for value in (low, high, step)):
            raise UserError(f"{place} takes whole numbers; write low, high and step without a point.")
        return IntDistribution(int(low), int(high), log=bounds.log, step=int(step or 1))
    return FloatDistribution(float(low), float(high), log=bounds.log, step=None if step is None else float(step))


def _check_values(space: Space) -> None:
    """Try both ends of each range and each choice by itself."""
    for name, distribution in space.distributions.items():
        for value in _ends(distribution):
            try:
                space.params({name: value})
            except UserError as fault:
                raise UserError(f"study.space: {name} may not be {_meant(distribution, value)!r}; {fault}") from fault


def _nearest(distribution: BaseDistribution, value: Any) -> Any:
    """Return a value as the distribution writes it; None where it is outside."""
    if isinstance(distribution, CategoricalDistribution):
        label = json.dumps(_label(value))
        return next((choice for choice in distribution.choices if json.dumps(choice) == label), None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    counted = _values(distribution)
    if counted is None:
        low, high = _ends(distribution)
        return value if low <= value <= high else None
    return next((each for each in counted if abs(each - value) <= 1e-12 * max(abs(each), 1.0)), None)


def _ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    return [distribution.low, distribution.high]  # type: ignore[attr-defined]


def _values(distribution: BaseDistribution) -> list[Any] | None:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    if distribution.single():
        return [distribution.low]
    if distribution.step is None:
        return None
    count = round((distribution.high - distribution.low) / distribution.step) + 1
    return None if count > MOST_POINTS else [distribution.low + distribution.step * k for k in range(count)]


def _label(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) or value is None else json.dumps(value)


def _meant(distribution: BaseDistribution, value: Any) -> Any:
    """Return what a label stands for: lists and mappings are kept as JSON."""
    if isinstance(distribution, CategoricalDistribution) and isinstance(value, str) and value[:1] in ("[", "{"):
        return json.loads(value)
    return value
