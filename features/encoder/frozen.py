"""The frozen encoder of a run or a judge: which one was found, and its block."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.encoder.choice import EncoderParams, ResolvedEncoder, resolve
from features.encoder.embedding import EmbeddingBlock
from pipelines.battles.table import TEXT_COLUMNS, text_of


@dataclass(frozen=True)
class Encoder:
    """An encoder found on this disk, with the settings it is used with.

    Attributes
    ----------
    params : EncoderParams
        The settings; `model` is the encoder really used, so that a saved judge asks for the same one again.
    resolved : ResolvedEncoder
        What was asked for, what was found, and the hash of its weights.
    block : EmbeddingBlock
        Gives embeddings of unit length; loads the model when the first text is asked for.
    """

    params: EncoderParams
    resolved: ResolvedEncoder
    block: EmbeddingBlock

    @property
    def name(self) -> str:
        """The Hub name or folder of the encoder really used."""
        return self.resolved.name

    @property
    def sha256(self) -> str:
        """Hash of its weights, 64 hex digits."""
        return self.resolved.sha256

    def calibrate(self, battles: pd.DataFrame) -> None:
        """Have an int8 encoder take its ranges from the texts of n battles; nothing to do for other precisions.

        Raises
        ------
        UserError
            When int8 strays too far from fp32; it says how far.
        """
        columns = TEXT_COLUMNS
        self.block.calibrate(text_of(turns) for column in columns for turns in battles[column])

    def rest(self) -> None:
        """Give back the memory of its engine until the next text is asked for."""
        self.block.rest()

    def save(self, folder: Path) -> None:
        """Write what `open_encoder` cannot make again, an int8 copy, into a new folder; nothing where there is none."""
        if self.block.copies is not None:
            self.block.copies.save(folder)

    def described(self) -> dict[str, Any]:
        """Return what a judge or a results file keeps of the encoder, as JSON values."""
        return {
            "name": self.name,
            "wanted": self.resolved.wanted,
            "used_fallback": self.resolved.used_fallback,
            "sha256": self.sha256,
            "params": self.params.model_dump(mode="json"),
            "int8": None if self.block.copies is None else self.block.copies.report,
        }


def open_encoder(params: EncoderParams, threads: int = 0, saved: Path | None = None) -> Encoder:
    """Find the encoder that the settings ask for.

    Parameters
    ----------
    params : EncoderParams
        The settings.
    threads : int
        Cores to use; 0 means every one.
    saved : Path or None
        The folder that `Encoder.save` was given; it may be missing where there was nothing to save.

    Raises
    ------
    UserError
        When neither it nor its fallback is on this disk, or its folder is not whole.
    """
    found = resolve(params.model, params.fallback, params.models_dir)
    used = params.model_copy(update={"model": found.name}) if found.used_fallback else params
    copy = saved if saved is not None and saved.is_dir() else None
    return Encoder(used, found, EmbeddingBlock(found, used, threads, copy))
