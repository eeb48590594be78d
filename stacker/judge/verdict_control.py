"""Which of a judge's two verdicts is asked for: as voted, or with style held equal."""

from argparse import ArgumentParser
from copy import copy
from typing import TYPE_CHECKING, Literal, get_args

from pipelines.errors import UserError, shown

if TYPE_CHECKING:
    from stacker.judge.judge import Judge
    from stacker.learners.checks.answer_checks import AnswerChecks
    from stacker.learners.checks.even_style import EvenStyle

Control = Literal["style"] | None
"""None: what people would vote. "style": what they would say if length and form were the same on both sides."""
CONTROLS: tuple[str, ...] = get_args(get_args(Control)[0])
HELD_EQUAL = "with style held equal"
NO_SUCH_VERDICT = f"this judge has no verdict {HELD_EQUAL}; leave control out, or ask the starter judge, which has one."


def even_style_for(even_style: "EvenStyle | None", control: Control) -> "EvenStyle | None":
    """Return what tells the verdict that is asked for; None is the verdict as voted.

    Raises
    ------
    UserError
        When there is no such verdict, or this judge has none.
    """
    if control is None:
        return None
    if control not in CONTROLS:
        raise UserError(f"control {shown(str(control))}: is none that there is; give {', '.join(CONTROLS)} or None.")
    if even_style is None:
        raise UserError(NO_SUCH_VERDICT)
    return even_style


def with_checks(judge: "Judge", checks: "AnswerChecks | None", even_style: "EvenStyle | None" = None) -> "Judge":
    """Return a judge with other checks and another second verdict; without checks, votes alone count."""
    found = copy(judge)
    found.checks, found.even_style = checks, even_style
    return found


def add_control_argument(parser: ArgumentParser, *, votes_only: bool = False) -> None:
    """Add `--control`, and `--votes-only` where asked."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--control", choices=CONTROLS, help=f"verdicts {HELD_EQUAL}, where the judge has them")
    if votes_only:
        said = "leave out the judge's checks of answers, which votes did not teach"
        either.add_argument("--votes-only", action="store_true", help=said)
