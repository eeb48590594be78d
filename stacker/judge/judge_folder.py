"""A judge as one folder without pickle: written whole or not at all, and read with one sentence for what is wrong."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.blocks.reading.sentence_vectors import open_ahead as open_sentence_encoder
from features.build import FeatureParams, feature_columns
from features.encoder.choice import EncoderParams
from features.encoder.embedding import Encoder, open_encoder
from features.pairs import LackingFeaturesError
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import atomic_folder, write_json
from pipelines.files.hashes import hashes_of
from pipelines.files.saved_files import MOST_SAID, DamagedError, checking
from stacker.judge.abstention import Abstention
from stacker.judge.explain.explanation_baseline import Baseline, PairLearner
from stacker.judge.members import Member
from stacker.learners.checks.answer_checks import FEATURES, AnswerChecks
from stacker.learners.checks.caution import FILE as CAUTION
from stacker.learners.checks.caution import Caution
from stacker.learners.checks.even_style import BLOCKS, EvenStyle
from stacker.learners.checks.even_style import FILE as EVEN_STYLE
from stacker.learners.judges.judge_record import FILE, FORMAT, EncoderRecord, read_record
from stacker.learners.learner_interface import LearnerData
from stacker.learners.learner_registry import load_learner
from stacker.learners.stacking.pool import Pool

BASELINE = "baseline.safetensors"
ENCODER = "encoder"
LEARNERS = "learners"
CHECKS = "checks"


@dataclass(frozen=True)
class JudgeParts:
    """What a judge is made of, as `Judge` takes it."""

    features: FeatureParams
    encoder: Encoder | None
    members: Sequence[Member]
    pool: Pool
    about: dict[str, Any]
    baseline: Baseline | None
    abstention: Abstention | None = None
    checks: AnswerChecks | None = None
    even_style: EvenStyle | None = None
    caution: Caution | None = None

    def described(self) -> dict[str, Any]:
        """Return what judge.json holds."""
        threshold = {} if self.abstention is None else {"abstention": self.abstention.to_dict()}
        return {
            "format": FORMAT,
            "features": self.features.model_dump(mode="json", exclude_none=True),
            "encoder": None if self.encoder is None else self.encoder.described(),
            "learners": [
                {"name": member.name, "kind": member.kind, "folder": _folder_of(place, member)}
                for place, member in enumerate(self.members)
            ],
            "pool": self.pool.to_dict(),
            "about": self.about,
        } | threshold


def seen_features(
    features: FeatureParams, checks: AnswerChecks | None, even_style: EvenStyle | None = None
) -> FeatureParams:
    """Return which blocks are computed: those that learners see, and those that checks and the second verdict see."""
    more = (() if checks is None else FEATURES) + (() if even_style is None else BLOCKS)
    return features.model_copy(update=dict.fromkeys(more, True)) if more else features


def save_parts(folder: Path, parts: JudgeParts) -> None:
    """Write the parts of a judge as one folder, whole or not at all."""
    with atomic_folder(folder, FILE) as part:
        for place, member in enumerate(parts.members):
            inside = part / LEARNERS / _folder_of(place, member)
            inside.mkdir(parents=True)
            member.learner.save(inside)
        if parts.baseline is not None:
            parts.baseline.save(part / BASELINE)
        if parts.checks is not None:
            parts.checks.save(part / CHECKS)
            if parts.even_style is not None:
                parts.even_style.save(part / CHECKS)
        if parts.caution is not None:
            parts.caution.save(part)
        if parts.encoder is not None:
            parts.encoder.save(part / ENCODER)
        files = {name: file.model_dump() for name, file in hashes_of(part).items()}
        write_json(part / FILE, {**parts.described(), "files": files})


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
    with _said(folder):
        record = read_record(folder)
        with checking(folder / FILE):
            features = record.feature_params()
        if (folder / CHECKS).exists() or features.relevance or features.coherence:
            open_sentence_encoder()
        encoder = None if record.encoder is None else _encoder(folder, record.encoder, device)
        if encoder is not None:
            encoder.block.open_ahead()  # compiled while the learners' libraries are imported
        members = [
            Member(each.name, each.kind, load_learner(each.kind, folder / LEARNERS / each.folder))
            for each in record.learners
        ]
        baseline = Baseline.load(folder / BASELINE) if (folder / BASELINE).exists() else None
        pool, abstention = Pool.from_dict(record.pool.model_dump()), None
        if record.abstention is not None:
            abstention = Abstention.from_dict(record.abstention.model_dump())
        checks = AnswerChecks.load(folder / CHECKS) if (folder / CHECKS).exists() else None
        even_style = EvenStyle.load(folder / CHECKS) if (folder / CHECKS / EVEN_STYLE).exists() else None
        caution = Caution.load(folder) if (folder / CAUTION).exists() else None
        made = (features, encoder, members, pool, record.about, baseline)
        parts = JudgeParts(*made, abstention, checks, even_style, caution)
        _check_features(folder, parts)
    return parts


@contextmanager
def _said(folder: Path) -> Iterator[None]:
    """Say in one sentence why a folder gives no judge."""
    try:
        yield
    except DamagedError as fault:
        inside = fault.path.relative_to(folder) if fault.path.is_relative_to(folder) else fault.path
        raise UserError(
            f"{folder}: the judge is incomplete or corrupt ({shown(str(inside), 200)}: {fault.what}); "
            "make it again by stacker.run."
        ) from fault
    except LackingFeaturesError as fault:
        raise UserError(
            f"{folder}: needs features that this version does not compute ({fault.shown}); install the version that "
            f"made the judge, or make it again by stacker.run."
        ) from fault
    except OSError as fault:
        raise UserError(
            f"{folder}: the judge cannot be read ({fault.strerror or type(fault).__name__}); make it again by "
            f"stacker.run."
        ) from fault
    except UserError as fault:
        # What quotes a stranger's file quotes little of it.
        said = str(fault)
        if said.isprintable() and len(said) <= MOST_SAID + 300 + len(str(folder)):
            raise
        raise UserError(shown(said[:-1], MOST_SAID + 300 + len(str(folder))) + ".") from fault


def _check_features(folder: Path, parts: JudgeParts) -> None:
    """Check that every learner finds the features that it was trained on, and the baseline those of its learners."""
    columns = feature_columns(
        seen_features(parts.features, parts.checks, parts.even_style),
        None if parts.encoder is None else parts.encoder.block,
    )
    nothing = pd.DataFrame({name: [] for name in TEXT_COLUMNS})
    data = LearnerData(nothing, columns.pairs, columns.embeddings)
    for member in parts.members:
        if isinstance(member.learner, PairLearner):
            with checking(folder / LEARNERS / member.name):
                member.learner.pairs(data)
    if parts.checks is not None:
        with checking(folder / CHECKS):
            parts.checks.check(data.pairs)
            if parts.even_style is not None:
                parts.even_style.check(data.pairs)
    if parts.baseline is not None:
        with checking(folder / BASELINE):
            parts.baseline.check(parts.members, data)


def _folder_of(place: int, member: Member) -> str:
    return f"{place}_{member.name}"


def _encoder(folder: Path, record: EncoderRecord, device: str | None) -> Encoder:
    with checking(folder / FILE):
        settings = _on_device(EncoderParams(**record.params), device)
    encoder = open_encoder(settings, saved=folder / ENCODER, any_engine=True)
    if encoder.sha256 != record.sha256:
        raise UserError(
            f"{folder}: was made with the encoder {shown(record.name)} (weights {shown(record.sha256[:12])}), but "
            f"{encoder.name} ({encoder.sha256[:12]}) is here; get it by `python -m pipelines.models fetch "
            f"{shown(str(settings.model))}`."
        )
    return encoder


def _on_device(settings: EncoderParams, device: str | None) -> EncoderParams:
    if device is None or settings.engine in ("onnx", "openvino"):
        return settings  # these run on a CPU only
    # Low precision is for a GPU, and refused on a CPU.
    low = device == "cpu" and settings.precision in ("bf16", "fp16")
    return settings.model_copy(update={"device": device, "precision": "auto" if low else settings.precision})
