"""The frozen encoder of a run or a judge, and its block: one mean-pooled embedding of unit length for each text."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from features.encoder.choice import EncoderParams, ResolvedEncoder, device_of, resolve, width_of
from features.encoder.engines.copies import KINDS, Chosen, EncoderCopies, choose_engine, is_installed, kind_of
from features.encoder.engines.engine import FEW, Begins, Engine, Ids
from features.encoder.engines.pytorch import OneByOne, SameShape, load_sentence_model
from features.encoder.tokens import OwnTokens, Tokens, head_and_tail
from features.encoder.travelling_model import TravellingModel, travelling_model
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.models.model_files import tokenizer_sha256
from pipelines.models.model_loading import ensure_padding, most_tokens
from pipelines.terminal.cluster.tasks import Shared, Task, Tasks
from pipelines.terminal.processes import release_memory, usable_cores

_REMEMBERED = 64
"""Texts of single battles whose rows are kept: a prompt's answers are compared, explained and ranked in turn."""
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
        The folder of the int8 copy that an older judge brings.

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
        if params.engine in KINDS:
            kind_of(params.engine)
        self._copy = copy
        self._begun: Future[Engine] | None = None
        self._recent: dict[str, Floats32] = {}

    @cached_property
    def chosen(self) -> Chosen:
        """What runs it. Where no copy is there yet, it is made and checked.

        Raises
        ------
        UserError
            When an engine that the settings name is not installed, or refused.
        """
        found = self._choose(make=True)
        if found is None:
            raise RuntimeError("no engine was chosen")
        return found

    def _choose(self, make: bool) -> Chosen | None:
        params = self.params
        return choose_engine(
            self.encoder, params.engine, params.precision, self.device, lambda: self._model, self._copy, make
        )

    @property
    def copies(self) -> EncoderCopies | None:
        """The converted copies, None where torch runs it."""
        return self.chosen.copies

    @cached_property
    def version(self) -> str:
        """Changes with everything that a row depends on but the text."""
        encoder, params, chosen = self.encoder, self.params, self.chosen
        return "-".join(
            (
                encoder.sha256,
                tokenizer_sha256(encoder.folder)[:16],
                f"{params.max_tokens}-{params.head_share}",
                f"{self.device}-{chosen.precision}",
                f"{params.batch_tokens}" if self.device == "cuda" else "",
                *(() if chosen.copies is None else (chosen.copies.version(chosen.precision),)),
            )
        )

    def compute(self, texts: Sequence[str]) -> Floats32:
        """Return a (len(texts), d) float32 array of rows of unit length."""
        rows = np.empty((len(texts), len(self.columns)), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            part = slice(start, start + _TEXTS_AT_ONCE)
            rows[part] = self._engine.embed(self.token_ids(texts[part]))
        return rows

    def begin(self, texts: Sequence[str]) -> Callable[[], Floats32] | None:
        """Begin on a few texts and return what waits for their rows; None where they are many, or the engine waits."""
        engine = self._engine if 0 < len(texts) <= FEW else None
        if not isinstance(engine, Begins):
            return None
        recent = self._recent
        new = [text for text in dict.fromkeys(texts) if text not in recent]
        wait = engine.begin(self.token_ids(new)) if new else None

        def rows() -> Floats32:
            found = {text: recent[text] for text in texts if text in recent}
            found |= zip(new, wait(), strict=True) if wait is not None else ()
            # A new mapping, not one that another thread may be reading.
            self._recent = dict([*recent.items(), *found.items()][-_REMEMBERED:])
            return np.stack([found[text] for text in texts])

        return rows

    def spread(self, tasks: Tasks) -> Callable[[Sequence[str]], Task] | None:
        """Return what makes of some texts the task that embeds them on a node, by the weights or copy of this machine.

        None where rows are computed in this process anyway, or by a copy that came with an older judge.
        """
        if not tasks.elsewhere or self.device != "cpu" or self._copy is not None:
            return None
        chosen = self.chosen
        model = travelling_model(tasks, self.encoder, None if chosen.copies is None else chosen.precision)
        params = self.params.model_copy(update={"engine": chosen.engine, "precision": chosen.precision})
        shared = tasks.share((model, params, self.threads))
        return lambda texts: Task(_embedded, (shared, texts), self.threads)

    def open_ahead(self) -> None:
        """Begin to load a converted copy that is there already, beside other work; the first text waits for it."""
        if self._begun is not None or "_engine" in self.__dict__:
            return
        found = self._choose(make=False)
        if found is not None and found.copies is not None:
            self.__dict__["chosen"] = found
            self._begun = ThreadPoolExecutor(1, "encoder").submit(found.copies.open, found.precision, self.threads)

    def rest(self) -> None:
        """Give back the memory of a converted copy; the next text wakes it. Seen with the built-in encoder: .2 GB."""
        if self.chosen.copies is not None:
            self._begun = None
            self._recent = {}
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
        copies = self.chosen.copies
        return OwnTokens(self._model.tokenizer) if copies is None else copies.tokens

    @cached_property
    def _engine(self) -> Engine:
        chosen = self.chosen
        if chosen.copies is not None:
            begun, self._begun = self._begun, None
            engine: Engine = chosen.copies.open(chosen.precision, self.threads) if begun is None else begun.result()
            return engine
        if self.device == "cpu":
            return OneByOne(self._model, self.threads)
        ensure_padding(self._model.tokenizer, self.encoder.name)
        pad = int(self._model.tokenizer.pad_token_id)
        return SameShape(self._model, pad, self.params.batch_tokens, chosen.precision)


_ON_NODE: dict[tuple[str, EncoderParams, int], EmbeddingBlock] = {}
"""The encoder that this process, on a node of a cluster, has embedded with last."""


def _embedded(shared: Shared[tuple[TravellingModel, EncoderParams, int]], texts: Sequence[str]) -> Floats32:
    model, params, threads = shared.get()
    key = (model.encoder.sha256, params, threads)
    if key not in _ON_NODE:
        _ON_NODE.clear()
        _ON_NODE[key] = EmbeddingBlock(model.here(), params, threads)
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

    def rest(self) -> None:
        """Give back the memory of its engine until the next text is asked for."""
        self.block.rest()

    def save(self, folder: Path) -> None:
        """Write what `open_encoder` cannot make again, the int8 copy of an older judge, into a new folder, if any."""
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
            "engine": self.block.chosen.told,
        }


def open_encoder(
    params: EncoderParams, threads: int = 0, saved: Path | None = None, any_engine: bool = False
) -> Encoder:
    """Find the encoder that the settings ask for.

    Parameters
    ----------
    saved : Path or None
        The folder that `Encoder.save` was given; it may be missing where there was nothing to save.
    any_engine : bool
        Whether another engine may take the place of one that is not installed here; its rows differ as far as the
        check of converted copies allows.

    Raises
    ------
    UserError
        When neither it nor its fallback is on this disk, or its folder is incomplete.
    """
    if any_engine and not is_installed(params.engine):
        params, saved = params.model_copy(update={"engine": "auto", "precision": "auto"}), None
    found = resolve(params.model, params.fallback, params.models_dir)
    used = params.model_copy(update={"model": found.name}) if found.used_fallback else params
    copy = saved if saved is not None and saved.is_dir() else None
    return Encoder(used, found, EmbeddingBlock(found, used, threads, copy))
