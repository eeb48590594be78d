import hashlib
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.blocks.style import phrases
from features.blocks.style.phrases import KINDS, count_in_words, count_signs, plain, some_words
from features.blocks.style.style import Style

ANSWER = """I'm sorry, but as an AI language model I cannot do that.

# Heading
## Second
####### seven is no heading
- one **bold** item
* two
1. first
2) second

```python
# a comment, not a heading
- x
```
| a | b |
|---|---|
| 1 | 2 |
> quoted `code`

Would you like more? 🙂"""


def count_phrases(lowered, most_words=None, last=False):
    return (count_in_words([some_words(lowered, most_words, last)])[0] + count_signs(lowered)).tolist()


def of(text: str) -> dict[str, float]:
    block = Style()
    return dict(zip(block.columns, block.compute([text])[0].tolist(), strict=True))


def test_an_answer_counted_by_hand():
    value = of(ANSWER)
    filled = len([line for line in ANSWER.splitlines() if line.strip()])
    expected = {
        "headers": 2,
        "unordered items": 2,
        "ordered items": 2,
        "list lines share": 4 / filled,
        "bold spans": 1,
        "inline code": 1,
        "code blocks": 1,
        "code lines share": 2 / filled,
        "table lines": 2,
        "quoted lines": 1,
        "longest line": math.log1p(max(map(len, ANSWER.splitlines()))),
        "paragraphs": 4,
        "emoji": 1,
        "refusal phrases": 1,
        "opens with a refusal": 1,
        "apology phrases": 1,
        "opens with an apology": 1,
        "opens with model identity": 1,
        "flattering opening": 0,
        "first-person words": 2,
        "second-person words": 1,
        "ends with a question": 0,
        "ends with an offer": 1,
    }
    assert {name: value[name] for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("抱歉，我无法回答这个问题。", "opens with a refusal"),
        ("对不起，我不知道。", "opens with an apology"),
        ("作为一个AI语言模型，我没有感情。", "opens with model identity"),
        ("好问题！让我解释一下。", "flattering opening"),
        ("希望对您有帮助。如果您还有问题，请告诉我", "ends with an offer"),
        ("你还想知道什么？", "ends with a question"),
        ("申し訳ありませんが、できません。", "opens with an apology"),
        ("Lo siento, no puedo ayudar.", "opens with a refusal"),
        ("Great question! Here is why.", "flattering opening"),
        ("Let me know if you need anything else.", "ends with an offer"),
        ("and so it went on,", "ends without a stop"),
        ("it was cut of", "ends without a stop"),
    ],
)
def test_marks_of_style_in_several_languages(text, column):
    assert of(text)[column] == 1


def test_chinese_lists_and_headings_are_seen():
    value = of("# 标题\n一、第一点\n（1）第二点\n① 第三\n・不是\n- 第四")
    assert (value["headers"], value["ordered items"], value["unordered items"]) == (1, 3, 1)


def test_no_style_of_nothing():
    assert not Style().compute(["", "   \n\t"]).any()


@given(st.text(st.characters(codec=None), max_size=200))
@settings(max_examples=100)
def test_every_number_is_finite_and_not_negative(text):
    assert all(math.isfinite(number) and number >= 0 for number in of(text).values())


def test_phrases_are_found_whole_words_only_and_across_line_breaks():
    counts = dict(zip(KINDS, count_phrases(plain("I\ncan’t. Cannot-do; knot, mayor, notable")), strict=True))
    assert counts["refusal"] == 1  # "i can't", over the line's end and with a curly apostrophe
    assert counts["negation"] == 2  # can't, cannot; neither knot nor notable
    assert counts["hedge"] == 0  # mayor is not may
    assert counts["first person"] == 1


def test_only_the_first_or_last_words_are_looked_at():
    text = plain("sorry one two three sorry")
    apology = KINDS.index("apology")
    assert count_phrases(text)[apology] == 2
    assert count_phrases(text, 2)[apology] == 1
    assert count_phrases(text, 4, last=True)[apology] == 1


def test_the_version_follows_the_phrases():
    file = Path(phrases.__file__).with_suffix(".yaml")
    assert Style.version == hashlib.sha256(file.read_bytes()).hexdigest()[:16]
