"""Tiny random decoders of the usual families, each with a byte-level tokenizer and, where wanted, a chat template."""

from pathlib import Path
from typing import Any

from checkpoints import SENTENCES

FAMILIES = ("llama", "qwen2", "gemma", "smollm3")
"""model_type of each; SmolLM and SmolLM2 are llama."""
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
)
VOCABULARY = 420


def make_decoder(
    family: str, folder: Path, *, kind: str = "causal", template: bool = True, padding: str = "right", seed: int = 0
) -> Path:
    """Save a random model (hidden 32, 2 layers, 512 positions) and its tokenizer; return the folder.

    `kind` is causal, base, or reward: a sequence classification with one output.
    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification

    tokenizer = _tokenizer(template, padding)
    size: dict[str, Any] = {
        "vocab_size": len(tokenizer) + 8,  # Qwen2 adds a token of its own
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": True,
    }
    config = AutoConfig.for_model(family, **size, **({"num_labels": 1} if kind == "reward" else {}))
    makes: dict[str, Any] = {
        "causal": AutoModelForCausalLM,
        "base": AutoModel,
        "reward": AutoModelForSequenceClassification,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = makes[kind].from_config(config)
        for name, weight in model.named_parameters():
            if weight.ndim > 1:  # large enough that no two texts look alike
                torch.nn.init.normal_(weight, std=0.3 if "embed" in name or "score" in name else 0.1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(template: bool, padding: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|im_start|>", "<|im_end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        padding_side=padding,
        model_input_names=["input_ids", "attention_mask"],
    )
    if template:
        made.chat_template = TEMPLATE
    return made
