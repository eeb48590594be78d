import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from features.blocks.sentiment import Sentiment
from features.text import sentences

TEXT = "I love this. It is not good! The chair is by the door.\nWhat a terrible, terrible idea, but we won."


def of(text: str) -> dict[str, float]:
    block = Sentiment()
    return dict(zip(block.columns, block.compute([text])[0].tolist(), strict=True))


def test_numbers_of_a_text_are_made_of_its_sentences():
    scores = [SentimentIntensityAnalyzer().polarity_scores(sentence) for sentence in sentences(TEXT)]
    compounds = [score["compound"] for score in scores]
    assert len(compounds) == 4
    expected = {
        "mean compound": np.mean(compounds),
        "lowest compound": min(compounds),
        "highest compound": max(compounds),
        "spread of compound": np.std(compounds),
        "first compound": compounds[0],
        "last compound": compounds[3],
        "positive sentences": sum(compound >= 0.05 for compound in compounds) / 4,
        "negative sentences": sum(compound <= -0.05 for compound in compounds) / 4,
        "mean positive share": np.mean([score["pos"] for score in scores]),
        "mean negative share": np.mean([score["neg"] for score in scores]),
        "mean neutral share": np.mean([score["neu"] for score in scores]),
    }
    assert of(TEXT) == pytest.approx(expected, abs=1e-6)
    assert compounds[0] > 0.5 and compounds[1] < 0 and compounds[2] == 0


@pytest.mark.parametrize(
    "text", ["", "  ", "123!", "我很喜欢这本书。", "とても良い本です。", "Je suis dans la maison."]
)
def test_a_text_that_is_not_english_has_no_value_and_no_false_zero(text):
    assert np.isnan(Sentiment().compute([text])).all()


@given(st.lists(st.sampled_from(["I love it.", "This is bad!", "The sky is blue.", ""]), max_size=6))
@settings(max_examples=50)
def test_the_order_of_sentences_matters_for_the_first_and_last_only(parts):
    forward, backward = of(" ".join(parts)), of(" ".join(reversed(parts)))
    for name, value in forward.items():
        if name not in ("first compound", "last compound"):
            assert backward[name] == pytest.approx(value, abs=1e-6, nan_ok=True)
    assert forward["first compound"] == pytest.approx(backward["last compound"], nan_ok=True)


def test_a_text_does_not_saturate_with_its_length():
    """The library's compound of a long friendly text is 1; the mean over its sentences is not."""
    assert of("This is nice. The door is open. " * 200)["mean compound"] == pytest.approx(
        of("This is nice. The door is open.")["mean compound"], abs=1e-6
    )
    assert SentimentIntensityAnalyzer().polarity_scores("This is nice. The door is open. " * 200)["compound"] > 0.999
