"""A frozen encoder run by a converted copy, and a head over it by NumPy: verdicts without torch, which takes seconds.

The copy is that of the run's frozen encoder where both are one model: it lies on disk once and is loaded once. Each
sequence goes alone, so that its numbers do not depend on those beside it, and fits and verdicts have the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.encoder.choice import ResolvedEncoder, sees_gpu
from features.encoder.engines.copies import Chosen, choose_engine, is_installed
from features.encoder.engines.engine import FEW, Begins
from features.encoder.engines.pytorch import load_sentence_model
from features.encoder.tokens import SavedTokens
from pipelines.battles.arrays import FLIP, Floats
from pipelines.files.saved_files import checking
from pipelines.models.model_files import read_config
from pipelines.models.model_loading import DECODERS
from pipelines.terminal.command_line import Progress, silent
from pipelines.terminal.processes import usable_cores
from stacker.learners.transformer.network.structure import FIRST, LENGTHS, PROMPT, SECOND, Item
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.saved_form import WEIGHTS, SavedForm

_AT_ONCE = 256
"""Sequences whose hidden states are held at a time: 128 MB of those of 340 tokens and 384 numbers."""
_NORM = 1e-5
"""What torch's layer norm adds to a variance."""


def frozen_engine(params: TransformerParams, encoder: ResolvedEncoder, make: bool = True) -> Chosen | None:
    """Return what runs the encoder of a transformer whose head alone is trained; None where torch does.

    Parameters
    ----------
    make : bool
        Whether copies may be made; without that, None where one would have to be.

    Raises
    ------
    UserError
        When an engine that the settings name is not installed, or refuses the model.
    """
    if params.tuning != "frozen" or not may_be_converted(params, encoder):
        return None
    precision = params.precision if params.precision in ("auto", "int8") else "fp32"
    chosen = choose_engine(encoder, params.engine, precision, "cpu", lambda: load_sentence_model(encoder), make=make)
    if chosen is None or chosen.copies is None:
        return None
    # A tokenizer written in Python is not saved with a copy, and asks for transformers.
    return chosen if isinstance(chosen.copies.tokens, SavedTokens) else None


def may_be_converted(params: TransformerParams, encoder: ResolvedEncoder) -> bool:
    """Tell whether a converted copy may run an encoder: on a CPU, where nothing says otherwise; no decoders."""
    if params.engine == "torch" or params.device == "cuda":
        return False
    decoder = read_config(encoder.folder).get("model_type") in DECODERS
    return not (decoder or (params.device == "auto" and sees_gpu()))


@dataclass(frozen=True)
class ArrayHead:
    """What `stacker.learners.transformer.network.network` calls a head, over arrays.

    Attributes
    ----------
    weights : dict of (k, f) and (k,) arrays
        Those of its linear maps, by torch's names: `score.weight`, `tie.weight` and `tie.bias`, or `map.weight` and
        `map.bias`.
    lengths : bool
        Whether it sees each text's lengths.
    """

    kind: Literal["pairwise", "joint"]
    ties: Literal["davidson", "rao_kupper"]
    width: int
    lengths: bool
    weights: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, params: TransformerParams, width: int, tensors: Mapping[str, Any]) -> "ArrayHead":
        """Return the head of trained weights; a `ValueError` where they do not fit."""
        parts = 2 if params.head == "pairwise" else 3
        more = LENGTHS if params.lengths else 0
        shapes: dict[str, tuple[int, ...]] = {"map.weight": (3, width * (parts + 1) + more * parts), "map.bias": (3,)}
        if params.head == "pairwise":
            shapes = {"score.weight": (1, (width + more) * parts), "tie.weight": (1, width + more), "tie.bias": (1,)}
        weights = {name: np.asarray(each, dtype=np.float64) for name, each in tensors.items()}
        if {name: each.shape for name, each in weights.items()} != shapes:
            raise ValueError("its head has weights of other shapes")
        return cls(params.head, params.ties, width, params.lengths, weights)

    @property
    def parts(self) -> tuple[int, ...]:
        """Parts that are pooled, the prompt first."""
        return (PROMPT, FIRST) if self.kind == "pairwise" else (PROMPT, FIRST, SECOND)

    @property
    def both_orders(self) -> bool:
        """Whether a battle's second sequence is the battle with its sides swapped."""
        return self.kind == "joint"

    def numbers(self, pooled: Floats, lengths: Floats) -> Floats:
        """Return (N, k) numbers of N sequences from their (N, parts, d) pooled parts and (N, l) lengths."""
        centred = pooled - pooled.mean(axis=2, keepdims=True)
        normal = centred / np.sqrt(centred.var(axis=2, keepdims=True) + _NORM)
        w = self.weights
        if self.kind == "joint":
            apart = np.abs(normal[:, 1] - normal[:, 2])[:, None]
            inputs = np.concatenate([np.concatenate([normal, apart], axis=1).reshape(len(pooled), -1), lengths], axis=1)
            return _products(inputs, w["map.weight"]) + w["map.bias"]
        inputs = np.concatenate([normal.reshape(len(pooled), -1), lengths], axis=1)
        prompt = np.concatenate([normal[:, 0], lengths[:, :LENGTHS]], axis=1)
        score, tie = _products(inputs, w["score.weight"]), _products(prompt, w["tie.weight"]) + w["tie.bias"]
        return np.concatenate([score, tie], axis=1)

    def logits(self, numbers: Floats) -> Floats:
        """Return (n, 3) logits of n battles from the numbers of their sequences, (n, 2, k).

        Those of A and B have no constant that both share, and swapping the sequences swaps them to the last bit.
        """
        if self.kind == "joint":
            found = (numbers[:, 0] + numbers[:, 1][:, FLIP]) / 2
        else:
            gap, tie = numbers[:, 0, 0] - numbers[:, 1, 0], (numbers[:, 0, 1] + numbers[:, 1, 1]) / 2
            found = np.stack([gap / 2, -gap / 2, tie], axis=1)
            if self.ties == "rao_kupper":
                from scipy.special import log_expit, softplus  # not at the top: most judges start without it

                threshold = softplus(tie) + 1e-6
                a, b = log_expit(gap - threshold), log_expit(-gap - threshold)
                rest = a + b + 2 * threshold + np.log(-np.expm1(-2 * threshold))
                found = np.stack([a, b, rest], axis=1)
        return np.asarray(found - (found[:, :1] + found[:, 1:2]) / 2)


def _products(inputs: Floats, weights: Floats) -> Floats:
    """Return inputs times weights, row by row: a matrix product's last bits depend on how many rows there are."""
    return np.stack([(inputs * row).sum(axis=1) for row in weights], axis=1)


def frozen_runner(saved: SavedForm) -> "FrozenRunner | None":
    """Return what runs a saved transformer without torch; None where it learned more than a head, or no engine does.

    Raises
    ------
    DamagedError
        When the weights of its head cannot be read, or are of other shapes.
    """
    head = saved.head_alone()
    if head is None:
        return None
    params = saved.params
    if not is_installed(params.engine):
        params = params.model_copy(update={"engine": "auto", "precision": "auto"})
    base = saved.frozen_base()
    chosen = frozen_engine(params, base)
    if chosen is None:
        return None
    with checking(saved.folder / WEIGHTS):
        return FrozenRunner(chosen, ArrayHead.of(saved.params, hidden_size_of(base), head), saved.name)


def hidden_size_of(encoder: ResolvedEncoder) -> int:
    """Return the length of an encoder's hidden states, by its configuration."""
    config = read_config(encoder.folder)
    return int(next((config[key] for key in ("hidden_size", "dim", "d_model") if key in config), 0))


class FrozenRunner:
    """Runs sequences through a converted copy and a head.

    Parameters
    ----------
    kept : Kept or None
        Keeps pooled parts for the other folds of a run.
    threads : int
        Sequences at once; 0 means as many as there are cores.
    """

    def __init__(self, chosen: Chosen, head: ArrayHead, name: str, kept: Any = None, threads: int = 0) -> None:
        self.chosen = chosen
        self.head = head
        self.name = name
        self.kept = kept
        self.threads = threads or usable_cores()
        self._engine: Any = None

    @property
    def tokens(self) -> SavedTokens:
        """The tokenizer that was saved with the copy."""
        tokens = None if self.chosen.copies is None else self.chosen.copies.tokens
        if not isinstance(tokens, SavedTokens):
            raise RuntimeError("the copy has no tokenizer")
        return tokens

    def numbers(self, items: Sequence[Item], progress: Progress = silent) -> Floats:
        """Return the head's (N, k) numbers of N sequences."""
        if not items:
            return np.empty((0, 3 if self.head.kind == "joint" else 2))
        lengths = np.stack([item.lengths for item in items]).astype(np.float64)
        return self.head.numbers(self.pooled(items, progress), lengths)

    def pooled(self, items: Sequence[Item], progress: Progress = silent) -> Floats:
        """Return the (N, parts, d) mean hidden states of the parts of N sequences, float64."""
        if self.kept is not None and items:
            missing = self.kept.without_parts(items)
            if not missing or self.kept.keep_parts(missing, self._pooled(missing, progress)):
                return np.asarray(self.kept.parts(items))
        return self._pooled(items, progress)

    def begin(self, items: Sequence[Item]) -> Callable[[], Floats] | None:
        """Begin on a few sequences and return what waits for their numbers; None where they are many."""
        engine = self._opened()
        if not 0 < len(items) <= FEW or not isinstance(engine, Begins):
            return None
        wait = engine.begin_states([item.ids.tolist() for item in items], [item.types.tolist() for item in items])
        lengths = np.stack([item.lengths for item in items]).astype(np.float64)
        return lambda: self.head.numbers(self._means(items, wait()), lengths)

    def _opened(self) -> Any:
        if self._engine is None:
            copies = self.chosen.copies
            if copies is None:
                raise RuntimeError("a frozen transformer by torch has another runner")
            self._engine = copies.open(self.chosen.precision, self.threads)
        return self._engine

    def _pooled(self, items: Sequence[Item], progress: Progress) -> Floats:
        engine = self._opened()
        found = np.zeros((len(items), len(self.head.parts), self.head.width))
        for start in range(0, len(items), _AT_ONCE):
            progress(f"{self.name}: sequences", start, len(items))
            part = items[start : start + _AT_ONCE]
            states = engine.states([item.ids.tolist() for item in part], [item.types.tolist() for item in part])
            found[start : start + len(part)] = self._means(part, states)
        progress(f"{self.name}: sequences", len(items), len(items))
        return found

    def _means(self, items: Sequence[Item], states: Sequence[Any]) -> Floats:
        """Return the (N, parts, d) mean hidden states of the parts of sequences."""
        found = np.zeros((len(items), len(self.head.parts), self.head.width))
        for row, (item, hidden) in enumerate(zip(items, states, strict=True)):
            for place, wanted in enumerate(self.head.parts):
                chosen = item.parts == wanted
                if chosen.any():
                    # In 32 bits, as what is kept for other folds: a verdict has the numbers of the fit.
                    found[row, place] = hidden[chosen].mean(axis=0, dtype=np.float64).astype(np.float32)
        return found
