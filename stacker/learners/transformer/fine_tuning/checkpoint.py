"""Opens a checkpoint folder, without the network: the encoder, its tokenizer and how many positions it has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.models.model_files import check_folder
from pipelines.models.model_loading import load_backbone, load_tokenizer, most_tokens

_NO_LIMIT = 1 << 20
"""Tokenizers without a limit of their own state an enormous number."""


@dataclass(frozen=True)
class Checkpoint:
    """An encoder without a head, in float32 and evaluation mode, with its tokenizer.

    Attributes
    ----------
    model, tokenizer
        As transformers loads them.
    positions : int
        The longest sequence the encoder reads.
    """

    model: Any
    tokenizer: Any
    positions: int


def open_checkpoint(folder: Path, name: str) -> Checkpoint:
    """Open a checkpoint folder; `name` is how it is called in errors.

    Raises
    ------
    UserError
        When the folder is not whole, its tokenizer cannot pad, or weights and tokenizer do not belong together.
    """
    check_folder(folder)
    tokenizer, model = load_tokenizer(folder, name), load_backbone(folder, name)
    if getattr(model, "pooler", None) is not None:
        # Parts are pooled by the heads; a pooler that a checkpoint lacks would be filled at random.
        model.pooler = None
    size = int(model.get_input_embeddings().num_embeddings)
    if len(tokenizer) > size and max(tokenizer.get_vocab().values()) >= size:
        raise UserError(
            f"encoder {name}: the tokenizer in {folder} has {len(tokenizer)} tokens, the model {size}; they are not of "
            f"one checkpoint."
        )
    most, own = most_tokens(folder) or _NO_LIMIT, int(tokenizer.model_max_length)
    return Checkpoint(model, tokenizer, min(most, own) if 0 < own < _NO_LIMIT else most)
