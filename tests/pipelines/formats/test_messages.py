import pytest

from pipelines.formats.cells import conversation
from pipelines.formats.messages import BadTurnsError


def chat(asked="user", answered="assistant", **more):
    return [{"role": asked, "content": "q", **more}, {"role": answered, "content": "a"}]


@pytest.mark.parametrize("asked", ["user", "User", "USER", "human", "prompter", " Human "])
@pytest.mark.parametrize("answered", ["assistant", "Assistant", "gpt", "model", "bot", "ai", "AI", "chatbot"])
def test_roles_are_known_by_their_names_whatever_the_case(asked, answered):
    assert conversation(chat(asked, answered)) == (("q",), ("a",))


@pytest.mark.parametrize(
    "messages",
    [
        [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}],
        [{"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["q"]}}, *chat()[1:]],
        [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}],
        [{"type": "human", "data": {"content": "q"}}, {"type": "ai", "data": {"content": "a"}}],
        [{"role": "system", "content": "be kind"}, *chat()],
        [{"role": "developer", "content": [{"type": "unheard of"}]}, *chat()],
        [{"role": "user", "content": ["q"]}, {"role": "assistant", "content": [{"type": "text", "text": "a"}]}],
        [
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "q"}, {"type": "input_image", "image_url": "x"}],
            },
            {"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]},
        ],
        [
            {"role": "user", "content": [{"type": "text", "text": "q", "image": None}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]},
        ],
        [
            {"role": "user", "content": [{"type": "image", "text": None, "image": "x"}, {"text": "q", "type": "text"}]},
            {"role": "assistant", "content": [{"type": "text", "text": {"value": "a", "annotations": []}}]},
        ],
        [{"role": "user", "content": "q"}, {"role": "assistant", "content": [{"type": "refusal", "refusal": "a"}]}],
        [{"role": "user", "content": [{"text": "q"}]}, {"role": "assistant", "content": {"type": "text", "text": "a"}}],
    ],
)
def test_every_shape_of_messages_says_the_same(messages):
    assert conversation(messages) == (("q",), ("a",))


CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "f"}}]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "r"}


@pytest.mark.parametrize(
    "between",
    [
        [CALL, RESULT],
        [{"role": "assistant", "content": "", "function_call": {"name": "f"}}, {"role": "function", "content": "r"}],
        [
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "r"}]},
        ],
        [{"type": "function_call", "name": "f"}, {"type": "function_call_output", "output": "r"}],
        [{"from": "function_call", "value": "{}"}, {"from": "observation", "value": "r"}],
    ],
)
def test_calls_of_tools_are_no_part_of_the_answer(between):
    asked, answered = chat()
    assert conversation([asked, *between, answered]) == (("q",), ("a",))
    first = {"role": "assistant", "content": "Let me look."}
    assert conversation([asked, first, *between, answered, asked, answered]) == (("q", "q"), ("Let me look.\n\na", "a"))


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([{"role": "user", "content": [{"type": "hologram", "text": "q"}]}], "has a part of the unknown kind hologram"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
            "has no text as content of message 1",
        ),
        ([{"role": "user", "content": []}], "has no text as content of message 1"),
        ([{"role": "user", "content": [{"type": "text"}]}], "has no text as content of message 1"),
        ([{"role": "user", "content": 3}], "has no text as content of message 1, but a number"),
        ([{"role": "user", "content": [{}]}], "has a part of the unknown kind"),
        ([{"role": "narrator", "content": "q"}], "has the role 'narrator' in message 1"),
        ([{"role": "user"}], "has no role and content in message 1"),
        ([{"content": "q"}], "has no role and content in message 1"),
        ([{"role": "system", "content": "q"}], "has no message of a user"),
        ([chat()[0], CALL, RESULT], "has no text of an assistant, but calls of tools"),
        ([], "is not a list of messages"),
        ({}, "is not a list of messages"),
        ("oh", "is not JSON"),
    ],
)
def test_what_is_not_read_is_named_and_never_an_empty_text(messages, said):
    with pytest.raises(BadTurnsError) as fault:
        conversation(messages)
    assert said in str(fault.value)


def test_an_empty_answer_is_an_answer():
    for nothing in (None, "", [{"type": "text", "text": ""}]):
        assert conversation([chat()[0], {"role": "assistant", "content": nothing}]) == (("q",), ("",))
