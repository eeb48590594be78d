"""Learners, the stack, the judge and the commands that run them.

`stacker.Judge` and `stacker.PreferenceStacker` are here by name, and loaded when they are first asked for.
"""

from typing import TYPE_CHECKING, Any

import pipelines as pipelines  # first of all: it tells libraries how their threads wait

if TYPE_CHECKING:
    from stacker.judge.judge import Judge
    from stacker.training.estimator import PreferenceStacker

__all__ = ["Judge", "PreferenceStacker"]


def __getattr__(name: str) -> Any:
    """Load what is asked for by name: both bring libraries that take seconds."""
    if name == "Judge":
        from stacker.judge.judge import Judge

        return Judge
    if name == "PreferenceStacker":
        from stacker.training.estimator import PreferenceStacker

        return PreferenceStacker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
