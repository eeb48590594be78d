"""What judge.json says of a saved judge, checked before anything else of the folder is read."""

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, StrictBool, model_validator

from features.build import FeatureParams
from features.pairs import LackingFeaturesError
from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import put_back
from pipelines.files.hashes import StoredFile, first_difference, is_canonical, sizes_of
from pipelines.files.saved_files import LARGEST, DamagedError, Name, Number, Saved, checking, read_object
from stacker.learners.learner_registry import KINDS

FILE = "judge.json"
FORMAT = 1
"""Raised when the folder's layout changes; an older judge is refused by name."""
MOST_LEARNERS = 64
MOST_FALLBACKS = 64
"""Level-1 models for battles of which some learners say nothing."""
MOST_FILES = 2000
"""Files that a judge lists."""
MOST_BYTES = 256 << 20
"""Bytes of a judge without the weights of an encoder; one of 57,477 battles takes 12 MB."""
MOST_BYTES_WITH_ENCODER = 4 << 30
"""Bytes of a judge with them, which a transformer keeps whole; those of a large one take 1.7 GB."""
MOST_OF_KIND = {
    "trees": (("booster_*.txt", "booster_*.ubj"), 64_000_000, 500),
    "settings": (("learner.json",), 64_000_000, 200),
}
"""Files of all learners together by their names, and how many bytes and files they may be: libraries take a second of
the processor for 10 MB or 100 files of them. The trees of a run on 57,477 battles take 4 MB."""
Weight = Annotated[float, Field(ge=-1e6, le=1e6, strict=True)]


def _folder(name: str) -> str:
    if not re.fullmatch(r"[\w.+-][\w.+ -]{0,119}", name) or not name.strip("."):
        raise ValueError("must be the name of a folder in learners")
    return name


class LearnerRecord(Saved):
    """One learner: its name in the results, its kind, and its folder below `learners`."""

    name: Name
    kind: str
    folder: Annotated[str, AfterValidator(_folder)]


class CascadeRecord(Saved):
    """When language models are asked."""

    threshold: float = Field(ge=0, le=2, strict=True)
    share: float = Field(ge=0, le=1, strict=True)
    keep: float = Field(gt=0, le=1, strict=True)


class FallbackRecord(Saved):
    """The level-1 model of battles of which the learners at these places say nothing."""

    silent: tuple[Annotated[int, Field(ge=0, lt=MOST_LEARNERS, strict=True)], ...] = Field(min_length=1)
    pool: "PoolRecord"


class PoolRecord(Saved):
    """The fitted level-1 model."""

    form: Literal["pool", "logistic"]
    shrink: float = Field(ge=0, le=LARGEST, strict=True)
    margin_weights: tuple[Weight, ...]
    tie_weights: tuple[Weight, ...]
    tie_offset: Number
    temperature: float = Field(ge=1e-3, le=1e3, strict=True)
    fallbacks: tuple[FallbackRecord, ...] = Field((), max_length=MOST_FALLBACKS)
    cascade: CascadeRecord | None = None

    @model_validator(mode="after")
    def _fallbacks_fit(self) -> Self:
        for each in self.fallbacks:
            places, left = set(each.silent), len(self.margin_weights) - len(each.silent)
            if len(places) < len(each.silent) or max(places) >= len(self.margin_weights) or each.pool.fallbacks:
                raise ValueError("a fallback names learners that are not there")
            if left < 1 or {len(each.pool.margin_weights), len(each.pool.tie_weights)} != {left}:
                raise ValueError(f"a fallback is of {left} learners and has other weights")
        return self

    @model_validator(mode="after")
    def _not_below_0(self) -> Self:
        if self.form == "pool" and min((*self.margin_weights, *self.tie_weights), default=0.0) < 0:
            raise ValueError("a weight is below 0, which the form pool does not have")
        return self


class AbstentionRecord(Saved):
    """The threshold below which the judge abstains, and what is guaranteed above it."""

    threshold: float = Field(ge=0, le=1, strict=True)
    temperature: float = Field(ge=1e-3, le=1e3, strict=True)
    tie_offset: Number
    agreement: float = Field(gt=0, lt=1, strict=True)
    level: float = Field(gt=0, lt=1, strict=True)
    votes: int = Field(ge=1, le=10**9, strict=True)
    decided: int = Field(ge=0, le=10**9, strict=True)


class EncoderRecord(BaseModel):
    """The frozen encoder that the judge was made with."""

    name: str = Field(max_length=4096)
    sha256: str = Field(max_length=100)
    params: dict[str, Any]


class JudgeRecord(BaseModel):
    """The whole of judge.json; what else stands there is for people and newer versions.

    Attributes
    ----------
    files : dict of StoredFile, or None
        Every other file of the folder, by its path in it; None in judges of versions that did not write it.
    features : dict
        Which blocks were on: true or false, or a block's settings. A block that is not named did not exist, and is off.
    abstention : AbstentionRecord or None
        None where the judge has no threshold; versions that know of none read the judge without it.
    """

    files: dict[str, StoredFile] | None = Field(None, max_length=MOST_FILES)
    features: dict[str, StrictBool | dict[str, Any] | None]
    encoder: EncoderRecord | None
    learners: tuple[LearnerRecord, ...] = Field(min_length=1, max_length=MOST_LEARNERS)
    pool: PoolRecord
    about: dict[str, Any]
    abstention: AbstentionRecord | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for key in ("name", "folder"):
            named = [getattr(each, key).casefold() for each in self.learners]
            if len(set(named)) < len(named):
                raise ValueError(f"learners: two have one {key}")
        count = len(self.learners)
        for weights in (self.pool.margin_weights, self.pool.tie_weights):
            if len(weights) != count:
                raise ValueError(f"has {count} learners and {len(weights)} weights")
        if self.features.get("embedding") and self.encoder is None:
            raise ValueError("features.embedding is on, and there is no encoder")
        for name in self.files or ():
            if not is_canonical(name):
                raise ValueError(f"files: {shown(name)} is no path of a file in this folder")
        return self

    def most_bytes(self) -> int:
        """Return how many bytes such a judge may have."""
        heavy = self.encoder is not None or any(
            each.kind in KINDS and KINDS[each.kind].keeps_encoder for each in self.learners
        )
        return MOST_BYTES_WITH_ENCODER if heavy else MOST_BYTES

    def feature_params(self) -> FeatureParams:
        """Return which blocks are on; a `LackingFeaturesError` where one is that this version does not have."""
        known = FeatureParams.model_fields
        unknown = [name for name, on in self.features.items() if on and name not in known]
        if unknown:
            raise LackingFeaturesError([f"the block {name}" for name in unknown])
        return FeatureParams(**{name: self.features.get(name, False) for name in known})


def read_record(folder: Path) -> JudgeRecord:
    """Read judge.json, and check that every file it lists is as it was saved.

    Raises
    ------
    UserError
        When the folder holds no judge, one of another format, or a damaged one.
    """
    put_back(folder)
    path = folder / FILE
    if not path.exists():
        raise UserError(f"{folder}: holds no judge ({FILE} is missing); name the judge folder of a run.")
    try:
        found = read_object(path)
        if found.get("format") != FORMAT:
            raise UserError(
                f"{path}: has format {shown(found.get('format'))}, this version reads {FORMAT}; make the judge again."
            )
        with checking(path):
            record = JudgeRecord.model_validate(found)
    except DamagedError as fault:
        raise UserError(f"{path}: cannot be read ({fault.what}); make the judge again by stacker.run.") from fault
    with checking(folder):
        _check_sizes(folder, record)
        if record.files is not None:
            changed = first_difference(folder, record.files)
            if changed is not None:
                raise DamagedError(*changed)
    return record


def _check_sizes(folder: Path, record: JudgeRecord) -> None:
    """Refuse a judge that is larger than any is, before a file of it is read."""
    sizes = sizes_of(folder)
    total = sum(sizes.values())
    most = record.most_bytes()
    if total > most:
        raise DamagedError(folder, f"has {total:,} bytes, and such a judge may have {most:,}")
    for kind, (names, most, most_files) in MOST_OF_KIND.items():
        found = [size for name, size in sizes.items() if any(PurePosixPath(name).match(each) for each in names)]
        if sum(found) > most or len(found) > most_files:
            told = f"{sum(found):,} bytes of {kind} in {len(found):,} files"
            raise DamagedError(folder, f"has {told}, and {most:,} in {most_files:,} are the most")
