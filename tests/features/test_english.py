import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text import is_english


@pytest.mark.parametrize(
    "text",
    [
        "The cat sat on the mat.",
        "Paris.",
        "def main(): return 42",
        "Café and naïve façades are in the list of words.",
        "It costs 5 €, and that is all there is to it.",
    ],
)
def test_english(text):
    assert is_english(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345 !!!",
        "今天天气很好。",
        "今日はとてもいい天気です。",
        "오늘 날씨가 좋습니다.",
        "Сегодня хорошая погода, не так ли?",
        "El gato está en la casa de los abuelos.",
        "Le chat est dans la maison avec les enfants.",
        "Der Hund ist nicht in dem Haus und auch nicht im Garten.",
        "O gato não está na casa dos avós.",
        "Größenwahn",
        "我们用 Python 来写代码，这样的代码很容易读懂。",
    ],
)
def test_not_english(text):
    assert not is_english(text)


@given(st.text(st.characters(codec=None), max_size=100))
def test_only_the_beginning_is_looked_at(text):
    head = ("The cat sat on the mat and it was happy. " * 30)[:1000]
    assert is_english(head + text)
