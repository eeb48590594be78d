"""The starter judge as one more learner of a stack: it trained on other votes before, so a fit changes nothing."""

import hashlib
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from features.build import FeatureParams
from features.pairs import LackingFeaturesError, PairMatrix
from pipelines.battles.arrays import Floats
from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import sha256_of
from stacker.learners.judges.judge_record import JudgeRecord, read_record
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.learner_registry import KINDS, Configured
from stacker.learners.stacking.pool import Pool

KIND = "starter"
CARD = "MODEL_CARD.md"
"""What the starter judge was made from, how it does, and what it must not be used for; beside its files."""


def starter_folder() -> Path:
    """Return the folder of the starter judge inside this package, for `Judge.load`."""
    return Path(__file__).parents[2] / "starter" / "starter_judge"


def judge_hash(folder: Path) -> str:
    """Return one SHA-256, 64 hex digits, over the names and bytes of all files of a judge but its card."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CARD):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


class StarterLearner:
    """The verdicts of a saved starter judge, from the pair features that it knows by name.

    Parameters
    ----------
    folder : Path or None
        The judge's; None is the one inside this package.

    Raises
    ------
    UserError
        When there is no such judge.
    """

    name = KIND

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or starter_folder()
        self.members_, self.pool_ = _read(self.folder)

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Change nothing: what it knows it learnt before, from none of these votes."""
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities; a `UserError` where a feature that the starter judge uses was not computed."""
        return self.predict_pairs(self.pairs(data))

    def predict_pairs(self, pairs: PairMatrix) -> Floats:
        """Return what `predict_proba` does, from the features that `pairs` gives."""
        said = [member.predict_pairs(pairs) for member in self.members_]  # each finds its own by name
        return self.pool_.predict_proba(np.stack(said, axis=1))

    def pairs(self, data: LearnerData) -> PairMatrix:
        """Return the features that the starter judge trained on, in its order."""
        wanted = tuple(dict.fromkeys(name for member in self.members_ for name in member.names_))
        try:
            return data.pairs.select(wanted)
        except LackingFeaturesError as fault:
            lacking = sorted({name.partition(":")[0] for name in fault.names})
            raise UserError(
                f"stack.prior: the starter judge needs features of {', '.join(lacking)} that are not computed; "
                "switch every block of the section features on, or set stack.prior to null."
            ) from fault

    def save(self, folder: Path) -> None:
        """Copy the judge's files, so that a stack keeps the starter judge it was fitted with."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        # A copy of the one in this package is that one, which stays where it is; a kept fit may be gone at a save.
        return cls(None if judge_hash(folder) == starter_identity() else folder)


def starter_identity() -> str:
    """Return what the starter judge's verdicts depend on besides the battle: a hash of its files."""
    return judge_hash(starter_folder())


def configured_prior(prior: str | None, features: FeatureParams) -> list[Configured]:
    """Return the starter judge as a learner where `stack.prior` asks for it, and else none.

    Raises
    ------
    UserError
        When a block is off whose features the starter judge needs, or there is no starter judge.
    """
    if prior != KIND:
        return []
    off = [name for name in needed_blocks() if not getattr(features, name)]
    if off:
        raise UserError(
            f"stack.prior: the starter judge needs features.{off[0]}, which is off; "
            f"set features.{off[0]} to true, or stack.prior to null."
        )
    return [Configured(KIND, KIND, starter_identity(), StarterLearner)]


def needed_blocks() -> list[str]:
    """Return the names of the blocks whose features the starter judge needs."""
    return [name for name, on in _recorded(starter_folder()).features.items() if on]


def _recorded(folder: Path) -> JudgeRecord:
    try:
        return read_record(folder)
    except UserError as fault:
        raise UserError(
            f"{folder}: holds no starter judge; install the package again, or make it by "
            "`python -m pipelines.starter DATA_DIR`."
        ) from fault


@cache
def _read(folder: Path) -> tuple[tuple[Any, ...], Pool]:
    """Read a starter judge once: every fold of a run asks the same one."""
    record = _recorded(folder)
    members = []
    for each in record.learners:
        # Of text blocks and of no encoder: learners that see pair features alone.
        if each.kind not in KINDS or KINDS[each.kind].settings is None or "pairs" not in KINDS[each.kind].sees:
            raise UserError(f"{folder}: holds a learner of kind {shown(each.kind)}, which no starter judge has.")
        members.append(KINDS[each.kind].load_class().load(folder / "learners" / each.folder))
    return tuple(members), Pool.from_dict(record.pool.model_dump())
