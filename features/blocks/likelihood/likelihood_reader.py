"""Reads answers by a causal language model so that a row does not depend, bitwise, on the texts beside it.

As with the frozen encoder (`features.encoder.engines.pytorch`): on a CPU each sequence goes alone through one thread,
and several threads share them; on a GPU every batch of a length class has one shape.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from features.blocks.interface import LANGUAGE_MODEL
from features.blocks.likelihood.likelihood_params import LikelihoodParams
from features.blocks.likelihood.likelihood_profile import COLUMNS, TokenScores, profile
from features.encoder.chat_texts import ChatTexts
from features.encoder.engines.engine import Ids, filled, in_classes, in_threads
from features.encoder.engines.pytorch import one_thread
from pipelines.battles.arrays import Floats32, Ints
from pipelines.errors import UserError
from pipelines.models.model_files import tokenizer_sha256
from pipelines.models.model_loading import load_generator, most_tokens, torch_device

_AFTER_GAP = 4
"""Tokens behind the gap of a cut answer that are read and not counted: nothing leads to them."""


@dataclass(frozen=True)
class _Reading:
    """A sequence to read, and which of its tokens are asked for: those at `places`, each given all before it."""

    ids: Ids
    places: Ints

    def __len__(self) -> int:
        return len(self.ids)


class LikelihoodReader:
    """The block `likelihood` with a model; nothing is loaded before the first text is asked for.

    Raises
    ------
    UserError
        When the folder holds no causal language model, one of other weights than a judge was trained with, or one with
        fewer positions than are to be read; when the device is not there.
    """

    name, sees, columns = "likelihood", LANGUAGE_MODEL, tuple(column.name for column in COLUMNS)
    declared = COLUMNS

    def __init__(self, settings: LikelihoodParams, threads: int = 1) -> None:
        self.settings = settings
        self.threads = threads
        self.folder = settings.folder
        most, read_at_most = most_tokens(self.folder), settings.prompt_tokens + settings.answer_tokens
        if most is not None and read_at_most > most:
            raise UserError(
                f"features.likelihood: prompt_tokens and answer_tokens are {read_at_most} together, and "
                f"{settings.model} has positions for {most}; lower them."
            )
        self.device = torch_device(settings.device, "features.likelihood")
        read = settings.model_dump(include={"prompt_tokens", "answer_tokens", "alone_tokens", "precision"})
        kind = f"{self.device} {settings.batch_tokens}" if self.device != "cpu" else self.device
        self.version = f"{settings.pinned().sha256} {tokenizer_sha256(self.folder)} {read} {kind}"

    def compute(self, prompts: Sequence[str], answers: Sequence[str]) -> Floats32:
        """Return a (len(answers), len(columns)) float32 array; NaN where an answer has no token."""
        asked = self._texts.cut(prompts, self.settings.prompt_tokens)
        said = self._texts.cut(answers, self.settings.answer_tokens)
        readings = []
        for (prompt, _), (answer, gap) in zip(asked, said, strict=True):
            readings += [self._after(prompt, answer, gap), self._alone(answer, gap)]
        if self.device == "cpu":
            scores = in_threads(readings, self.threads, self._one, one_thread)
        else:
            scores = in_classes(readings, self.settings.batch_tokens, self._batch)
        rows = np.empty((len(answers), len(self.columns)), dtype=np.float32)
        for row, (given, alone) in enumerate(zip(scores[::2], scores[1::2], strict=True)):
            log_p, entropy, first = given[:, :-1]  # the last one is the end
            rows[row] = profile(TokenScores(log_p, entropy, first > 0, float(given[0, -1])), alone[0])
        return rows

    def _after(self, prompt: Ids, answer: Ids, gap: int) -> _Reading:
        """Return an answer behind its question, asked for its tokens and for its end."""
        start = [*self._texts.frame.before, *prompt, *self._texts.frame.between]
        places = np.append(self._places(len(answer), gap), len(answer))
        return _Reading([*start, *answer, self._texts.frame.after[0]], places + len(start))

    def _alone(self, answer: Ids, gap: int) -> _Reading:
        """Return the beginning of an answer behind what opens one."""
        start = self._texts.frame.between or self._texts.frame.before or self._texts.frame.after
        some = answer[: self.settings.alone_tokens]
        places = self._places(len(answer), gap)
        return _Reading([*start, *some], places[places < len(some)] + len(start))

    def _places(self, count: int, gap: int) -> Ints:
        places = np.arange(count)
        return places if gap < 0 else places[(places < gap) | (places >= gap + len(self._texts.gap) + _AFTER_GAP)]

    def _one(self, reading: _Reading) -> Any:
        """Return (3, k) of a reading: log probability, entropy, and 1 where a token is the first choice."""
        import torch

        if not len(reading.places):
            return np.zeros((3, 0))
        with torch.inference_mode():
            ids, before = torch.tensor([reading.ids]), torch.from_numpy(reading.places - 1)
            if self._keeps:
                logits = self._model(input_ids=ids, use_cache=False, logits_to_keep=before).logits[0]
            else:
                logits = self._model(input_ids=ids, use_cache=False).logits[0, before]
            return self._checked(_token_scores(logits, ids[0, before + 1]))

    def _batch(self, readings: Sequence[_Reading], count: int, length: int) -> list[Any]:
        """Return what `_one` does of at most `count` readings, run in the shape (count, length)."""
        import torch

        rows = [readings[row % len(readings)].ids for row in range(count)]
        with torch.inference_mode():
            # No token sees what fills a row up behind it.
            ids, mask = (torch.from_numpy(array).to(self.device) for array in filled(rows, length, self._texts.pad))
            logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            found = []
            for row, reading in enumerate(readings):
                before = torch.from_numpy(reading.places - 1).to(self.device)
                found.append(self._checked(_token_scores(logits[row, before], ids[row, before + 1])))
            return found

    def _checked(self, scores: Any) -> Any:
        if not np.isfinite(scores).all():
            raise UserError(f"features.likelihood {self.settings.model}: its weights give no numbers; get it again.")
        return scores

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch

        dtype = torch.bfloat16 if self.settings.precision == "bf16" else torch.float32
        tokenizer, model = load_generator(self.folder, dtype=dtype)
        return tokenizer, model.to(self.device)

    @property
    def _model(self) -> Any:
        return self._loaded[1]

    @cached_property
    def _keeps(self) -> bool:
        return "logits_to_keep" in inspect.signature(self._model.forward).parameters

    @cached_property
    def _texts(self) -> ChatTexts:
        return ChatTexts(self._loaded[0], f"features.likelihood {self.settings.model}")


def _token_scores(logits: Any, ids: Any) -> Any:
    """Return (3, k) float64 from (k, v) logits and the tokens that came: as `LikelihoodReader._one` says."""
    import torch

    logs = torch.log_softmax(logits.float(), dim=-1)
    own = logs.gather(1, ids[:, None])[:, 0]
    entropy = -(logs.exp() * logs).sum(dim=-1)
    return torch.stack([own, entropy, (logs.argmax(dim=-1) == ids).float()]).double().cpu().numpy()
