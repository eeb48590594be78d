"""How far learning has come as a whole: the stages of a run made into one share that never falls."""

from typing import Literal

from features.blocks.registry import answer_blocks, text_blocks
from stacker.training.params import LearnersParams, Params

Step = Literal["reading", "learning", "comparing"]
READING, COMPARING = 0.35, 0.95
"""Shares at which the texts are read, and at which the comparison begins."""


class Steps:
    """Follows the progress of one run.

    Parameters
    ----------
    params : Params
        The run's.

    Attributes
    ----------
    step : str
        What is being done.
    share : float
        How much of the whole is done, 0 to 1; the stages of a run do not take equally long, so it is a rough share.
    """

    def __init__(self, params: Params) -> None:
        self.step: Step = "reading"
        self.share = 0.0
        self._blocks = {*text_blocks(), *answer_blocks(), "embedding"} & {
            name for name, on in params.features.model_dump().items() if on is True
        }
        learners = sum(getattr(params.learners, name).enabled for name in LearnersParams.model_fields)
        transformers = len(params.transformer.models) if params.transformer.enabled else 0
        self._learners = learners + transformers + 1  # the starter judge
        self._done: dict[str, float] = {}

    def moved(self, stage: str, done: int, total: int) -> None:
        """Take note of a stage's progress; stages that are not known say nothing about the whole."""
        self._done[stage] = done / max(total, 1)
        if stage == "comparison":
            self.step, share = "comparing", COMPARING + (1 - COMPARING) * self._done[stage]
        elif ":" in stage or self.step == "learning":
            self.step = "learning"
            folds = sum(of for name, of in self._done.items() if name.endswith(": folds"))
            whole = sum(of for name, of in self._done.items() if name.endswith(": all battles"))
            share = READING + (COMPARING - READING) * min((0.8 * folds + 0.2 * whole) / self._learners, 1.0)
        else:
            read = sum(of for name, of in self._done.items() if name in self._blocks)
            share = READING * min(read / max(len(self._blocks), 1), 1.0)
        self.share = max(self.share, min(share, 1.0))
