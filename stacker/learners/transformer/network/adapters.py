"""Low-rank adapters (LoRA, Hu et al., 2021) by peft: put in before a fit, merged into the weights after it."""

from typing import Any

from stacker.learners.transformer.network.layers import linear_names
from stacker.learners.transformer.network.network import PreferenceNetwork
from stacker.learners.transformer.params import TransformerParams


def add_adapters(network: PreferenceNetwork, params: TransformerParams) -> Any:
    """Put adapters into every linear map of the upper half, freeze the rest of the encoder, and return the handle."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    config = LoraConfig(
        r=params.lora_rank,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=linear_names(network.encoder.model, network.encoder.start),
        bias="none",
    )
    # The tuner itself: peft's wrapper around it asks transformers for a name that is deprecated.
    return LoraModel(network.encoder.model, {"default": config}, "default")


def merge_adapters(handle: Any) -> None:
    """Add the adapters to the weights that they stand beside, and take them out."""
    handle.merge_and_unload()
