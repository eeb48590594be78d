"""A language model asked about battles: every question in both orders of the answers, replies turned into numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.chat.chat_models import ChatModel, open_model
from pipelines.chat.principles import Principle, read_principles
from pipelines.chat.question_asking import Question, Spent, ask_all, planned, question, told_spent
from pipelines.chat.reply_store import ReplyStore
from pipelines.errors import UserError, shown
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.judges.judge_prompt import JudgePrompt, read_prompt, said_of
from stacker.learners.judges.params import JudgeParams

OVERALL = "overall"
AT_ONCE = 500
"""Battles whose questions are in memory at a time."""
FEWEST = 20
"""Questions from which on it is an error that most replies say nothing."""


@dataclass(frozen=True)
class Asked:
    """What a model said of n battles.

    Attributes
    ----------
    margin, tie : (n, Q) float
        By question the log-odds of A against B and of a tie, the mean of both orders; NaN where nothing is known. The
        questions of a battle that have no readable reply favour neither side.
    unread : int
        Replies that say nothing.
    first : float
        How much the model favours the answer that it sees first, in log-odds, on average.
    torn : float
        The share of questions in whose two orders it names the same place, and so both answers.
    written : int
        Replies without probabilities of tokens where these were asked for, which are read by what they write.
    example : str
        How the first reply that says nothing begins; "" where all say something.
    """

    margin: Floats
    tie: Floats
    unread: int
    first: float
    torn: float = 0.0
    written: int = 0
    example: str = ""


def questions_of(params: JudgeParams) -> tuple[Principle, ...]:
    """Return what is asked: the general question, where it is on, and the principles; a `UserError` for nothing."""
    wanted = read_principles(params.principles, params.constitution)
    prompt = read_prompt(params.prompt, bool(wanted))
    general = Principle(name=OVERALL, question=prompt.question, wording={"en": "which answer is better"})
    found = ((general,) if params.overall else ()) + wanted
    if not found:
        raise UserError(
            f"learners.judges {params.name}: is asked nothing; set overall to true, or name principles such as correct."
        )
    return found


class BattleQuestions:
    """Asks one model about battles and keeps what it says.

    Parameters
    ----------
    folder : Path
        Where replies are kept.
    model : ChatModel or None
        What is asked; None is the model that `params` names, opened when there is something to ask.
    """

    def __init__(
        self,
        params: JudgeParams,
        prompt: JudgePrompt,
        questions: tuple[Principle, ...],
        folder: Path,
        model: ChatModel | None = None,
    ) -> None:
        self.params, self.prompt, self.questions, self.folder = params, prompt, questions, folder
        self.spent = Spent()
        self._model = model

    @property
    def model(self) -> ChatModel:
        """What is asked."""
        self._model = self._model or open_model(self.params)
        return self._model

    def close(self) -> None:
        """Close the connections to the model; whoever asks again opens them again."""
        if self._model is not None:
            self._model.close()
            self._model = None

    def of_battle(self, prompt: tuple[str, ...], a: tuple[str, ...], b: tuple[str, ...]) -> list[list[Question]]:
        """Return by question what is asked about a battle: A first, and B first."""
        budget = (self.params.prompt_characters, self.params.answer_characters)
        return [
            [
                question(
                    self.model,
                    self.params,
                    self.prompt.messages(prompt, first, second, principle.question, budget),
                    self.params.logprobs,
                )
                for first, second in ((a, b), (b, a))
            ]
            for principle in self.questions
        ]

    def planned(self, texts: pd.DataFrame) -> str:
        """Return a sentence on what asking about battles will take; their questions are not kept."""
        tokens: dict[bytes, int] = {}
        for part in _parts(texts):
            for battle in _battles(part):
                for asked in self.of_battle(*battle):
                    tokens |= {each.key: each.tokens for each in asked}
        store = ReplyStore(self.folder)
        try:
            return planned(self.params.name, self.params, tokens, store.known(tokens))
        finally:
            store.close()

    def cost_of(self, texts: pd.DataFrame) -> float:
        """Return what asking about a battle costs at the prices given, on average, paid now or before."""
        if not (self.params.price_in or self.params.price_out) or not len(texts):
            return 0.0
        store, total = ReplyStore(self.folder), 0.0
        try:
            for part in _parts(texts):
                asked = [each for battle in _battles(part) for pair in self.of_battle(*battle) for each in pair]
                replies = store.get(each.key for each in asked)
                for each in asked:
                    if each.key in replies:
                        reply = replies[each.key]
                        total += (reply.tokens_in or each.tokens) * self.params.price_in / 1e6
                        total += (reply.tokens_out or 1) * self.params.price_out / 1e6
        finally:
            store.close()
        return total / len(texts)

    def ask(self, texts: pd.DataFrame, progress: Progress = silent, note: Callable[[str], None] | None = None) -> Asked:
        """Return what the model says of n battles; those that a limit leaves out are unknown.

        Raises
        ------
        UserError
            When the server or the model fails, or most replies say nothing.
        """
        store = ReplyStore(self.folder)
        margin, tie = (
            np.full((len(texts), len(self.questions)), np.nan),
            np.full((len(texts), len(self.questions)), np.nan),
        )
        leaning: list[float] = []
        torn = unread = read = written = done = 0
        example = ""
        try:
            for part in _parts(texts):
                asked = [self.of_battle(*battle) for battle in _battles(part)]
                flat = [each for battle in asked for pair in battle for each in pair]
                moved = _Moved(progress, f"{self.params.name}: questions", done, 2 * len(texts) * len(self.questions))
                replies = ask_all(self.model, self.params, flat, store, self.spent, moved)
                for row, battle in enumerate(asked, part.start):
                    if any(each.key not in replies for pair in battle for each in pair):
                        continue
                    for place, pair in enumerate(battle):
                        said = [said_of(replies[each.key]) for each in pair]
                        written += sum(each.tops and not replies[each.key].tops for each in pair)
                        unread += said.count(None)
                        read += 2 - said.count(None)
                        if said[0] is None or said[1] is None:
                            silent_one = pair[0 if said[0] is None else 1]
                            example = example or shown(replies[silent_one.key].text, 80) or "nothing"
                            continue
                        margin[row, place] = (said[0][0] - said[1][0]) / 2
                        tie[row, place] = (said[0][1] + said[1][1]) / 2
                        leaning.append((said[0][0] + said[1][0]) / 2)
                        torn += said[0][0] * said[1][0] > 0
                done += len(flat)
        finally:
            store.close()
        if unread > read and unread + read >= FEWEST:
            raise says_nothing(self.params.name, unread, unread + read, example)
        if note is not None and (self.spent.calls or self.spent.refused):
            note(told_spent(self.params.name, self.params, self.spent))
        first, torn_share = (float(np.mean(leaning)), torn / len(leaning)) if leaning else (0.0, 0.0)
        return Asked(*_without_gaps(margin, tie), unread, first, torn_share, written, example)


def says_nothing(name: str, unread: int, replies: int, example: str) -> UserError:
    """Return the error for a model of whose replies so many name nothing."""
    return UserError(
        f"learners.judges {name}: {unread:,} of {replies:,} replies name neither A, B nor C (one begins with "
        f"{example}); have its prompt ask for one letter, or allow more max_tokens."
    )


@dataclass(frozen=True)
class _Moved:
    """Progress of one part of a stage as that of the whole."""

    progress: Progress
    name: str
    before: int
    whole: int

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.progress(self.name, min(self.before + done, self.whole), self.whole)


@dataclass(frozen=True)
class _Part:
    start: int
    texts: pd.DataFrame


def _parts(texts: pd.DataFrame) -> Iterator[_Part]:
    for start in range(0, len(texts), AT_ONCE):
        yield _Part(start, texts.iloc[start : start + AT_ONCE])


def _battles(part: _Part) -> Iterator[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]:
    yield from zip(*(part.texts[name] for name in TEXT_COLUMNS), strict=True)


def _without_gaps(margin: Floats, tie: Floats) -> tuple[Floats, Floats]:
    """Have questions without a readable reply favour neither side, and ties as the battle's other questions do."""
    known = np.isfinite(margin)
    count = known.sum(axis=1, keepdims=True)
    means = np.where(known, tie, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    margin, tie = np.where(known, margin, 0.0), np.where(known, tie, means)
    nothing = count[:, 0] == 0
    margin[nothing], tie[nothing] = np.nan, np.nan
    return margin, tie
