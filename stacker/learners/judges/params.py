"""Settings of learners that are judges elsewhere: predictions in files."""

from typing import Literal

from pydantic import Field

from pipelines.files.saved_files import Name
from pipelines.settings import LocalPath, Section

Values = Literal["auto", "probabilities", "logits"]
Missing = Literal["refuse", "go_without"]


class OutsideParams(Section):
    """Predictions of another model as a learner.

    `out_of_fold` has, by the battles' ids, what a model says of the battles to learn from that it was not trained on;
    `test` what it says of those to predict. `values` says what the numbers are (auto tells by them). More than the
    share `max_missing` of the battles without a prediction is an error; the rest goes by the other learners.
    `on_missing` is for the finished judge: refuse battles where none has a prediction, or go_without.
    """

    name: Name
    out_of_fold: LocalPath
    test: LocalPath | None = None
    enabled: bool = True
    values: Values = "auto"
    max_missing: float = Field(0.5, ge=0, le=1)
    on_missing: Missing = "refuse"
