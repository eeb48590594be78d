"""open-webui's feedback export: a rating of one answer, whose siblings stand in the snapshot of the chat."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import Messages, battle, nested
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import NoVoteError, Record, UnknownWinnerError, Vote, id_of, is_missing, name_of, record

_RATINGS = {"1": 0, "-1": 1, "0": 2}


class OpenWebUI(VoteForm):
    """Rows with `data.rating` of a message, which it compares with the other answers to the same question."""

    title = "open-webui's feedback export"
    needs = "data (with rating), meta (with message_id) and snapshot (with the chat's history)"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows hold ratings of messages and a snapshot."""
        if "data" not in shape.columns or "annotations" in shape.columns:
            return False
        rated = [nested(row.get("data")) for row in shape.rows]
        return "snapshot" in shape.columns or any(isinstance(data, dict) and "rating" in data for data in rated)

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield a battle for each other answer to the question; a rated answer without one is no battle."""
        data, meta = (_object(row.get(key)) for key in ("data", "meta"))
        history = _history(row.get("snapshot"))
        rated = str(meta.get("message_id", ""))
        if rated not in history:
            raise BadTurnsError("has no snapshot of the chat with the rated message; export it with the chats")
        parent = history[rated].get("parentId")
        siblings = [each for each in _children(history, parent) if each != rated]
        if not siblings:
            return
        vote = reading.vote(lambda: _vote(data.get("rating")))
        context = _path(history, parent)
        order = _children(history, parent)
        for number, other in enumerate(siblings):
            rated_is_first = order.index(rated) < order.index(other)
            pair = (rated, other) if rated_is_first else (other, rated)
            first, second = (_answer(history[key]) for key in pair)
            outcome = vote.outcome if vote.outcome not in (0, 1) or rated_is_first else 1 - vote.outcome
            models = tuple(_model(history[key]) for key in pair)
            name = id_of(row)
            yield record(
                battle(context, first, second),
                vote._replace(outcome=outcome),
                f"{name}-{number + 1}" if name and len(siblings) > 1 else name,
                (models[0], models[1]),
                row.get("user_id"),
            )


def _object(value: Any) -> dict[str, Any]:
    found = nested(value)
    return found if isinstance(found, dict) else {}


def _history(snapshot: Any) -> dict[str, dict[str, Any]]:
    """Return the messages of the chat by their ids."""
    found = _object(snapshot)
    for key in ("chat", "chat"):
        found = _object(found.get(key)) or found
    messages = _object(_object(found.get("history")).get("messages"))
    return {str(key): message for key, message in messages.items() if isinstance(message, dict)}


def _children(history: Mapping[str, dict[str, Any]], parent: Any) -> list[str]:
    """Return the answers to a message in the order in which they are shown."""
    listed = history[str(parent)].get("childrenIds") if str(parent) in history else None
    known = [str(key) for key in listed if str(key) in history] if isinstance(listed, list) else []
    own = [key for key, message in history.items() if message.get("parentId") == parent]
    keys = list(dict.fromkeys([*known, *own]))
    return [key for key in keys if history[key].get("role") == "assistant"]


def _path(history: Mapping[str, dict[str, Any]], key: Any) -> Messages:
    """Return the messages from the chat's beginning to one of them."""
    path: Messages = []
    met: set[str] = set()
    while str(key) in history and str(key) not in met:
        met.add(str(key))
        path.append(history[str(key)])
        key = path[-1].get("parentId")
    return path[::-1]


def _answer(message: dict[str, Any]) -> Messages:
    if is_missing(message.get("content")):
        raise BadTurnsError("has an answer without a text")
    return [message]


def _model(message: Mapping[str, Any]) -> str:
    return name_of(message.get("selectedModelId")) or name_of(message.get("model"))


def _vote(rating: Any) -> Vote:
    if is_missing(rating):
        raise NoVoteError("has no vote: data.rating is empty")
    text = str(rating).strip().removesuffix(".0")
    if isinstance(rating, bool) or text not in _RATINGS:
        raise UnknownWinnerError("data.rating", rating)
    return Vote(_RATINGS[text])
