"""Answers criticised and revised by principles: what is asked, and which revised answers are worth a pair."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipelines.battles.table import battles_table, text_of
from pipelines.battles.texts import storable
from pipelines.chat.chat_models import ChatModel, Messages
from pipelines.chat.chat_params import ChatParams
from pipelines.chat.chat_reply import ChatReply
from pipelines.chat.principles import Principle
from pipelines.chat.question_asking import Question, Spent, ask_all, planned, question, told_spent
from pipelines.chat.reply_store import ReplyStore
from pipelines.terminal.command_line import Progress, silent

TEMPLATES = Path(__file__).with_name("revision_prompts.yaml")
_NOTHING = re.compile(r"\W*(nothing|none)\b\W*(to name)?\W*\Z", re.IGNORECASE)
_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
NOTHING, SAME, EMPTY, CUT, LEFT, REVISED = "nothing", "same", "empty", "cut", "left", "revised"
_GOES_ON = (REVISED, NOTHING)
"""What can come of an answer: nothing to criticise, revised to the same text or to none, cut off by max_tokens, not
asked about (a limit, a refusal), or revised."""


@dataclass(frozen=True)
class Draft:
    """An answer on its way: a conversation's turns, the last answer as it was and as it is, and what came of it."""

    prompt: tuple[str, ...]
    answers: tuple[str, ...]
    text: str
    state: str = REVISED

    @property
    def key(self) -> str:
        """A hash of its texts."""
        content = repr((self.prompt, self.answers)).encode("utf-8", "surrogatepass")
        return hashlib.sha256(content).hexdigest()


def drafts_of(battles: pd.DataFrame) -> list[Draft]:
    """Return the distinct answers of a battles table that are not empty."""
    found: dict[str, Draft] = {}
    for prompt, *sides in zip(*(battles[name] for name in ("prompt", "response_a", "response_b")), strict=True):
        for answers in sides:
            if answers and answers[-1].strip():
                draft = Draft(prompt, answers, answers[-1])
                found.setdefault(draft.key, draft)
    return list(found.values())


def principles_for(draft: Draft, principles: Sequence[Principle], rounds: int) -> list[Principle]:
    """Return the principles that an answer is revised by, in turn: drawn by a hash of its texts, none twice."""

    def drawn(principle: Principle) -> str:
        return hashlib.sha256(f"{draft.key} {principle.name}".encode()).hexdigest()

    return sorted(principles, key=drawn)[:rounds]


class Reviser:
    """Asks a model to criticise and to revise.

    Parameters
    ----------
    store : ReplyStore
        Where replies are kept.
    note : callable
        Told before and after what asking takes.
    """

    def __init__(
        self,
        model: ChatModel,
        params: ChatParams,
        store: ReplyStore,
        note: Callable[[str], Any],
        progress: Progress = silent,
    ) -> None:
        self.model, self.params, self.store, self.note, self.progress = model, params, store, note, progress
        self.templates: dict[str, str] = yaml.safe_load(TEMPLATES.read_text(encoding="utf-8"))
        self.spent = Spent()

    def revise(self, drafts: Sequence[Draft], principles: Sequence[Principle], rounds: int) -> list[Draft]:
        """Return the drafts after so many rounds of critique and revision; a `UserError` where the model fails."""
        plans = [principles_for(draft, principles, rounds) for draft in drafts]
        found = list(drafts)
        revised = [False] * len(found)
        for number in range(rounds):
            rows = [row for row in range(len(found)) if number < len(plans[row]) and found[row].state in _GOES_ON]
            critiques = self._replies(
                f"critique {number + 1}",
                [self._question("critique", found[row], _critique(plans[row][number])) for row in rows],
            )
            wanting = []
            for row, reply in zip(rows, critiques, strict=True):
                said = "" if reply is None else _plain(reply.text)
                if reply is None:
                    found[row] = replace(found[row], state=REVISED if revised[row] else LEFT)
                elif not said or _NOTHING.match(said):
                    found[row] = replace(found[row], state=REVISED if revised[row] else NOTHING)
                else:
                    wanting.append((row, said))
            replies = self._replies(
                f"revision {number + 1}", [self._question("revise", found[row], said) for row, said in wanting]
            )
            for (row, _), reply in zip(wanting, replies, strict=True):
                after = self._revised(found[row], reply)
                if after.state == REVISED or not revised[row]:  # what fails after a good revision leaves that as it is
                    found[row] = after
                revised[row] = revised[row] or after.state == REVISED
        self.note(told_spent("revision", self.params, self.spent))
        return found

    def _question(self, kind: str, draft: Draft, critique: str) -> Question:
        values = {"prompt": told_conversation(draft), "response": draft.text, "critique": critique}
        # In one pass over the template, so that a text that holds {critique} stays as it is.
        content = re.sub(r"\{(prompt|response|critique)\}", lambda found: values[found[1]], self.templates[kind])
        messages: Messages = [{"role": "user", "content": storable(content)}]
        return question(self.model, self.params, messages, tops=False)

    def _replies(self, stage: str, questions: Sequence[Question]) -> list[ChatReply | None]:
        tokens = {each.key: each.tokens for each in questions}
        if tokens:
            self.note(planned(stage, self.params, tokens, self.store.known(tokens)))
        replies = ask_all(self.model, self.params, questions, self.store, self.spent, self.progress, stage)
        return [replies.get(each.key) for each in questions]

    def _revised(self, draft: Draft, reply: ChatReply | None) -> Draft:
        if reply is None:
            return replace(draft, state=LEFT)
        if reply.tokens_out >= self.params.max_tokens:
            return replace(draft, state=CUT)
        text = _plain(reply.text)
        if not text:
            return replace(draft, state=EMPTY)
        return replace(draft, state=SAME if text == draft.text.strip() else REVISED, text=text)


def told_conversation(draft: Draft) -> str:
    """Return what was asked, with the turns before the answer that is revised."""
    if len(draft.prompt) == 1 and len(draft.answers) == 1:
        return draft.prompt[0]
    turns = []
    for place, asked in enumerate(draft.prompt):
        turns.append(f"User: {asked}")
        if place < len(draft.answers) - 1:
            turns.append(f"Assistant: {draft.answers[place]}")
    return text_of(tuple(turns))


def pairs_table(drafts: Sequence[Draft]) -> pd.DataFrame:
    """Return the revised answers as a battles table: each as A, and preferred, over what it was."""
    revised = [draft for draft in drafts if draft.state == REVISED and draft.text.strip() != draft.answers[-1].strip()]
    columns: dict[str, list[Any]] = {
        "id": [draft.key[:24] for draft in revised],
        "prompt": [draft.prompt for draft in revised],
        "response_a": [(*draft.answers[:-1], draft.text) for draft in revised],
        "response_b": [draft.answers for draft in revised],
        "model_a": ["revised"] * len(revised),
        "model_b": ["original"] * len(revised),
        "outcome": [0] * len(revised),
        "weight": [1.0] * len(revised),
        "source": ["revision"] * len(revised),
        "lang": [""] * len(revised),
    }
    return battles_table(columns)


def counted(drafts: Sequence[Draft]) -> Counter[str]:
    """Return how many answers came to each end."""
    return Counter(draft.state for draft in drafts)


def _critique(principle: Principle) -> str:
    return principle.critique or f"Name how the response falls short where one asks: {principle.question}"


def _plain(text: str) -> str:
    text = _THOUGHT.sub("", text).strip()
    return text.removeprefix("[Response]").strip()
