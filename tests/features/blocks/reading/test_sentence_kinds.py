"""Patterns of sentences: what spares a search leaves out nothing that the whole pattern finds."""

import random
import re

import pytest

from features.blocks.reading.parts import sentence_kinds
from features.blocks.reading.parts.sentence_kinds import pattern, triggered
from features.blocks.reading.substance import cites

_SIGNS = ("[", "]", "(", ")", ". ", ", ", "; ", ": ", "...", "/", "-", "19", "2019", "7", "100%", "\n", " ", " ", " ")


def fragments(kind):
    """Return what the pattern of a kind is written with: words, Chinese signs, punctuation."""
    found = sentence_kinds._patterns()[kind]
    source = found if isinstance(found, str) else " ".join(found)
    return [*re.findall(r"[a-z']{2,}|[^\x00-\x7f]{1,4}", source), *_SIGNS]


def sentences(kind, count, seed=0):
    rng, parts = random.Random(seed), fragments(kind)
    for _ in range(count):
        yield "".join(rng.choice(parts) + rng.choice(("", " ")) for _ in range(rng.randint(1, 12)))


@pytest.mark.parametrize("kind", ["judge", "filler", "claims"])
def test_a_sentence_in_ascii_matches_no_part_that_has_other_signs_and_none_without_a_trigger(kind):
    whole, met = pattern(kind), 0
    for sentence in sentences(kind, 4000):
        found = whole.findall(sentence)
        met += bool(found)
        assert sentence_kinds._pattern_for(kind, sentence).findall(sentence) == found
        assert not found or triggered(kind, sentence)
    assert met > 20


def test_a_text_without_a_trigger_has_no_placeholder():
    texts = list(sentences("placeholders", 4000))
    met = [text for text in texts if pattern("placeholders").search(text)]
    assert len(met) > 100 and all(triggered("placeholders", text) for text in met)


def test_lines_cite_as_the_whole_pattern_says():
    lines = [line for text in sentences("references", 24000) for line in text.split("\n")]
    expected = [pattern("references").match(line) is not None for line in lines]
    assert [cites(line) for line in lines] == expected
    assert 100 < sum(expected) < len(lines) - 100
