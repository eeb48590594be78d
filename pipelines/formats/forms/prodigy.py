"""Prodigy's exports of pairwise labelling: a choice between two options, and the recipe `compare`."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.formats.columns.text_columns import PROMPTS, answer_columns
from pipelines.formats.columns.winners import spelled
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, messages
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import NoVoteError, Record, Vote, first_of, id_of, record

_PROMPTS = (*PROMPTS, "text", "title", "html")
_PEOPLE = ("_annotator_id", "_session_id", "annotator")


class Prodigy(VoteForm):
    """Tasks with two `options` and what was accepted, or with the texts `accept` and `reject`, mapped to A and B."""

    title = "Prodigy's export"
    needs = "options (two, each with id and text), accept and answer"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows are tasks of a choice or of a comparison."""
        if shape.has("options") and (shape.has("answer") or shape.has("accept") or not labelled):
            return True
        return shape.has("accept", "reject") and shape.has("mapping")

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        shown = [_option_texts(options) for options in shape.sample("options")]
        self.buttons = bool(shown) and all(map(_name_sides, shown))

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a task."""
        sides, vote = self._options(row, reading) if "options" in row else self._compared(row, reading)
        asked = first_of(row, _PROMPTS)
        if isinstance(asked, dict) and "role" not in asked and "messages" not in asked:
            asked = first_of(asked, _PROMPTS)
        texts = []
        for name, cell, role in (
            ("the prompt", asked, "user"),
            *((f"an option {i}", s, "assistant") for i, s in sides),
        ):
            try:
                texts.append(messages(cell, role))
            except BadTurnsError as fault:
                raise BadTurnsError(f"{name} {fault}") from fault
        yield record(battle(*texts), vote, id_of(row, ("id", "_task_hash")), annotator=first_of(row, _PEOPLE))

    def _options(self, row: Mapping[str, Any], reading: RowReading) -> tuple[list[tuple[str, Any]], Vote]:
        given = row["options"]
        given = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        ties = {str(each.get("id")): vote for each in given if (vote := _tie(each))} if len(given) > 2 else {}
        options = [each for each in given if str(each.get("id")) not in ties]
        if len(options) != 2:
            raise BadTurnsError("options is not a list of two answers, besides those that say tie")
        names = [str(option.get("id")) for option in options]
        texts = _answers(row) if self.buttons else _option_texts(options)

        def find() -> Vote:
            _check_answered(row)
            accepted = row.get("accept")
            accepted = [accepted] if isinstance(accepted, str | int) else accepted
            chosen = {str(each) for each in accepted} if isinstance(accepted, list) else set()
            if row.get("answer") != "reject" and len(chosen) == 1 and chosen <= set(ties):
                return ties[min(chosen)]
            if row.get("answer") == "reject" or not chosen & set(names):
                raise NoVoteError("has no vote: no option is accepted")
            return Vote(2) if set(names) <= chosen else Vote(int(names[1] in chosen))

        return list(zip("12", texts, strict=True)), reading.vote(find)

    def _compared(self, row: Mapping[str, Any], reading: RowReading) -> tuple[list[tuple[str, Any]], Vote]:
        mapping = row.get("mapping")
        keys = [mapping.get("A", "accept"), mapping.get("B", "reject")] if isinstance(mapping, dict) else []
        if sorted(map(str, keys)) != ["accept", "reject"]:
            raise BadTurnsError("mapping does not say which of accept and reject is A")
        texts = [
            first_of(row[key], ("text", "html")) if isinstance(row.get(key), dict) else row.get(key) for key in keys
        ]

        def find() -> Vote:
            _check_answered(row)
            if row.get("answer") not in keys:
                raise NoVoteError("has no vote: answer is neither accept nor reject")
            return Vote(keys.index(row["answer"]))

        return list(zip("AB", texts, strict=True)), reading.vote(find)


def _tie(option: Mapping[str, Any]) -> Vote | None:
    """Return the vote of an option that is no answer, but says that both are alike; None for an answer."""
    for said in (option.get("text"), option.get("id")):
        vote = spelled(said) if isinstance(said, str) else None
        if vote is not None and vote.outcome == 2:
            return vote
    return None


def _option_texts(options: Any) -> list[Any]:
    found = options if isinstance(options, list) else []
    return [first_of(each, ("text", "html", "content", "response")) for each in found if isinstance(each, dict)]


def _name_sides(texts: list[Any]) -> bool:
    """Tell whether options are buttons that name the sides, as "A" and "B", rather than answers."""
    votes = [spelled(text) if isinstance(text, str) else None for text in texts[:2]]
    return [vote and vote.outcome for vote in votes] == [0, 1]


def _answers(row: Mapping[str, Any]) -> list[Any]:
    """Return the answers of a task whose options name the sides."""
    pairs = answer_columns(Shape(tuple(row), (row,)))
    if len(pairs) != 1:
        raise BadTurnsError("options name sides, and the row has no two answers such as response_a and response_b")
    return [row[name] for name in pairs[0]]


def _check_answered(row: Mapping[str, Any]) -> None:
    if row.get("answer") == "ignore":
        raise NoVoteError("has no vote: it was ignored")
