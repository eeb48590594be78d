"""Prodigy's exports of pairwise labelling: a choice between two options, and the recipe `compare`."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import battle, messages
from pipelines.formats.forms.side_columns import PROMPTS
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
        options = row["options"]
        if not isinstance(options, list) or len(options) != 2 or not all(isinstance(each, dict) for each in options):
            raise BadTurnsError("options is not a list of two options")
        names = [str(option.get("id")) for option in options]
        texts = [first_of(option, ("text", "html", "content", "response")) for option in options]

        def find() -> Vote:
            _check_answered(row)
            accepted = row.get("accept")
            accepted = [accepted] if isinstance(accepted, str | int) else accepted
            chosen = {str(each) for each in accepted} if isinstance(accepted, list) else set()
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


def _check_answered(row: Mapping[str, Any]) -> None:
    if row.get("answer") == "ignore":
        raise NoVoteError("has no vote: it was ignored")
