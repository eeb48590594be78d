"""The frozen encoder of a run or a judge: which one was found, and its block."""

from dataclasses import dataclass
from typing import Any

from features.blocks import TextBlock
from features.embedding import EmbeddingBlock
from features.encoders import EncoderParams, ResolvedEncoder, resolve


@dataclass(frozen=True)
class Encoder:
    """An encoder found on this disk, with the settings it is used with.

    Attributes
    ----------
    params : EncoderParams
        The settings; `model` is the encoder really used, so that a saved judge asks for the same one again.
    resolved : ResolvedEncoder
        What was asked for, what was found, and the hash of its weights.
    block : TextBlock
        Gives embeddings of unit length; loads the model when the first text is asked for.
    """

    params: EncoderParams
    resolved: ResolvedEncoder
    block: TextBlock

    @property
    def name(self) -> str:
        """The Hub name or folder of the encoder really used."""
        return self.resolved.name

    @property
    def sha256(self) -> str:
        """Hash of its weights, 64 hex digits."""
        return self.resolved.sha256

    def described(self) -> dict[str, Any]:
        """Return what a judge or a results file keeps of the encoder, as JSON values."""
        return {
            "name": self.name,
            "wanted": self.resolved.wanted,
            "used_fallback": self.resolved.used_fallback,
            "sha256": self.sha256,
            "params": self.params.model_dump(mode="json"),
        }


def open_encoder(params: EncoderParams, threads: int = 0) -> Encoder:
    """Find the encoder that the settings ask for; `threads` 0 means every core.

    Raises
    ------
    UserError
        When neither it nor its fallback is on this disk, or its folder is not whole.
    """
    found = resolve(params.model, params.fallback, params.models_dir)
    used = params.model_copy(update={"model": found.name}) if found.used_fallback else params
    return Encoder(used, found, EmbeddingBlock(found, used, threads))
