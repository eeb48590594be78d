import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from dashboards import free_port
from talking_server import ANSWER, TalkingServer

from dashboard.generators.generator import FAULTS, GenerationFault, guarded
from dashboard.generators.openai_server import OpenAIServer, warm
from dashboard.params import StyleParams
from pipelines.chat.chat_client import certificates

QUESTION = "Why is it so?"


def style(server: TalkingServer, model: str, **more: Any) -> StyleParams:
    content = {"name": "one", "generator": "openai", "base_url": server.url, "model": model, "max_tokens": 50}
    return StyleParams.model_validate(content | {"stall_seconds": 30.0} | more)


def written(chosen: StyleParams, longest: int = 100_000, before: tuple[tuple[str, str], ...] = ()) -> str:
    async def steps() -> str:
        pieces = OpenAIServer().stream(QUESTION, chosen, before)
        return "".join([piece async for piece in guarded(pieces, chosen, longest)])

    return asyncio.run(asyncio.wait_for(steps(), 60))


def fault_of(chosen: StyleParams, longest: int = 100_000) -> GenerationFault:
    with pytest.raises(GenerationFault) as found:
        written(chosen, longest)
    assert str(found.value) == FAULTS[found.value.code].format(**found.value.details)
    return found.value


@pytest.mark.parametrize("model", ["talks", "thinks"])
def test_an_answer_comes_whole_and_thoughts_stay_out(talking_server: TalkingServer, model: str) -> None:
    assert written(style(talking_server, model)) == ANSWER


def test_the_question_goes_out_with_the_styles_prompt_and_settings(talking_server: TalkingServer) -> None:
    assert written(style(talking_server, "echoes", system_prompt="Be brief.", temperature=0.3)) == QUESTION
    asked = talking_server.asked[-1]
    assert asked["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": QUESTION},
    ]
    assert (asked["temperature"], asked["max_tokens"], asked["stream"]) == (0.3, 50, True)
    written(style(talking_server, "echoes"))
    assert [message["role"] for message in talking_server.asked[-1]["messages"]] == ["user"]


def test_earlier_turns_go_out_between_prompt_and_question(talking_server: TalkingServer) -> None:
    chosen = style(talking_server, "echoes", system_prompt="Be brief.")
    assert written(chosen, before=(("Why?", "So."), ("And then?", "That."))) == QUESTION
    roles = [(each["role"], each["content"]) for each in talking_server.asked[-1]["messages"]]
    turns = [("user", "Why?"), ("assistant", "So."), ("user", "And then?"), ("assistant", "That.")]
    assert roles == [("system", "Be brief."), *turns, ("user", QUESTION)]


def test_a_picky_server_gets_its_own_names(talking_server: TalkingServer) -> None:
    assert written(style(talking_server, "picky")) == ANSWER
    asked = talking_server.asked[-1]
    assert asked["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature"} & asked.keys()


@pytest.mark.parametrize(
    ("model", "code", "partial"),
    [
        ("drops", "dropped", "Two words"),
        ("ends", "dropped", "Two words"),
        ("errs", "status", "Two words"),
        ("empty", "empty", ""),
        ("long", "cut_off", ANSWER),
        ("garbles", "bad_reply", ""),
        ("page", "bad_reply", ""),
        ("status-401", "key_refused", ""),
        ("status-403", "key_refused", ""),
        ("status-404", "no_model", ""),
        ("status-429", "busy", ""),
        ("status-503", "busy", ""),
        ("status-500", "status", ""),
    ],
)
def test_each_fault_has_its_code_and_keeps_what_came(
    talking_server: TalkingServer, model: str, code: str, partial: str
) -> None:
    fault = fault_of(style(talking_server, model))
    assert (fault.code, fault.partial) == (code, partial)
    assert fault.usable == (code == "cut_off")


@pytest.mark.parametrize(("model", "partial"), [("stalls", "Two words"), ("silent", "")])
def test_silence_is_a_stall(talking_server: TalkingServer, model: str, partial: str) -> None:
    fault = fault_of(style(talking_server, model, stall_seconds=2.0))
    assert (fault.code, fault.partial, fault.details["seconds"]) == ("stalled", partial, "2")


def test_an_endless_answer_is_ended_and_usable(talking_server: TalkingServer) -> None:
    fault = fault_of(style(talking_server, "endless"), longest=1_000)
    assert (fault.code, len(fault.partial), fault.usable) == ("endless", 1_000, True)


def test_a_server_that_is_not_there_is_said(talking_server: TalkingServer) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    assert fault_of(style(talking_server, "talks", base_url=url)).details == {"url": url}


def test_the_key_comes_from_its_variable_and_is_stored_nowhere(
    talking_server: TalkingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = style(talking_server, "talks", api_key_env="KEY_OF_MINE")
    assert fault_of(chosen).code == "no_key"
    monkeypatch.setenv("KEY_OF_MINE", "sk-of-mine")
    assert written(chosen) == ANSWER
    sent = {name.lower(): value for name, value in talking_server.headers[-1].items()}
    assert sent["authorization"] == "Bearer sk-of-mine"
    told = OpenAIServer().describe(chosen)
    assert told.model == "talks"
    assert "sk-of-mine" not in repr(told) and "KEY_OF_MINE" not in repr(told)


def test_a_person_who_leaves_ends_the_stream(talking_server: TalkingServer) -> None:
    async def steps() -> None:
        chosen = style(talking_server, "endless")
        pieces: AsyncIterator[str] = guarded(OpenAIServer().stream(QUESTION, chosen), chosen)
        assert await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]

    asyncio.run(asyncio.wait_for(steps(), 60))


def test_the_client_is_loaded_ahead_and_its_certificates_read_once() -> None:

    warm()
    assert certificates() is certificates()
