"""Preference pairs: the better answer first, in all the shapes that trainers of reward models and DPO read."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from pipelines.formats.columns.text_columns import answer_columns
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import (
    Messages,
    asked_so_far,
    asked_with_input,
    battle,
    chat,
    is_empty,
    is_first,
    is_transcript,
    messages,
    nested,
)
from pipelines.formats.messages import BadTurnsError, messages_of
from pipelines.formats.records import (
    ANNOTATORS,
    IDS,
    LANGUAGES,
    Record,
    Vote,
    canonical,
    first_of,
    id_of,
    record,
)

PAIRS = (
    *(("chosen", "rejected"), ("preferred_output", "non_preferred_output"), ("chosen_response", "rejected_response")),
    *(("response_chosen", "response_rejected"), ("better_response", "worse_response"), ("better", "worse")),
    *(("preferred", "dispreferred"), ("preferred", "non_preferred"), ("preferred_response", "dispreferred_response")),
    *(("accepted", "rejected"), ("chosen_completion", "rejected_completion"), ("answer_chosen", "answer_rejected")),
)
"""Names of the better and the worse answer."""
PROMPTS = (
    "prompt",
    "question",
    "instruction",
    "query",
    "conversations",
    "conversation",
    "context",
    "input",
    "messages",
)
_ALTERNATIVES = ("num_rejected", "num_correct", "total_completions", "num_incorrect")


def pair_columns(shape: Shape) -> tuple[str, str] | None:
    """Return the columns of the better and of the worse answer; None where there are none."""
    return next(((shape.named[one], shape.named[other]) for one, other in PAIRS if shape.has(one, other)), None)


class ChosenRejected(VoteForm):
    """Pairs of a better and a worse answer, or conversation; which side is A is drawn by a hash of the contents."""

    title = "preference pairs (chosen, rejected)"
    needs = "prompt, chosen and rejected"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there are a better and a worse answer, and what was asked."""
        pair = pair_columns(shape)
        if pair is None:
            return _lists_of_two(shape)
        if shape.has("mapping", "accept"):
            return False
        return _prompt(shape) is not None or any(map(_holds_prompt, shape.sample(pair[0])[:3]))

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.pair, self.prompt = pair_columns(shape), _prompt(shape)
        self.of_rewardbench = any(map(shape.has, _ALTERNATIVES))
        self.alternatives = self.of_rewardbench or self._are_listed()

    def name(self) -> str:
        """Return whose pairs they are, where their columns tell."""
        shape, (better, _) = self.shape, self.pair or ("", "")
        if better and any(map(is_transcript, shape.sample(better)[:3])):
            return "HH-RLHF's transcripts"
        if better == "preferred_output":
            return "OpenAI's preference pairs"
        if shape.has("chosen_model", "rejected_model", "subset") or self.of_rewardbench:
            return "RewardBench's pairs"
        if shape.has("score_chosen", "score_rejected", "prompt_id"):
            return "UltraFeedback's pairs"
        if shape.has("conversations"):
            return "ShareGPT's preference pairs"
        return self.title

    def columns(self) -> tuple[str, ...] | None:
        """Return the columns that are read: sets of pairs often hold each conversation three times."""
        if self.pair is None:
            return None
        about = {*PROMPTS, *IDS, *ANNOTATORS, *LANGUAGES, *_ALTERNATIVES, "history", "chosen_model", "rejected_model"}
        return tuple(name for name in self.shape.columns if name in self.pair or canonical(name) in about)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a pair, or, where a row has several better or worse answers, of each pair of them."""
        cells = self._cells(row)
        context = self._context(row)
        found = {canonical(name): value for name, value in reversed(list(row.items()))}
        named = [found.get("chosen_model"), found.get("rejected_model")]
        one, other = (self._alternatives(cell) for cell in cells)
        for number, (better, worse) in enumerate(product(one, other), start=1):
            models = [name[0] if isinstance(name, list) and len(name) == 1 else name for name in named]
            sides = [self._side(context, cell, name) for cell, name in zip((better, worse), self._names(), strict=True)]
            name = id_of(found)
            several = len(one) * len(other) > 1
            yield _record(sides, f"{name}-{number}" if name and several else name, models, found)

    def _alternatives(self, cell: Any) -> list[Any]:
        """Return the answers of a cell: RewardBench 2 and RM-Bench have several."""
        several = nested(cell) if self.alternatives else None
        return several if isinstance(several, list) and _is_list_of_texts(several) else [cell]

    def _are_listed(self) -> bool:
        """Tell whether there are several better and worse answers to each prompt of one turn, as RM-Bench has them."""
        if (
            self.pair is None
            or self.prompt is None
            or any(isinstance(nested(cell), list) for cell in self.shape.sample(self.prompt))
        ):
            return False
        cells = [nested(cell) for name in self.pair for cell in self.shape.sample(name)]
        return bool(cells) and all(_is_list_of_texts(cell) and len(cell) > 1 for cell in cells)

    def _names(self) -> tuple[str, str]:
        return self.pair or ("output", "output")

    def _cells(self, row: Mapping[str, Any]) -> tuple[Any, Any]:
        if self.pair is None:
            cell = nested(row.get("output"))
            if not isinstance(cell, list) or len(cell) != 2:
                raise BadTurnsError("output is not a list of a better and a worse answer")
            return cell[0], cell[1]
        for name in self.pair:
            if is_empty(row.get(name)):
                raise BadTurnsError(f"{name} is empty")
        return row[self.pair[0]], row[self.pair[1]]

    def _context(self, row: Mapping[str, Any]) -> Messages:
        """Return the messages before the two answers; none where the row has no prompt of its own."""
        cell = None if self.prompt is None else row.get(self.prompt)
        if self.prompt is None or is_empty(cell):
            return []
        context = asked_so_far(messages(cell, "user", self.shape.text_style(self.prompt)))
        if canonical(self.prompt or "") == "instruction":
            context = asked_with_input(context, row.get(self.shape.named.get("input", "")))
        return [*_earlier(row.get("history")), *context]

    def _side(self, context: Messages, cell: Any, name: str) -> Messages:
        try:
            said = messages(
                cell, "assistant", "text" if self.pair is None or self.alternatives else self.shape.text_style(name)
            )
            if _holds_prompt(cell):
                return said
        except BadTurnsError as fault:
            raise BadTurnsError(f"{name} {fault}") from fault
        if not context:
            raise BadTurnsError("has no prompt")
        return [*context, *said]


def _record(sides: list[Messages], name: str, models: list[Any], found: Mapping[str, Any]) -> Record:
    """Make a record of the better and the worse conversation."""
    prompt, better, worse = battle([], *sides)
    first = is_first(prompt, better, worse)
    texts = (prompt, better, worse) if first else (prompt, worse, better)
    vote = Vote(0 if first else 1)
    ordered = (models[0], models[1]) if first else (models[1], models[0])
    return record(texts, vote, name, ordered, first_of(found, ANNOTATORS), first_of(found, LANGUAGES))


def _prompt(shape: Shape) -> str | None:
    return next((shape.named[name] for name in PROMPTS if name in shape.named), None)


def _holds_prompt(cell: Any) -> bool:
    """Tell whether a side holds the whole conversation: messages of which a user's comes before any assistant's."""
    cell = chat(cell)
    if is_transcript(cell):
        return True
    if not isinstance(cell, list) or not cell or not all(isinstance(each, dict) for each in cell):
        return False
    try:
        roles = [message.role for message in messages_of(cell)]
    except BadTurnsError:
        return False
    spoken = [role for role in roles if role in ("user", "assistant")]
    return bool(spoken) and spoken[0] == "user"


def _is_list_of_texts(cell: Any) -> bool:
    return isinstance(cell, list) and bool(cell) and all(isinstance(each, str) for each in cell)


def _lists_of_two(shape: Shape) -> bool:
    """Tell whether `output` holds a better and a worse text, as LLaMA-Factory's older sets have it."""
    if not shape.has("instruction", "output") or answer_columns(shape):
        return False
    cells = [nested(cell) for cell in shape.sample(shape.named["output"])]
    return bool(cells) and all(_is_list_of_texts(cell) and len(cell) == 2 for cell in cells)


def _earlier(history: Any) -> Messages:
    """Return earlier turns, as Alpaca's sets have them: pairs of what was asked and answered."""
    found: Messages = []
    history = nested(history)
    for turn in history if isinstance(history, list) else ():
        if isinstance(turn, list) and len(turn) == 2 and all(isinstance(text, str) for text in turn):
            found += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return found
