"""Checkpoints, opened; a fitted transformer on disk: what it learned as safetensors, its settings as JSON, its base."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from features.encoder.choice import ResolvedEncoder
from pipelines.errors import UserError, shown
from pipelines.files.saved_files import checking
from pipelines.models.model_files import BUILTIN_NAME, check_folder, read_config
from pipelines.models.model_loading import DECODERS, load_backbone, load_tokenizer, most_tokens
from pipelines.models.quantized_weights import keep_gradients, quantized_settings
from stacker.learners.balance import Correction
from stacker.learners.learner_interface import FORMAT, SETTINGS
from stacker.learners.transformer.network.adapters import put_adapters
from stacker.learners.transformer.network.inference import choose_device, choose_half
from stacker.learners.transformer.network.layers import SplitEncoder, layer_count
from stacker.learners.transformer.network.network import PreferenceNetwork, make_head
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.saved_form import BASE, WEIGHTS, read_saved_form, readable

_NO_LIMIT = 1 << 20
"""Tokenizers without a limit of their own state an enormous number."""


@dataclass(frozen=True)
class Checkpoint:
    """An encoder or decoder without a head, in float32 and evaluation mode, with its tokenizer.

    Attributes
    ----------
    model, tokenizer
        As transformers loads them.
    positions : int
        The longest sequence the encoder reads.
    causal : bool
        Whether it is a decoder.
    """

    model: Any
    tokenizer: Any
    positions: int
    causal: bool


def open_checkpoint(folder: Path, name: str, params: TransformerParams | None = None) -> Checkpoint:
    """Open a checkpoint folder; `name` is how it is called in errors, `params` say in how many bits and where.

    Raises
    ------
    UserError
        When the folder is incomplete, its tokenizer cannot pad, weights and tokenizer do not belong together, or
        weights that are to be quantised are an encoder's.
    """
    check_folder(folder)
    tokenizer, model = load_tokenizer(folder, name), load_backbone(folder, name, **_in_bits(folder, name, params))
    keep_gradients(model)
    if getattr(model, "pooler", None) is not None:
        # Parts are pooled by the heads; a pooler that is not in a checkpoint would be filled at random.
        model.pooler = None
    size = int(model.get_input_embeddings().num_embeddings)
    if len(tokenizer) > size and max(tokenizer.get_vocab().values()) >= size:
        raise UserError(
            f"encoder {name}: the tokenizer in {folder} has {len(tokenizer)} tokens, the model {size}; they are not of "
            f"one checkpoint."
        )
    most, own = most_tokens(folder) or _NO_LIMIT, int(tokenizer.model_max_length)
    causal = model.config.model_type in DECODERS
    return Checkpoint(model, tokenizer, min(most, own) if 0 < own < _NO_LIMIT else most, causal)


def _in_bits(folder: Path, name: str, params: TransformerParams | None) -> dict[str, Any]:
    """Return what loads the weights in 8 or 4 bits where the settings ask for it."""
    if params is None or params.quantization == "none":
        return {}
    if read_config(folder).get("model_type") not in DECODERS:
        raise UserError(
            f"transformer {name}: quantization is for decoders ({', '.join(DECODERS)}); set it to none, and precision "
            "to int8 where an encoder is to be fast."
        )
    device = choose_device(params.device)
    return quantized_settings(params.quantization, device, f"transformer {name}", choose_half(params.precision, device))


def build_network(checkpoint: Checkpoint, params: TransformerParams, start: int) -> PreferenceNetwork:
    """Return a network of an opened checkpoint with `start` frozen layers and a new head."""
    encoder = SplitEncoder(checkpoint.model, start)
    head = make_head(params.head, encoder.width, params.lengths, params.dropout, params.ties)
    return PreferenceNetwork(encoder, head, int(checkpoint.tokenizer.pad_token_id))


def save_network(
    folder: Path,
    network: PreferenceNetwork,
    tokenizer: Any,
    params: TransformerParams,
    name: str,
    base: ResolvedEncoder,
    correction: Correction,
    about: Any,
    adapters: dict[str, Any],
) -> None:
    """Write a fitted network into an empty folder, without pickle.

    Where the base is kept beside, only its hash is written, and the adapters that were added to its weights, or else
    the encoder's tensors that differ from it.
    """
    import torch
    from safetensors.torch import save_file

    there = base.name == BUILTIN_NAME or network.encoder.causal
    whole = params.store == "whole" or (params.store == "auto" and not there)
    learned = {f"head.{key}": value for key, value in network.head.state_dict().items()}
    model = network.encoder.model
    if whole:
        model.save_pretrained(folder / BASE)
        tokenizer.save_pretrained(folder / BASE)
    elif adapters or params.quantization != "none":
        learned |= {f"adapter.{key}": value for key, value in adapters.items()}
    else:
        before = open_checkpoint(base.folder, base.name).model.state_dict()
        for key, value in model.state_dict().items():
            if not torch.equal(value.cpu(), before[key]):
                learned[f"encoder.{key}"] = value
    save_file({key: value.detach().cpu().contiguous() for key, value in learned.items()}, folder / WEIGHTS)
    meta = {
        "format": FORMAT,
        "name": name,
        "params": params.model_dump(mode="json"),
        "base": {
            "name": base.name,
            "sha256": base.sha256,
            "inside": whole,
            "beside": None if base.name == BUILTIN_NAME else str(base.folder.parent),
            "copies": str(base.models_dir),
        },
        "correction": correction.to_dict(),
        "about": about,
    }
    text = json.dumps(meta, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / SETTINGS).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Stored:
    """A fitted transformer that was read, as its network in torch."""

    name: str
    params: TransformerParams
    base: ResolvedEncoder
    checkpoint: Checkpoint
    network: PreferenceNetwork
    correction: Correction
    about: Any
    adapters: dict[str, Any]


def load_network(folder: Path) -> Stored:
    """Read what `save_network` wrote; a `UserError` where that is damaged, or the base is not here or another one."""
    from safetensors.torch import load_file

    form = read_saved_form(folder)
    meta, params, base = form.meta, form.params, form.base
    with readable(folder):
        learned = load_file(folder / WEIGHTS)
    checkpoint = open_checkpoint(base.folder, base.name, params)
    # Loaded networks do not learn: no layer needs a lower half.
    network = build_network(checkpoint, params, layer_count(checkpoint.model))
    try:
        network.head.load_state_dict(_under(learned, "head."))
        found = checkpoint.model.load_state_dict(_under(learned, "encoder."), strict=False)
    except RuntimeError as fault:
        raise UserError(
            f"{folder}: {WEIGHTS} does not fit {base.name} and a {params.head} head; make the judge again."
        ) from fault
    if found.unexpected_keys:
        raise UserError(
            f"{folder}: {shown(found.unexpected_keys[0])} is no weight of {base.name}; make the judge again."
        )
    adapters = _under(learned, "adapter.")
    with checking(folder / WEIGHTS):
        put_adapters(checkpoint.model, adapters, params)
    network.eval()
    if meta["base"]["inside"]:
        _check_runs(network, folder)
    correction = Correction.from_dict(meta.get("correction"))
    return Stored(meta["name"], params, base, checkpoint, network, correction, meta["about"], adapters)


def _check_runs(network: PreferenceNetwork, folder: Path) -> None:
    """Have a base that was kept beside run on a few tokens: what cannot be shall be found before the first battle."""
    import torch

    ids = torch.full((1, 4), network.pad, dtype=torch.int64)
    with checking(folder / BASE), torch.inference_mode():
        found = network.encoder.model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        if not torch.isfinite(found).all():
            raise ValueError("its weights give no numbers")


def _under(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}
