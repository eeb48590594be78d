"""The frozen encoder of a run or a judge, and its block: one mean-pooled embedding of unit length for each text."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from features.encoder.choice import EncoderParams, ResolvedEncoder, device_of, resolve, width_of
from features.encoder.engines.copies import EncoderCopies, calibration_texts
from features.encoder.engines.engine import Engine, Ids
from features.encoder.engines.pytorch import OneByOne, SameShape
from features.encoder.tokens import OwnTokens, Tokens, head_and_tail, open_tokens
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import TEXT_COLUMNS, text_of
from pipelines.errors import UserError
from pipelines.models.model_files import tokenizer_sha256, vocabulary_of
from pipelines.models.model_loading import (
    OWN_FILES,
    SAFE_WEIGHTS,
    ensure_padding,
    explained,
    load_backbone,
    load_tokenizer,
    most_tokens,
    quiet,
)
from pipelines.terminal.cluster.tasks import Shared, Task, Tasks
from pipelines.terminal.processes import release_memory, usable_cores

_TEXTS_AT_ONCE = 256
"""The tokenizer's own records take about 100 bytes a token; few texts at once keep memory steady."""


class EmbeddingBlock:
    """Embeddings by sentence-transformers; a text's row is bitwise identical whatever texts it comes with.

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
        self.device = device_of(params)
        self.columns: tuple[str, ...] = tuple(f"dimension {number + 1}" for number in range(width_of(encoder.folder)))
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

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), d) float32 array of rows of unit length."""
        rows = np.empty((len(texts), len(self.columns)), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = slice(start, start + _TEXTS_AT_ONCE)
            rows[part] = self._engine.embed(self.token_ids(texts[part]))
        return rows

    def spread(self, tasks: Tasks) -> Callable[[Sequence[str]], Task] | None:
        """Return what makes of some texts the task that embeds them on a node, by the weights of this machine.

        None where rows are computed in this process anyway, or by a converted copy, which belongs to this processor.
        """
        if not tasks.elsewhere or self.copies is not None or self.device != "cpu":
            return None
        weights = tasks.share_folder(self.encoder.folder)
        return lambda texts: Task(_embedded, (weights, self.encoder, self.params, self.threads, texts), self.threads)

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


_ON_NODE: dict[tuple[Path, EncoderParams, int], EmbeddingBlock] = {}
"""The encoder that this process, on a node of a cluster, has embedded with last."""


def _embedded(
    weights: Shared[Path], encoder: ResolvedEncoder, params: EncoderParams, threads: int, texts: Sequence[str]
) -> Floats32:
    folder = weights.get()
    key = (folder, params, threads)
    if key not in _ON_NODE:
        _ON_NODE.clear()
        _ON_NODE[key] = EmbeddingBlock(replace(encoder, folder=folder), params, threads)
    return _ON_NODE[key].compute(texts)


@dataclass(frozen=True)
class Encoder:
    """An encoder found on this disk, with the settings it is used with.

    Attributes
    ----------
    params : EncoderParams
        The settings; `model` is the encoder really used, so that a saved judge asks for the same one again.
    resolved : ResolvedEncoder
        What was asked for, what was found, and the hash of its weights.
    block : EmbeddingBlock
        Gives embeddings of unit length; loads the model when the first text is asked for.
    """

    params: EncoderParams
    resolved: ResolvedEncoder
    block: EmbeddingBlock

    @property
    def name(self) -> str:
        """The Hub name or folder of the encoder really used."""
        return self.resolved.name

    @property
    def sha256(self) -> str:
        """Hash of its weights, 64 hex digits."""
        return self.resolved.sha256

    def calibrate(self, battles: pd.DataFrame) -> None:
        """Have an int8 encoder take its ranges from the texts of n battles; nothing to do for other precisions.

        Raises
        ------
        UserError
            When int8 strays too far from fp32; it says how far.
        """
        columns = TEXT_COLUMNS
        self.block.calibrate(text_of(turns) for column in columns for turns in battles[column])

    def rest(self) -> None:
        """Give back the memory of its engine until the next text is asked for."""
        self.block.rest()

    def save(self, folder: Path) -> None:
        """Write what `open_encoder` cannot make again, an int8 copy, into a new folder; nothing where there is none."""
        if self.block.copies is not None:
            self.block.copies.save(folder)

    def described(self) -> dict[str, Any]:
        """Return what a judge or a results file keeps of the encoder, as JSON values."""
        return {
            "name": self.name,
            "wanted": self.resolved.wanted,
            "used_fallback": self.resolved.used_fallback,
            "sha256": self.sha256,
            "params": self.params.model_dump(mode="json"),
            "int8": None if self.block.copies is None else self.block.copies.report,
        }


def open_encoder(params: EncoderParams, threads: int = 0, saved: Path | None = None) -> Encoder:
    """Find the encoder that the settings ask for.

    Parameters
    ----------
    saved : Path or None
        The folder that `Encoder.save` was given; it may be missing where there was nothing to save.

    Raises
    ------
    UserError
        When neither it nor its fallback is on this disk, or its folder is incomplete.
    """
    found = resolve(params.model, params.fallback, params.models_dir)
    used = params.model_copy(update={"model": found.name}) if found.used_fallback else params
    copy = saved if saved is not None and saved.is_dir() else None
    return Encoder(used, found, EmbeddingBlock(found, used, threads, copy))


def load_sentence_model(encoder: ResolvedEncoder) -> Any:
    """Load a `SentenceTransformer` for the CPU, in float32, that gives rows of unit length, or raise a `UserError`."""
    # Says what is wrong; sentence-transformers would go on with random weights.
    load_backbone(encoder.folder, encoder.name)
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    whole = {**SAFE_WEIGHTS, "dtype": "float32"}
    own: dict[str, Any] = {"model_kwargs": whole, "processor_kwargs": OWN_FILES, "config_kwargs": OWN_FILES}
    folder = str(encoder.folder)
    with explained(f"encoder {encoder.name} ({folder})", "sentence-transformers cannot load it"), quiet():
        if (encoder.folder / "modules.json").is_file():
            modules = list(SentenceTransformer(folder, device="cpu", **OWN_FILES, **own))
        else:
            body = Transformer(folder, **own)
            modules = [body, Pooling(body.get_embedding_dimension(), pooling_mode="mean")]
        if not isinstance(modules[-1], Normalize):
            modules.append(Normalize())
        return SentenceTransformer(modules=modules, device="cpu").eval()
