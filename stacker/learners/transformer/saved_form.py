"""What a fitted transformer on disk says of itself, read without torch: settings, base and the weights it learned."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from features.encoder.choice import ResolvedEncoder, resolve
from pipelines.errors import UserError, shown
from pipelines.files.saved_files import DamagedError, check_names, read_object
from pipelines.models.model_files import MODELS_DIR, check_folder, files_sha256
from stacker.learners.learner_interface import FORMAT, SETTINGS
from stacker.learners.transformer.params import TransformerParams

WEIGHTS, BASE = "learned.safetensors", "encoder"


@dataclass(frozen=True)
class SavedForm:
    """A fitted transformer as it stands in its folder.

    Attributes
    ----------
    meta : dict
        All of its settings file.
    base : ResolvedEncoder
        What it was trained from, or the whole encoder that lies inside the folder.
    """

    folder: Path
    meta: dict[str, Any]
    name: str
    params: TransformerParams
    base: ResolvedEncoder

    def head_alone(self) -> dict[str, Any] | None:
        """Return the arrays of its head, None where it learned more than that; a `UserError` where they are none."""
        with readable(self.folder):
            with safe_open(self.folder / WEIGHTS, "numpy") as stored:
                if not all(key.startswith("head.") for key in stored.keys()):  # noqa: SIM118 - no mapping
                    return None
            learned = load_file(self.folder / WEIGHTS)
        return {key.removeprefix("head."): value for key, value in learned.items()}

    def frozen_base(self) -> ResolvedEncoder:
        """Return the base as what converted copies are named by: one that lies inside is known by its own hash."""
        if not self.meta["base"]["inside"]:
            return self.base
        return replace(self.base, sha256=files_sha256(check_folder(self.base.folder)))


def read_saved_form(folder: Path) -> SavedForm:
    """Read what a folder says; a `UserError` where it is damaged, or its base is not here or has other weights."""
    with readable(folder):
        meta = read_object(folder / SETTINGS)
        if not (folder / WEIGHTS).is_file():
            raise DamagedError(folder / WEIGHTS, "is missing")
        check_names(folder / WEIGHTS, r"(head|encoder|adapter)\..+")
    if meta.get("format") not in (1, FORMAT):
        raise UserError(
            f"{folder}: the transformer has format {shown(meta.get('format'))}, this version reads {FORMAT}; make the "
            f"judge again."
        )
    params = TransformerParams(**meta["params"])
    return SavedForm(folder, meta, meta["name"], params, _base(meta["base"], folder))


@contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turn what is wrong with the files of a folder into one sentence."""
    try:
        yield
    except (DamagedError, OSError, ValueError, SafetensorError) as fault:
        raise UserError(f"{folder}: the saved transformer cannot be read ({fault}); make the judge again.") from fault


def _base(described: dict[str, Any], folder: Path) -> ResolvedEncoder:
    copies = Path(described.get("copies") or MODELS_DIR)
    if described["inside"]:
        return ResolvedEncoder(
            described["name"], described["name"], folder / BASE, described["sha256"], models_dir=copies
        )
    # Where it lay when the fit was saved, then where models lie by default.
    beside = Path(described["beside"] or MODELS_DIR)
    found = resolve(described["name"], None, beside if beside.is_dir() else MODELS_DIR)
    if found.sha256 != described["sha256"]:
        raise UserError(
            f"{folder}: was fine-tuned from {described['name']} with weights {described['sha256'][:12]}, but the ones "
            f"here are {found.sha256[:12]}; get the same ones by `python -m pipelines.models fetch "
            f"{described['name']}`."
        )
    return replace(found, models_dir=copies)
