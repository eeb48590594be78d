"""Opens a checkpoint folder, without the network: the encoder, its tokenizer and how many positions it has."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UserError

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


def open_tokenizer(folder: Path, name: str) -> Any:
    """Return a folder's tokenizer.

    Raises
    ------
    UserError
        When the folder holds none that works, or one that cannot pad.
    """
    from transformers import AutoTokenizer

    if not any((folder / file).exists() for file in _TOKENIZER_FILES):
        raise UserError(
            f"transformer {name}: {folder} holds no tokenizer (none of {', '.join(_TOKENIZER_FILES)}); "
            f"put the files of the model's tokenizer beside its weights."
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as fault:
        raise UserError(f"transformer {name}: the tokenizer in {folder} cannot be read ({_first(fault)}).") from fault
    if tokenizer.pad_token_id is None:
        raise UserError(
            f"transformer {name}: its tokenizer has no pad token; name one as pad_token in "
            f"{folder / 'tokenizer_config.json'}."
        )
    return tokenizer


def open_model(folder: Path, name: str) -> Any:
    """Return a folder's encoder in float32 and evaluation mode.

    Raises
    ------
    UserError
        When there is no configuration of a known model, or its weights are missing, damaged or incomplete.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    if not (folder / "config.json").exists():
        raise UserError(f"transformer {name}: {folder} holds no config.json; name the folder of a whole checkpoint.")
    bar, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    try:
        # A checkpoint with a head of its own reports each weight that an encoder has no use for.
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        model, report = AutoModel.from_pretrained(
            folder,
            config=config,
            dtype=torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError, SafetensorError) as fault:
        raise UserError(
            f"transformer {name}: the model in {folder} cannot be loaded ({_first(fault)}); get it again whole, with "
            f"its weights as safetensors."
        ) from fault
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
    missing = sorted(key for key in report["missing_keys"] if "pooler" not in key)
    if missing:
        raise UserError(
            f"transformer {name}: the weights in {folder} lack {missing[0]} (and {len(missing) - 1} more); get the "
            f"checkpoint again whole."
        )
    if getattr(model, "pooler", None) is not None:
        # Parts are pooled by the heads; a pooler that a checkpoint lacks would be filled at random.
        model.pooler = None
    return model.eval()


def open_checkpoint(folder: Path, name: str) -> Checkpoint:
    """Open a checkpoint folder; `name` is how it is called in errors."""
    tokenizer, model = open_tokenizer(folder, name), open_model(folder, name)
    if len(tokenizer) > model.config.vocab_size and max(tokenizer.get_vocab().values()) >= model.config.vocab_size:
        raise UserError(
            f"transformer {name}: the tokenizer in {folder} has {len(tokenizer)} tokens, the model "
            f"{model.config.vocab_size}; they are not of one checkpoint."
        )
    return Checkpoint(model, tokenizer, _positions(model, tokenizer))


def _positions(model: Any, tokenizer: Any) -> int:
    config = model.config
    most = int(getattr(config, "max_position_embeddings", None) or _NO_LIMIT)
    if hasattr(getattr(model, "embeddings", None), "create_position_ids_from_input_ids"):
        most -= int(config.pad_token_id) + 1  # the RoBERTa family counts its positions from behind the padding's
    own = int(tokenizer.model_max_length)
    return min(most, own) if 0 < own < _NO_LIMIT else most


def _first(fault: BaseException) -> str:
    lines = str(fault).strip().splitlines() or [type(fault).__name__]
    return lines[0][:160].rstrip(" .:")


_TOKENIZER_FILES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
)
