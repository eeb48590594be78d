"""A head on what the frozen encoder of a run gives anyway: one pass for the encoder's block and the transformer.

Prompt and answers are read apart, each as the block reads it. Against pairs that are read together (`learner.py`) the
encoder is not asked once more, which takes longer than all else of such a fit.
"""

from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field
from safetensors.numpy import save_file

from features.pairs import Embeddings
from features.text import words
from pipelines.battles.arrays import Floats, Floats32
from pipelines.battles.folds import grouped_folds
from pipelines.battles.table import TEXT_COLUMNS, text_of
from pipelines.errors import UserError
from pipelines.files.saved_files import Number, Tensors, read_model
from pipelines.settings import Strengths
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, write_settings
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic
from stacker.learners.transformer.network.structure import scaled_lengths
from stacker.learners.transformer.params import TransformerParams

FILE = "head.safetensors"
MOST_BATTLES = 20_000
"""More battles change a linear head little."""
_INNER_FOLDS = 3
_ROWS_AT_ONCE = 4096
_NEARNESS = 10.0
"""Typical sizes that a cosine and a length count for next to one coordinate: few of them, and known to matter."""


class _Saved(LearnerFile):
    """What learner.json holds."""

    name: str = Field(max_length=200)
    C: Strengths
    width: int = Field(ge=1, le=1_000_000)
    offset: Number
    about: dict[str, Any]


def reads_apart(params: TransformerParams, sha256: str, shared: str | None, balance: BalanceParams) -> bool:
    """Tell whether a transformer is a head on the encoder's own embeddings.

    Parameters
    ----------
    sha256 : str
        Hash of its weights.
    shared : str or None
        That of the encoder whose embeddings come with the battles; None where none do, or where votes are more than
        one outcome each.

    Raises
    ------
    UserError
        When the settings ask for it, and it cannot be.
    """
    plain, balanced = TransformerParams(reads=params.reads), params.balanced(balance)
    bent = sorted(
        name
        for name in TransformerParams.model_fields
        if name not in _OF_NO_HEAD and getattr(balanced, name) != getattr(plain, name)
    )
    if params.reads == "apart":
        if shared != sha256:
            raise UserError(
                "transformer.reads apart: needs features.embedding, the model of the section encoder and votes of one "
                "outcome each, without trees; set transformer.reads to together."
            )
        if bent:
            raise UserError(
                f"transformer.reads apart: goes with the usual {bent[0]} alone, and this run has another; set "
                "transformer.reads to together."
            )
    return params.reads != "together" and shared == sha256 and not bent


_OF_NO_HEAD = {
    *("model", "C", "memory_share", "states_gb", "store", "gradient_checkpointing", "validation_fraction", "watch"),
    *("patience", "evaluations_per_epoch", "epochs", "batch_size", "learning_rate", "head_learning_rate", "dropout"),
    *("weight_decay", "warmup_ratio", "swap_augmentation", "top_layers", "lora_rank", "lora_alpha", "lora_dropout"),
}
"""Settings that say nothing of how a frozen encoder reads, or that it has as well."""


class EncoderHeadLearner:
    """Two logistic regressions over the embeddings of a battle's texts.

    The margin is linear in the difference of the answers' embeddings, in that of their cosines with the prompt's, and
    in that of their lengths; the tie log-odds are linear in the prompt's embedding, in the distances of the answers',
    and in lengths.

    Parameters
    ----------
    name : str
        Its name in tables and messages.
    params : TransformerParams
        `C` are the candidates for the inverse penalty.
    """

    def __init__(self, name: str, params: TransformerParams) -> None:
        self.name = name
        self.params = params

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fit both regressions, the strength of each chosen on inner folds."""
        rows = np.sort(np.random.default_rng(fit.seed).permutation(len(data))[:MOST_BATTLES])
        own = fit.take(rows)
        odd, even = self._inputs(data if len(rows) == len(data) else data.take(rows))
        inner = grouped_folds(own.group, own.outcome, _INNER_FOLDS, own.seed)
        self.width_ = self._embeddings(data).prompt.shape[1]
        self.model_ = AntisymmetricLogistic(self.params.C).fit(odd, even, own.outcome, own.weight, inner)
        strengths = {"margin": self.model_.margin_strength_, "tie": self.model_.tie_strength_}
        self.about_: dict[str, Any] = {"reads": "apart", "strength": strengths}
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; exact under swapping of the sides."""
        found = np.empty((len(data), 3))
        for start in range(0, len(data), _ROWS_AT_ONCE):
            rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(data)))
            found[rows] = self.model_.predict_proba(*self._inputs(data if len(rows) == len(data) else data.take(rows)))
        return found

    def save(self, folder: Path) -> None:
        """Write settings as JSON, numbers as safetensors."""
        meta = {"name": self.name, "C": list(self.params.C), "width": self.width_, "offset": self.model_.offset_}
        write_settings(folder, {**meta, "about": self.about_})
        save_file({"margin": self.model_.margin_, "tie": self.model_.tie_}, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `DamagedError` where a file is missing or damaged."""
        meta = read_model(folder / SETTINGS, _Saved)
        learner = cls(meta.name, TransformerParams(C=meta.C))
        learner.width_, learner.about_ = meta.width, meta.about
        stored = Tensors(folder / FILE, "margin|tie")
        learner.model_ = AntisymmetricLogistic(meta.C)
        learner.model_.margin_ = stored.floats("margin", meta.width + 3)
        learner.model_.tie_ = stored.floats("tie", 2 * meta.width + 8)
        learner.model_.offset_ = meta.offset
        return learner

    def _embeddings(self, data: LearnerData) -> Embeddings:
        if data.embeddings is None:
            raise UserError(
                f"learner {self.name}: reads by the encoder's embeddings, and there are none; set features.embedding "
                f"to true."
            )
        return data.embeddings

    def _inputs(self, data: LearnerData) -> tuple[Floats, Floats]:
        """Return the (n, d + 3) odd and (n, 2 d + 8) even inputs."""
        embeddings = self._embeddings(data)
        prompt, a, b = (_normalised(rows) for rows in (embeddings.prompt, embeddings.a, embeddings.b))
        near_a, near_b, near = (_cosines(*two) for two in ((prompt, a), (prompt, b), (a, b)))
        asked, said_a, said_b = _lengths(data)
        odd = np.concatenate([a - b, _NEARNESS * np.concatenate([near_a - near_b, said_a - said_b], axis=1)], axis=1)
        few = [near, np.abs(near_a - near_b), np.abs(said_a - said_b), said_a + said_b, asked]
        even = np.concatenate([prompt, np.abs(a - b), _NEARNESS * np.concatenate(few, axis=1)], axis=1)
        return odd, even


def _normalised(rows: Floats32) -> Floats:
    """Return rows of mean 0 and variance 1 over their coordinates."""
    centred = rows.astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)


def _cosines(one: Floats, other: Floats) -> Floats:
    """Return the (n, 1) cosines of normalised rows."""
    return (one * other).mean(axis=1, keepdims=True)


def _lengths(data: LearnerData) -> tuple[Floats, Floats, Floats]:
    """Return the (n, 2) scaled log lengths of prompts and answers, in words and characters."""

    def of_texts(texts: pd.DataFrame) -> dict[tuple[str, ...], tuple[float, float]]:
        distinct = {turns for column in TEXT_COLUMNS for turns in texts[column]}
        whole = {turns: text_of(turns) for turns in distinct}
        return {turns: scaled_lengths(len(words(text)), len(text)) for turns, text in whole.items()}

    known = {} if data.shared is None else data.shared.of("lengths of texts", of_texts)
    if not all(turns in known for column in TEXT_COLUMNS for turns in data.texts[column]):
        known = of_texts(data.texts)
    prompt, a, b = (np.array([known[turns] for turns in data.texts[column]]).reshape(-1, 2) for column in TEXT_COLUMNS)
    return prompt, a, b
