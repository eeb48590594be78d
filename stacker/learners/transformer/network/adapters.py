"""Low-rank adapters (LoRA, Hu et al., 2021): put into linear maps by peft, taken out again, and added to weights.

Weights in 8 or 4 bits take no addition: adapters stay next to those (QLoRA, Dettmers et al., 2023).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from stacker.learners.transformer.network.layers import linear_names
from stacker.learners.transformer.params import TransformerParams

_NAME = "default"
DOWN, UP = "down", "up"


def add_adapters(model: nn.Module, params: TransformerParams, start: int) -> Any:
    """Put adapters into every linear map of the layers from `start` on, freeze the rest, and return their handle."""
    return _with_adapters(model, params, linear_names(model, start))


def taken_adapters(handle: Any) -> dict[str, Tensor]:
    """Take the adapters out, so that the model is the base again, and return them by map: `NAME.down`, `NAME.up`."""
    found = {}
    for name, module in handle.model.named_modules():
        if hasattr(module, "lora_A") and _NAME in module.lora_A:
            for part, weights in ((DOWN, module.lora_A), (UP, module.lora_B)):
                found[f"{name}.{part}"] = weights[_NAME].weight.detach().cpu().clone()
    handle.unload()
    if hasattr(handle.model, "peft_config"):
        del handle.model.peft_config  # else peft takes the model for one that has adapters
    return found


def put_adapters(model: nn.Module, adapters: Mapping[str, Tensor], params: TransformerParams) -> None:
    """Have a model compute with adapters from `taken_adapters`: added to its weights, or next to quantised ones.

    Raises
    ------
    ValueError
        When the model has no such map, or one of another shape.
    """
    if params.quantization == "none":
        merge_adapters(model, adapters, params)
    elif adapters:
        maps = _checked(model, adapters)
        _with_adapters(model, params, list(maps))
        with torch.no_grad():
            for name, (down, up) in maps.items():
                module: Any = model.get_submodule(name)
                module.lora_A[_NAME].weight.copy_(down)
                module.lora_B[_NAME].weight.copy_(up)
        model.requires_grad_(False)


def merge_adapters(model: nn.Module, adapters: Mapping[str, Tensor], params: TransformerParams) -> None:
    """Add alpha / rank times up @ down to the weights of each map that has an adapter.

    Raises
    ------
    ValueError
        When the model has no such map, or one of another shape.
    """
    for name, (down, up) in _checked(model, adapters).items():
        weight: Any = model.get_submodule(name).weight
        with torch.no_grad():
            change = (up.to(weight) @ down.to(weight)) * (params.lora_alpha / params.lora_rank)
            weight.add_(change)


def _with_adapters(model: nn.Module, params: TransformerParams, names: list[str]) -> Any:
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(
        r=params.lora_rank,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=names,
        bias="none",
    )
    # The tuner itself: peft's wrapper around it asks transformers for a name that is deprecated.
    return LoraModel(model, {_NAME: config}, _NAME)


def _checked(model: nn.Module, adapters: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the two parts of each adapter by its map; a `ValueError` where the model has no such map."""
    modules = dict(model.named_modules())
    found = {}
    for name in sorted({key.rpartition(".")[0] for key in adapters}):
        module = modules.get(name)
        down, up = adapters.get(f"{name}.{DOWN}"), adapters.get(f"{name}.{UP}")
        if not isinstance(module, nn.Linear) or down is None or up is None:
            raise ValueError(f"an adapter of {name}, which the base has not")
        # Quantised weights are packed, so that their own shape tells nothing.
        if (up.shape[0], down.shape[1]) != (module.out_features, module.in_features) or up.shape[1] != down.shape[0]:
            raise ValueError(f"the adapter of {name} is not as wide as the base")
        found[name] = (down, up)
    return found
