import asyncio
from typing import Any

import pytest
from dashboards import free_port
from talking_server import TalkingServer

from dashboard.generators.openai_server import OllamaModel, find_models, styled
from dashboard.params import StyleParams


def found(address: str) -> list[OllamaModel]:
    return asyncio.run(find_models(address, seconds=20))


@pytest.fixture
def ollama() -> Any:
    with TalkingServer() as server:
        yield server


def test_chat_models_are_found_and_embedders_left_out(ollama: TalkingServer) -> None:
    assert found(ollama.address) == [OllamaModel("qwen2.5:0.5b", 400)]


def test_a_newer_ollama_says_what_a_model_can_do_and_the_smallest_comes_first(ollama: TalkingServer) -> None:
    ollama.tags = {
        "models": [
            {"name": "large", "size": 900, "capabilities": ["completion", "tools"]},
            {"name": "embeds", "size": 10, "capabilities": ["embedding"], "details": {"family": "qwen3"}},
            {"name": "small", "size": 100, "capabilities": ["completion"], "details": {"family": "bert-like"}},
            {"name": "no size", "size": None},
        ]
    }
    assert [model.name for model in found(ollama.address)] == ["no size", "small", "large"]


@pytest.mark.parametrize("tags", [[], {}, {"models": None}, {"models": [{}]}, {"models": ["x"]}, "no"])
def test_what_is_no_ollama_is_taken_for_none(ollama: TalkingServer, tags: Any) -> None:
    ollama.tags = tags
    assert found(ollama.address) == []


def test_where_nobody_listens_nothing_is_found() -> None:
    assert found(f"http://127.0.0.1:{free_port()}") == []


def test_a_style_keeps_its_name_and_prompt_when_ollama_answers(ollama: TalkingServer) -> None:
    style = StyleParams(name="brief", system_prompt="Be brief.", max_tokens=70)
    chosen = styled(style, OllamaModel("qwen2.5:0.5b", 400), ollama.address)
    assert (chosen.generator, chosen.model, chosen.base_url) == ("openai", "qwen2.5:0.5b", ollama.url)
    assert (chosen.name, chosen.system_prompt, chosen.max_tokens) == ("brief", "Be brief.", 70)
