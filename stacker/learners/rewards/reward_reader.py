"""Scores of answers by a reward model, each computed so that it does not depend on the answers beside it."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from features.blocks.interface import LANGUAGE_MODEL
from features.encoder.chat_texts import ChatTexts
from features.encoder.engines.engine import Ids, filled, in_classes, in_threads
from features.encoder.engines.pytorch import one_thread
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.models.model_files import tokenizer_sha256
from pipelines.models.model_loading import load_reward_model, most_tokens, torch_device
from stacker.learners.rewards.reward_params import RewardParams

_DIGITS = 4
"""Decimals that are kept: the last bits of a score depend on the machine."""


class RewardReader:
    """A column `score`, computed from questions and answers; nothing is loaded before the first text is asked for.

    Raises
    ------
    UserError
        When the folder holds no model, one of other weights than are pinned, or one with fewer positions than are to be
        read; when the device is not there; at the first text, when it has more than one output.
    """

    name, sees = "reward", LANGUAGE_MODEL
    columns: tuple[str, ...] = ("score",)

    def __init__(self, params: RewardParams, threads: int = 1) -> None:
        self.params = params.pinned()
        self.threads = threads
        self.named = f"learners.rewards {params.name}"
        most, read = most_tokens(params.folder), params.prompt_tokens + params.answer_tokens
        if most is not None and read > most:
            raise UserError(
                f"{self.named}: prompt_tokens and answer_tokens are {read} together, and {params.model} has positions "
                f"for {most}; lower them."
            )
        self.device = torch_device(params.device, self.named)
        kind = f"{self.device} {params.batch_tokens}" if self.device != "cpu" else self.device
        read_as = params.model_dump(include={"prompt_tokens", "answer_tokens", "precision"})
        self.version = f"{self.params.sha256} {tokenizer_sha256(params.folder)} {read_as} {kind}"

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return (len(answers), 1) scores."""
        asked = self._texts.cut(prompts, self.params.prompt_tokens)
        said = self._texts.cut(answers, self.params.answer_tokens)
        frame = self._texts.frame
        ids = [
            [*frame.before, *prompt, *frame.between, *answer, *frame.after]
            for (prompt, _), (answer, _) in zip(asked, said, strict=True)
        ]
        if self.device == "cpu":
            scores = in_threads(ids, self.threads, lambda one: self._batch([one], 1, len(one))[0], one_thread)
        else:
            scores = in_classes(ids, self.params.batch_tokens, self._batch)
        found = np.array(scores, dtype=np.float64).reshape(-1, 1)
        if not np.isfinite(found).all():
            raise UserError(f"{self.named}: the weights in {self.params.model} give no scores; get the model again.")
        return found.round(_DIGITS).astype(np.float32)

    def _batch(self, texts: Sequence[Ids], count: int, length: int) -> list[float]:
        """Return the scores of at most `count` sequences, run in the shape (count, length)."""
        import torch

        rows = [texts[row % len(texts)] for row in range(count)]
        with torch.inference_mode():
            ids, mask = (torch.from_numpy(array).to(self.device) for array in filled(rows, length, self._texts.pad))
            scores: list[float] = self._loaded[1](input_ids=ids, attention_mask=mask).logits[:, 0].double().tolist()
        return scores[: len(texts)]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        tokenizer, model = load_reward_model(self.params.folder, self.named, self.params.precision == "bf16")
        return tokenizer, model.to(self.device)

    @cached_property
    def _texts(self) -> ChatTexts:
        tokenizer, model = self._loaded
        texts = ChatTexts(tokenizer, self.named)
        if model.config.pad_token_id is None:  # by it the model finds the last token
            model.config.pad_token_id = texts.pad
        return texts
