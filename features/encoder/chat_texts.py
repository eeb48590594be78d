"""Questions and answers as token ids within their budgets, in a causal model's own chat template."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from features.encoder.engines.engine import Ids
from features.encoder.tokens import OwnTokens, head_and_tail
from pipelines.models.chat_frame import ChatFrame, chat_frame

HEAD_SHARE = 0.6
"""Of a cut text, the share of tokens that is its head."""
_CHARACTERS_A_TOKEN = 16
"""Characters of a text's head and tail that are cut into tokens for each token that is read of it."""


class ChatTexts:
    """What a tokenizer of transformers makes of texts.

    Parameters
    ----------
    named : str
        What the model is called in errors.
    """

    def __init__(self, tokenizer: Any, named: str) -> None:
        self.tokenizer = tokenizer
        self.named = named
        self._tokens = OwnTokens(tokenizer)

    @cached_property
    def frame(self) -> ChatFrame:
        """What stands around question and answer."""
        return chat_frame(self.tokenizer, self.named)

    @cached_property
    def gap(self) -> Ids:
        """What marks where a text was cut."""
        return self._tokens.ids(["…"])[0]

    @cached_property
    def pad(self) -> int:
        """The token that fills up shorter sequences."""
        own = self.tokenizer.pad_token_id
        return int(own if own is not None else self.frame.after[0])

    def cut(self, texts: Sequence[str], budget: int) -> list[tuple[Ids, int]]:
        """Return each text's tokens, and how many there are before the gap that was cut into them; -1 without one."""
        most = _CHARACTERS_A_TOKEN * budget
        short = [text if len(text) <= 2 * most else f"{text[:most]}…{text[-most:]}" for text in texts]
        room = budget - len(self.gap)
        head = min(max(round(room * HEAD_SHARE), 1), room - 1)
        found = []
        for ids in self._tokens.ids(short) if short else []:
            kept, lost = head_and_tail(ids, budget, HEAD_SHARE, self.gap)
            found.append((kept, head if lost else -1))
        return found
