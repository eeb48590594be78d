"""The judge: features, learners and level-1 model in one folder without pickle, loaded and asked for verdicts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.build import FeatureParams, build_features
from features.cache import BlockCache
from features.encoders import EncoderParams
from features.progress import Progress, silent
from pipelines.artefacts import whole_folder, write_json
from pipelines.errors import UserError
from stacker.encoder import Encoder, open_encoder
from stacker.learners.base import Floats, Learner, LearnerData
from stacker.learners.configured import load_learner
from stacker.pool import Pool

FORMAT = 1
"""Raised when the folder's layout changes; an older judge is refused by name."""
SETTLED = ("prompt", "response_a", "response_b")
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Member:
    """One learner of a judge: its name in the results, its kind, and the learner itself."""

    name: str
    kind: str
    learner: Learner


class Judge:
    """Tells for a prompt and two responses which one a person would prefer.

    Parameters
    ----------
    features : FeatureParams
        Blocks that are on.
    encoder : Encoder or None
        The frozen encoder; None where the embedding block is off.
    members : sequence of Member
        The learners, in the order of the pool's weights.
    pool : Pool
        The fitted level-1 model.
    about : dict
        What is worth knowing of the run that made it (JSON values).
    """

    def __init__(
        self,
        features: FeatureParams,
        encoder: Encoder | None,
        members: Sequence[Member],
        pool: Pool,
        about: dict[str, Any],
    ) -> None:
        self.features = features
        self.encoder = encoder
        self.members = list(members)
        self.pool = pool
        self.about = about

    def predict_proba(
        self,
        battles: pd.DataFrame,
        *,
        cache: BlockCache | None = None,
        threads: int = 1,
        progress: Progress = silent,
    ) -> Floats:
        """Return (n, 3) probabilities of A, B and tie.

        Parameters
        ----------
        battles : DataFrame, n rows
            Columns `prompt`, `response_a`, `response_b`, each a tuple of turns.
        cache : BlockCache or None
            Where numbers of texts are kept; None computes them anew.
        threads : int
            Processes for the text features.
        progress : Progress
            Told how far the work has come.
        """
        found = np.empty((len(battles), 3))
        for start in range(0, len(battles), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            data = self.data(battles.iloc[rows], cache=cache, threads=threads, progress=progress)
            found[rows] = self.pool.predict_proba(self.member_probabilities(data))
        return found

    def data(self, battles: pd.DataFrame, *, cache: BlockCache | None, threads: int, progress: Progress) -> LearnerData:
        """Return what the learners see of the battles."""
        return learner_data(battles, self.features, self.encoder, cache, threads, progress)

    def member_probabilities(self, data: LearnerData) -> Floats:
        """Return (n, K, 3): the probabilities of each learner."""
        return np.stack([member.learner.predict_proba(data) for member in self.members], axis=1)

    def save(self, folder: Path) -> None:
        """Write the judge as one folder, whole or not at all."""
        with whole_folder(folder) as part:
            for place, member in enumerate(self.members):
                inside = part / "learners" / f"{place}_{member.name}"
                inside.mkdir(parents=True)
                member.learner.save(inside)
            write_json(part / "judge.json", self._described())

    @classmethod
    def load(cls, folder: Path | str) -> "Judge":
        """Read a saved judge.

        Raises
        ------
        UserError
            When the folder holds no judge, one of another format, or the encoder it was made with is not here.
        """
        folder = Path(folder)
        path = folder / "judge.json"
        try:
            described = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as fault:
            raise UserError(
                f"{folder}: holds no judge (judge.json is missing); name the judge folder of a run."
            ) from fault
        except (OSError, ValueError) as fault:
            raise UserError(f"{path}: cannot be read ({fault}); make the judge again by stacker.run.") from fault
        if described.get("format") != FORMAT:
            raise UserError(
                f"{path}: has format {described.get('format')!r}, this version reads {FORMAT}; make the judge again."
            )
        encoder = None
        if described["encoder"] is not None:
            settings = EncoderParams(**described["encoder"]["params"])
            encoder = open_encoder(settings)
            if encoder.sha256 != described["encoder"]["sha256"]:
                raise UserError(
                    f"{folder}: was made with the encoder {described['encoder']['name']} (weights "
                    f"{described['encoder']['sha256'][:12]}), but {encoder.name} ({encoder.sha256[:12]}) is here; "
                    f"get it by `python -m pipelines.models fetch {settings.model}`."
                )
        members = [
            Member(each["name"], each["kind"], load_learner(each["kind"], folder / "learners" / each["folder"]))
            for each in described["learners"]
        ]
        return cls(
            FeatureParams(**described["features"]),
            encoder,
            members,
            Pool.from_dict(described["pool"]),
            described["about"],
        )

    def _described(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "features": self.features.model_dump(mode="json"),
            "encoder": None if self.encoder is None else self.encoder.described(),
            "learners": [
                {"name": member.name, "kind": member.kind, "folder": f"{place}_{member.name}"}
                for place, member in enumerate(self.members)
            ],
            "pool": self.pool.to_dict(),
            "about": self.about,
        }


def learner_data(
    battles: pd.DataFrame,
    features: FeatureParams,
    encoder: Encoder | None,
    cache: BlockCache | None,
    threads: int,
    progress: Progress,
) -> LearnerData:
    """Compute features of battles and set them beside the texts."""
    built = build_features(
        battles,
        features,
        encoder_block=None if encoder is None else encoder.block,
        cache=cache,
        threads=threads,
        progress=progress,
    )
    return LearnerData(battles[list(SETTLED)].reset_index(drop=True), built.pairs, built.embeddings)
