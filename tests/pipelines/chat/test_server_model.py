"""What a server may send in the place of a reply: each is one fault with its words, nothing ends in a traceback."""

import pytest
from garbled_replies import GARBLED, UNUSUAL
from judging_server import JudgingServer

from pipelines.chat.chat_client import MOST_OF_A_REFUSAL, ServerFault
from pipelines.chat.chat_models import ServerModel, open_model
from pipelines.chat.chat_params import ChatParams
from pipelines.chat.question_asking import Spent, ask_all, question
from pipelines.chat.reply_store import ReplyStore
from pipelines.errors import UserError
from stacker.learners.judges.judge_prompt import said_of

ASKED = [{"role": "user", "content": "Which one?"}]
SAID = {
    "chunks": "The connection broke",
    "ssh": "The connection broke",
    "nothing": "The connection broke",
    "error": "answered with status 402: out of credits",
    "error text": "answered with status 200: the model is loading",
    "error event": "answered with status 200: CUDA out of memory",
    "busy": "has no room now (status 429)",
    "odd wait": "has no room now (status 429)",
    "moved": "sends requests on to http://elsewhere.example/v1, and none is sent on from here",
    "login": "sends requests on to /login, and",
    "moved to nowhere": "sends requests on to nowhere, and",
    "other scheme": "sends requests on to gopher://x/, and",
}


@pytest.fixture(scope="module")
def server():
    with JudgingServer() as found:
        yield found


def model_of(server, name, **more):
    return ServerModel(ChatParams(base_url=server.url, model=name, **{"seconds": 10.0, **more}))


def ask(server, name, **more):
    model = model_of(server, name, **more)
    try:
        return model.ask(ASKED, tops=True)
    finally:
        model.close()


@pytest.mark.parametrize("name", GARBLED)
def test_what_is_no_reply_is_one_fault(server, name):
    before = server.requests
    with pytest.raises(ServerFault) as found:
        ask(server, f"raw-{name}")
    assert SAID.get(name, "not OpenAI's streaming protocol") in str(found.value) and "\n" not in str(found.value)
    assert server.requests == before + 1  # a redirect is not followed


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_and_says_a_is_read(server, name):
    margin, _ = said_of(ask(server, f"raw-{name}"))
    assert margin > 0


def test_a_refusal_without_end_is_read_for_its_beginning(server):
    with pytest.raises(ServerFault, match="answered with status 500"):
        ask(server, "endless-500")
    assert MOST_OF_A_REFUSAL < 1 << 20


def test_a_wait_that_is_no_number_is_not_waited_for(server, tmp_path):
    model, pauses = model_of(server, "raw-odd wait", retries=2), []
    asked = [question(model, model.params, ASKED, True)]
    with pytest.raises(UserError, match="has no room now"):
        ask_all(model, model.params, asked, ReplyStore(tmp_path), Spent(), pause=pauses.append)
    assert pauses == [0.5, 1.0]


@pytest.mark.parametrize("key", ["", "   ", "sk-\u200bhidden", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_one_sentence(server, monkeypatch, key):
    monkeypatch.setenv("SOME_KEY", key)
    with pytest.raises(UserError, match="The environment variable SOME_KEY (is not set|holds signs that no key has)"):
        open_model(ChatParams(base_url=server.url, model="judges", api_key_env="SOME_KEY"))
    monkeypatch.setenv("SOME_KEY", "sk-1\n")
    model = model_of(server, "raw-gzip", api_key_env="SOME_KEY")
    model.ask(ASKED, tops=True)
    sent = {name.lower(): value for name, value in server.headers[-1].items()}
    assert sent["authorization"] == "Bearer sk-1"


def test_a_proxy_that_cannot_be_used_is_one_sentence(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(UserError, match="The proxy that the variables of this shell name cannot be used"):
        open_model(ChatParams(base_url=server.url, model="judges"))
