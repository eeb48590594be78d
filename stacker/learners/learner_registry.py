"""Which learners params.yaml asks for, by name, and how each is made and loaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.build import FeatureParams
from pipelines.errors import UserError, shown
from pipelines.files.hashes import code_version
from pipelines.files.saved_files import checking
from pipelines.settings import Section
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_interface import Learner
from stacker.learners.linear.linear import LinearLearner
from stacker.learners.linear.sparse import SparseLearner
from stacker.learners.starter_prior import KIND as STARTER
from stacker.learners.starter_prior import StarterLearner, check_blocks, starter_identity
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.transformer_trees import TransformerTreesLearner
from stacker.learners.trees.lightgbm_trees import LightGBMLearner
from stacker.learners.trees.xgboost_trees import XGBoostLearner

KINDS: Mapping[str, Any] = {
    "lightgbm": LightGBMLearner,
    "xgboost": XGBoostLearner,
    "linear": LinearLearner,
    "sparse": SparseLearner,
    "transformer": TransformerLearner,
    "transformer_trees": TransformerTreesLearner,
    STARTER: StarterLearner,
}
"""Learner classes by the kind written into a saved judge."""


@dataclass(frozen=True)
class Configured:
    """A learner as params.yaml asks for it.

    Attributes
    ----------
    name : str
        Its name in tables and in the judge.
    kind : str
        Key of `KINDS`.
    identity : str
        Everything besides code, data and seed that its fit depends on.
    make : callable
        Returns a new, unfitted learner.
    """

    name: str
    kind: str
    identity: str
    make: Callable[[], Learner]

    @property
    def code(self) -> str:
        """A hash of the code that its fit depends on, and of the versions of the libraries that this code uses."""
        return code_version(getattr(KINDS.get(self.kind), "__module__", self.make.__module__))


def configured_learners(learners: Section, balance: BalanceParams | None = None) -> list[Configured]:
    """Return the switched-on learners of the `learners` section in the order of the file.

    Parameters
    ----------
    learners : Section
        The section `learners`.
    balance : BalanceParams or None
        The section `balance`; each learner follows it as far as it can.
    """
    found = []
    for kind in type(learners).model_fields:
        settings = getattr(learners, kind)
        if settings.enabled:
            found.append(_configured(kind, settings, balance or BalanceParams()))
    return found


def configured_prior(prior: str | None, features: FeatureParams) -> list[Configured]:
    """Return the starter judge as a learner where `stack.prior` asks for it, and else none.

    Parameters
    ----------
    prior : str or None
        `stack.prior`.
    features : FeatureParams
        The section `features`.

    Raises
    ------
    UserError
        When a block is off whose features the starter judge needs, or there is no starter judge.
    """
    if prior != STARTER:
        return []
    check_blocks(features)
    return [Configured(STARTER, STARTER, starter_identity(), StarterLearner)]


def load_learner(kind: str, folder: Path) -> Learner:
    """Read a saved learner of a kind.

    Raises
    ------
    UserError
        When the kind is not known to this version, or a file of the folder is missing or damaged.
    """
    if kind not in KINDS:
        raise UserError(
            f"{folder}: holds a learner of kind {shown(kind)}, which this version does not know; update it."
        )
    with checking(folder):
        learner: Learner = KINDS[kind].load(folder)
    return learner


def _configured(kind: str, settings: Section, balance: BalanceParams) -> Configured:
    return Configured(kind, kind, settings.model_dump_json() + balance.named(), lambda: KINDS[kind](settings, balance))
