"""Sentence vectors: the package's own numbers, whatever was encoded before, by several threads at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from features.blocks.reading import sentence_vectors
from features.blocks.reading.parts import token_encoder
from features.blocks.reading.parts.token_encoder import KNOWN, TokenEncoder

SENTENCES = [
    "Which answer is better?",
    "The sky is blue, because air scatters short waves more than long ones.",
    "台南早餐可以吃牛肉湯、碗粿和虱目魚粥。",
    "Почему небо голубое? Потому что воздух рассеивает свет.",
    "for i in range(10): print(i ** 2)  # 🙂",
    " ",
    "a" * 900,
]


@pytest.fixture(scope="module")
def backend():
    return sentence_vectors._encoder()._net


def test_rows_are_those_of_the_package(backend):
    encoder = TokenEncoder(backend)
    for part in (SENTENCES, SENTENCES[:1], SENTENCES[::-1] * 3):
        np.testing.assert_allclose(encoder.encode(part), backend.encode(part), atol=3e-6)


def test_a_text_has_the_same_bits_whatever_was_encoded_before_and_when_the_table_is_full(backend, monkeypatch):
    monkeypatch.setattr(token_encoder, "KNOWN", 40)
    full, fresh = TokenEncoder(backend), TokenEncoder(backend)
    alone = fresh.encode(SENTENCES[:3]).tobytes()
    for sentence in SENTENCES * 2:
        full.encode([sentence])
        assert full.encode(SENTENCES[:3]).tobytes() == alone
    assert len(full._table.places) <= full._table.size < KNOWN


def test_a_full_table_is_renewed_in_place_but_not_under_one_who_reads_from_it(backend, monkeypatch):
    monkeypatch.setattr(token_encoder, "KNOWN", 40)
    encoder = TokenEncoder(backend)
    encoder.encode(SENTENCES[:2])
    table = encoder._table
    for sentence in SENTENCES[2:5]:
        encoder.encode([sentence])
    assert encoder._table is table and table.readers == 0
    places, whole = list(table.places.values()), table.rows.reshape(-1, token_encoder._ROWS * token_encoder._NARROW)
    table.readers, before = 1, whole[places].tobytes()
    for sentence in SENTENCES[:5]:
        encoder.encode([sentence])
    assert encoder._table is not table
    assert whole[places].tobytes() == before


def test_what_is_new_in_several_texts_may_be_computed_together(backend):
    encoder, alone = TokenEncoder(backend), TokenEncoder(backend)
    encoder.know(SENTENCES)
    assert encoder.encode(SENTENCES[1:3]).tobytes() == alone.encode(SENTENCES[1:3]).tobytes()
    assert encoder._table.readers == alone._table.readers == 0


def test_threads_do_not_disturb_each_other(backend, monkeypatch):
    monkeypatch.setattr(token_encoder, "KNOWN", 60)
    texts = [SENTENCES[place:] + SENTENCES[:place] for place in range(len(SENTENCES))] * 4
    expected = [TokenEncoder(backend).encode(text).tobytes() for text in texts[: len(SENTENCES)]] * 4
    encoder = TokenEncoder(backend)
    with ThreadPoolExecutor(4) as pool:
        assert [rows.tobytes() for rows in pool.map(encoder.encode, texts)] == expected


def test_texts_encoded_ahead_are_those_encoded_one_by_one():
    texts = [" ".join(SENTENCES), SENTENCES[1], SENTENCES[2]]
    sentence_vectors.sentence_vectors.cache_clear()
    sentence_vectors.encode_ahead(texts, texts[:1])
    assert sentence_vectors.sentence_vectors.cache_info().currsize == len(texts)
    ahead = [sentence_vectors.sentence_vectors(text).rows.tobytes() for text in texts]
    sentence_vectors.sentence_vectors.cache_clear()
    assert [sentence_vectors.sentence_vectors(text).rows.tobytes() for text in texts] == ahead


def test_the_limit_on_threads_is_taken_back_by_the_last_who_leaves():
    from threadpoolctl import threadpool_info

    def threads():
        return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

    before = threads()
    with sentence_vectors.one_blas_thread():
        with sentence_vectors.one_blas_thread():
            assert threads() == {1}
        assert threads() == {1}
    assert threads() == before
