"""Loads tokenizers and weights from a model's folder, never pickle or code; what does not fit is one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.models.model_files import CONFIG, WEIGHTS, WEIGHTS_INDEX, check_folder, numbers_in, read_config

_OFFSET_POSITIONS = ("roberta", "xlm-roberta", "camembert", "mpnet", "longformer")
"""Architectures that number positions from the padding id on, and so have that many fewer to use."""
OWN_FILES: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""How every part of a model is loaded: from its folder alone, and nothing in that folder is run."""
SAFE_WEIGHTS: dict[str, Any] = {**OWN_FILES, "use_safetensors": True}
"""How weights are loaded: a pickle could run any code."""
_UNUSED = ("pooler.", "position_ids")
"""Weights that no embedding needs, and that checkpoints made for another task lack."""

_TIMES, _FEW_NUMBERS = 2, 20_000_000
"""How many times the numbers of its weights, and how many besides, a network may have: poolers and tables of positions
are made anew."""


def load_tokenizer(folder: Path, name: str) -> Any:
    """Load an encoder's tokenizer; it pads with the end-of-sequence token where it has no padding token.

    Raises
    ------
    UserError
        When the tokenizer cannot be read, or has no token to pad with.
    """
    from transformers import AutoTokenizer

    with explained(f"encoder {name} ({folder})", "its tokenizer cannot be read"), quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, **OWN_FILES)
    ensure_padding(tokenizer, name)
    return tokenizer


def ensure_padding(tokenizer: Any, name: str) -> None:
    """Have a tokenizer without a padding token pad with its end-of-sequence token; a `UserError` without either."""
    if tokenizer.pad_token is not None:
        return
    if tokenizer.eos_token is None:
        raise UserError(
            f"encoder {name}: its tokenizer has neither a padding nor an end-of-sequence token; "
            f"name a pad_token in its tokenizer_config.json."
        )
    tokenizer.pad_token = tokenizer.eos_token


def load_backbone(folder: Path, name: str, **settings: Any) -> Any:
    """Load an encoder's weights into its transformers class, in float32 unless `settings` say otherwise.

    Parameters
    ----------
    name : str
        How the encoder is called in errors.
    **settings
        Passed on to `AutoModel.from_pretrained` (`dtype`, `attn_implementation`, ...).

    Raises
    ------
    UserError
        When the architecture is unknown, or the weights are damaged or do not fit it. Weights that a checkpoint has not
        would otherwise be random, with a warning that scrolls by.
    """
    import torch
    from transformers import AutoModel
    from transformers.models.auto.modeling_auto import MODEL_MAPPING

    _check_size(folder, f"encoder {name}", MODEL_MAPPING)
    with explained(f"encoder {name} ({folder})", _architecture(folder)), quiet():
        model, info = AutoModel.from_pretrained(
            folder, **SAFE_WEIGHTS, output_loading_info=True, **({"dtype": torch.float32} | settings)
        )
    return _whole(model, info, f"encoder {name}", folder)


DECODERS = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "smollm3")
"""Decoders that can be trained here, by model_type; SmolLM and SmolLM2 are llama."""


def check_readable(folder: Path, name: str) -> None:
    """Raise a `UserError` where a model's configuration is neither an encoder's nor that of one of `DECODERS`."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    with explained(f"encoder {name} ({folder})", _architecture(folder)), quiet():
        config = AutoConfig.from_pretrained(folder, **OWN_FILES)
    kind = config.model_type
    if kind in DECODERS:
        return
    writes = kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES
    if writes or config.is_encoder_decoder or getattr(config, "is_decoder", False):
        raise no_encoder(name, kind)


def no_encoder(name: str, kind: str) -> UserError:
    """Return the error for a model that is neither an encoder nor one of `DECODERS`."""
    return UserError(
        f"transformer {name}: is a {kind} model, a decoder, which cannot be trained here; name an encoder such as "
        f"distilbert-base-uncased, or a decoder of the families {', '.join(DECODERS)}."
    )


def load_generator(folder: Path, **settings: Any) -> tuple[Any, Any]:
    """Load tokenizer and weights of a causal language model; a `UserError` where the folder holds none.

    `settings` are passed on to `from_pretrained` (`dtype`, ...).
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: holds no model ({CONFIG} is missing); get one by pipelines.models fetch.")
    _check_size(folder, f"model {folder}", MODEL_FOR_CAUSAL_LM_MAPPING)
    with explained(f"model {folder}", "it is no causal language model that can be read"), quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, **OWN_FILES)
        # transformers' annotations know no loading info here
        found: Any = AutoModelForCausalLM.from_pretrained(folder, **SAFE_WEIGHTS, output_loading_info=True, **settings)
    model, info = found
    return tokenizer, _whole(model, info, f"model {folder}", folder)


def load_reward_model(folder: Path, named: str, half: bool = False) -> tuple[Any, Any]:
    """Load tokenizer and weights of a sequence classification with one output; a `UserError` where it is none."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    _check_size(folder, named, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING)
    dtype = torch.bfloat16 if half else torch.float32
    with explained(f"{named} ({folder})", "it is no reward model that can be read"), quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, **OWN_FILES)
        found: Any = AutoModelForSequenceClassification.from_pretrained(
            folder, **SAFE_WEIGHTS, output_loading_info=True, dtype=dtype
        )
    model, info = found
    if model.config.num_labels != 1:
        raise UserError(
            f"{named}: the model in {folder} has {model.config.num_labels} outputs, and a reward model has one; name "
            "another."
        )
    return tokenizer, _whole(model, info, named, folder)


def torch_device(wish: str, named: str) -> str:
    """Return `cpu` or `cuda` for `auto`, `cpu` or `cuda`; a `UserError` where there is no such GPU."""
    import torch

    there = wish != "cpu" and torch.cuda.is_available()
    if wish == "cuda" and not there:
        raise UserError(f"{named}: device is cuda, and torch sees no GPU here; set device to auto or cpu.")
    return "cuda" if there else "cpu"


def _check_size(folder: Path, named: str, classes: Any) -> None:
    """Refuse a configuration of a far larger network than the weights are: what they lack would be allocated first."""
    import torch
    from transformers import AutoConfig
    from transformers.models.auto.auto_factory import _get_model_class

    if not any((folder / name).is_file() for name in (WEIGHTS, WEIGHTS_INDEX)):
        return  # transformers refuses any other form
    check_folder(folder)
    # Where no memory is behind its tensors, a network of any size is made in the time of its layers.
    with explained(named, _architecture(folder)), quiet(), torch.device("meta"):
        config = AutoConfig.from_pretrained(folder, **OWN_FILES)
        model = _get_model_class(config, classes)(config)
    needed = sum(tensor.numel() for tensor in (*model.parameters(), *model.buffers()))
    found = numbers_in(folder)
    if needed > _TIMES * found + _FEW_NUMBERS:
        raise UserError(
            f"{named}: its configuration describes a network of {needed:,} numbers, and its weights are {found:,}; "
            f"correct {folder / CONFIG} or get the model again."
        )


def _whole(model: Any, info: dict[str, Any], named: str, folder: Path) -> Any:
    missing = sorted(key for key in info["missing_keys"] if not any(part in key for part in _UNUSED))
    if missing:
        raise UserError(
            f"{named}: its weights lack {len(missing)} of the tensors that {type(model).__name__} "
            f"needs, {missing[0]} among them; get a checkpoint that fits its {folder / CONFIG}."
        )
    return model.eval()


def most_tokens(folder: Path) -> int | None:
    """Return how many tokens, special ones included, a model has positions for; None where it does not say."""
    config = read_config(folder)
    most = config.get("max_position_embeddings")
    if not isinstance(most, int) or most <= 0:
        return None
    if config["model_type"] in _OFFSET_POSITIONS:
        most -= config.get("pad_token_id", 1) + 1
    return most


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from writing bars and reports of its own to the screen."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


@contextmanager
def explained(named: str, what: str) -> Iterator[None]:
    """Turn what goes wrong in a library that loads a model into one sentence: `named` it is, and `what` cannot be."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as fault:
        first = str(fault).strip().partition("\n")[0][:160].rstrip(".") or type(fault).__name__
        raise UserError(f"{named}: {what} ({first}); name another model or get it again.") from fault


def _architecture(folder: Path) -> str:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    kind = read_config(folder).get("model_type")
    if kind not in CONFIG_MAPPING_NAMES:
        return f"transformers knows no architecture {kind!r}"
    return f"its weights do not load as {kind}"
