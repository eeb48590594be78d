"""Several answers written by one causal language model at once: each step is one forward pass for all of them.

At this size a pass takes as long as its weights are read from memory, so a second answer costs little. Answers join
and leave between steps: prompts are padded on the left, and what the model remembers of earlier words is padded alike.
"""

import inspect
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.generators.conversation import fitting
from dashboard.generators.read_prefixes import ReadPrefixes

PENALTY = 1.15
"""By how much a word that the answer holds already is held down (Keskar et al., 2019, equation 2)."""
NO_REPEAT = 6
"""So many tokens in a row are not written twice."""
TOP_K, TOP_P = 40, 0.9
SPARE = 60
"""Tokens after the limit within which an answer ends its sentence; what is then unfinished is left out."""
MOST_PROMPT = 3_000
"""Tokens of a prompt: a longer one loses its earliest turns, and of what is still longer head and tail are read."""
KEPT = 6_000
"""Tokens of texts whose reading is kept for what follows them: 138 MB in bfloat16 for SmolLM2-135M."""
_SENTENCE_END = re.compile(r"[.!?。！？][\"')\]”’]*(?=\s|$)|\n")


@dataclass(frozen=True)
class WritingJob:
    """One answer to write.

    Attributes
    ----------
    number : int
        By which it is told apart.
    messages : sequence of dict
        `role` and `content`.
    max_tokens : int
        Where it begins to look for its end.
    temperature : float
        0 always takes the likeliest word.
    """

    number: int
    messages: Sequence[dict[str, str]]
    max_tokens: int
    temperature: float


@dataclass
class Written:
    """What is new of an answer; `ended` is "" while it goes on, else `stop` or `length`."""

    number: int
    text: str
    ended: str = ""


@dataclass
class _Row:
    job: WritingJob
    prompt: list[int]
    ids: list[int] = field(default_factory=list)
    told: int = 0


class BatchWriter:
    """Writes with one model.

    Parameters
    ----------
    tokenizer, model : PreTrainedTokenizer, PreTrainedModel
        As `load_generator` of pipelines.models returns them.
    seed : int or None
        Of the draws; None draws it.
    """

    def __init__(self, tokenizer: Any, model: Any, seed: int | None = None) -> None:
        self._tokenizer, self._model = tokenizer, model
        self._draw = random.Random(seed)
        named = inspect.signature(model.forward).parameters
        self._remembers = "cache" if "cache" in named else "past_key_values"  # transformers 5.24 renamed it
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in named else {}  # of a prompt, the last one tells all
        self._read = ReadPrefixes(KEPT)
        self._rows: list[_Row] = []
        self._cache: Any = None
        self._mask: Any = None
        self._logits: Any = None
        ends = getattr(model.generation_config, "eos_token_id", None)
        self._ends = {*(ends if isinstance(ends, list) else [ends]), *tokenizer.all_special_ids} - {None}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, jobs: Sequence[WritingJob]) -> None:
        """Read the prompts of further answers, which are written from the next step on."""
        new = []
        for job in jobs:
            row = _Row(job, self._prompt(job))
            known, cache = self._read.find(row.prompt)
            if known:
                self._go_on_from(row, known, cache)
            else:
                new.append(row)
        if new:
            self._read_together(new)

    def _go_on_from(self, row: _Row, known: int, cache: Any) -> None:
        """Read the rest of a prompt whose beginning was read before."""
        import torch

        ids, mask = torch.tensor([row.prompt[known:]]), torch.ones(1, len(row.prompt), dtype=torch.int64)
        self._join([row], mask, *self._pass(ids, mask, torch.arange(known, len(row.prompt))[None], cache))

    def _read_together(self, rows: Sequence[_Row]) -> None:
        import torch

        prompts = [row.prompt for row in rows]
        longest = max(map(len, prompts))
        filler = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[filler] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        self._join(rows, mask, *self._pass(ids, mask, mask.cumsum(1).sub(1).clamp(min=0), None))

    def _join(self, rows: Sequence[_Row], mask: Any, logits: Any, cache: Any) -> None:
        """Have further answers written next to those that are."""
        import torch

        if self._rows:
            mask, cache = _joined(self._mask, self._cache, mask, cache)
            logits = torch.cat([self._logits, logits])
        self._rows += rows
        self._mask, self._cache, self._logits = mask, cache, logits

    def drop(self, numbers: Iterable[int]) -> None:
        """Write no more of some answers."""
        gone = set(numbers)
        self._keep([place for place, row in enumerate(self._rows) if row.job.number not in gone])

    def step(self) -> list[Written]:
        """Write a token of each answer, and return what is new of those that have something new."""
        import torch

        if not self._rows:
            return []
        chosen = [self._chosen(row, logits) for row, logits in zip(self._rows, self._logits, strict=True)]
        told = [self._take(row, token) for row, token in zip(self._rows, chosen, strict=True)]
        left = [place for place, each in enumerate(told) if not each.ended]
        self._keep(left)
        if self._rows:
            ids = torch.tensor([[chosen[place]] for place in left])
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(left), 1)], 1)
            self._logits, self._cache = self._pass(ids, self._mask, self._mask.sum(1, keepdim=True) - 1, self._cache)
        return [each for each in told if each.text or each.ended]

    def _pass(self, ids: Any, mask: Any, positions: Any, cache: Any) -> tuple[Any, Any]:
        import torch

        with torch.inference_mode():
            found = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions,
                use_cache=True,
                **{self._remembers: cache},
                **self._last,
            )
        return found.logits[:, -1].float(), found[self._remembers]

    def _prompt(self, job: WritingJob) -> list[int]:
        ids = self._ids(fitting(job.messages, lambda chat: len(self._ids(chat)) <= MOST_PROMPT))
        half = MOST_PROMPT // 2
        return ids if len(ids) <= MOST_PROMPT else ids[:half] + ids[-half:]

    def _ids(self, chat: Sequence[dict[str, str]]) -> list[int]:
        if self._tokenizer.chat_template:
            asked = self._tokenizer.apply_chat_template(list(chat), add_generation_prompt=True, return_dict=True)
        else:
            asked = self._tokenizer("\n\n".join(each["content"] for each in chat) + "\n\n")
        return list(asked["input_ids"])

    def _chosen(self, row: _Row, logits: Any) -> int:
        """Return the next token: drawn from the likeliest, those that would repeat what stands there held down."""
        import torch

        logits = logits.clone()
        if row.ids:
            seen = torch.tensor(sorted(set(row.ids)))
            score = logits[seen]
            logits[seen] = torch.where(score > 0, score / PENALTY, score * PENALTY)
            banned = _repeats(row.ids)
            if banned:
                logits[torch.tensor(banned)] = -torch.inf
        if row.job.temperature <= 0:
            return int(logits.argmax())
        best, ids = logits.topk(min(TOP_K, logits.shape[-1]))
        shares = (best / row.job.temperature).softmax(0)
        few = int((shares.cumsum(0) < TOP_P).sum()) + 1
        weights = shares[:few].tolist()
        return int(ids[self._draw.choices(range(len(weights)), weights)[0]])

    def _take(self, row: _Row, token: int) -> Written:
        """Return what a token adds. Beyond the limit only whole sentences are told, and the first one ends it."""
        number, limit = row.job.number, row.job.max_tokens
        stop = token in self._ends
        if not stop:
            row.ids.append(token)
        text = self._tokenizer.decode(row.ids, skip_special_tokens=True)
        new = text[row.told :]
        if stop:
            return self._told(row, new, "stop")
        if len(row.ids) < limit:
            return self._told(row, "" if new.endswith("\ufffd") else new)
        ends = list(_SENTENCE_END.finditer(text, row.told))
        if ends:
            return self._told(row, text[row.told : ends[0].end()].rstrip(), "length")
        spent = len(row.ids) >= limit + SPARE
        if spent and not any(_SENTENCE_END.finditer(text)):
            return self._told(row, new, "length")  # not one sentence has an end
        return Written(number, "", "length" if spent else "")

    def _told(self, row: _Row, new: str, ended: str = "") -> Written:
        row.told += len(new)
        return Written(row.job.number, new, ended)

    def _keep(self, places: list[int]) -> None:
        if len(places) == len(self._rows):
            return
        for place in {*range(len(self._rows))}.difference(places):
            row = self._rows[place]
            self._read.keep([*row.prompt, *row.ids], self._mask, self._cache, place)
        self._rows = [self._rows[place] for place in places]
        if not places:
            self._cache = self._mask = self._logits = None
            return
        import torch

        chosen = torch.tensor(places)
        self._mask, self._logits = self._mask[chosen], self._logits[chosen]
        self._cache.batch_select_indices(chosen)
        spare = int(self._mask.shape[1] - self._mask.sum(1).max())  # left padding that no answer needs any more
        if spare:
            self._mask = self._mask[:, spare:]
            for layer in self._cache.layers:
                layer.keys, layer.values = layer.keys[:, :, spare:], layer.values[:, :, spare:]


def _repeats(ids: list[int]) -> list[int]:
    """Return the tokens that would write the last `NO_REPEAT` tokens a second time."""
    lead = ids[1 - NO_REPEAT :]
    if len(lead) < NO_REPEAT - 1:
        return []
    ends = range(NO_REPEAT - 1, len(ids))
    return [ids[end] for end in ends if ids[end - NO_REPEAT + 1 : end] == lead]


def _joined(mask: Any, cache: Any, other_mask: Any, other: Any) -> tuple[Any, Any]:
    """Return the masks and what is remembered of two sets of answers as those of one, padded on the left."""
    import torch
    from torch.nn.functional import pad

    width = max(mask.shape[1], other_mask.shape[1])
    left = [width - each.shape[1] for each in (mask, other_mask)]
    for layer, added in zip(cache.layers, other.layers, strict=True):
        keys = [pad(each, (0, 0, more, 0)) for each, more in zip((layer.keys, added.keys), left, strict=True)]
        values = [pad(each, (0, 0, more, 0)) for each, more in zip((layer.values, added.values), left, strict=True)]
        layer.keys, layer.values = torch.cat(keys), torch.cat(values)
    return torch.cat([pad(each, (more, 0)) for each, more in zip((mask, other_mask), left, strict=True)]), cache
