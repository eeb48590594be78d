"""What the learner.json of boosted trees holds."""

from typing import Any

from pydantic import Field

from pipelines.files.saved_files import Names, Number, Saved
from stacker.learners.balance import FARTHEST, BalanceParams

MOST_BOOSTERS = 100


class BoostingFile(Saved):
    """Settings of the fit, and how many boosters lie beside; `names` are those of their features, in their order.

    `start` is the log-odds of a tie that the boosters begin from; those of earlier versions hold it themselves.
    """

    params: dict[str, Any]
    balance: BalanceParams = BalanceParams()
    correction: dict[str, Number] | None = None
    start: float = Field(0.0, ge=-FARTHEST, le=FARTHEST)
    names: Names
    boosters: int = Field(ge=1, le=MOST_BOOSTERS, strict=True)
