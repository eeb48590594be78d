import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.battles.folds import LEFT_OUT, families


def test_sets_that_share_prompts_are_one_family_also_by_a_third():
    source = ["a", "a", "b", "b", "c", "c", "d", "d"]
    found = families(source, np.array([0, 1, 1, 2, 2, 3, 8, 9]))
    assert len(set(found[:6])) == 1 and len(set(found[6:])) == 1
    assert found[0] != found[6] and (found != LEFT_OUT).all()


def test_a_prompt_that_two_sets_share_by_chance_stays_with_the_smaller():
    source = ["large"] * 300 + ["small"] * 150
    group = np.r_[np.arange(300), [0], np.arange(1000, 1149)]  # one of 150 rows: "hello"
    found = families(source, group)
    assert found[0] == LEFT_OUT and (found[1:300] == found[1]).all()
    assert (found[300:] == found[300]).all() and found[300] not in (LEFT_OUT, found[1])


def test_a_set_whose_every_prompt_is_in_a_larger_one_joins_it():
    source = ["questions"] * 40 + ["large"] * 5000
    found = families(source, np.r_[np.arange(40), np.arange(5000)])  # 0.8 % of the larger, all of the smaller
    assert len(set(found.tolist())) == 1


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 40)), max_size=120), st.randoms())
def test_no_prompt_is_in_two_families_whatever_the_order(rows, random):
    source, group = [name for name, _ in rows], np.array([prompt for _, prompt in rows], dtype=np.int64)
    found = families(source, group)
    kept = found != LEFT_OUT
    assert all(len(set(found[kept & (group == prompt)].tolist())) <= 1 for prompt in set(group.tolist()))
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = families([source[row] for row in order], group[order])
    np.testing.assert_array_equal(shuffled, found[order])
