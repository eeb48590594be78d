import math

import numpy as np
import pytest

from features.overlap import Agreement, Overlap
from features.registry import text_blocks
from stacker.wording import about_ties, compared, favours, kind_of, of_both, of_prompt


@pytest.mark.parametrize(
    ("feature", "a", "b", "says"),
    [
        ("surface: words", 420, 100, "answer A is 320 words longer (A 420, B 100)"),
        ("surface: words", 1, 2, "answer B is 1 word longer (A 1, B 2)"),
        ("surface: question marks", 0, 3, "answer B has more question marks (A 0, B 3)"),
        ("surface: digit share", 0.25, 0.5, "answer B has the higher digit share (A 25 %, B 50 %)"),
        ("surface: commas", 2, 2, "the answers are alike in commas (2)"),
        ("style: opens with a refusal", 0, 1, "only answer B opens with a refusal"),
        ("style: ends with an offer", 1, 1, "each answer ends with an offer of more help"),
        ("style: ends with a question", 0, 0, "neither answer ends with a question"),
        ("readability: SMOG", 9.5, 3.125, "answer A has the higher SMOG (readability) (A 9.50, B 3.12)"),
        ("sentiment: mean compound", math.nan, 0.5, "sentiment, mean compound: does not apply to answer A"),
        ("sentiment: mean compound", math.nan, math.nan, "sentiment, mean compound: does not apply to either answer"),
        (
            "turns: log characters of the last answer",
            math.log1p(1200),
            math.log1p(5),
            "answer A has the higher characters of the last answer (A 1,200, B 5)",
        ),
    ],
)
def test_differences_in_words(feature, a, b, says):
    assert compared(*feature.split(": "), a, b) == says


def test_prompts_and_what_both_share():
    assert of_prompt("surface", "words", 12.0) == "the prompt's words: 12"
    assert of_prompt("readability", "LIX", math.nan) == "readability, LIX: does not apply to the prompt"
    assert of_both("agreement", "identical", 0.0) == "the answers are not identical"
    assert of_both("agreement", "same script", 1.0) == "the answers are in the same script"
    assert of_both("agreement", "Jaccard of words", 0.25) == "the answers' Jaccard of words is 25 %"


def test_which_side_and_how_much():
    assert favours(0.421) == "favours A by 0.42" and favours(-1.0) == "favours B by 1.00"
    assert favours(0.001) == "favours neither side"
    assert about_ties(0.2) == "makes a tie more likely by 0.20" and about_ties(-0.2).startswith("makes a tie less")
    assert about_ties(0.0) == "leaves the tie as it is"


def test_the_kind_of_every_column_fits_its_numbers():
    texts = [
        "I'm sorry, I cannot say. " * 3,
        "# Title\n- one\n- two\n```\ncode\n```\n| a | b |\nGreat question! What is 2 + 2?",
        "The river is 12 km long, I think; however, it is not wide.\n\nYou may ask me more?",
        "",
    ]
    rows = {name: (block.columns, block.compute(texts)) for name, block in text_blocks().items()}
    rows["overlap"] = (Overlap.columns, Overlap().compute(texts, texts[::-1]))
    rows["agreement"] = (Agreement.columns, Agreement().compute(texts, texts[::-1]))
    for block, (columns, values) in rows.items():
        for column, seen in zip(columns, values.T, strict=True):
            seen = seen[np.isfinite(seen)]
            kind = kind_of(block, column)
            if kind == "flag":
                assert np.isin(seen, (0, 1)).all(), (block, column)
            elif kind == "share":
                assert ((seen >= 0) & (seen <= 1)).all(), (block, column)
            elif kind == "count":
                assert (seen >= 0).all() and (seen == np.round(seen)).all(), (block, column)
