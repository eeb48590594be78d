"""Words of its own: what says nothing is found in wordings that no list was made from, and what picks is no such."""

import time

import pytest

from features.blocks.reading.parts.own_words import own_words
from features.text import sentence_list

QUESTION = "What is the boiling point of ethanol?"
CHINESE = "乙醇的沸點是多少？"


def told(prompt, answer):
    return own_words(prompt, answer, [sentence.lower() for sentence in sentence_list(answer)])


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (QUESTION, ""),
        (QUESTION, "..."),
        (QUESTION, QUESTION),
        (QUESTION, f"{QUESTION} {QUESTION}"),
        (QUESTION, f"So you would like to know: {QUESTION} Let's take a careful look at this matter together."),
        (QUESTION, "Absolutely, I'm glad to help with that! The complete answer comes below:"),
        (QUESTION, "Good question. Let me explain this in detail."),
        (
            "Why does ethanol burn with a blue flame, and is it safe to burn indoors?",
            "When it comes to ethanol, there are many things to consider. A blue flame can be seen in different ways. "
            "Generally, safe is something that people often ask about. Burn indoors depends on several factors.",
        ),
        (
            "Why does ethanol burn with a blue flame, and which metals or salts turn the flame of burning alcohol "
            "green, purple or red in laboratories and fireworks?",
            "Keywords: metals, flame, ethanol, green, burn, alcohol, turn, fireworks, red, blue, burning, salts, "
            "purple, laboratories, flame, metals",
        ),
        (CHINESE, CHINESE),
        (CHINESE, "當然，沒有問題！我馬上為您詳細說明："),
        (CHINESE, f"您想了解的是：{CHINESE}這個問題很重要，讓我們一起思考一下。"),
    ],
)
def test_an_answer_that_announces_or_says_the_prompt_again_says_nothing(prompt, answer):
    assert told(prompt, answer) == (0, 1)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        (QUESTION, "78 °C"),
        (QUESTION, "It boils at about 78 degrees."),
        (QUESTION, "I'm sorry, but I cannot answer that."),
        ("Is ethanol a fuel?", "Yes."),
        ("Is ethanol a fuel?", "No, ethanol is not a fuel."),
        ("Which is heavier, ethanol or water?", "Water."),
        ("Is this a good or a bad start? The day broke.", "good"),
        (
            "Which of these rivers flow into the Atlantic? Volga, Danube, Loire, Rhone, Po, Tagus, Douro, Ebro, "
            "Guadiana, Garonne, Sella, Nalon, Mino, Lima, Vouga, Mondego",
            "Loire, Tagus, Douro, Guadiana, Garonne, Sella, Nalon, Mino, Lima, Vouga, Mondego",
        ),
        ("Choose A or B: the sky is blue or green.", "B"),
        (CHINESE, "攝氏七十八度。"),
        ("乙醇是燃料嗎？", "是的。"),
        ("這句話是正面還是負面：我喜歡這間店。", "正面"),
        (CHINESE, "抱歉，我無法回答。"),
    ],
)
def test_a_short_answer_or_a_pick_says_something(prompt, answer):
    assert told(prompt, answer)[1] == 0


def test_words_are_counted_by_hand():
    """`ethanol` is the prompt's, `is` and `the` are function words, `answer` announces; three others are left."""
    assert told(QUESTION, "The answer is: ethanol boils low, at low pressure.")[0] == 3


def test_long_texts_take_no_longer_than_in_proportion():
    text = "what is the " * 2500
    start = time.perf_counter()
    told(text, text)
    assert time.perf_counter() - start < 2
