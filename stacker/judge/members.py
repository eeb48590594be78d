"""The learners that a judge is made of, and battles as these see them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.blocks.registry import BLOCKS
from features.build import FeatureParams, build_features
from features.cache import BlockCache, code_of
from features.encoder.embedding import Encoder
from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.files.hashes import code_version
from pipelines.terminal.command_line import Progress
from stacker.learners.learner_interface import Learner, LearnerData
from stacker.learners.learner_registry import may_be_silent
from stacker.learners.stacking.pool import silent_learners


@dataclass(frozen=True)
class Member:
    """One learner of a judge: its name in the results, its kind, and the learner itself."""

    name: str
    kind: str
    learner: Learner


def check_said(members: Sequence[Member], said: Floats) -> None:
    """Check what learners say of battles, (n, K, 3).

    Raises
    ------
    UserError
        When one gives no probabilities, or has none for any of these battles and must not be left out.
    """
    finite = np.isfinite(said)
    if finite.all():
        return
    silent = silent_learners(said)
    for place, member in enumerate(members):
        left_out = silent[:, place] if may_be_silent(member.kind) else False
        if not (finite[:, place].all(axis=1) | left_out).all():
            raise UserError(f"this judge: its learner {member.name} gives no probabilities; make the judge again.")
        refusal = getattr(member.learner, "refusal", "")
        if refusal and silent[:, place].all():
            raise UserError(refusal)


def learner_data(
    battles: pd.DataFrame,
    features: FeatureParams,
    encoder: Encoder | None,
    cache: BlockCache | None,
    threads: int,
    progress: Progress,
) -> LearnerData:
    """Compute features of battles and put them next to the texts."""
    built = build_features(
        battles,
        features,
        encoder_block=None if encoder is None else encoder.block,
        cache=cache,
        threads=threads,
        progress=progress,
    )
    return LearnerData(battles[list(TEXT_COLUMNS)].reset_index(drop=True), built.pairs, built.embeddings)


def features_version(features: FeatureParams, encoder: Encoder | None) -> str:
    """Return a text that changes with all that the value of a feature depends on but for the battle's texts."""
    parts = [
        features.model_dump_json(),
        code_version(__name__),
        *(f"{block.name} {block.version}" for block in BLOCKS.values()),
    ]
    if encoder is not None:
        parts += [encoder.block.version, code_of(type(encoder.block))]
    return "\n".join(parts)
