"""Real texts that people and models wrote: the numbers are the libraries' own, on 5,000 of them."""

import json
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.blocks.readability import FORMULAS
from features.fast.textstat_counts import token_table
from features.fast.vader import vader
from features.text import sentences
from stacker.bench.plain import plain_readability

FOLDER = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "battles"
TEXTS = 5000
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} with the real battles is not here"),
]


def _text(cell: str) -> str:
    return "\n\n".join(turn or "" for turn in json.loads(cell))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    found: set[str] = set()
    for path in sorted(FOLDER.glob("*.parquet")):
        battles = pd.read_parquet(path, columns=["prompt", "response_a", "response_b"]).head(3000)
        for column in battles:
            found.update(map(_text, battles[column].sample(min(len(battles), 300), random_state=1)))
    chosen = random.Random(0).sample(sorted(found), TEXTS)
    assert sum(map(len, chosen)) > 1_000_000
    return chosen


def test_sentiment_of_every_sentence(texts: list[str]):
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    library = SentimentIntensityAnalyzer()
    checked = 0
    for text in texts:
        of_text = list(sentences(text))
        for sentence, found in zip(of_text, vader().score_all(of_text).tolist(), strict=True):
            score = library.polarity_scores(sentence)
            assert found == [score["neg"], score["neu"], score["pos"], score["compound"]]
        checked += len(of_text)
    assert checked > 20_000


@pytest.mark.slow
def test_readability_of_every_text(texts: list[str]):
    counts = token_table().count_all(texts)
    found = np.column_stack([formula(counts) for formula, _, _ in FORMULAS.values()])
    np.testing.assert_allclose(found, plain_readability(texts), rtol=0, atol=1e-9)
