"""Argilla's exports: records with fields and responses, and tables of them, one column a question."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from pipelines.errors import UserError
from pipelines.formats.columns.text_columns import answer_columns, prompt_column, response_columns
from pipelines.formats.columns.vote_columns import VOTES
from pipelines.formats.columns.winners import spelled, winner_vote
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, messages, nested
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import NoVoteError, Record, Vote, canonical, id_of, is_missing, record

_END = ".responses"
_NOT_GIVEN = ("discarded", "draft", "pending")


class Argilla(VoteForm):
    """Records whose responses, one a person and question, name the better answer or rank the answers."""

    title = "Argilla's export"
    needs = "fields (with a prompt and two answers) and responses"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows are records, or a table has columns of responses."""
        if shape.has("fields", "responses"):
            return True
        return any(name.endswith(_END) for name in shape.columns) or bool(response_columns(shape))

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.questions = [name.removesuffix(_END) for name in shape.columns if name.endswith(_END)]
        self.lists = response_columns(shape)
        self.votes = self._voting()

    def name(self) -> str:
        """Return the title.

        Raises
        ------
        UserError
            When several questions can be the vote; a part of a sentence about the file.
        """
        if len(self.votes) > 1:
            raise UserError(
                f"is {self.title} with several questions that can be the vote, {' and '.join(self.votes[:2])}; export "
                "one of them"
            )
        return self.title

    def _voting(self) -> list[str]:
        """Return the questions whose first responses all name an answer or rank the answers, as comments do not."""
        said: dict[str, list[Any]] = {}
        names: tuple[set[str], set[str]] = (set(), set())
        for row in self.shape.rows:
            fields = nested(row.get("fields")) if "fields" in row else row
            answers = _answers(Shape(tuple(fields), (fields,))) if isinstance(fields, dict) else []
            for side, answer in enumerate(answers[:2]):
                names[side].add(answer.lower())
            for _, value, question in self._given(row):
                if not is_missing(value):
                    said.setdefault(question, []).append(nested(value))
        found = [name for name, values in said.items() if all(_says_who(value, *names) for value in values)]
        usual = [name for name in VOTES if name in found]
        return usual[:1] or found

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield a battle for each response, and for each pair of answers that it ranks."""
        fields = nested(row.get("fields")) if "fields" in row else row
        if not isinstance(fields, dict):
            raise BadTurnsError("fields is no object with a prompt and two answers")
        shape = Shape(tuple(fields), (fields,))
        prompt, answers = prompt_column(shape), _answers(shape)
        if prompt is None or len(answers) < 2:
            raise BadTurnsError(f"fields has {', '.join(list(fields)[:8])}, and not a prompt and two answers")
        given = [each for each in self._given(row) if not is_missing(each[1]) and each[2] in (self.votes or (each[2],))]
        if not given:
            if reading.labelled:
                raise NoVoteError("has no vote: no response that was submitted")
            given = [("", None, "")]
        name = id_of(row, ("id", "external_id", "_server_id"))
        context = messages(fields[prompt], "user")
        for person, value, question in given:
            for first, second, vote in _pairs(answers, value, question, reading):
                texts = battle(context, messages(fields[first], "assistant"), messages(fields[second], "assistant"))
                yield record(texts, vote, name, annotator=person)

    def _given(self, row: Mapping[str, Any]) -> Iterator[tuple[Any, Any, str]]:
        """Yield each response: whose it is, its value, and the question."""
        responses = nested(row.get("responses"))
        if isinstance(responses, list):  # a response a person, of all questions
            for response in responses:
                if not isinstance(response, dict) or response.get("status") in _NOT_GIVEN:
                    continue
                values = response.get("values")
                for question, held in values.items() if isinstance(values, dict) else ():
                    yield response.get("user_id"), held.get("value") if isinstance(held, dict) else held, question
        elif isinstance(responses, dict):  # by question, a response a person
            for question, held in responses.items():
                yield from _of_question(held, question)
        for question in self.lists:
            yield from _of_question(nested(row.get(question)), question)
        for question in self.questions:
            values, people, states = (
                nested(row.get(question + end)) for end in (_END, f"{_END}.users", f"{_END}.status")
            )
            for place, value in enumerate(values if isinstance(values, list) else [values]):
                if _at(states, place) not in _NOT_GIVEN:
                    yield _at(people, place), value, question


def _says_who(value: Any, first: set[str], second: set[str]) -> bool:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return _ranks(value) or (isinstance(value, str) and spelled(value, first, second) is not None)


def _ranks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) and "rank" in each for each in value)


def _of_question(held: Any, question: str) -> Iterator[tuple[Any, Any, str]]:
    for response in held if isinstance(held, list) else []:
        if isinstance(response, dict) and response.get("status") not in _NOT_GIVEN:
            yield response.get("user_id"), response.get("value"), question


def _at(values: Any, place: int) -> Any:
    return values[place] if isinstance(values, list) and place < len(values) else None


def _answers(shape: Shape) -> list[str]:
    """Return the fields that hold answers: a pair by its names, and further ones that are numbered like it."""
    pairs = answer_columns(shape)
    if not pairs:
        return []
    found = list(pairs[0])
    stem, number = canonical(found[1])[:-1], 3
    while canonical(found[1]).endswith("2") and f"{stem}{number}" in shape.named:
        found.append(shape.named[f"{stem}{number}"])
        number += 1
    return found


def _pairs(answers: list[str], value: Any, question: str, reading: RowReading) -> Iterator[tuple[str, str, Vote]]:
    """Yield the pairs of answers that a response compares, and its vote on each."""
    value = nested(value)
    if _ranks(value):
        ranks = {canonical(str(each.get("value"))): each["rank"] for each in value}
        ranked = [(answer, ranks[canonical(answer)]) for answer in answers if canonical(answer) in ranks]
        for (first, one), (second, other) in combinations(ranked, 2):
            yield first, second, reading.vote(lambda one=one, other=other: _rank_vote(one, other))  # type: ignore[misc]
        return
    if len(answers) > 2:
        raise BadTurnsError(f"has {len(answers)} answers, and {question} does not rank them")
    names = ({answers[0].lower()}, {answers[1].lower()})
    base = 1 if canonical(answers[0])[-1:] == "1" else None
    yield answers[0], answers[1], reading.vote(lambda: winner_vote(question, value, *names, base))


def _rank_vote(one: Any, other: Any) -> Vote:
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        raise NoVoteError("has no vote: an answer has no rank")
    return Vote(2 if one == other else int(other < one))
