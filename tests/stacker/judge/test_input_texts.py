import json

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from stacker.judge.input_texts import battles_of

PARSED = pd.DataFrame(
    {
        "prompt": [("Why?", "Short, please."), ("請解釋",), ("it's",), ('say "a"',), ("", "b"), ("c",)],
        "response_a": [("a", "b"), ("c\nd",), ("",), ("[x]",), ("e",), ("f",)],
        "response_b": [("b", "b"), ("\u2026",), ("g",), ("h",), ("[]",), ('["i"]',)],
    }
)


@pytest.mark.parametrize(
    "write", [lambda turns: json.dumps(turns), lambda turns: json.dumps(turns, ensure_ascii=False), str]
)
@pytest.mark.parametrize("rows", [1, 6])
def test_columns_of_lists_as_text_are_parsed(write, rows):
    written = PARSED.map(lambda turns: write(list(turns)))[:rows]
    pd.testing.assert_frame_equal(battles_of(written), PARSED[:rows])


def test_lists_of_messages_are_the_turns_of_their_side():
    talk = json.dumps([{"role": "user", "content": "q"}])
    answer = json.dumps([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])
    found = battles_of(pd.DataFrame({"prompt": [talk], "response_a": [answer], "response_b": [answer]}))
    assert found.loc[0].tolist() == [("q",), ("a",), ("a",)]


def test_a_plain_text_that_looks_like_a_list_stays_as_it_is():
    texts = ["sort [2, 1]", "[1, 2]", "[b] is it", '["a", "b"]', "why", "how", "[]"]
    frame = pd.DataFrame({"prompt": texts, "response_a": ["a"] * 7, "response_b": ["b"] * 7})
    assert battles_of(frame)["prompt"].tolist() == [(text,) for text in texts]
    for row in range(7):  # what one row says does not hang on the others
        assert battles_of(frame[row : row + 1])["prompt"].tolist() == [(texts[row],)]


def test_a_column_of_lists_next_to_plain_answers_is_parsed():
    frame = pd.DataFrame({"prompt": [f'["q{n}"]' for n in range(6)], "response_a": ["a"] * 6, "response_b": ["b"] * 6})
    assert battles_of(frame)["prompt"].tolist() == [(f"q{n}",) for n in range(6)]
    assert battles_of(frame)["response_a"].tolist() == [("a",)] * 6


def test_a_column_half_of_lists_is_refused_with_the_first_row_that_is_none():
    frame = PARSED.map(lambda turns: json.dumps(list(turns)))
    frame.index = pd.Index(list("uvwxyz"))
    frame.loc["w", "response_b"] = "plain"
    with pytest.raises(UserError, match="response_b: 5 texts are lists of turns, but that of row w is none"):
        battles_of(frame)


def test_texts_and_lists_of_texts_stay_what_they_are():
    frame = pd.DataFrame(
        {
            "prompt": ["a", ("b", "c")],
            "response_a": [["d"], np.array(["e", "f"], dtype=object)],
            "response_b": pd.Series(["['g'", "h"], dtype="string"),
        }
    )
    assert battles_of(frame).to_numpy().tolist() == [[("a",), ("d",), ("['g'",)], [("b", "c"), ("e", "f"), ("h",)]]
