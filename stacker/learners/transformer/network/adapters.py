"""Low-rank adapters (LoRA, Hu et al., 2021): put into linear maps by peft, taken out again, and added to weights."""

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
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(
        r=params.lora_rank,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=linear_names(model, start),
        bias="none",
    )
    # The tuner itself: peft's wrapper around it asks transformers for a name that is deprecated.
    return LoraModel(model, {"default": config}, _NAME)


def taken_adapters(handle: Any) -> dict[str, Tensor]:
    """Take the adapters out, so that the model is the base again, and return them by map: `NAME.down`, `NAME.up`."""
    found = {}
    for name, module in handle.model.named_modules():
        if hasattr(module, "lora_A") and _NAME in module.lora_A:
            for part, weights in ((DOWN, module.lora_A), (UP, module.lora_B)):
                found[f"{name}.{part}"] = weights[_NAME].weight.detach().cpu().clone()
    handle.unload()
    return found


def merge_adapters(model: nn.Module, adapters: Mapping[str, Tensor], params: TransformerParams) -> None:
    """Add alpha / rank times up @ down to the weights of each map that has an adapter.

    Raises
    ------
    ValueError
        When the model has no such map, or one of another shape.
    """
    for name in sorted({key.rpartition(".")[0] for key in adapters}):
        module = dict(model.named_modules()).get(name)
        down, up = adapters.get(f"{name}.{DOWN}"), adapters.get(f"{name}.{UP}")
        if not isinstance(module, nn.Linear) or down is None or up is None:
            raise ValueError(f"an adapter of {name}, which the base has not")
        if (up.shape[0], down.shape[1]) != tuple(module.weight.shape) or up.shape[1] != down.shape[0]:
            raise ValueError(f"the adapter of {name} is not as wide as the base")
        weight = module.weight
        with torch.no_grad():
            change = (up.to(weight) @ down.to(weight)) * (params.lora_alpha / params.lora_rank)
            weight.add_(change)
