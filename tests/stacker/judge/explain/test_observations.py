"""What is told of answers is right: by hand, swapped with the sides, and silent where a block cannot tell."""

import time

import pytest

from stacker.judge.explain.observations import Observation, observations

LIST = "1. Sleep\n2. Rest\n   - at noon\n   - at night\n3. Food\n4. Light\n5. Air"
SAID_TWICE = "The sea rises and falls with the Moon. It does so twice a day. The sea rises and falls with the Moon."


def counted(unit: str, how: str, asked: int, got: int, side: str = "A") -> Observation:
    return Observation("count", side, {"unit": unit, "how": how, "asked": asked, "got": got})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "a", "expected"),
    [
        ("Give me three reasons to sleep more.", LIST, [counted("items", "exactly", 3, 5)]),
        ("Give me five reasons to sleep more.", LIST, []),
        ("List at least 3 reasons to sleep.", LIST, []),
        ("Give me three reasons to sleep more.", "You rest, you heal, and you learn.", []),  # not a list: not counted
        ("Give me three reasons.", "1. a\n2. b\n\nAnd against:\n1. c\n2. d", []),  # two lists
        ("請列出三個台南景點", "1. 安平\n2. 赤崁樓", [counted("items", "exactly", 3, 2)]),
        ("How do I draw a three-point perspective?", LIST, []),  # the number is not asked for
        (
            "Explain tides in one sentence.",
            SAID_TWICE,
            [counted("sentences", "exactly", 1, 3), Observation("repeats", "A")],
        ),
        ("What are tides?", SAID_TWICE, [Observation("repeats", "A")]),
        ("Describe a cat in at most 20 words.", "cat " * 40, [counted("words", "most", 20, 40)]),
        ("What is a tide?", "  \n", [Observation("empty", "A")]),
        ("為什麼天空是藍色的？請簡單說明。", "The sky is blue because the air scatters blue light most.", None),
        ("Write a loop in Python.", "Here it is:\n```python\nfor x in range(3):\n", [Observation("broken_off", "A")]),
        ("x" * 500 + " Give me three reasons to sleep more.", LIST, []),  # it may stand in what is quoted
    ],
)
def test_what_is_told(prompt: str, a: str, expected: list[Observation] | None) -> None:
    expected = [Observation("other_language", "A")] if expected is None else expected
    b = "海水隨月亮漲落。" if "為" in prompt or "請" in prompt else "The sea is salt."
    assert [each for each in observations(prompt, a, b) if each.side == "A"] == expected


def test_swapped_sides_swap_what_is_told() -> None:
    prompt = "Give me three reasons to sleep more."
    for found, side in ((observations(prompt, LIST, ""), "A"), (observations(prompt, "", LIST), "B")):
        assert {each.code: each.side for each in found} == {"count": side, "empty": {"A": "B", "B": "A"}[side]}


def test_long_and_odd_texts_take_no_time() -> None:
    began = time.perf_counter()
    for text in ("1. " * 300_000, "a" * 2_000_000, "\n#" * 300_000, "```" * 200_000, "\ud800\0" * 100_000):
        observations(text, text, text[::-1])
        observations("Give me three reasons.", text, text[::-1])
    assert time.perf_counter() - began < 20
