import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from features.blocks.readability import FORMULAS, Readability
from features.fast.textstat_counts import TokenTable, easy_words, token_table
from features.text import pieces
from stacker.bench.plain import pinned_textstat, plain_readability

PIECES = [
    "the cat sat on the mat",
    "extraordinary circumstances necessitate unconventional methodologies",
    "Don't",
    "can't've",
    "'quoted'",
    "rock'n'roll",
    "well-known",
    "state-of-the-art",
    "e.g.",
    "U.S.A.",
    "3.14",
    "Yes. No. Perhaps not today.",
    "Really?! Are you sure about that...",
    "word.word",
    ".hidden",
    "end.",
    "...",
    "—",
    "naïve café",
    "İstanbul",
    "snake_case_name",
    "https://example.org/a.b?c=d",
    "我们",
    "🙂",
    "a1b2",
    "- item\n- item",
    "x" * 50,
    "ﬃ",
]
TEXT = st.one_of(
    st.builds(
        lambda parts, gap: gap.join(parts),
        st.lists(st.sampled_from(PIECES), max_size=25),
        st.sampled_from([" ", "\n", ". "]),
    ),
    st.text(st.characters(codec=None), max_size=80),
)


def counted(table: TokenTable, text: str) -> dict[str, int]:
    counts = table.count_all([text])
    return {field.name: int(getattr(counts, field.name)[0]) for field in fields(counts)}


def unclipped(texts: list[str]) -> np.ndarray:
    counts = token_table().count_all(texts)
    return np.column_stack([formula(counts) for formula, _, _ in FORMULAS.values()])


@given(st.lists(TEXT, min_size=1, max_size=3))
@settings(max_examples=400, deadline=None)
@example(["", " ", ".", "a", "One two three. Four five six. "])
@example(["No stop at all but one hundred words " * 30])
def test_every_number_is_textstat_s_own(texts):
    np.testing.assert_allclose(unclipped(texts), plain_readability(texts), rtol=0, atol=1e-9)


def test_flesch_by_hand():
    # Six words of one syllable in one sentence: 206.835 - 1.015 * 6 - 84.6 * 1.
    rows = Readability().compute(["The cat sat on the mat."])
    value = dict(zip(Readability.columns, rows[0].tolist(), strict=True))
    assert value["Flesch reading ease"] == pytest.approx(206.835 - 6.09 - 84.6, abs=1e-4)
    assert value["Flesch-Kincaid grade"] == pytest.approx(0.39 * 6 + 11.8 - 15.59, abs=1e-5)
    assert (value["words per sentence"], value["syllables per word"]) == (6, 1)
    assert (value["polysyllable share"], value["monosyllable share"]) == (0, 1)


def test_a_text_without_stops_is_clipped_to_the_scale():
    rows = Readability().compute(["the extraordinary " * 3000])
    low, high = np.array([limits for _, *limits in FORMULAS.values()]).T
    assert ((rows >= low.astype(np.float32)) & (rows <= high.astype(np.float32))).all()
    assert rows[0, Readability.columns.index("Flesch reading ease")] == -100
    assert rows[0, Readability.columns.index("words per sentence")] == 100


@pytest.mark.parametrize(
    "text", ["", "2024", "我很喜欢这本书。它很好。", "日本語の文章です。", "Das ist nicht gut und auch nicht neu."]
)
def test_a_text_that_is_not_english_has_no_value(text):
    assert np.isnan(Readability().compute([text])).all()


def test_other_texts_change_nothing():
    texts = ["A plain sentence of words.", "我们都知道。", "Extraordinary circumstances! Indeed.", "", "x" * 60]
    together = Readability().compute(texts)
    alone = np.concatenate([Readability().compute([text]) for text in reversed(texts)])[::-1]
    assert together.tobytes() == np.ascontiguousarray(alone).tobytes()


def test_memory_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr("features.fast.textstat_counts._KNOWN_TOKENS", 20)
    table = TokenTable()
    texts = [f"unusual{i} words{i} appear here; today." for i in range(60)]
    found = [counted(table, text) for text in texts]
    assert len(table._known) <= 20 and len(table._words) <= 20
    assert found == [counted(token_table(), text) for text in texts]


def test_memory_of_kinds_of_words_is_bounded(monkeypatch):
    monkeypatch.setattr("features.fast.textstat_counts._KNOWN_ROWS", 5)
    table = TokenTable()
    texts = [f"{'x' * i} and {'word' * i}. Hm!" for i in range(1, 40)]
    found = [counted(table, text) for text in texts]
    assert table._used < 15
    assert found == [counted(token_table(), text) for text in texts]


@given(st.lists(TEXT, min_size=1, max_size=4).map(" ".join))
@settings(max_examples=100, deadline=None)
def test_a_text_walked_in_parts_has_the_same_counts(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("features.fast.textstat_counts._AT_ONCE", 0)
        patch.setattr("features.fast.textstat_counts.pieces", lambda text: pieces(text, size=7))
        in_parts = counted(token_table(), text)
    assert in_parts == counted(token_table(), text)


def test_easy_words_are_textstat_s():
    from textstat.backend.utils._get_lang_easy_words import get_lang_easy_words

    assert easy_words() == frozenset(get_lang_easy_words("en"))


def test_syllables_do_not_come_from_a_dictionary_that_would_be_downloaded():
    """The numbers are the same with NLTK's cmudict on this disk, without it, and without a network."""
    with pinned_textstat() as textstat:
        # Pyphen's patterns find no break in `area`; cmudict says three syllables.
        assert textstat.syllable_count("area") == 1
    assert counted(token_table(), "area")["syllables"] == 1


def test_nothing_is_imported_that_could_download():
    code = (
        "import sys, socket\n"
        "socket.socket.connect = lambda *a: sys.exit('went to the network')\n"
        "from features.blocks.readability import Readability\n"
        "Readability().compute(['A plain sentence of several words.'])\n"
        "assert 'nltk' not in sys.modules and 'textstat' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stderr == ""
