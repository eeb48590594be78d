"""Weights in 8 or 4 bits by bitsandbytes: how a model is loaded so, and what must be set right for it to learn.

8 bits are LLM.int8 (Dettmers et al., 2022), 4 bits are NF4 (QLoRA, Dettmers et al., 2023). The package is an extra,
made for GPUs; on processors it saves memory and no time.
"""

from importlib.util import find_spec
from typing import Any, Literal

from pipelines.errors import UserError

Quantization = Literal["none", "8bit", "4bit"]


def quantized_settings(kind: Quantization, device: Any, named: str, half: Any = None) -> dict[str, Any]:
    """Return what `from_pretrained` needs to load weights in so many bits; nothing for `none`.

    Parameters
    ----------
    device : torch.device
        Where the weights are put; they are quantised there.
    named : str
        How the model is called in errors.
    half : torch.dtype or None
        In what 4-bit weights are multiplied; None is float32.

    Raises
    ------
    UserError
        When a package that this needs is not installed.
    """
    if kind == "none":
        return {}
    for package in ("bitsandbytes", "accelerate"):
        if find_spec(package) is None:
            raise UserError(
                f'{named}: quantization {kind} needs the package {package}: pip install -e ".[quantized]",'
                " or set quantization to none."
            )
    import torch
    from transformers import BitsAndBytesConfig

    if kind == "8bit":
        config = BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=half or torch.float32
        )
    return {"quantization_config": config, "device_map": {"": device}}


def keep_gradients(model: Any) -> None:
    """Have 4-bit maps on a processor keep the layout of their weights that gradients go through.

    Where the processor has AVX512 in bf16, bitsandbytes packs the weights of a map when it is first evaluated, and goes
    on computing by that form in training, which has no gradients (0.50).
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
