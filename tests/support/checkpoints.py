"""Tiny random checkpoints of the supported architectures, each with a real tokenizer of its own kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

ARCHITECTURES = ("bert", "distilbert", "roberta", "albert", "deberta-v2", "modernbert")
"""model_type of each; bert stands for TinyBERT and MiniLM, deberta-v2 for DeBERTa-v3."""

SENTENCES = (
    "Which answer is better, the first or the second one?",
    "The capital of France is Paris, and it lies on the Seine.",
    "I'm sorry, but as a small model I cannot help with that.",
    "def add(a, b):\n    return a + b  # the sum of two numbers",
    "Write a short poem about the sea, please; keep it under 12 lines!",
    "1. Boil the water. 2. Add the tea. 3. Wait for 3-5 minutes.",
    "**Note**: prices rose by 7% in 2021, then fell again.",
    "法国的首都是巴黎。你好,请帮我写一首诗!",
    "¿Cuál es la mejor respuesta? Ninguna de las dos.",
    "Thanks 😀 — that was really helpful… see https://example.org/page",
)
HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 2, 64, 514
VOCABULARY = 400


def make_checkpoint(architecture: str, folder: Path) -> Path:
    """Save a random model (hidden 32, 2 layers, 512 tokens at most) and its tokenizer; return the folder."""
    import torch
    from transformers import AutoModel

    tokenizer = _TOKENIZERS[architecture]()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModel.from_config(_config(architecture, tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_distilbert_of_builtin(folder: Path) -> Path:
    """Save the built-in encoder's real weights as a `DistilBertModel` with its tokenizer; return the folder.

    Its token-type embedding of type 0 goes into the position embeddings, as DistilBERT has none.
    """
    from safetensors.torch import load_file, save_file
    from transformers import AutoConfig, AutoTokenizer, DistilBertConfig

    from pipelines.models.model_files import builtin_folder

    old = load_file(builtin_folder() / "model.safetensors")
    config = AutoConfig.from_pretrained(builtin_folder(), local_files_only=True)
    new = {
        "embeddings.word_embeddings.weight": old["embeddings.word_embeddings.weight"],
        "embeddings.position_embeddings.weight": old["embeddings.position_embeddings.weight"]
        + old["embeddings.token_type_embeddings.weight"][0],
    }
    for part in ("weight", "bias"):
        new[f"embeddings.LayerNorm.{part}"] = old[f"embeddings.LayerNorm.{part}"]
        for layer in range(config.num_hidden_layers):
            for one, other in _DISTILBERT_OF_BERT.items():
                new[f"transformer.layer.{layer}.{one}.{part}"] = old[f"encoder.layer.{layer}.{other}.{part}"]
    DistilBertConfig(
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_position_embeddings,
        dim=config.hidden_size,
        n_layers=config.num_hidden_layers,
        n_heads=config.num_attention_heads,
        hidden_dim=config.intermediate_size,
        dropout=config.hidden_dropout_prob,
        attention_dropout=config.attention_probs_dropout_prob,
        architectures=["DistilBertModel"],
    ).save_pretrained(folder)
    save_file(new, folder / "model.safetensors", metadata={"format": "pt"})
    AutoTokenizer.from_pretrained(builtin_folder(), local_files_only=True).save_pretrained(folder)
    return folder


_DISTILBERT_OF_BERT = {
    "attention.q_lin": "attention.self.query",
    "attention.k_lin": "attention.self.key",
    "attention.v_lin": "attention.self.value",
    "attention.out_lin": "attention.output.dense",
    "sa_layer_norm": "attention.output.LayerNorm",
    "ffn.lin1": "intermediate.dense",
    "ffn.lin2": "output.dense",
    "output_layer_norm": "output.LayerNorm",
}


def _config(architecture: str, tokenizer: Any) -> Any:
    from transformers import AutoConfig

    size: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "max_position_embeddings": POSITIONS if architecture == "roberta" else 512,
    }
    if architecture == "distilbert":
        size |= {"dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "hidden_dim": INNER}
    else:
        size |= {
            "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "intermediate_size": INNER,
        }
    size |= {
        "roberta": {"type_vocab_size": 1, "layer_norm_eps": 1e-5},
        "albert": {"embedding_size": 16},
        # As DeBERTa-v3: disentangled attention over relative positions, no absolute positions, no token types.
        "deberta-v2": {
            "relative_attention": True,
            "position_buckets": 256,
            "max_relative_positions": -1,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
            "type_vocab_size": 0,
        },
        "modernbert": {
            "cls_token_id": tokenizer.cls_token_id,
            "sep_token_id": tokenizer.sep_token_id,
            "local_attention": 32,
        },
    }.get(architecture, {})
    return AutoConfig.for_model(architecture, **size)


def _word_pieces(architecture: str) -> Callable[[], Any]:
    def build() -> Any:
        from tokenizers import BertWordPieceTokenizer
        from transformers import BertTokenizer, DistilBertTokenizer

        trained = BertWordPieceTokenizer(lowercase=True)
        trained.train_from_iterator(SENTENCES, vocab_size=VOCABULARY, min_frequency=1, show_progress=False)
        kind = DistilBertTokenizer if architecture == "distilbert" else BertTokenizer
        return kind(vocab=trained.get_vocab(), do_lower_case=True, model_max_length=512)

    return build


def _roberta() -> Any:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizer

    trained = ByteLevelBPETokenizer()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(
        SENTENCES, vocab_size=VOCABULARY, min_frequency=2, special_tokens=specials, show_progress=False
    )
    return RobertaTokenizer(vocab=trained.get_vocab(), merges=_merges(trained), model_max_length=512)


def _merges(trained: Any) -> list[tuple[str, str]]:
    import json

    return [(one, other) for one, other in json.loads(trained.to_str())["model"]["merges"]]


def _modernbert() -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "cls", "sep", "pad", "mask")}
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(names.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=True,
        model_max_length=512,
        **names,
    )


def _unigram(specials: list[str]) -> list[tuple[str, float]]:
    import json

    from tokenizers import SentencePieceUnigramTokenizer

    trained = SentencePieceUnigramTokenizer()
    trained.train_from_iterator(
        SENTENCES, vocab_size=VOCABULARY, special_tokens=specials, unk_token=specials[1], show_progress=False
    )
    return [(piece, score) for piece, score in json.loads(trained.to_str())["model"]["vocab"]]


def _albert() -> Any:
    from transformers import AlbertTokenizer

    return AlbertTokenizer(vocab=_unigram(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]), model_max_length=512)


def _deberta() -> Any:
    from transformers import DebertaV2Tokenizer

    vocab = _unigram(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return DebertaV2Tokenizer(vocab=vocab, model_max_length=512)


_TOKENIZERS: dict[str, Callable[[], Any]] = {
    "bert": _word_pieces("bert"),
    "distilbert": _word_pieces("distilbert"),
    "roberta": _roberta,
    "albert": _albert,
    "deberta-v2": _deberta,
    "modernbert": _modernbert,
}


def make_generator(folder: Path, chat_template: str | None = None) -> Path:
    """Write a random Llama of 2 layers with a byte-level tokenizer, and return its folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<end>", pad_token="<pad>")
    tokenizer.chat_template = chat_template
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=2,
                max_position_embeddings=256,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
                bos_token_id=None,
            )
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
