"""Several answers to a prompt in one row, ranked or rated: Nectar, raw UltraFeedback, and lists of answers and scores.

Each two answers of a row are a battle: the better ranked one, or the one with the higher rating, wins, and equal ones
are a tie. Which of the two is A is drawn by a hash of the contents.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from pipelines.formats.columns.text_columns import answer_columns, prompt_column
from pipelines.formats.columns.vote_columns import number
from pipelines.formats.forms.chosen_rejected import pair_columns
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import (
    Messages,
    asked_so_far,
    asked_with_input,
    battle,
    is_first,
    messages,
    nested,
)
from pipelines.formats.messages import BadTurnsError, object_text
from pipelines.formats.records import LANGUAGES, NoVoteError, Record, Vote, canonical, first_of, id_of, record

_LISTS = (
    *("answers", "completions", "responses", "candidates", "outputs", "generations", "options", "replies"),
    *("responses_and_scores", "ranked_responses", "model_responses"),
)
"""Names of the column that holds the answers."""
_RANKS = ("rank", "ranking", "ranks", "rankings")
_SCORES = (
    *("fine_grained_score", "overall_score", "score", "rating", "reward", "pm_score", "scores", "ratings", "rewards"),
)
"""Names of a rank, of which the lowest is best, and of scores, the highest best: of an answer, or a column beside."""
_MODELS = ("model", "model_name", "source", "generator")
_MOST = 100
"""Answers of a row at most: each two of them are a battle."""


class Answer(NamedTuple):
    """One of several answers: its text, how good it is (higher is better), and whose it is."""

    text: str
    worth: float | None
    model: Any = ""


class RankedAnswers(VoteForm):
    """A prompt and a list of answers, each with its rank or rating, or such a list and one of ranks or ratings."""

    title = "ranked or rated answers"
    needs = "prompt and a list of answers with a rank or a score each"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there is a prompt and a list of rated answers, and no two answers by themselves."""
        if pair_columns(shape) is not None or answer_columns(shape) or prompt_column(shape) is None:
            return False
        return _list_column(shape) is not None

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.prompt, self.list = prompt_column(shape) or "", _list_column(shape) or ""

    def name(self) -> str:
        """Return which set it is."""
        if self.shape.has("good_natured", "num_responses"):
            return "Nectar's rankings"
        return "UltraFeedback's completions" if self.shape.has("correct_answers", "completions") else self.title

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of each two answers that are rated, or of each two where no vote is asked for."""
        found = {canonical(name): value for name, value in reversed(list(row.items()))}
        answers = _answers(row.get(self.list), found)
        if not answers:
            raise BadTurnsError(f"{self.list} is no list of answers")
        if len(answers) > _MOST:
            raise BadTurnsError(f"{self.list} has {len(answers)} answers, and {_MOST} are the most that are compared")
        if reading.labelled:
            answers = [each for each in answers if each.worth is not None]
        if len(answers) < 2:
            raise NoVoteError(f"has no vote: {self.list} has fewer than two answers{' that are rated' * bool(answers)}")
        yield from pairs_of(self._context(row), answers, reading, id_of(found), first_of(found, LANGUAGES))

    def _context(self, row: Mapping[str, Any]) -> Messages:
        try:
            context = asked_so_far(messages(row.get(self.prompt), "user", self.shape.text_style(self.prompt)))
        except BadTurnsError as fault:
            raise BadTurnsError(f"{self.prompt} {fault}") from fault
        if canonical(self.prompt) == "instruction":
            context = asked_with_input(context, row.get(self.shape.named.get("input", "")))
        return context


def pairs_of(
    context: Messages, answers: list[Answer], reading: RowReading, name: str = "", lang: Any = ""
) -> Iterator[Record]:
    """Yield a battle for each two answers to the same messages.

    Parameters
    ----------
    context : list of dict
        The messages before the answers.
    answers : list of Answer
        Two or more.
    reading : RowReading
        Whether votes are wanted.
    name, lang : str
        The id of the row, to which the number of the pair is added, and its language.
    """
    several = len(answers) > 2
    for place, (one, other) in enumerate(combinations(answers, 2), start=1):
        sides = ([{"role": "assistant", "content": each.text}] for each in (one, other))
        prompt, first, second = battle(context, *sides)
        vote = reading.vote(lambda one=one, other=other: _vote(one, other))  # type: ignore[misc]
        models = (one.model, other.model)
        if not is_first(prompt, first, second):
            first, second, models = second, first, models[::-1]
            vote = vote._replace(outcome=(1, 0)[vote.outcome] if vote.outcome in (0, 1) else vote.outcome)
        yield record((prompt, first, second), vote, f"{name}-{place}" if name and several else name, models, lang=lang)


def _vote(one: Answer, other: Answer) -> Vote:
    if one.worth is None or other.worth is None:
        raise NoVoteError("has no vote: an answer has no rating")
    return Vote(2 if one.worth == other.worth else int(other.worth > one.worth))


def _list_column(shape: Shape) -> str | None:
    """Return the column of which most first cells are lists of answers, some of them with a rank or rating."""
    for column in (shape.named[name] for name in _LISTS if name in shape.named):
        rated = 0
        for row in shape.rows:
            beside = {canonical(name): value for name, value in reversed(list(row.items()))}
            rated += any(each.worth is not None for each in _answers(row.get(column), beside) or ())
        if rated * 2 > len(shape.rows):
            return column
    return None


def _answers(cell: Any, row: Mapping[str, Any]) -> list[Answer] | None:
    """Return the answers of a cell, with ranks or ratings that lie in them or beside; None where it holds none."""
    cell = nested(cell)
    if isinstance(cell, dict) and cell and all(isinstance(values, list) for values in cell.values()):
        cell = [dict(zip(cell, values, strict=False)) for values in zip(*cell.values(), strict=False)]  # by columns
    if not isinstance(cell, list):
        return None
    if all(isinstance(each, str) for each in cell):
        return [Answer(text, worth) for text, worth in zip(cell, _beside(row, len(cell)), strict=True)]
    found = [
        Answer(text, _worth(each), first_of(each, _MODELS)) for each in cell if (text := object_text(each)) is not None
    ]
    return found if len(found) == len(cell) else None


def _beside(row: Mapping[str, Any], count: int) -> list[float | None]:
    """Return the worth of each of some texts, by a column that has as many ranks or ratings."""
    for names, sign in ((_RANKS, -1.0), (_SCORES, 1.0)):
        for name in names:
            values = nested(row.get(name))
            if isinstance(values, list) and len(values) == count:
                found = [number(value) for value in values]
                return [None if value is None else sign * value for value in found]
    return [None] * count


def _worth(answer: Mapping[str, Any]) -> float | None:
    """Return how good an answer is: by its rank, the mean of its ratings in several respects, or its score.

    UltraFeedback's ratings go before its `overall_score`, in which a 1 became a 10 for some answers.
    """
    named = {canonical(str(name)): value for name, value in answer.items()}
    rank = next((found for name in _RANKS if (found := number(named.get(name))) is not None), None)
    if rank is not None:
        return -rank
    aspects = nested(named.get("annotations"))
    aspects = list(aspects.values()) if isinstance(aspects, dict) else []
    ratings = [number(each.get("Rating")) for each in aspects if isinstance(each, dict)]
    known = [rating for rating in ratings if rating is not None]
    if known:
        return sum(known) / len(known)
    return next((found for name in _SCORES if (found := number(named.get(name))) is not None), None)
