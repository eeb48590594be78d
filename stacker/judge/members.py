"""The learners that a judge is made of, and battles as these see them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.blocks.registry import BLOCKS
from features.build import FeatureParams, Meanwhile, build_features
from features.cache import KeepsRows, code_of
from features.encoder.embedding import Encoder
from features.pairs import shared
from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.files.hashes import code_version
from pipelines.terminal.cluster.tasks import Tasks
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.learner_interface import BeginsVerdicts, Learner, LearnerData
from stacker.learners.learner_registry import may_be_silent, reads_alone
from stacker.learners.stacking.pool import Pool, silent_learners

Begun = dict[int, Callable[[], Floats]]
"""What waits for the probabilities of learners that have begun, by their place."""


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


def said_of(members: Sequence[Member], heard: NDArray[np.bool_], data: LearnerData, begun: Begun | None) -> Floats:
    """Return (n, K, 3) of what learners say; those that are not heard, as they have no weight, have 1/3 each."""
    said = np.full((len(data), len(members), 3), 1 / 3)
    for place, member in enumerate(members):
        if heard[place]:
            wait = (begun or {}).get(place)
            said[:, place] = member.learner.predict_proba(data) if wait is None else wait()
    return said


def begun_by(
    members: Sequence[Member], heard: NDArray[np.bool_], battles: pd.DataFrame
) -> tuple[Begun, Callable[[], None]]:
    """Have those learners begin that may do so before features are there.

    Returns
    -------
    dict
        What waits for them, by place.
    callable
        Asks those which read texts alone as well, and puts what they say there: for when an encoder has begun.
    """
    begun: Begun = {}
    for place, member in enumerate(members):
        if heard[place] and isinstance(member.learner, BeginsVerdicts):
            wait = member.learner.begin(battles)
            if wait is not None:
                begun[place] = wait

    def ask_readers() -> None:
        for place, member in enumerate(members):
            if heard[place] and place not in begun and reads_alone(member.kind):
                begun[place] = member.learner.predict_proba(texts_alone(battles)).copy

    return begun, ask_readers


def cascaded(members: Sequence[Member], pool: Pool, data: LearnerData) -> Floats:
    """Return (n, K, 3) of what learners say, language models only of battles on which the others are not sure enough.

    Raises
    ------
    UserError
        When the judge has no language model, or no threshold.
    """
    asked = [place for place, member in enumerate(members) if hasattr(member.learner, "judged_effects")]
    if not asked or pool.cascade_ is None:
        raise UserError("this judge: has no language model that is asked, and so no cascade; leave out --cascade.")
    said = np.full((len(data), len(members), 3), np.nan)
    for place, member in enumerate(members):
        if place not in asked:
            said[:, place] = member.learner.predict_proba(data)
    rows = np.flatnonzero(pool.cascade_.asks(pool.predict_proba(said)))
    if len(rows):
        unsure = data.take(rows)
        for place in asked:
            said[rows, place] = members[place].learner.predict_proba(unsure)
    return said


def texts_alone(battles: pd.DataFrame) -> LearnerData:
    """Return what learners see that read texts and nothing else."""
    pairs = shared("", (), np.zeros((len(battles), 0), dtype=np.float32))
    return LearnerData(_texts_of(battles), pairs, None)


def learner_data(
    battles: pd.DataFrame,
    features: FeatureParams,
    encoder: Encoder | None,
    cache: KeepsRows | None = None,
    threads: int = 1,
    progress: Progress = silent,
    tasks: Tasks | None = None,
    meanwhile: Meanwhile = None,
) -> LearnerData:
    """Compute features of battles, here or by `tasks`, and put them next to the texts; as `build_features` says."""
    built = build_features(
        battles,
        features,
        encoder_block=None if encoder is None else encoder.block,
        cache=cache,
        threads=threads,
        progress=progress,
        tasks=tasks,
        meanwhile=meanwhile,
    )
    return LearnerData(_texts_of(battles), built.pairs, built.embeddings)


def _texts_of(battles: pd.DataFrame) -> pd.DataFrame:
    """Return the texts of battles alone, their rows numbered; a table that is just that as it is."""
    plain = battles.index.equals(pd.RangeIndex(len(battles))) and tuple(battles.columns) == TEXT_COLUMNS
    return battles if plain else battles[list(TEXT_COLUMNS)].reset_index(drop=True)


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
