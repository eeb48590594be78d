"""The Arena's records: two conversations and a winner, as of Chatbot Arena, Search Arena, MT-bench and comparia."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.battles.table import OUTCOMES
from pipelines.formats.cells import conversation, rescue_turns
from pipelines.formats.columns.winners import marked_vote, winner_vote
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import nested
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import (
    ANNOTATORS,
    IDS,
    LANGUAGES,
    BadRecordError,
    NoVoteError,
    Record,
    Texts,
    UnknownWinnerError,
    Vote,
    first_of,
    id_of,
    is_missing,
    name_of,
    record,
)

PAIRS = (("conversation_a", "conversation_b"), ("messages_a", "messages_b"))
_OF_THE_ARENA = ("tstamp", "timestamp", "anony", "language", "openai_moderation", "toxic_chat_tag")
_WHOLE = "full_conversation"
_COMPARIA = ("chosen_model_name", "both_equal")


def conversation_columns(shape: Shape) -> tuple[str, str] | None:
    """Return the two columns of conversations; None where there are none."""
    return next((pair for pair in PAIRS if all(name in shape.columns for name in pair)), None)


class ArenaRecords(VoteForm):
    """Chatbot Arena's records of 33k, 100k and 140k votes, Search Arena's, and the dashboard's: a winner by side."""

    title = "the Arena's records"
    needs = "conversation_a, conversation_b and winner"
    rescues = True

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there are two conversations and, where it is asked for, a winner."""
        if conversation_columns(shape) is None or any(name in shape.columns for name in _COMPARIA):
            return False
        return not labelled or "winner" in shape.columns or any(name in shape.columns for name in OUTCOMES)

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        pair = conversation_columns(shape)
        assert pair is not None
        self.pair = pair
        self.by_turn = shape.has("turn", "judge") and not any(name in shape.columns for name in _OF_THE_ARENA)

    def name(self) -> str:
        """Return which of the Arenas it is."""
        if self.by_turn:
            return "MT-bench's human judgments"
        return "Search Arena's records" if self.pair[0] == "messages_a" else self.title

    def columns(self) -> tuple[str, ...] | None:
        """Return the columns that are read; a record can hold each conversation three times."""
        wanted = (*self.pair, "model_a", "model_b", "winner", "turn", *OUTCOMES, *IDS, *ANNOTATORS, *LANGUAGES)
        return tuple(name for name in self.shape.columns if name in wanted)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a record."""
        name = id_of(row)
        if reading.trouble and not name:
            raise BadRecordError(reading.trouble)
        models = (name_of(row.get("model_a")), name_of(row.get("model_b")))
        vote = reading.vote(lambda: self.vote(row, models))
        texts, trouble = reading.texts(lambda: self._texts(row), lambda: self._rescued(row))
        yield record(texts, vote, name, models, first_of(row, ANNOTATORS), first_of(row, LANGUAGES), trouble=trouble)

    def vote(self, row: Mapping[str, Any], models: tuple[str, str]) -> Vote:
        """Return the vote of a record."""
        if any(name in row for name in OUTCOMES):
            return marked_vote(row)
        names = [{model.lower()} - {""} if models[0] != models[1] else set() for model in models]
        return winner_vote("winner", row.get("winner"), names[0], names[1])

    def _texts(self, row: Mapping[str, Any]) -> Texts:
        sides = []
        for column in self.pair:
            if column not in row:
                raise BadTurnsError(f"is missing the column {column}")
            try:
                sides.append(conversation(row[column]))
            except BadTurnsError as fault:
                raise BadTurnsError(f"{column} {fault}") from fault
        (asked, first), (also_asked, second) = sides
        if asked != also_asked:
            raise BadTurnsError(f"{self.pair[0]} and {self.pair[1]} ask different things")
        return self._until_the_turn(row, (asked, first, second))

    def _until_the_turn(self, row: Mapping[str, Any], texts: Texts) -> Texts:
        """Leave out what came after the turn that was judged: MT-bench's votes are of the first or the second."""
        if not self.by_turn:
            return texts
        try:
            turn = int(float(row["turn"]))
        except (KeyError, TypeError, ValueError, OverflowError) as fault:
            raise BadTurnsError("has no number as turn, which says how much of the conversations was judged") from fault
        if not 1 <= turn <= max(map(len, texts)):
            raise BadTurnsError(f"has {turn} as turn, of conversations with {max(map(len, texts))}")
        prompt, first, second = (turns[:turn] for turns in texts)
        return prompt, first, second

    def _rescued(self, row: Mapping[str, Any]) -> Texts:
        asked: tuple[str, ...] = ("",)
        answers = []
        for column in reversed(self.pair):  # so that the prompt of the first conversation stays
            try:
                asked, answered = conversation(row.get(column))
            except BadTurnsError:
                answered = rescue_turns(row.get(column))
            answers.append(answered)
        return asked, answers[1], answers[0]


class FullConversations(ArenaRecords):
    """The Arena's records with both sides in one column: turns of a user, of model_side_a and of model_side_b."""

    title = "the Arena's full conversations"
    needs = "full_conversation and winner"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there is such a column and none for each side, and, where it is asked for, a winner."""
        return (
            _WHOLE in shape.columns and super().fits(_with_sides(shape), labelled) and not conversation_columns(shape)
        )

    def __init__(self, shape: Shape) -> None:
        super().__init__(_with_sides(shape))

    def columns(self) -> tuple[str, ...]:
        """Return the columns that are read."""
        return (*(super().columns() or ()), _WHOLE)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a record."""
        turns = nested(row.get(_WHOLE))
        turns = [turns] if isinstance(turns, dict) else turns
        if not isinstance(turns, list) or not all(isinstance(turn, dict) and "user" in turn for turn in turns):
            raise BadTurnsError(f"{_WHOLE} is no list of turns with user, model_side_a and model_side_b")
        for column, side in zip(PAIRS[0], ("model_side_a", "model_side_b"), strict=True):
            row = {**row, column: [said for turn in turns for said in (turn["user"], turn.get(side)) if said]}
        yield from super().records(row, reading)


def _with_sides(shape: Shape) -> Shape:
    return Shape((*shape.columns, *PAIRS[0]), shape.rows)


class Comparia(ArenaRecords):
    """compar:IA's votes: two conversations, the name of the chosen model, and whether both are equal."""

    title = "compar:IA's votes"
    needs = "conversation_a, conversation_b, chosen_model_name and both_equal"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there are two conversations and a column of comparia's votes."""
        return conversation_columns(shape) is not None and any(name in shape.columns for name in _COMPARIA)

    def name(self) -> str:
        """Return the title."""
        return self.title

    def columns(self) -> None:
        """Return None: all columns are read."""

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a vote."""
        models = {f"model_{side}": row.get(f"model_{side}_name", row.get(f"model_{side}")) for side in "ab"}
        yield from super().records({**row, **models}, reading)

    def vote(self, row: Mapping[str, Any], models: tuple[str, str]) -> Vote:
        """Return the vote: a tie, or the model that is named."""
        chosen, equal = row.get("chosen_model_name"), row.get("both_equal")
        if str(equal).strip().lower() in ("true", "1", "1.0"):
            return Vote(2)
        if is_missing(chosen):
            raise NoVoteError("has no vote: chosen_model_name is empty and both_equal is not true")
        sides = [side for side in (0, 1) if models[side] == name_of(chosen)]
        if len(sides) > 1:
            raise BadRecordError("has one model on both sides, so that the vote does not say which is better")
        if not sides:
            raise UnknownWinnerError("chosen_model_name", chosen)
        return Vote(sides[0])
