"""What a model's own chat template puts around a question and its answer, as token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.models.model_loading import explained

Ids = list[int]
_QUESTION, _ANSWER = "QUESTIONSTANDSHERE", "ANSWERSTANDSHERE"
_PLAIN = ("Question:\n", "\n\nAnswer:\n", "\n")
"""Around question and answer where a model has no template."""


@dataclass(frozen=True)
class ChatFrame:
    """Token ids around a question and its answer.

    Attributes
    ----------
    before, between, after : list of int
        What stands before the question, between it and the answer, and behind the answer; `after` begins with the token
        that ends an answer.
    """

    before: Ids
    between: Ids
    after: Ids

    def __len__(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


def chat_frame(tokenizer: Any, named: str) -> ChatFrame:
    """Return the frame of a tokenizer's chat template, a plain one where it has none.

    Parameters
    ----------
    tokenizer
        Of transformers.
    named : str
        What the model is called in errors.

    Raises
    ------
    UserError
        When the template cannot be rendered, or leaves out the question or the answer.
    """
    if not getattr(tokenizer, "chat_template", None):
        before, between, after = _PLAIN
        first = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
        last = [tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else _ids(tokenizer, after)
        return ChatFrame([*first, *_ids(tokenizer, before)], _ids(tokenizer, between), last)
    talk = [{"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER}]
    with explained(named, "its chat template cannot be used"):
        whole = str(tokenizer.apply_chat_template(talk, tokenize=False))
        before, found, rest = whole.partition(_QUESTION)
        between, also, after = rest.partition(_ANSWER)
        if not found or not also:
            raise ValueError("it leaves out what is asked or said")
        return ChatFrame(_ids(tokenizer, before), _ids(tokenizer, between), _ids(tokenizer, after))


def _ids(tokenizer: Any, text: str) -> Ids:
    """Return the ids of a piece of a template, in which the names of special tokens are those tokens."""
    found: Sequence[int] = tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
    return list(found)
