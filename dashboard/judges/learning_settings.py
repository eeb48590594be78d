"""The parameters of a run that learns from votes: those of params.yaml, with learners that few votes can feed."""

from pathlib import Path

from features.build import FeatureParams
from pipelines.battles.sources import DataParams, SourceParams
from stacker.learners.starter_prior import needed_blocks
from stacker.training.params import FEW_VOTES_LEARNERS, Params

FEW = 1_000
"""Below so many votes only small trees and the linear learner go beside the starter judge: what RESULTS.md's table of
own votes was measured with. Words and transformers need more."""
SOURCE = "votes"
"""What the votes are called in the run's tables."""


def run_params(params: Params, count: int, votes: Path, folder: Path, threads: int) -> Params:
    """Return the parameters of a run on votes.

    Parameters
    ----------
    params : Params
        Those of params.yaml; its features, encoder, folds, cache and seed hold.
    count : int
        How many votes there are; below `FEW` small settings take the place of those of params.yaml.
    votes : Path
        The file of the votes, the only source.
    folder : Path
        The run's folder.
    threads : int
        How many cores it may use.
    """
    blocks = {name: True for name in needed_blocks()}
    changes = {
        "data": DataParams(sources=(SourceParams(path=votes, name=SOURCE),), on_bad_row=params.data.on_bad_row),
        "features": FeatureParams(**(params.features.model_dump() | blocks)),
        "stack": params.stack.model_copy(update={"prior": "starter"}),
        "report": params.report.model_copy(update={"enabled": False}),
        "run": params.run.model_copy(update={"folder": folder, "threads": threads}),
        "dashboard": {},
    }
    if count < FEW:
        changes["learners"] = FEW_VOTES_LEARNERS
        changes["transformer"] = params.transformer.model_copy(update={"enabled": False})
    return params.model_copy(update=changes)
