"""The transformer as a level-0 learner: fine-tuned with checkpoints, asked in batches, saved without pickle."""

import hashlib
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from features.encoder.choice import ResolvedEncoder
from features.encoder.engines.engine import FEW
from features.pairs import Embeddings
from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.files.atomic_files import atomic_folder
from pipelines.files.hashes import code_version
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.balance import BalanceParams, Correction, followed_correction, softmax
from stacker.learners.learner_interface import Fit, LearnerData
from stacker.learners.transformer.frozen import FrozenRunner, frozen_runner
from stacker.learners.transformer.network.structure import Battles, Structure, Turns
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.saved_form import read_saved_form
from stacker.learners.transformer.tuned_copy import tuned_runner

if TYPE_CHECKING:
    from stacker.learners.transformer.network.inference import HiddenStateCache, Runner
    from stacker.learners.transformer.unvoted import Unvoted

_MOST_POSITIONS = 1 << 20
ROWS_AT_ONCE = 1024
"""Battles that are turned into sequences and run at a time: memory does not grow with the rows."""


class TransformerLearner:
    """One fine-tuned transformer.

    Parameters
    ----------
    name : str
        Its name in tables and messages.
    encoder : ResolvedEncoder
        The checkpoint that a fit starts from.
    shelf : HiddenStateCache or None
        Shared by the fits of one run, so that frozen layers are run once for all folds; None makes one for each fit.
    balance : BalanceParams or None
        Class weights and focal loss take the place of the loss that the settings ask for; the rest it cannot follow.
    unvoted : Unvoted or None
        Battles without a vote that it also learns from.
    """

    def __init__(
        self,
        name: str,
        params: TransformerParams,
        encoder: ResolvedEncoder,
        *,
        shelf: "HiddenStateCache | None" = None,
        progress: Progress = silent,
        balance: BalanceParams | None = None,
        unvoted: "Unvoted | None" = None,
    ) -> None:
        self.name = name
        self.unvoted = unvoted
        self.balance = balance or BalanceParams()
        self.params = params.balanced(self.balance)
        self.correction_ = Correction()
        self.encoder = encoder
        self.shelf = shelf
        self.progress = progress
        self.threads = 0
        self._folder: Path | None = None
        self._network: Any = None

    @property
    def network_(self) -> Any:
        """The network in torch; one that was read from a folder is loaded when it is asked for."""
        if self._network is None:
            if self._folder is None:
                raise RuntimeError("the transformer is not fitted")
            from stacker.learners.transformer.stored import load_network

            stored = load_network(self._folder)
            self._network, self._tokenizer = stored.network, stored.checkpoint.tokenizer
            self.adapters_ = stored.adapters
        return self._network

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Fine-tune on the battles, going on from `fit.workdir` where an earlier try was cut short.

        Raises
        ------
        UserError
            When the encoder cannot be used with these settings, or the memory is too small for one battle.
        """
        self.threads = fit.threads
        self.correction_ = followed_correction(self.balance, fit.outcome, fit.weight)
        if self.unvoted is not None:
            data, fit = self.unvoted.joined(data, fit)
        with _workdir(fit.workdir) as folder, limited_threads(fit.threads), kept_randomness():
            stamp = self._stamp(data, fit)
            finished = folder / "finished"
            if _read(folder / "stamp") == stamp and finished.is_dir():
                return self._adopt(finished)
            if _read(folder / "stamp") != stamp:
                shutil.rmtree(folder)
                folder.mkdir()
                (folder / "stamp").write_text(stamp, encoding="ascii")
            self._train(data, fit, folder / "checkpoints")
            if fit.workdir is not None:
                with atomic_folder(finished) as part:
                    self.save(part)
            # They hold torch's own pickled optimiser state, and nobody needs them any more.
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities of A, B and tie, their prior corrected; exact under swapping of the sides."""
        return self.correction_.apply(softmax(self.logits(data)))

    def begin(self, texts: pd.DataFrame) -> Callable[[], Floats] | None:
        """As `stacker.learners.learner_interface.BeginsVerdicts` says."""
        runner = self.runner_
        if not isinstance(runner, FrozenRunner) or len(texts) > FEW:
            return None
        battles = self.structure_.battles(texts)
        wait = runner.begin(battles.items)
        if wait is None:
            return None
        return lambda: self.correction_.apply(softmax(runner.head.logits(wait()[battles.places])))

    def logits(self, data: LearnerData) -> Floats:
        """Return (n, 3) log-odds of A, B and tie as trained, those of A and B opposite to each other."""
        found = np.empty((len(data), 3))
        for rows, battles in self._parts(data.texts):
            found[rows] = self._battle_logits(self.runner_.numbers(battles.items)[battles.places])
        return found

    def _battle_logits(self, numbers: Floats) -> Floats:
        if isinstance(self.runner_, FrozenRunner):
            return self.runner_.head.logits(numbers)
        from stacker.learners.transformer.network.network import battle_logits

        return battle_logits(self.network_.head, numbers)

    def embed(self, data: LearnerData) -> Embeddings:
        """Return the fine-tuned encoder's embeddings of n battles: each text as it is read beside the others.

        They are the mean hidden states of the prompt and of each answer, the prompt's averaged over both sequences.
        """
        head = self.runner_.head if isinstance(self.runner_, FrozenRunner) else self.network_.head
        n, width = len(data), head.width
        prompt, a, b = (np.empty((n, width), dtype=np.float32) for _ in range(3))
        for rows, battles in self._parts(data.texts):
            first, second = np.moveaxis(self.runner_.pooled(battles.items)[battles.places], 1, 0)
            prompt[rows] = _unit(first[:, 0] + second[:, 0])
            if head.both_orders:
                a[rows], b[rows] = _unit(first[:, 1] + second[:, 2]), _unit(first[:, 2] + second[:, 1])
            else:
                a[rows], b[rows] = _unit(first[:, 1]), _unit(second[:, 1])
        return Embeddings(prompt, a, b)

    def score(self, prompts: Sequence[Turns], answers: Sequence[Turns]) -> Floats:
        """Return (n,) scores of n answers to n prompts, by which those of one rank; a `ValueError` of a joint head."""
        if self.params.head != "pairwise":
            raise ValueError("only the pairwise head scores single answers")
        found = np.empty(len(prompts))
        for start in range(0, len(prompts), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            battles = self.structure_.singles(prompts[rows], answers[rows])
            found[rows] = self.runner_.numbers(battles.items)[battles.places[:, 0], 0]
        return found

    def save(self, folder: Path) -> None:
        """Write the learned state into an empty folder: JSON and safetensors."""
        from stacker.learners.transformer.stored import save_network

        save_network(
            folder,
            self.network_,
            self._tokenizer,
            self.params,
            self.name,
            self.encoder,
            self.correction_,
            self.about_,
            self.adapters_,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; a `UserError` where that is damaged, or its base is not here or has other weights."""
        return cls._read(Path(folder), by_copy=True)

    @classmethod
    def _read(cls, folder: Path, by_copy: bool) -> Self:
        """Read what `save` wrote; `by_copy` is whether a fine-tuned encoder may be converted."""
        found = read_saved_form(folder)
        learner = cls(found.name, found.params, found.base)
        learner._folder = folder
        learner.correction_ = Correction.from_dict(found.meta.get("correction"))
        learner.about_, learner.adapters_ = found.meta["about"], {}
        runner = frozen_runner(found) or (tuned_runner(found) if by_copy else None)
        if runner is not None:
            # Budgets were held against the model's positions when it was fitted.
            learner.structure_ = Structure(runner.tokens, found.params, _MOST_POSITIONS)
            learner.runner_ = runner
            return learner
        from stacker.learners.transformer.stored import load_network

        stored = load_network(folder)
        learner._network, learner._tokenizer = stored.network, stored.checkpoint.tokenizer
        learner.adapters_ = stored.adapters
        checkpoint = stored.checkpoint
        learner.structure_ = Structure(
            checkpoint.tokenizer, stored.params, checkpoint.positions, causal=checkpoint.causal
        )
        learner.runner_ = learner._runner()
        return learner

    def _train(self, data: LearnerData, fit: Fit, folder: Path) -> None:
        from stacker.learners.transformer.fine_tuning import fit_network
        from stacker.learners.transformer.network.inference import HiddenStateCache

        began = time.monotonic()
        shelf = self.shelf or HiddenStateCache(self.params.states_gb, self.params.memory_share)
        fitted = fit_network(
            self.name, self.params, self.encoder, data.texts, fit, shelf, folder, self.progress, self.correction_
        )
        self._network, self.structure_, self.runner_ = fitted.network, fitted.structure, fitted.runner
        self._tokenizer = fitted.structure.tokenizer
        self.adapters_ = fitted.adapters
        self.about_ = {**fitted.about, "seconds": round(time.monotonic() - began, 1)}

    def _adopt(self, folder: Path) -> Self:
        found = type(self)._read(folder, by_copy=False)
        self._network, self.structure_, self.about_ = found.network_, found.structure_, found.about_
        self._tokenizer, self.adapters_, self.runner_ = found._tokenizer, found.adapters_, found.runner_
        return self

    def _runner(self) -> "Runner":
        from stacker.learners.transformer.fine_tuning import make_runner

        return make_runner(self.name, self.params, self.network_, self.structure_.longest)

    def _parts(self, texts: pd.DataFrame) -> Iterator[tuple[slice, Battles]]:
        stage = f"{self.name}: battles"
        by_copy = isinstance(self.runner_, FrozenRunner)  # which has threads of its own
        with nullcontext() if by_copy else limited_threads(self.threads):
            for start in range(0, len(texts), ROWS_AT_ONCE):
                self.progress(stage, start, len(texts))
                rows = slice(start, start + ROWS_AT_ONCE)
                yield rows, self.structure_.battles(texts.iloc[rows])
        self.progress(stage, len(texts), len(texts))

    def _stamp(self, data: LearnerData, fit: Fit) -> str:
        digest = hashlib.sha256(code_version(__name__).encode())
        digest.update(self.params.model_dump_json().encode())
        digest.update(f"{self.encoder.sha256} {fit.seed} {self.correction_.to_dict()}".encode())
        digest.update(fit.digest())
        for row in zip(*(data.texts[name] for name in TEXT_COLUMNS), strict=True):
            digest.update(repr(row).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads inside the block; 0 leaves it as it is."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def kept_randomness() -> Iterator[None]:
    """Give the generators of Python, NumPy and torch back as they were: the Trainer seeds all of them."""
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def _workdir(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="transformer-") as temporary:
            yield Path(temporary)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


def _read(path: Path) -> str:
    return path.read_text(encoding="ascii") if path.exists() else ""


def _unit(rows: Floats) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
