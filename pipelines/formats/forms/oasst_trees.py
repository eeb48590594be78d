"""OpenAssistant's conversations: trees of messages, in which people ranked the replies to one message."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.formats.columns.vote_columns import number
from pipelines.formats.forms.form_interface import NoBattles, RowReading, Shape, VoteForm
from pipelines.formats.forms.message_lists import Messages, nested
from pipelines.formats.forms.ranked_answers import Answer, pairs_of
from pipelines.formats.messages import BadTurnsError
from pipelines.formats.records import Record, name_of

_ROLES = {"prompter": "user", "assistant": "assistant"}


class OasstTrees(VoteForm):
    """Trees of messages: each two ranked answers of an assistant to one message are a battle, rank 0 the best."""

    title = "OpenAssistant's trees"
    needs = "message_tree_id and prompt (with replies)"

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows are trees."""
        return shape.has("message_tree_id", "prompt") and "message_id" not in shape.columns

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Yield the battles of a tree, from its root down; none where no two answers were ranked."""
        root = nested(row.get("prompt"))
        if not isinstance(root, dict) or not isinstance(root.get("replies"), list):
            raise BadTurnsError("prompt is no message with replies")
        held: list[tuple[dict[str, Any], Messages]] = [(root, [])]
        while held:
            node, before = held.pop()
            so_far = [*before, _message(node)]
            replies = node.get("replies")
            replies = [each for each in replies if isinstance(each, dict)] if isinstance(replies, list) else []
            answers = [_answer(each) for each in replies if each.get("role") == "assistant" and not each.get("deleted")]
            ranked = [each for each in answers if each.worth is not None]
            if len(ranked) > 1:
                yield from pairs_of(so_far, ranked, reading, name_of(node.get("message_id")), node.get("lang"))
            held += [(each, so_far) for each in reversed(replies)]


def _message(node: Mapping[str, Any]) -> dict[str, Any]:
    text, role = node.get("text"), _ROLES.get(str(node.get("role")))
    if not isinstance(text, str) or role is None:
        raise BadTurnsError("has a message without a text, or of neither a prompter nor an assistant")
    return {"role": role, "content": text}


def _answer(node: Mapping[str, Any]) -> Answer:
    rank = number(node.get("rank"))
    return Answer(_message(node)["content"], None if rank is None else -rank, node.get("model_name"))


class OasstMessages(NoBattles):
    """OpenAssistant's messages, one a row, whose trees lie in many rows."""

    title = "OpenAssistant's messages"
    needs = "message_id, parent_id and message_tree_id"
    instead = (
        "one a row; name its file of trees, which ends in .trees.jsonl.gz and has the ranked replies to each message "
        "together"
    )

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether rows are messages of trees."""
        return shape.has("message_id", "parent_id", "message_tree_id")
