"""What a model is told: its instructions, the earlier turns of the conversation, and the question."""

from collections.abc import Callable, Sequence

from dashboard.generators.generator import StyleParams

Turn = tuple[str, str]
"""A question, and the answer that one side gave."""


def chat_messages(question: str, style: StyleParams, before: Sequence[Turn] = ()) -> list[dict[str, str]]:
    """Return the messages of a chat, `role` and `content` each: the style's system prompt, the turns, the question."""
    messages = [{"role": "system", "content": style.system_prompt}] if style.system_prompt else []
    for asked, answered in before:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    return [*messages, {"role": "user", "content": question}]


def latest(before: Sequence[Turn], characters: int) -> Sequence[Turn]:
    """Return the last turns that have at most so many characters together; turns are left out whole."""
    kept = len(before)
    while kept and characters >= (length := sum(map(len, before[kept - 1]))):
        characters -= length
        kept -= 1
    return before[kept:]


def instructed(style: StyleParams, own: str) -> StyleParams:
    """Return a style whose system prompt is followed by a person's own; "" leaves it as it is."""
    if not own:
        return style
    return style.model_copy(update={"system_prompt": "\n\n".join(filter(None, (style.system_prompt, own)))})


def fitting(
    messages: Sequence[dict[str, str]], fits: Callable[[Sequence[dict[str, str]]], bool]
) -> Sequence[dict[str, str]]:
    """Return the messages of a chat without as many of its earliest turns as keep it from fitting.

    System prompt and question always stay: whether they fit is up to whoever asks.
    """
    first = 1 if messages[0]["role"] == "system" else 0
    while len(messages) > first + 1 and not fits(messages):
        messages = [*messages[:first], *messages[first + 2 :]]
    return messages
