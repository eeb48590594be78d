"""A language model as a learner of the stack: what it says of a battle, weighed as votes have shown it deserves."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from pydantic import Field

from pipelines.battles.arrays import Floats
from pipelines.battles.folds import grouped_folds
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.chat.principles import Principle
from pipelines.chat.server_address import is_this_machine
from pipelines.errors import UserError
from pipelines.files.saved_files import Number, Saved, checking, read_object
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.judges.battle_questions import BattleQuestions
from stacker.learners.judges.judge_prompt import JudgePrompt
from stacker.learners.judges.known_battles import KnownBattles
from stacker.learners.judges.params import JudgeParams
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, write_settings
from stacker.learners.linear.antisymmetric import AntisymmetricLogistic

INNER_FOLDS = 3
ALLOWED = "PREFERENCE_ALLOW_SERVERS"
"""Variable with the hosts, between commas, that saved judges may send battles to."""
FOLDER = Path("cache") / "judges"
FEWEST = 10
"""Battles with a verdict that are enough to weigh it."""


class _Prompt(Saved):
    system: str = Field(max_length=200_000)
    user: str = Field(max_length=200_000)
    question: str = Field(max_length=200_000)


class _Weights(Saved):
    odd_scale: tuple[Number, ...]
    even_mean: tuple[Number, ...]
    even_scale: tuple[Number, ...]
    margin: tuple[Number, ...]
    tie: tuple[Number, ...]
    offset: Number


class JudgeFile(LearnerFile):
    """What learner.json of such a learner holds."""

    params: JudgeParams
    prompt: _Prompt
    questions: tuple[Principle, ...] = Field(min_length=1, max_length=64)
    weights: _Weights | None


class LanguageJudge:
    """What a language model says of battles, in both orders; a regression learns from votes how to weigh it.

    Parameters
    ----------
    known : KnownBattles
        By question the margin (odd) and tie log-odds (even) of battles that it was asked about.
    """

    def __init__(
        self, params: JudgeParams, prompt: JudgePrompt, questions: tuple[Principle, ...], known: KnownBattles
    ) -> None:
        self.params, self.prompt, self.questions, self.known = params, prompt, questions, known
        self.name = params.name
        self.weights_: _Weights | None = None
        self.asks = False
        self.trusted = False
        self.goes_without = params.on_missing == "go_without"
        self.folder = FOLDER / params.name
        self.asker: BattleQuestions | None = None
        self.progress: Progress = silent
        self.note: Callable[[str], None] | None = None

    @property
    def refusal(self) -> str:
        """Why battles of which nothing is known are refused; "" where the judge goes without."""
        if self.goes_without or (self.asks and self._may_ask()):
            return ""
        allow = f"`--ask-server {self.host}` of stacker.predict or {ALLOWED}={self.host}"
        return (
            f"this judge: its learner {self.name} would send these battles to {self.params.model} at {self.host}; "
            f"allow it by {allow}, or go without it by `--without {self.name}`."
        )

    @property
    def host(self) -> str:
        """The host that it asks; "" for a model in a folder."""
        return urlsplit(self.params.base_url).hostname or ""

    def _may_ask(self) -> bool:
        hosts = {host.strip().lower() for host in os.environ.get(ALLOWED, "").split(",")}
        address = self.params.base_url
        return self.trusted or not address or is_this_machine(address) or self.host in hosts

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Learn how far to follow each answer of the model."""
        odd, even = self._features(*self.known.look_up(data.texts))
        there = np.isfinite(odd).all(axis=1)
        if there.sum() < FEWEST:
            self.weights_ = None
            return self
        odd, even, part = odd[there], even[there], fit.take(there)
        odd_scale = np.maximum(np.sqrt(np.mean(odd**2, axis=0)), 1e-6)
        even_mean, even_scale = even.mean(axis=0), np.maximum(even.std(axis=0), 1e-6)
        inner = grouped_folds(part.group, part.outcome, INNER_FOLDS, part.seed)
        model = AntisymmetricLogistic(self.params.C).fit(
            odd / odd_scale, (even - even_mean) / even_scale, part.outcome, part.weight, inner
        )
        self.weights_ = _Weights(
            odd_scale=tuple(odd_scale.tolist()),
            even_mean=tuple(even_mean.tolist()),
            even_scale=tuple(even_scale.tolist()),
            margin=tuple(model.margin_.tolist()),
            tie=tuple(model.tie_.tolist()),
            offset=model.offset_,
        )
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities, NaN where nothing is known; exact under swapping of the sides."""
        margin, tie = self._numbers(data.texts)
        found = np.full((len(margin), 3), np.nan)
        there = np.isfinite(margin).all(axis=1)
        if self.weights_ is not None and there.any():
            odd, even = self._features(margin[there], tie[there])
            weights = self.weights_
            model = AntisymmetricLogistic(self.params.C)
            model.margin_, model.tie_ = np.array(weights.margin), np.array(weights.tie)
            model.offset_ = weights.offset
            even = (even - np.array(weights.even_mean)) / np.array(weights.even_scale)
            found[there] = model.predict_proba(odd / np.array(weights.odd_scale), even)
        return found

    def judged_effects(self, data: LearnerData, scale: float) -> list[tuple[str, dict[str, str], float]]:
        """Return of one battle each question's name and wording, and what it adds to the margin, times `scale`."""
        margin, _ = self._numbers(data.texts)
        if self.weights_ is None or not np.isfinite(margin).all():
            return []
        parts = margin[0] / np.array(self.weights_.odd_scale) * np.array(self.weights_.margin) * scale
        return [
            (each.name, each.wording or {"en": each.question}, float(part))
            for each, part in zip(self.questions, parts, strict=True)
        ]

    def _numbers(self, texts: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return (n, Q) margins and tie log-odds that are known, and ask for the others where that is allowed."""
        margin, tie = self.known.look_up(texts)
        unknown = ~np.isfinite(margin).all(axis=1)
        if unknown.any() and self.asks and self._may_ask():
            self._ask(texts.iloc[np.flatnonzero(unknown)].reset_index(drop=True))
            margin, tie = self.known.look_up(texts)
        return margin, tie

    def _ask(self, texts: pd.DataFrame) -> None:
        if self.asker is None:
            self.asker = BattleQuestions(self.params, self.prompt, self.questions, self.folder)
        try:
            if self.note is not None:
                self.note(self.asker.planned(texts))
            asked = self.asker.ask(texts, self.progress, self.note)
        except UserError as fault:
            raise UserError(f"{str(fault).removesuffix('.')}; or go without it by `--without {self.name}`.") from fault
        finally:
            self.asker.close()
        self.known = self.known.joined(KnownBattles.of(texts[list(TEXT_COLUMNS)], asked.margin, asked.tie))

    @staticmethod
    def _features(margin: Floats, tie: Floats) -> tuple[Floats, Floats]:
        return margin, np.concatenate([tie, np.abs(margin)], axis=1)

    def save(self, folder: Path) -> None:
        """Write it into an empty folder: settings, prompt and questions, weights, and what is known."""
        weights = None if self.weights_ is None else self.weights_.model_dump(mode="json")
        content = {
            "params": self.params.model_dump(mode="json"),
            "prompt": vars(self.prompt),
            "questions": [each.model_dump(mode="json") for each in self.questions],
            "weights": weights,
        }
        write_settings(folder, content)
        self.known.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        path = folder / SETTINGS
        stored = read_object(path)
        with checking(path):
            record = JudgeFile.model_validate(stored)
            count, weights = len(record.questions), record.weights
            if weights is not None and (
                {len(weights.odd_scale), len(weights.margin)} != {count}
                or {len(weights.even_mean), len(weights.even_scale), len(weights.tie)} != {2 * count}
                or min(*weights.odd_scale, *weights.even_scale) <= 0
            ):
                raise ValueError(f"weights: are of another number of questions than {count}")
        known = KnownBattles.load(folder, count, count)
        prompt = JudgePrompt(record.prompt.system, record.prompt.user, record.prompt.question)
        found = cls(record.params, prompt, record.questions, known)
        found.weights_, found.asks = weights, True
        return found
