"""The learners that there are: what each kind needs, brings and can do; its code is loaded when it is asked for.

To add a learner: its file, with a class as `stacker.learners.learner_interface.Learner` says, its settings, a `Section`
with `enabled`, and its entry in `KINDS`. From that follow its section of params.yaml, its place in the stack, that it
is saved, loaded, tuned and explained. One whose numbers depend on pair features alone is explained by these where it
has `pairs` and `predict_pairs` (`PairLearner` of `stacker.judge.explain.explanation_baseline`); any other names its
`group`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import create_model, model_validator

from pipelines.errors import UserError, shown
from pipelines.files.hashes import code_version
from pipelines.files.saved_files import checking
from pipelines.settings import Section
from stacker.learners.balance import BalanceParams
from stacker.learners.judges.params import JudgeParams, OutsideParams
from stacker.learners.learner_interface import Learner
from stacker.learners.rewards.reward_params import RewardParams

Seen = Literal["pairs", "embeddings", "texts"]


@dataclass(frozen=True)
class LearnerKind:
    """A kind of learner.

    Attributes
    ----------
    name : str
        Written into a saved judge; its key in the section `learners` where it has settings there.
    learner : str
        `module:class`, a `Learner`. Where there are settings it is made by `class(settings, balance)`.
    sees : tuple of str
        Parts of `LearnerData` that its numbers depend on.
    settings : str or None
        `module:class` of its settings; None for what other sections switch on.
    group : str or None
        Group of explanations that it counts for as a whole; None where those of its pair features are told.
    inside : {"trees", "terms"} or None
        What its numbers can be taken apart into.
    packages : tuple of str
        Imports that it needs besides those of every learner.
    keeps_encoder : bool
        Whether a saved one may hold the weights of an encoder.
    optional : bool
        Whether it may say nothing of a battle, a row of NaN: the other learners then give the verdict alone.
    """

    name: str
    learner: str
    sees: tuple[Seen, ...]
    settings: str | None = None
    group: str | None = None
    inside: Literal["trees", "terms"] | None = None
    packages: tuple[str, ...] = ()
    keeps_encoder: bool = False
    optional: bool = False

    @property
    def module(self) -> str:
        """The module that the learner is in."""
        return self.learner.partition(":")[0]

    def load_class(self) -> Any:
        """Return the learner's class. Raises a `UserError` where a package that it needs is not installed."""
        missing = [name for name in self.packages if find_spec(name) is None]
        if missing:
            raise UserError(f"learner {self.name}: needs the package {missing[0]}, which is not installed; install it.")
        return _loaded(self.learner)

    def __call__(self, *settings: Any) -> Any:
        """Return a new, unfitted learner."""
        return self.load_class()(*settings)


KINDS = {
    kind.name: kind
    for kind in (
        LearnerKind(
            "lightgbm",
            "stacker.learners.trees.lightgbm_trees:LightGBMLearner",
            ("pairs", "embeddings"),
            settings="stacker.learners.trees.boosting:LightGBMParams",
            inside="trees",
            packages=("lightgbm",),
        ),
        LearnerKind(
            "xgboost",
            "stacker.learners.trees.xgboost_trees:XGBoostLearner",
            ("pairs", "embeddings"),
            settings="stacker.learners.trees.boosting:XGBoostParams",
            inside="trees",
            packages=("xgboost",),
        ),
        LearnerKind(
            "linear",
            "stacker.learners.linear.linear:LinearLearner",
            ("pairs", "embeddings"),
            settings="stacker.learners.linear.linear:LinearParams",
        ),
        LearnerKind(
            "sparse",
            "stacker.learners.linear.sparse:SparseLearner",
            ("texts",),
            settings="stacker.learners.linear.sparse:SparseParams",
            group="sparse words",
            inside="terms",
        ),
        LearnerKind(
            "transformer",
            "stacker.learners.transformer.learner:TransformerLearner",
            ("texts",),
            group="transformer",
            keeps_encoder=True,
        ),
        LearnerKind(
            "encoder_head",
            "stacker.learners.transformer.encoder_head:EncoderHeadLearner",
            ("embeddings", "texts"),
            group="transformer",
        ),
        LearnerKind(
            "transformer_trees",
            "stacker.learners.transformer.transformer_trees:TransformerTreesLearner",
            ("pairs", "embeddings", "texts"),
            group="transformer",
            packages=("torch", "transformers"),
            keeps_encoder=True,
        ),
        LearnerKind(
            "outside",
            "stacker.learners.judges.outside:OutsideLearner",
            ("texts",),
            group="outside predictions",
            optional=True,
        ),
        LearnerKind(
            "language_judge",
            "stacker.learners.judges.language_judge:LanguageJudge",
            ("texts",),
            group="language models",
            optional=True,
        ),
        LearnerKind(
            "reward",
            "stacker.learners.rewards.reward:RewardLearner",
            ("texts",),
            group="reward model",
            packages=("torch", "transformers"),
        ),
        LearnerKind("starter", "stacker.learners.judges.starter_prior:StarterLearner", ("pairs",)),
    )
}
"""Every kind by its name, in the order of the stack."""
SWITCHED = tuple(kind.name for kind in KINDS.values() if kind.settings is not None)
"""Kinds that the section `learners` switches on or off, each by a section of its own."""


NAMED = ("outside", "judges", "rewards")
"""Keys of the section `learners` that hold lists of learners with names of their own."""
TAKEN = ("stack", "uniform", "class prior", "length only")
"""What tables and files of a run call something else."""


class _NamedLearners(Section):
    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        """Refuse names that two learners have before anything is read, asked or paid for."""
        met = Counter(kind for kind in SWITCHED if getattr(self, kind).enabled)
        for each in (each for key in NAMED for each in getattr(self, key) if each.enabled):
            name = each.name.casefold()
            if name in TAKEN:
                raise ValueError(f"{each.name} is no name for a learner, as tables call something else so")
            met[name] += 1
            if met[name] > 1:
                raise ValueError(f"{each.name} is the name of two learners; give one of them another")
        return self


@cache
def _loaded(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


if TYPE_CHECKING:

    class LearnersParams(Section):
        """The level-0 learners besides the transformers, by kind."""

        def __init__(self, **settings: Section) -> None: ...
        def __getattr__(self, kind: str) -> Any: ...

else:
    LearnersParams = create_model(
        "LearnersParams",
        __base__=_NamedLearners,
        __doc__="The level-0 learners besides the transformers, by kind.",
        __module__=__name__,
        **{
            kind.name: (_loaded(kind.settings), _loaded(kind.settings)())
            for kind in KINDS.values()
            if kind.settings is not None
        },
        outside=(tuple[OutsideParams, ...], ()),
        judges=(tuple[JudgeParams, ...], ()),
        rewards=(tuple[RewardParams, ...], ()),
    )


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
    """

    name: str
    kind: str
    identity: str
    make: Callable[[], Learner]

    @property
    def code(self) -> str:
        """A hash of the code that its fit depends on, and of the versions of the libraries that this code uses."""
        return code_version(KINDS[self.kind].module if self.kind in KINDS else self.make.__module__)


def configured_learners(learners: LearnersParams, balance: BalanceParams | None = None) -> list[Configured]:
    """Return the switched-on learners in the order of the file; each follows `balance` as far as it can."""
    chosen = {kind: getattr(learners, kind) for kind in SWITCHED}
    return [_configured(kind, own, balance or BalanceParams()) for kind, own in chosen.items() if own.enabled]


def may_be_silent(kind: str) -> bool:
    """Return whether a learner of a kind may say nothing of a battle."""
    return kind in KINDS and KINDS[kind].optional


def reads_alone(kind: str) -> bool:
    """Return whether learners of a kind see the texts of battles and no features."""
    return kind in KINDS and KINDS[kind].sees == ("texts",)


def load_learner(kind: str, folder: Path) -> Learner:
    """Read a saved learner; a `UserError` where its kind is unknown, or a file is missing or damaged."""
    if kind not in KINDS:
        raise UserError(
            f"{folder}: holds a learner of kind {shown(kind)}, which this version does not know; update it."
        )
    with checking(folder):
        learner: Learner = KINDS[kind].load_class().load(folder)
    return learner


def _configured(kind: str, settings: Section, balance: BalanceParams) -> Configured:
    return Configured(kind, kind, settings.model_dump_json() + balance.named(), lambda: KINDS[kind](settings, balance))
