import time

import pytest

from dashboard.generators.recorded import entries
from dashboard.votes.self_naming import names_itself, sides_named


@pytest.mark.parametrize(
    "text",
    [
        "I am Claude, an AI assistant made by Anthropic.",
        "Hello! I'm ChatGPT, how can I help?",
        "I’m an AI language model called **Qwen**.",
        "My name is Gemini.",
        "As ChatGPT, I cannot browse the web.",
        "I was trained by a team at Google to help people.",
        "I am a large language model, trained by Google.",
        "As an AI developed by OpenAI, I don't have feelings.",
        "My creators at Mistral gave me no name.",
        "我是通義千問，很高興為你服務。",
        "你好！我叫 Claude。",
        "我是由 OpenAI 開發的語言模型。",
        "我是一個由阿里雲訓練的大型語言模型。",
        "作為 ChatGPT，我無法上網。",
        "作為GPT-4o我無法上網。",
        "I was made at some point in the last year by OpenAI.",
        "An AI made by the people at Google, I can help.",
        "This is a helpful chatbot named *Claude*.",
    ],
)
def test_who_names_herself_is_found(text: str) -> None:
    assert names_itself([text])
    assert names_itself(["First turn.", f"Well. {text} Anything else?"])


@pytest.mark.parametrize(
    "text",
    [
        "Google was founded in 1998, and I think it was in a garage.",
        "You can ask ChatGPT or Claude; I have compared both for you.",
        "Claude Monet painted water lilies.",
        "I am a big fan of alpacas.",
        "As an AI language model, I have no opinion.",
        "The model was trained by the authors on Llama's data.",
        "百度是一家公司，我建議你查它的年報。",
        "我是你的助理，可以幫你比較 ChatGPT 與 Gemini。",
        "I like it. Google made it.",
        "I was trained by people who had never in all their long lives, which were very long, seen Google.",
        "",
    ],
)
def test_who_speaks_of_others_is_not(text: str) -> None:
    assert not names_itself([text])


def test_a_name_of_ones_own_is_looked_for() -> None:
    text = "I am Marvin, here to help."
    assert not names_itself([text])
    assert names_itself([text], "acme/marvin-7b:latest")
    assert names_itself(["I am my own master."], "my:1b") is False  # too short a name to mean anything


def test_each_side_is_told_apart() -> None:
    mine, other = ["I am Claude."], ["A tide is water that moves."]
    assert [sides_named(*pair) for pair in ((mine, other), (other, mine), (mine, mine), (other, other))] == [
        *("a", "b", "ab", ""),
    ]


def test_no_recorded_answer_names_anybody() -> None:
    assert [entry["id"] for entry in entries() if sides_named(*([text] for text in entry["answers"].values()))] == []


@pytest.mark.parametrize(
    "text",
    [
        "I am a " * 200_000, "i'm the, " * 100_000, "我是" * 500_000, "my " * 300_000, "我由" * 20_000,
        "我由xai" * 8_000, "作為xai" * 7_000, "xai " * 10_000, "i am a" + "*" * 39_000, "trained by a b c " * 2_400,
        "gpt-4" + "a" * 39_000, "language model made by " * 1_800, "as Claude " * 4_000, "my claude " * 4_000,
    ],
)  # fmt: skip
def test_a_long_text_takes_little_time(text: str) -> None:
    began = time.process_time()
    names_itself([text], "a" * 100_000)
    assert time.process_time() - began < 1
