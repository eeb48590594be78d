"""A judge as one folder without pickle: written whole or not at all, and read with one sentence for what is wrong."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.build import FeatureParams
from features.encoders import EncoderParams
from pipelines.artefacts import put_back, whole_folder, write_json
from pipelines.errors import UserError
from stacker.encoder import Encoder, open_encoder
from stacker.explain import Baseline
from stacker.learners.configured import load_learner
from stacker.members import Member
from stacker.pool import Pool

FORMAT = 1
"""Raised when the folder's layout changes; an older judge is refused by name."""
JUDGE = "judge.json"
BASELINE = "baseline.safetensors"
ENCODER = "encoder"
LEARNERS = "learners"


@dataclass(frozen=True)
class JudgeParts:
    """What a judge is made of, as `Judge` takes it."""

    features: FeatureParams
    encoder: Encoder | None
    members: Sequence[Member]
    pool: Pool
    about: dict[str, Any]
    baseline: Baseline | None

    def described(self) -> dict[str, Any]:
        """Return what judge.json holds."""
        return {
            "format": FORMAT,
            "features": self.features.model_dump(mode="json"),
            "encoder": None if self.encoder is None else self.encoder.described(),
            "learners": [
                {"name": member.name, "kind": member.kind, "folder": _folder_of(place, member)}
                for place, member in enumerate(self.members)
            ],
            "pool": self.pool.to_dict(),
            "about": self.about,
        }


def save_parts(folder: Path, parts: JudgeParts) -> None:
    """Write the parts of a judge as one folder, whole or not at all."""
    with whole_folder(folder, JUDGE) as part:
        for place, member in enumerate(parts.members):
            inside = part / LEARNERS / _folder_of(place, member)
            inside.mkdir(parents=True)
            member.learner.save(inside)
        if parts.baseline is not None:
            parts.baseline.save(part / BASELINE)
        if parts.encoder is not None:
            parts.encoder.save(part / ENCODER)
        write_json(part / JUDGE, parts.described())


def load_parts(folder: Path, device: str | None) -> JudgeParts:
    """Read what `save_parts` wrote.

    Parameters
    ----------
    folder : Path
        The folder.
    device : "cpu", "cuda" or None
        Where the frozen encoder runs; None is where the run that made the judge had it.

    Raises
    ------
    UserError
        When the folder holds no judge, one of another format, or the encoder it was made with is not here.
    """
    described = _described(folder)
    encoder = None if described["encoder"] is None else _encoder(folder, described["encoder"], device)
    if encoder is not None:
        encoder.block.open_ahead()  # compiled while the learners' libraries are imported
    try:
        members = [
            Member(each["name"], each["kind"], load_learner(each["kind"], folder / LEARNERS / each["folder"]))
            for each in described["learners"]
        ]
        return JudgeParts(
            FeatureParams(**described["features"]),
            encoder,
            members,
            Pool.from_dict(described["pool"]),
            described["about"],
            Baseline.load(folder / BASELINE) if (folder / BASELINE).exists() else None,
        )
    except UserError:
        raise
    except Exception as fault:  # every library has errors of its own for a file that is missing or damaged
        first = str(fault).strip().partition("\n")[0][:160].rstrip(".") or type(fault).__name__
        raise UserError(f"{folder}: the judge is not whole ({first}); make it again by stacker.run.") from fault


def _folder_of(place: int, member: Member) -> str:
    return f"{place}_{member.name}"


def _described(folder: Path) -> dict[str, Any]:
    put_back(folder)
    path = folder / JUDGE
    try:
        described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as fault:
        raise UserError(f"{folder}: holds no judge (judge.json is missing); name the judge folder of a run.") from fault
    except (OSError, ValueError) as fault:
        raise UserError(f"{path}: cannot be read ({fault}); make the judge again by stacker.run.") from fault
    if described.get("format") != FORMAT:
        raise UserError(
            f"{path}: has format {described.get('format')!r}, this version reads {FORMAT}; make the judge again."
        )
    return described


def _encoder(folder: Path, described: dict[str, Any], device: str | None) -> Encoder:
    settings = _on_device(EncoderParams(**described["params"]), device)
    encoder = open_encoder(settings, saved=folder / ENCODER)
    if encoder.sha256 != described["sha256"]:
        raise UserError(
            f"{folder}: was made with the encoder {described['name']} (weights {described['sha256'][:12]}), but "
            f"{encoder.name} ({encoder.sha256[:12]}) is here; get it by `python -m pipelines.models fetch "
            f"{settings.model}`."
        )
    return encoder


def _on_device(settings: EncoderParams, device: str | None) -> EncoderParams:
    if device is None or settings.engine != "torch":
        return settings  # the other engines run on a CPU only
    # Low precision is for a GPU, and refused on a CPU.
    precision = settings.precision if device == "cuda" else "fp32"
    return settings.model_copy(update={"device": device, "precision": precision})
