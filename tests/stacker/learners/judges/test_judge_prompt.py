import math

import pytest

from pipelines.chat.chat_reply import ChatReply
from pipelines.chat.principles import read_principles
from pipelines.errors import UserError
from stacker.learners.judges.judge_prompt import cut, read_prompt, said_of, written_winner


def test_a_prompt_of_ones_own_is_checked_and_texts_are_never_taken_for_fields(tmp_path):
    own = tmp_path / "own.txt"
    own.write_text("{{json}} P: {prompt} 1: {response_a} 2: {response_b}")
    messages = read_prompt(own).messages(("a {question} {0} {",), ("}",), ("{prompt}",), "Which?", (100, 100))
    assert messages == [{"role": "user", "content": "{json} P: a {question} {0} { 1: } 2: {prompt}"}]
    for text, said in (
        ("{prompt} {response_a}", "has no {response_b}"),
        ("{prompt} {response_a} {response_b} {modle}", "has the field {modle}, which is unknown"),
        ("{prompt.__class__} {response_a} {response_b}", "has the field {prompt.__class__}"),
        ("{prompt!r} {response_a} {response_b}", "has the field {prompt}"),
        ("{prompt} {response_a} {response_b} {", "a brace that is not closed"),
    ):
        own.write_text(text)
        with pytest.raises(UserError) as found:
            read_prompt(own)
        assert said in str(found.value)
    own.write_text("{prompt} {response_a} {response_b}")
    with pytest.raises(UserError, match="has no {question}"):
        read_prompt(own, principles=True)
    other = tmp_path / "own.yaml"
    other.write_text("user: '{prompt} {response_a} {response_b}'\nrubrik: x\n")
    with pytest.raises(UserError, match="has the key rubrik; the keys are user, system and question"):
        read_prompt(other)


def test_long_texts_keep_head_and_tail_and_conversations_their_turns():
    found = cut("h" * 5000 + "t" * 5000, 1000)
    assert found.startswith("h" * 600 + "\n[... 9,000 characters") and found.endswith("t" * 400) and len(found) < 1100
    content = read_prompt().messages(("One?", "Two?"), ("a", "b"), ("x" * 99, "y\udc80"), "Which?", (100, 100))[1][
        "content"
    ]
    assert "(1) One?\n\n(2) Two?" in content and "(1) a\n\n(2) b" in content and "\udc80" not in content


@pytest.mark.parametrize(
    ("text", "winner"),
    [
        ("A", 0),
        (" b.", 1),
        ("C", 2),
        ("[[B]]", 1),
        ("**A**", 0),
        ("A longer text that ends with its verdict.\n\nVerdict: B", 1),
        ("<think>A? B? A!</think>B", 1),
        ("<think>A and on and on", None),
        ("A response can be good.", None),
        ("A or B", None),
        ("Response B is better.", 1),
        ("My choice is **C**", 2),
        ("7", None),
        ("", None),
        ("[[A]] or [[B]]", None),
        ("tie", 2),
    ],
)
def test_a_written_verdict_is_read_or_left(text, winner):
    assert written_winner(text) == winner


def test_probabilities_are_summed_over_spellings_wherever_the_letter_stands():
    top = {" A": math.log(0.3), "A": math.log(0.3), "B": math.log(0.2), "C": math.log(0.1), "The": math.log(0.1)}
    margin, tie = said_of(ChatReply("[[A]]", ({"[[": -0.01, "Well": -5.0}, top)))
    assert margin == pytest.approx(math.log(3)) and tie == pytest.approx(math.log(0.1) - math.log(0.12) / 2)
    marked = {"\u0120A": math.log(0.6), "\u2581B": math.log(0.2), "C.": math.log(0.1)}  # a tokenizer's own spaces
    assert said_of(ChatReply("A", (marked,)))[0] == pytest.approx(math.log(3))
    assert said_of(ChatReply("Well.", ({"Well": -0.1, "So": -3.0},))) is None
    assert said_of(ChatReply("B", ({"Well": -0.1, "So": -3.0},)))[0] < 0  # by what it writes


def test_a_constitution_of_ones_own_is_read_and_its_mistakes_are_one_sentence(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "kind: Which response is kinder?\nbrave: {question: Which is the braver one, wording: {en: bravery}}\n"
    )
    found = read_principles((), path)
    assert [each.name for each in found] == ["kind", "brave"] and found[1].said() == "bravery"
    assert found[0].said("zh-Hant") == "Which response is kinder?"
    assert [each.name for each in read_principles(("concise", "correct"))] == ["concise", "correct"]
    with pytest.raises(UserError, match="principles: kindd is none of"):
        read_principles(("kindd",), path)
    for text, said in (
        ("[1, 2]", "must hold 1 to 32 principles"),
        ("kind: 3", "kind holds no question"),
        ("kind: {question: Which one, weight: 2}", "kind, weight"),
        ("a: [", "is not valid YAML"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            read_principles((), path)
