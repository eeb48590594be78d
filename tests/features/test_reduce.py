from pathlib import Path

import numpy as np
import pytest

from features.pairs import EmbeddingReducer, Embeddings, PairMatrix, with_reduced


def embeddings(n: int, width: int = 8, seed: int = 0) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(3, n, width)).astype(np.float32)
    return Embeddings(*(rows / np.linalg.norm(rows, axis=2, keepdims=True)))


def test_the_first_direction_is_that_of_most_variation():
    found = embeddings(200)
    found.a[:, 0] += np.linspace(-9, 9, 200, dtype=np.float32)
    reducer = EmbeddingReducer(2, seed=0).fit(found)
    assert abs(reducer.difference_[0, 0]) > 0.99
    np.testing.assert_allclose(reducer.difference_ @ reducer.difference_.T, np.eye(2), atol=1e-9)


def test_a_swap_turns_the_sign_exactly():
    found = embeddings(50)
    reducer = EmbeddingReducer(3, seed=0).fit(found)
    assert reducer.transform(found).flip().values.tobytes() == reducer.transform(found.flip()).values.tobytes()
    assert reducer.transform(found).names[:2] == ("embedding: direction 1 (A - B)", "embedding: direction 2 (A - B)")


def test_a_row_does_not_depend_on_the_rows_beside_it():
    found = embeddings(300)
    reducer = EmbeddingReducer(5, seed=0).fit(found)
    whole = reducer.transform(found).values
    for row in (0, 7, 299):
        assert reducer.transform(found.take(np.array([row]))).values.tobytes() == whole[row].tobytes()


@pytest.mark.parametrize(("rows", "expected"), [(1, 1), (3, 2), (100, 7)])
def test_no_more_directions_than_rows_or_columns_allow(rows, expected):
    reducer = EmbeddingReducer(64, seed=0).fit(embeddings(rows))
    assert reducer.transform(embeddings(4)).values.shape == (4, 3 * expected)


def test_stored_and_read_again_it_gives_the_same_bytes(tmp_path: Path):
    found = embeddings(30)
    reducer = EmbeddingReducer(4, seed=0).fit(found)
    reducer.save(tmp_path / "reducer.safetensors")
    again = EmbeddingReducer.load(tmp_path / "reducer.safetensors")
    assert again.transform(found).values.tobytes() == reducer.transform(found).values.tobytes()


def test_without_embeddings_the_pairs_stay_as_they_are():
    pairs = PairMatrix(np.zeros((2, 1), np.float32), ("x",), np.array([0]), np.ones(1, np.float32))
    reducer = EmbeddingReducer(2, seed=0).fit(embeddings(5))
    assert with_reduced(pairs, None, reducer) is pairs
    assert with_reduced(pairs, embeddings(2), None) is pairs
    assert with_reduced(pairs, embeddings(2), reducer).values.shape == (2, 7)
