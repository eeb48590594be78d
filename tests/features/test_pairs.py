import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from features.pairs import Embeddings, PairMatrix, answer_pairs, join, shared

NUMBER = st.one_of(st.floats(-1000, 1000, width=32), st.just(float("nan")))


def matrices(rows: int, columns: int) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.float32, (rows, columns), elements=NUMBER)


SIDES = st.tuples(st.integers(0, 4), st.integers(1, 3)).flatmap(lambda n: st.tuples(matrices(*n), matrices(*n)))


def test_a_pair_by_hand():
    pairs = answer_pairs("length", ("words",), np.array([[3.0]], np.float32), np.array([[5.0]], np.float32))
    assert pairs.names == ("length: words (A)", "length: words (B)", "length: words (A - B)", "length: words (|A - B|)")
    assert pairs.values.tolist() == [[3, 5, -2, 2]]
    assert pairs.flip().values.tolist() == [[5, 3, 2, 2]]


@given(SIDES)
def test_flipping_is_building_from_swapped_sides_to_the_bit_and_its_own_inverse(sides):
    a, b = sides
    columns = [f"c{place}" for place in range(a.shape[1])]
    prompt = shared("p", columns, a)
    straight = join([answer_pairs("x", columns, a, b), prompt])
    swapped = join([answer_pairs("x", columns, b, a), prompt])
    np.testing.assert_array_equal(straight.flip().values, swapped.values + 0)
    np.testing.assert_array_equal(straight.flip().flip().values, straight.values + 0)
    assert straight.flip().names == straight.names


def test_take_and_columns_keep_names_and_partners():
    pairs = join(
        [
            answer_pairs("x", ("one", "two"), np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)),
            shared("p", ("one",), np.arange(3, dtype=np.float32)[:, None]),
        ]
    )
    chosen = pairs.columns([8, 1, 3])  # the prompt's column, and the second column of A and of B
    assert chosen.names == ("p: one (prompt)", "x: two (A)", "x: two (B)")
    assert chosen.flip().take(np.array([2])).values.tolist() == [[2, 0, 1]]
    assert pairs.take(np.array([2, 0])).values[:, 8].tolist() == [2, 0]
    with pytest.raises(KeyError):
        pairs.columns([1])  # its partner is left behind


def test_sign_and_partner_agree_with_each_other():
    pairs = answer_pairs("x", ("one", "two"), *np.zeros((2, 1, 2), np.float32))
    np.testing.assert_array_equal(pairs.partner[pairs.partner], np.arange(8))
    np.testing.assert_array_equal(pairs.sign[pairs.partner], pairs.sign)
    assert isinstance(pairs, PairMatrix) and len(pairs) == 1


def test_embeddings_swap_and_take():
    one, two, three = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    flipped = Embeddings(one, two, three).flip().take(np.array([1]))
    assert (flipped.prompt.tolist(), flipped.a.tolist(), flipped.b.tolist()) == ([[2, 3]], [[10, 11]], [[6, 7]])


def test_what_matrices_of_the_same_features_share_cannot_be_written():
    """Names, partners and signs are kept from battle to battle: a write to one matrix would change every later one."""
    columns = ("length", "lists")
    a, b = (np.full((1, 2), number, dtype=np.float32) for number in (1.0, 2.0))
    first, second = answer_pairs("style", columns, a, b), answer_pairs("style", columns, b, a)
    assert first.partner is second.partner
    chosen = first.select(("style: lists (A)", "style: lists (B)"))
    for array in (first.partner, first.sign, chosen.partner):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
