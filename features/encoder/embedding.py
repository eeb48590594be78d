"""The block of the frozen encoder: one mean-pooled embedding of unit length for each text."""

import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from features.blocks.interface import Floats
from features.encoder.choice import EncoderParams, ResolvedEncoder
from features.encoder.engines import Engine, Ids, OneByOne, SameShape
from features.encoder.engines.copies import EncoderCopies, calibration_texts
from features.encoder.tokens import OwnTokens, Tokens, head_and_tail, open_tokens
from features.memory import release_memory
from pipelines.errors import UserError
from pipelines.files.saved_files import checking
from pipelines.models.model_files import read_config, tokenizer_sha256, vocabulary_of
from pipelines.models.model_loading import (
    OWN_FILES,
    SAFE_WEIGHTS,
    ensure_padding,
    load_backbone,
    load_tokenizer,
    most_tokens,
    quiet,
)

_WIDEST = 65_536
"""Numbers of an embedding; no encoder gives as many."""
_TEXTS_AT_ONCE = 256
"""The tokenizer's own records take about 100 bytes a token; few texts at once keep memory steady."""


class EmbeddingBlock:
    """Embeddings by sentence-transformers; a text's row is the same, to the bit, whatever texts it comes with.

    Nothing is loaded before the first text is asked for.

    Parameters
    ----------
    encoder : ResolvedEncoder
        Where the model is. A folder made by sentence-transformers is pooled as its authors say, any other by the mean
        of its tokens.
    params : EncoderParams
        Tokens kept of a text, device and precision.
    threads : int
        Cores to use on a CPU; 0 means all. The rows do not depend on it.
    copy : Path or None
        The folder of a judge's int8 copy, for precision int8; without it `calibrate` makes one.

    Raises
    ------
    UserError
        When the model has fewer positions than `max_tokens`, or a setting does not fit the device; at the first text,
        when the model cannot be loaded.
    """

    name = "embedding"

    def __init__(
        self, encoder: ResolvedEncoder, params: EncoderParams, threads: int = 0, copy: Path | None = None
    ) -> None:
        self.encoder = encoder
        self.params = params
        self.threads = threads or usable_cores()
        most = most_tokens(encoder.folder)
        if most is not None and params.max_tokens > most:
            raise UserError(
                f"encoder.max_tokens {params.max_tokens}: {encoder.name} has positions for {most}; lower it to that."
            )
        self.device = _device(params)
        self.columns: tuple[str, ...] = tuple(f"dimension {number + 1}" for number in range(_width(encoder.folder)))
        self.copies: EncoderCopies | None = None
        if params.engine != "torch":
            self.copies = EncoderCopies(
                encoder, params, self.threads, lambda: self._model, lambda: self._tokens, self.token_ids, copy
            )
        self._begun: Future[Engine] | None = None
        self.version = self._version()

    def _version(self) -> str:
        encoder, params = self.encoder, self.params
        return "-".join(
            (
                encoder.sha256,
                tokenizer_sha256(encoder.folder)[:16],
                f"{params.max_tokens}-{params.head_share}",
                f"{self.device}-{params.precision}",
                f"{params.batch_tokens}" if self.device == "cuda" else "",
                *(() if self.copies is None else (self.copies.version,)),
            )
        )

    def calibrate(self, texts: Iterable[str]) -> None:
        """Make sure of an int8 copy, its ranges taken from some of these texts; nothing to do for other precisions.

        Call it before the first text is asked for: `version` changes with the texts.

        Raises
        ------
        UserError
            When the rows of int8 stray too far from those of fp32; it says how far.
        """
        if self.copies is not None and self.params.precision == "int8":
            self.copies.calibrate(*calibration_texts(texts))
            self.version = self._version()

    def compute(self, texts: Sequence[str]) -> Floats:
        """Return a (len(texts), d) float32 array of rows of unit length."""
        rows = np.empty((len(texts), len(self.columns)), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = slice(start, start + _TEXTS_AT_ONCE)
            rows[part] = self._engine.embed(self.token_ids(texts[part]))
        return rows

    def open_ahead(self) -> None:
        """Begin to load a converted copy that is there already, beside other work; the first text waits for it."""
        if self.copies is not None and self.copies.folders() and self._begun is None and "_engine" not in self.__dict__:
            self._begun = ThreadPoolExecutor(1, "encoder").submit(self.copies.open)

    def rest(self) -> None:
        """Give back the memory of a converted copy; the next text wakes it. Seen with the built-in encoder: .2 GB."""
        if self.copies is not None:
            self._begun = None
            for name in ("_engine", "_model"):
                self.__dict__.pop(name, None)
            release_memory()

    def token_ids(self, texts: Sequence[str]) -> list[Ids]:
        """Return each text's token ids, special tokens included; of a long text the head and the tail."""
        if not texts:
            return []
        before, after = self._tokens.frame
        room = max(self.params.max_tokens - len(before) - len(after), 0)
        share = self.params.head_share
        return [[*before, *head_and_tail(ids, room, share)[0], *after] for ids in self._tokens.ids(texts)]

    @cached_property
    def _model(self) -> Any:
        return load_sentence_model(self.encoder)

    @cached_property
    def _tokens(self) -> Tokens:
        if self.copies is None:
            return OwnTokens(self._model.tokenizer)
        folder, name = self.encoder.folder, self.encoder.name
        return open_tokens(self.copies.folders(), lambda: load_tokenizer(folder, name), vocabulary_of(folder))

    @cached_property
    def _engine(self) -> Engine:
        if self.copies is not None:
            begun, self._begun = self._begun, None
            return self.copies.open() if begun is None else begun.result()
        if self.device == "cpu":
            return OneByOne(self._model, self.threads)
        ensure_padding(self._model.tokenizer, self.encoder.name)
        pad = int(self._model.tokenizer.pad_token_id)
        return SameShape(self._model, pad, self.params.batch_tokens, self.params.precision)


def load_sentence_model(encoder: ResolvedEncoder) -> Any:
    """Load a `SentenceTransformer` on the CPU, in float32, that gives rows of unit length.

    Raises
    ------
    UserError
        When the tokenizer or the weights cannot be loaded.
    """
    load_backbone(
        encoder.folder, encoder.name
    )  # says what is wrong; sentence-transformers would go on with random weights
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    whole = {**SAFE_WEIGHTS, "dtype": "float32"}
    folder = str(encoder.folder)
    try:
        with quiet():
            if (encoder.folder / "modules.json").is_file():
                model = SentenceTransformer(
                    folder,
                    device="cpu",
                    **OWN_FILES,
                    model_kwargs=whole,
                    processor_kwargs=OWN_FILES,
                    config_kwargs=OWN_FILES,
                )
                modules = list(model)
            else:
                body = Transformer(folder, model_kwargs=whole, processor_kwargs=OWN_FILES, config_kwargs=OWN_FILES)
                modules = [body, Pooling(body.get_embedding_dimension(), pooling_mode="mean")]
            if not isinstance(modules[-1], Normalize):
                modules.append(Normalize())
            return SentenceTransformer(modules=modules, device="cpu").eval()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as fault:
        first = str(fault).strip().partition("\n")[0][:160].rstrip(".") or type(fault).__name__
        raise UserError(
            f"encoder {encoder.name} ({encoder.folder}): sentence-transformers cannot load it ({first}); "
            f"name another model or get it again."
        ) from fault


def usable_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _device(params: EncoderParams) -> str:
    device = params.device
    if params.engine != "torch":
        if device == "cuda":
            raise UserError(
                f"encoder.engine {params.engine}: runs on a CPU; set encoder.device to cpu, or the engine to torch."
            )
        if params.precision not in ("fp32", "int8"):
            raise UserError(
                f"encoder.precision {params.precision}: {params.engine} has fp32 and int8; set it to one of them."
            )
        return "cpu"
    if params.precision == "int8":
        raise UserError("encoder.precision int8: torch has none here; set encoder.engine to openvino or onnx.")
    if device != "cpu":
        import torch

        there = torch.cuda.is_available()
        if device == "cuda" and not there:
            raise UserError("encoder.device cuda: torch sees no GPU here; set it to auto or cpu.")
        device = "cuda" if there else "cpu"
    if device == "cpu" and params.precision != "fp32":
        raise UserError(f"encoder.precision {params.precision}: is for a GPU and there is none in use; set it to fp32.")
    return device


def _width(folder: Path) -> int:
    """Return the length of an embedding from the configuration alone: loading a model takes seconds."""
    config = read_config(folder)
    width = next((config[key] for key in ("hidden_size", "dim", "d_model") if isinstance(config.get(key), int)), None)
    modules = folder / "modules.json"
    if modules.is_file():
        with checking(modules):
            for module in json.loads(modules.read_text(encoding="utf-8")):
                settings = folder / module["path"] / "config.json"
                if module["path"] and settings.is_file():
                    found = json.loads(settings.read_text(encoding="utf-8"))
                    width = found.get("out_features", width)
    if not isinstance(width, int) or not 0 < width <= _WIDEST:
        raise UserError(f"{folder / 'config.json'}: does not say how long an embedding is (hidden_size).")
    return width
