"""The styles that compete: what params.yaml may say of them, and the two that meet in one battle."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from dashboard.generators import GENERATORS, checked_style
from dashboard.generators.generator import StyleParams
from pipelines.settings import Section

Style = Annotated[StyleParams, BeforeValidator(checked_style)]
MOST = 50
"""Styles at most: with more, each pair would be seen too seldom to say anything."""


class StylesParams(Section):
    """The styles that are compared, two in each battle.

    Besides these keys a list of styles is read, and a mapping from their names to them.

    Attributes
    ----------
    a, b : StyleParams
        Two styles; which of them stands left is drawn anew for every question.
    more : tuple of StyleParams
        Further ones. Where there are any, each question draws two of all, more often those that say most about who
        leads (`dashboard.votes.style_pairs`).
    """

    a: Style = StyleParams(
        name="brief", system_prompt="Answer as briefly as you can without leaving out what matters. No lists."
    )
    b: Style = StyleParams(
        name="thorough",
        system_prompt="Answer thoroughly: give reasons and examples, and use headings and lists where they help.",
    )
    more: tuple[Style, ...] = Field(default=(), max_length=MOST - 2)

    @property
    def every(self) -> tuple[StyleParams, ...]:
        """Return all styles, in the order of the file."""
        return self.a, self.b, *self.more

    def pair(self, first: int, second: int) -> "StylesParams":
        """Return two of them as `a` and `b`."""
        return StylesParams(a=self.every[first], b=self.every[second])

    def changed(self, change: Callable[[StyleParams], StyleParams]) -> "StylesParams":
        """Return the same styles, each changed."""
        a, b, *more = map(change, self.every)
        return StylesParams(a=a, b=b, more=tuple(more))

    @model_validator(mode="before")
    @classmethod
    def _from_any_form(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and not set(value) <= set(cls.model_fields):
            value = [_named(name, each) for name, each in value.items()]
        if not isinstance(value, list | tuple):
            return value
        if len(value) < 2:
            raise ValueError(f"there is {len(value)} style, and it takes two to compare: write two or more")
        a, b, *more = (_checked(number, each) for number, each in enumerate(value, start=1))
        return {"a": a, "b": b, "more": tuple(more)}

    @model_validator(mode="after")
    def _answer_the_same_question(self) -> "StylesParams":
        if len({GENERATORS[style.generator].recorded for style in self.every}) > 1:
            raise ValueError(
                "one style is recorded and the other is not: a recorded answer is to another question than the one "
                "asked, so set generator for both styles or for neither"
            )
        names = [style.name for style in self.every]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise ValueError(f"{names.count(twice)} styles are named {twice!r}: give each its own name")
        if self.more and GENERATORS[self.a.generator].recorded:
            raise ValueError("answers are recorded in two styles: set generator for the others, or leave them out")
        return self


def _named(name: Any, style: Any) -> Any:
    return {"name": str(name), **style} if isinstance(style, Mapping) else style


def _checked(number: int, style: Any) -> StyleParams:
    """Return a style, or say which one it is that is wrong, and why; no value is repeated, as it may be a secret."""
    try:
        return checked_style(style)
    except ValidationError as fault:
        first = fault.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        wish = first["msg"].removeprefix("Value error, ")
        what = "is an unknown key" if first["type"] == "extra_forbidden" else f"{wish[:1].lower()}{wish[1:]}"
        raise ValueError(f"of style {number}, {key + ': ' if key else ''}{what}") from None
