"""The learners that a judge is made of, and battles as these see them."""

from dataclasses import dataclass

import pandas as pd

from features.blocks.registry import BLOCKS
from features.build import FeatureParams, build_features
from features.cache import BlockCache, code_of
from features.encoder.embedding import Encoder
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.files.hashes import code_version
from pipelines.terminal.command_line import Progress
from stacker.learners.learner_interface import Learner, LearnerData


@dataclass(frozen=True)
class Member:
    """One learner of a judge: its name in the results, its kind, and the learner itself."""

    name: str
    kind: str
    learner: Learner


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
