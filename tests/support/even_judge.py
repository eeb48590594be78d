"""A small judge that has both verdicts: as voted, and with style held equal."""

from functools import cache

import numpy as np
from small_judges import small_judge

from features.build import FeatureParams
from pipelines.battles.built_in import sample_battles
from pipelines.battles.folds import prompt_groups
from stacker.judge.judge import Judge
from stacker.learners.checks.answer_checks import FEATURES
from stacker.learners.checks.even_style import BLOCKS, EvenStyle
from stacker.training.made.check_fitting import CheckSettings, FittedChecks, fit_checks
from stacker.training.made.even_style_fitting import EvenStyleSettings, VoteRows, even_style_of_votes

CHECKS = CheckSettings(count=12, families=("repeated", "plea", "other", "emptied"), real=40, rounds=20)
ON = (*FEATURES, *BLOCKS, "surface")
SEEN = FeatureParams(**{name: name in ON for name in FeatureParams.model_fields})


@cache
def fitted_parts() -> tuple[FittedChecks, EvenStyle]:
    """Return small checks with what they were fitted on, and what tells the verdict with style held equal."""
    battles = sample_battles(60).battles
    fitted = fit_checks(battles, CHECKS, seed=0, more=BLOCKS)
    outcome, group = battles["outcome"].to_numpy(), prompt_groups(battles["prompt"])
    rows = VoteRows(np.arange(len(battles)), outcome, np.ones(len(battles)), group % 3)
    return fitted, even_style_of_votes(battles, rows, fitted, EvenStyleSettings())


@cache
def even_judge() -> Judge:
    """Return the judge; the same one always, so leave it as it is."""
    judge = small_judge(embedding=False, kinds=("lightgbm", "linear"))
    fitted, even = fitted_parts()
    parts = (judge.features, judge.encoder, judge.members, judge.pool, judge.about, judge.baseline)
    return Judge(*parts, checks=fitted.checks, even_style=even)
