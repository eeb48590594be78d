"""What judge.json says of a saved judge, checked before anything else of the folder is read."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from features.build import FeatureParams
from features.pairs import LackingFeaturesError
from pipelines.artefacts import put_back
from pipelines.errors import UserError
from pipelines.file_hashes import StoredFile, first_difference
from pipelines.saved_files import DamagedError, Number, Saved, checking, read_object

FILE = "judge.json"
FORMAT = 1
"""Raised when the folder's layout changes; an older judge is refused by name."""


def _inside(folder: str) -> str:
    place = PurePosixPath(folder)
    if place.is_absolute() or ".." in place.parts or not place.parts:
        raise ValueError("must be a folder inside the judge's")
    return folder


class LearnerRecord(Saved):
    """One learner: its name in the results, its kind, and its folder below `learners`."""

    name: str = Field(min_length=1)
    kind: str
    folder: Annotated[str, AfterValidator(_inside)]


class PoolRecord(Saved):
    """The fitted level-1 model."""

    form: Literal["pool", "logistic"]
    shrink: float
    margin_weights: tuple[Number, ...]
    tie_weights: tuple[Number, ...]
    tie_offset: Number
    temperature: float = Field(ge=1e-3, le=1e3)


class EncoderRecord(BaseModel):
    """The frozen encoder that the judge was made with."""

    name: str
    sha256: str
    params: dict[str, Any]


class JudgeRecord(BaseModel):
    """The whole of judge.json; what else stands there is for people and newer versions.

    Attributes
    ----------
    files : dict of StoredFile, or None
        Every other file of the folder, by its path in it; None in judges of versions that did not write it.
    features : dict of bool
        Which blocks were on. A block that is not named is one that did not exist, and is off.
    """

    files: dict[str, StoredFile] | None = None
    features: dict[str, bool]
    encoder: EncoderRecord | None
    learners: tuple[LearnerRecord, ...] = Field(min_length=1)
    pool: PoolRecord
    about: dict[str, Any]

    def feature_params(self) -> FeatureParams:
        """Return which blocks are on.

        Raises
        ------
        LackingFeaturesError
            When one is on that this version does not have.
        """
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
            said = str(found.get("format"))[:40]
            raise UserError(f"{path}: has format {said}, this version reads {FORMAT}; make the judge again.")
        with checking(path):
            record = JudgeRecord.model_validate(found)
            if len(record.learners) != len(record.pool.margin_weights):
                raise ValueError(f"has {len(record.learners)} learners and {len(record.pool.margin_weights)} weights")
            if len(record.learners) != len(record.pool.tie_weights):
                raise ValueError(f"has {len(record.learners)} learners and {len(record.pool.tie_weights)} weights")
    except DamagedError as fault:
        raise UserError(f"{path}: cannot be read ({fault.what}); make the judge again by stacker.run.") from fault
    if record.files is not None:
        changed = first_difference(folder, record.files)
        if changed is not None:
            raise DamagedError(*changed)
    return record
