"""Structured input: prompt and answers with their lengths marked, each within its budget, as one model's token ids.

Of a conversation the last turns come first; of a long turn its head and its tail are kept.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.encoder.engines.engine import Ids
from features.encoder.tokens import OwnTokens, SavedTokens, head_and_tail
from features.text import words
from pipelines.battles.table import text_of
from pipelines.errors import UserError
from pipelines.models.chat_frame import chat_frame
from stacker.learners.transformer.params import TransformerParams

PROMPT, FIRST, SECOND = 1, 2, 3
"""Parts of a sequence; 0 is what belongs to none."""
LENGTHS = 2
"""Numbers that tell one text's length to a head."""
_TEXTS_AT_ONCE = 512
"""The tokenizer's own records take about 100 bytes a token; few texts at once keep memory steady."""

CUT = ("texts", "cut_texts", "tokens", "cut_tokens")
"""What is counted of cutting: texts, and those that lost a token; tokens before it, and those that were cut away."""
Turns = tuple[str, ...]


def share_read(count: Mapping[str, int]) -> float:
    """Return the share of tokens that were not cut, by counts of `CUT`; 1 where there were none."""
    return 1 - count["cut_tokens"] / max(count["tokens"], 1)


def fit_turns(turns: Sequence[Ids], budget: int, head_share: float, gap: Ids, between: Ids) -> tuple[Ids, int]:
    """Fit the turns of a conversation into a budget, the last turn first.

    Each turn, from the last to the first, gets what the later ones left over; the first one that does not fit whole
    is cut to its head and tail, and nothing before it is kept.

    Parameters
    ----------
    turns : sequence of lists of int
        Tokens of each turn, in the order of the conversation.
    budget : int
        Tokens there may be afterwards, marks included.
    head_share, gap
        As in `head_and_tail`.

    Returns
    -------
    list of int, int
        At most `budget` tokens in the order of the conversation, and how many of the turns' own tokens were cut.
    """
    kept: list[Ids] = []
    left, cut, full = budget, 0, False
    for turn in reversed(turns):
        room = left - (len(between) if kept else 0)
        # A scrap of a few tokens says nothing; the last turn is shown whatever the room.
        if full or (kept and room < min(len(turn), len(gap) + 2)):
            full = True
            cut += len(turn)
            continue
        short, lost = head_and_tail(turn, max(room, 0), head_share, gap)
        cut += lost
        full = lost > 0
        left = room - len(short)
        kept.append(short)
    joined = kept.pop() if kept else []
    while kept:
        joined = [*joined, *between, *kept.pop()]
    return joined, cut


@dataclass(frozen=True)
class Item:
    """One sequence as a model reads it.

    Attributes
    ----------
    ids : (l,) int32
        Token ids, special tokens included.
    types : (l,) int8
        Token type ids.
    parts : (l,) int8
        Part each token belongs to: `PROMPT`, `FIRST`, `SECOND` (joint head only) or 0.
    lengths : (k,) float32
        Scaled log lengths of the prompt and of each answer, for the head; k is 0 where lengths are off.
    """

    ids: NDArray[np.int32]
    types: NDArray[np.int8]
    parts: NDArray[np.int8]
    lengths: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def key(self) -> bytes:
        """Bytes that are equal for equal sequences only, and that put sequences into an order."""
        return b"".join(part.tobytes() for part in (self.ids, self.parts, self.lengths))


@dataclass(frozen=True)
class Battles:
    """Battles as sequences: the distinct ones, and for each battle the places of its two, (n, 2) int64.

    The two are (prompt, A) and (prompt, B) for the pairwise head, both orders of the battle for the joint head.
    """

    items: list[Item]
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)


@dataclass(frozen=True)
class _Text:
    """A text cut to its budget, with the marker of its length before it."""

    ids: Ids
    words: int
    characters: int


class Structure:
    """Turns texts into sequences by one tokenizer's rules, and counts what it cuts in `cut`.

    Parameters
    ----------
    tokenizer
        A transformers tokenizer, or one saved with a converted copy.
    params : TransformerParams
        Budgets, head and whether lengths are shown.
    most : int
        Positions the model has.
    causal : bool
        Whether it is a decoder: what stands behind a text then belongs to its part, whose last token is looked at.

    Raises
    ------
    UserError
        When the budgets need more positions than the model has.
    """

    def __init__(self, tokenizer: Any, params: TransformerParams, most: int, causal: bool = False) -> None:
        self.tokenizer = tokenizer
        own = tokenizer if isinstance(tokenizer, SavedTokens) else OwnTokens(tokenizer)
        self.tokens = own.ids
        self.params = params
        self.cut = {name: dict.fromkeys(CUT, 0) for name in ("prompt", "answer")}
        self.joint = params.head == "joint"
        self.causal = causal
        # A saved tokenizer is that of an encoder whose settings a fit has checked; it has no chat template.
        self.chat = params.form == "chat" or (params.form == "auto" and causal and bool(tokenizer.chat_template))
        if self.chat or causal:
            self.prefix, self.middle, self.suffix = _chat(tokenizer, params.model, self.chat, self.joint)
            self.second_type = 0
        else:
            self.prefix, self.middle, self.suffix, self.second_type = own.pair_frame()
        self.gap, self.between = self.tokens(["…", "|"])
        self._markers: dict[tuple[str, int], Ids] = {}
        self.longest = self._longest()
        if self.longest > most:
            raise UserError(
                f"transformer {params.model}: prompt_tokens {params.prompt_tokens} and answer_tokens "
                f"{params.answer_tokens} with the {params.head} head need {self.longest} positions but the model "
                f"has {most}; lower them."
            )

    def battles(self, texts: pd.DataFrame) -> Battles:
        """Return the sequences of n battles; columns `prompt`, `response_a`, `response_b` hold tuples of turns.

        The distinct sequences come in an order of their own (length, then content), so that neither the order of the
        rows nor the sides change how they are batched.
        """
        prompts = self._prompts(texts["prompt"])
        a, b = self._answers(texts["response_a"]), self._answers(texts["response_b"])
        pairs = []
        for prompt, first, second in zip(prompts, a, b, strict=True):
            if self.joint:
                pairs.append((self._join(prompt, first, second), self._join(prompt, second, first)))
            else:
                pairs.append((self._join(prompt, first), self._join(prompt, second)))
        return _distinct(pairs)

    def singles(self, prompts: Sequence[Turns], answers: Sequence[Turns]) -> Battles:
        """Return (prompt, answer) pairs as the sequences of the pairwise head, each battle's two the same."""
        joined = (self._join(*pair) for pair in zip(self._prompts(prompts), self._answers(answers), strict=True))
        return _distinct([(item, item) for item in joined])

    def _prompts(self, texts: Iterable[Turns]) -> list[_Text]:
        return self._cut_all(texts, self.params.prompt_tokens, self.cut["prompt"])

    def _answers(self, texts: Iterable[Turns]) -> list[_Text]:
        return self._cut_all(texts, self.params.answer_tokens, self.cut["answer"])

    def _cut_all(self, texts: Iterable[Turns], budget: int, count: dict[str, int]) -> list[_Text]:
        every = list(texts)
        found = []
        for start in range(0, len(every), _TEXTS_AT_ONCE):
            part = every[start : start + _TEXTS_AT_ONCE]
            turns = iter(self.tokens([turn for text in part for turn in text]) if any(part) else [])
            for text in part:
                own = [next(turns) for _ in text]
                ids, cut = fit_turns(own, budget, self.params.head_share, self.gap, self.between)
                for name, more in zip(CUT, (1, int(cut > 0), sum(map(len, own)), cut), strict=True):
                    count[name] += more
                whole = text_of(text)
                found.append(_Text(ids, len(words(whole)), len(whole)))
        return found

    def _join(self, prompt: _Text, *answers: _Text) -> Item:
        names = ("Answer A", "Answer B") if self.joint else ("Answer",)
        ids: Ids = [*self.prefix]
        parts = [0] * len(ids)

        def add(part: int, some: Ids) -> None:
            ids.extend(some)
            parts.extend([part] * len(some))

        add(PROMPT, [*self._marker("Prompt", prompt.words), *prompt.ids])
        for place, (name, answer) in enumerate(zip(names, answers, strict=True)):
            add(PROMPT + place if self.causal else 0, self.middle)
            if not place:
                first_types = len(ids)
            add(FIRST + place, [*self._marker(name, answer.words), *answer.ids])
        add(PROMPT + len(answers) if self.causal else 0, self.suffix)
        types = np.zeros(len(ids), dtype=np.int8)
        types[first_types:] = self.second_type
        lengths = (
            [each for text in (prompt, *answers) for each in scaled_lengths(text.words, text.characters)]
            if self.params.lengths
            else []
        )
        return Item(
            np.array(ids, dtype=np.int32), types, np.array(parts, dtype=np.int8), np.array(lengths, dtype=np.float32)
        )

    def _marker(self, name: str, count: int) -> Ids:
        if self.chat and not self.joint:
            return []  # the template says what is what
        # Two digits are enough to tell lengths apart, and keep the markers few.
        rounded = int(float(f"{count:.1e}")) if self.params.lengths else -1
        if (name, rounded) not in self._markers:
            text = f"{name}, {rounded} words:" if self.params.lengths else f"{name}:"
            self._markers[name, rounded] = self.tokens([text])[0]
        return self._markers[name, rounded]

    def _longest(self) -> int:
        names = ("Prompt", "Answer A", "Answer B") if self.joint else ("Prompt", "Answer")
        markers = sum(len(self._marker(name, 99_000_000)) for name in names)
        answers = len(names) - 1
        special = len(self.prefix) + answers * len(self.middle) + len(self.suffix)
        return special + markers + self.params.prompt_tokens + answers * self.params.answer_tokens


def scaled_lengths(words: int, characters: int) -> tuple[float, float]:
    """Return a text's log lengths, centred and scaled by what is usual of answers: a head's penalty sees them alike."""
    return (math.log1p(words) - 4.5) / 1.2, (math.log1p(characters) - 6.2) / 1.2


def _distinct(pairs: Sequence[tuple[Item, Item]]) -> Battles:
    keys = [(item.key, item) for pair in pairs for item in pair]
    items = dict(keys)
    order = sorted(items, key=lambda key: (len(items[key]), key))
    place = {key: number for number, key in enumerate(order)}
    places = np.array([place[key] for key, _ in keys], dtype=np.int64).reshape(-1, 2)
    return Battles([items[key] for key in order], places)


def _chat(tokenizer: Any, name: str, chat: bool, joint: bool) -> tuple[Ids, Ids, Ids]:
    """Return what stands before the prompt, before each answer and behind the last one, for a decoder or a template.

    A joint sequence is one question, so that its answers are parted by a line.
    """
    frame = chat_frame(tokenizer, f"transformer {name}")
    if chat:
        line = tokenizer("\n\n", add_special_tokens=False)["input_ids"]
        return (frame.before, list(line), frame.between) if joint else (frame.before, frame.between, frame.after[:1])
    line = tokenizer("\n", add_special_tokens=False)["input_ids"]
    first = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
    return first, list(line), [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else list(line)
