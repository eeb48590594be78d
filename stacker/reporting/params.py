"""What the report of a run holds, and what it may cost."""

from typing import Literal

from pydantic import Field

from pipelines.settings.sections import Section


class ReportParams(Section):
    """The page for people.

    `ablation` and `learning_curve` refit: the level-1 model without each learner, and a `refit` learner without each
    block and on fewer battles, on at most `battles` of them. The linear learner takes seconds; lightgbm, with the
    settings of the run, takes as long as the run itself, several times. `listed` battles of each list are shown with
    `characters` of each text.
    """

    enabled: bool = True
    ablation: bool = True
    learning_curve: bool = True
    refit: Literal["linear", "lightgbm"] = "linear"
    battles: int = Field(6000, ge=100)
    listed: int = Field(10, ge=0, le=10_000)
    characters: int = Field(700, ge=50)
