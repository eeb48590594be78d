"""Messages of a chat in the shapes that tools write, to who spoke and what was said; nothing is lost unsaid."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipelines.errors import shown

KINDS = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
ROLES = {
    "user": ("user", "human", "prompter", "usr", "humanmessage", "input"),
    "assistant": (
        *("assistant", "gpt", "model", "bot", "ai", "chatbot", "aimessage", "aimessagechunk", "llm", "output"),
        *("chatgpt", "gpt-3.5", "gpt-4", "gpt4", "bing", "bard", "gemini", "claude"),
    ),
    "system": ("system", "developer", "systemmessage", "system_prompt", "system prompt"),
    "tool": (
        *("tool", "function", "observation", "ipython", "tool_call", "tool_calls", "tool_result", "tool_response"),
        *("tool_output", "tool-call", "tool-result", "function_call", "function_call_output", "function_response"),
        *("function_result", "reasoning", "toolmessage", "functionmessage", "environment"),
    ),
}
"""Who speaks, and the names that tools give them; case does not matter."""
_ROLE = {name: role for role, names in ROLES.items() for name in names}
_ROLE_KEYS, _CONTENT_KEYS = ("role", "from", "author", "speaker", "sender"), ("content", "value", "text", "parts")
_TEXTS = ("text", "input_text", "output_text", "refusal")
_OBJECT_TEXTS = ("text", "content", "full_text", "response", "answer", "output", "completion", "generation", "value")
_UNSHOWN = (
    *("thinking", "redacted_thinking", "reasoning", "reasoning_content", "tool_use", "tool_result", "tool_call"),
    *("tool-call", "tool-result", "function_call", "function_response", "server_tool_use", "web_search_tool_result"),
    *("mcp_tool_use", "mcp_tool_result", "executable_code", "code_execution_result", "step-start", "source-url"),
)
_MEDIA = (
    *("image", "image_url", "input_image", "image_file", "file", "input_file", "document", "audio", "input_audio"),
    *("audio_url", "video", "video_url", "input_video", "media", "inline_data", "inlinedata", "file_data", "filedata"),
)
"""Kinds of parts: texts, what people do not see of an answer, and what is left out where a text stands next to it."""
_CALLS = ("tool_calls", "function_call", "functionCall")


class BadTurnsError(ValueError):
    """What is wrong with a cell of turns; the text follows the column's name in a sentence."""


class Message(NamedTuple):
    """What one side said: the role, one of `ROLES`, and the text; None where there is nothing but calls of tools."""

    role: str
    text: str | None


def are_messages(cell: Any) -> bool:
    """Tell whether a value is a list of messages, by its first one: an object that names who speaks."""
    return isinstance(cell, list) and bool(cell) and isinstance(cell[0], dict) and _speaker(cell[0]) is not None


def messages_of(cell: Any) -> list[Message]:
    """Return the messages of a list of objects.

    Parameters
    ----------
    cell : list of dict
        Each names who speaks (`role`, `from`, `author` ...) and what is said (`content`, `value`, `parts` ...): a
        text, or parts of which texts are joined by line breaks. Pictures and files next to a text are left out.

    Raises
    ------
    BadTurnsError
        When it is no list of messages, a role or a kind of part is unknown, or nothing was read of a message.
    """
    cell = cell.tolist() if hasattr(cell, "tolist") else cell
    if not isinstance(cell, list | tuple) or not len(cell):
        raise BadTurnsError("is not a list of messages")
    return [_message(message, number) for number, message in enumerate(cell, start=1)]


def sides_of(messages: Sequence[Message]) -> tuple[list[str], list[str]]:
    """Return what was asked and what was answered, turn by turn; what system and tools say is left out.

    What an assistant says before and after it called a tool is one turn.
    """
    asked: list[str] = []
    answered: list[str] = []
    called = open_turn = False
    for role, text in messages:
        if role == "user" and text is not None:
            asked.append(text)
            called = open_turn = False
        elif role == "assistant" and text is not None:
            if called and open_turn:
                answered[-1] = "\n\n".join(filter(None, (answered[-1], text)))
            else:
                answered.append(text)
            called, open_turn = False, True
        elif role != "system":
            called = True
    return asked, answered


def _message(message: Any, number: int) -> Message:
    if not isinstance(message, dict):
        raise BadTurnsError(f"has no role and content in message {number}")
    speaker = _speaker(message)
    if _ROLE.get(speaker or "") == "tool":
        return Message("tool", None)
    if isinstance(message.get("data"), dict) and not any(key in message for key in _CONTENT_KEYS):
        message = message | message["data"]  # as LangChain writes them
    key = next((key for key in _CONTENT_KEYS if key in message), None)
    if speaker is None or (key is None and not any(message.get(call) for call in _CALLS)):
        raise BadTurnsError(f"has no role and content in message {number}")
    role = _ROLE.get(speaker)
    if role is None:
        raise BadTurnsError(f"has the role {ascii(speaker)[:40]} in message {number}, neither user nor assistant")
    content = message[key] if key is not None else None
    if content in (None, "") and any(message.get(call) for call in _CALLS):
        return Message(role, None)
    if role == "system":
        return Message(role, content if isinstance(content, str) else None)
    return Message(role, content_text(content, number))


def _speaker(message: dict[str, Any]) -> str | None:
    """Return who speaks, in small letters; None where nobody is named."""
    for key in _ROLE_KEYS:
        found = message.get(key)
        if isinstance(found, dict):
            found = found.get("role", found.get("name"))
        if isinstance(found, str) and found.strip():
            return found.strip().lower()
    kind = message.get("type")  # LangChain's, and the items without a role of OpenAI's responses
    return kind.strip().lower() if isinstance(kind, str) and kind.strip().lower() in _ROLE else None


def content_text(content: Any, number: int) -> str | None:
    """Return the text of a message's content; None where it is nothing but calls of tools and their results.

    Parameters
    ----------
    content : None, str, dict or list
        A text; None is an empty one. Of a list of parts the texts, joined by line breaks.
    number : int
        Of the message, named in the error.

    Raises
    ------
    BadTurnsError
        When a part is of an unknown kind, or no text is among them.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    content = content.tolist() if hasattr(content, "tolist") else content
    if isinstance(content, dict) and "parts" in content:
        content = content["parts"]
    parts = [content] if isinstance(content, dict) else content
    if not isinstance(parts, list | tuple):
        kind = KINDS.get(type(content), f"a {type(content).__name__}")
        raise BadTurnsError(f"has no text as content of message {number}, but {kind}")
    found = [_part(part, number) for part in parts]
    texts = [text for text in found if text is not None and text is not _UNSEEN]
    if texts:
        return "\n".join(str(text) for text in texts if text)
    if found and all(text is _UNSEEN for text in found):
        return None
    raise BadTurnsError(f"has no text as content of message {number}")


def object_text(value: Any) -> str | None:
    """Return the text of an object that names no speaker, as `{"text": ..., "model": ...}`; None where it has none."""
    found = (value.get(key) for key in _OBJECT_TEXTS) if isinstance(value, dict) else ()
    return next((text for text in found if isinstance(text, str)), None)


_UNSEEN: Any = object()


def _part(part: Any, number: int) -> Any:
    """Return the text of a part, None where it is a picture or a file, `_UNSEEN` where people do not see it."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise BadTurnsError(f"has no text as content of message {number}")
    filled = {str(key).lower(): value for key, value in part.items() if value is not None}
    kind = filled.get("type")
    if kind is None:
        if any(name in filled for name in _TEXTS):
            kind = next(name for name in _TEXTS if name in filled)
        else:
            kind = next(
                (name for name in (*_MEDIA, *_UNSHOWN) if name in filled or name.replace("_", "") in filled), ""
            )
    kind = str(kind).strip().lower()
    if kind in _UNSHOWN or kind.startswith("tool-"):
        return _UNSEEN
    if kind in _MEDIA:
        return None
    text = filled.get("refusal") if kind == "refusal" else filled.get("text", filled.get("content"))
    if isinstance(text, dict):  # as OpenAI's assistants write it
        text = text.get("value")
    if kind in _TEXTS and isinstance(text, str):
        return text
    if kind in _TEXTS:
        raise BadTurnsError(f"has no text as content of message {number}")
    named = shown(kind, 40) if kind else ", ".join(shown(str(key), 20) for key in list(part)[:3])
    raise BadTurnsError(
        f"has a part of the unknown kind {named or 'of an empty object'} in message {number}; write texts"
    )
