"""FastChat's raw log: a line for everything that people do on an Arena, votes among them."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import Messages, battle
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import Record, Vote, name_of, record

VOTES = {
    "leftvote": Vote(0),
    "rightvote": Vote(1),
    "tievote": Vote(2),
    "bothbad_vote": Vote(2, both_bad=True),
}
"""Types of lines that are votes; all other lines are chats, flags and the like, and are passed over."""


class FastChatLog(VoteForm):
    """Lines with a `type`; those of votes hold the two conversations under `states`."""

    title = "FastChat's raw log"
    needs = "type and states"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether lines have a type, a time and the state of a chat."""
        return shape.has("type", "tstamp") and ("states" in shape.columns or "state" in shape.columns)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battle of a line that is a vote; any other line is none."""
        vote = VOTES.get(str(row.get("type")))
        if vote is None:
            return
        states = row.get("states")
        if not isinstance(states, list) or len(states) != 2 or not all(isinstance(each, dict) for each in states):
            raise BadTurnsError("states is not the two conversations of a vote")
        first, second = (_messages(state) for state in states)
        named = row.get("models")
        models = named if isinstance(named, list) and len(named) == 2 and all(named) else ["", ""]
        models = [name_of(state.get("model_name")) or name_of(name) for state, name in zip(states, models, strict=True)]
        ids = [name_of(state.get("conv_id")) for state in states]
        name = "-".join(ids) if all(ids) else ""
        yield record(battle([], first, second), reading.vote(lambda: vote), name, (models[0], models[1]), row.get("ip"))


def _messages(state: Mapping[str, Any]) -> Messages:
    """Return the messages of a conversation from where the people's own begin."""
    said = state.get("messages")
    if not isinstance(said, list):
        raise BadTurnsError("states has no messages")
    roles = state.get("roles")
    asks = str(roles[0]) if isinstance(roles, list | tuple) and roles else "user"
    offset = state.get("offset")
    found: Messages = []
    for message in said[offset if isinstance(offset, int) and offset > 0 else 0 :]:
        if not isinstance(message, list | tuple) or len(message) < 2:
            raise BadTurnsError("states has a message that is not a role and a text")
        role, text = message[:2]
        if isinstance(text, list | tuple):  # a text and its pictures
            text = text[0] if text else ""
        found.append({"role": "user" if role == asks else "assistant", "content": text})
    return found
