"""What people themselves agree on, and whether a judge may stand in for one: by hand, and on planted annotators."""

import numpy as np
import pytest
from scipy import stats
from support.votes_drawn import vote_arrays

from stacker.evaluate.votes.human_ceiling import (
    alternative_annotator_test,
    ceiling,
    paired_p,
    shared_pairs,
)

EVEN = np.full(3, 1 / 3)


def votes_of(rows):
    """Return votes of (pair, outcome, annotator, turned)."""
    pair, outcome, annotator, turned = zip(*rows, strict=True)
    return vote_arrays(
        outcome,
        np.tile(EVEN, (len(rows), 1)),
        pair=np.array(pair),
        group=np.array(pair),
        annotator=np.array(annotator, dtype=object),
        turned=np.array(turned),
    )


def test_a_pair_is_one_whichever_side_its_answers_are_on():
    votes = votes_of([(1, 0, "ann", False), (1, 1, "bob", True), (2, 0, "ann", False)])
    shared = shared_pairs(votes, np.array([0, 1, 2]))
    assert shared.pairs == 1 and shared.outcome.tolist() == [0, 0] and shared.call.tolist() == [0, 0]
    assert shared.others.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_a_second_vote_of_the_same_person_on_the_same_pair_is_left_out():
    rows = [(1, 0, "ann", False), (1, 1, "ann", False), (1, 0, "bob", False), (2, 0, "", False), (2, 0, "", False)]
    shared = shared_pairs(votes_of(rows), np.zeros(5, dtype=int))
    assert shared.repeated == 1 and shared.pairs == 2
    assert shared.others.tolist() == [[1, 0, 0]] * 4


def test_the_ceiling_by_hand():
    rows = [(1, 0, "a", False), (1, 0, "b", False), (1, 1, "c", False), (2, 2, "a", False), (2, 2, "b", False)]
    found = ceiling(shared_pairs(votes_of(rows), np.array([0, 0, 0, 1, 1])))
    assert (found["pairs"], found["votes"], found["annotators"], found["repeated"]) == (2, 5, 3, 0)
    # one other: a and b agree with one of two, c with none, the second pair wholly; the judge .5, .5, 1, 0, 0
    assert found["one_other"]["people"]["value"] == pytest.approx((0.5 + 0.5 + 0 + 1 + 1) / 5)
    assert found["one_other"]["judge"]["value"] == pytest.approx((0.5 + 0.5 + 1 + 0 + 0) / 5)
    # most of the others: of {0, 1} each is half a majority
    assert found["majority"]["people"]["value"] == pytest.approx((0.5 + 0.5 + 0 + 1 + 1) / 5)
    assert found["one_other"]["difference"]["value"] == pytest.approx(-0.2)


def test_no_pair_with_several_votes_has_no_ceiling():
    assert ceiling(shared_pairs(votes_of([(1, 0, "a", False), (2, 0, "b", False)]), np.zeros(2, dtype=int))) is None


def test_two_answers_of_the_same_text_tell_nothing():
    votes = vote_arrays([0, 1], np.tile(EVEN, (2, 1)), pair=[1, 1], alike=[True, True])
    assert ceiling(shared_pairs(votes, np.zeros(2, dtype=int))) is None


def planted(rng, pairs, people, judge_errs, annotators=5, group=None):
    """Return votes of annotators who err each with the chance `people`, and the calls of a judge."""
    truth = rng.integers(0, 3, pairs)

    def seen(errs):
        return np.where(rng.random(pairs) < errs, (truth + rng.integers(1, 3, pairs)) % 3, truth)

    call = seen(judge_errs)
    outcome = np.concatenate([seen(people) for _ in range(annotators)])
    names = np.repeat([f"person {number}" for number in range(annotators)], pairs)
    pair = np.tile(np.arange(pairs), annotators)
    votes = vote_arrays(
        outcome,
        np.tile(EVEN, (len(outcome), 1)),
        pair=pair,
        group=pair if group is None else group[pair],
        annotator=names.astype(object),
    )
    return votes, np.tile(call, annotators)


def test_a_judge_better_than_people_passes_and_one_that_guesses_does_not():
    rng = np.random.default_rng(0)
    good = alternative_annotator_test(shared_pairs(*planted(rng, 100, 0.3, 0.1)))
    assert good["why"] == "" and len(good["annotators"]) == 5
    assert all(each["passes"] and each["winning_rate"]["value"] == 1 for each in good["by_epsilon"])
    assert good["advantage"]["value"] > 0.85
    bad = alternative_annotator_test(shared_pairs(*planted(rng, 100, 0.1, 2 / 3)))
    assert not any(each["passes"] for each in bad["by_epsilon"]) and bad["advantage"]["value"] < 0.5


def test_shares_of_wins_and_p_values_are_those_of_the_paper():
    votes, call = planted(np.random.default_rng(3), 60, 0.3, 0.3, annotators=3)
    found = alternative_annotator_test(shared_pairs(votes, call))
    table = votes.outcome.reshape(3, 60)
    for number, each in enumerate(found["annotators"]):
        others = np.delete(table, number, axis=0)
        judge, person = ((others == row).mean(axis=0) for row in (call[:60], table[number]))
        wins, loses = (judge >= person).astype(float), (person >= judge).astype(float)
        assert (each["judge"], each["person"]) == (pytest.approx(wins.mean()), pytest.approx(loses.mean()))
        expected = stats.ttest_1samp(loses - wins, 0.15, alternative="less").pvalue
        assert each["p"]["0.15"] == pytest.approx(expected)
    p = [each["p"]["0.15"] for each in found["annotators"]]
    beaten = stats.false_discovery_control(p, method="by") <= 0.05
    assert found["by_epsilon"][1]["beaten"] == beaten.sum()


def test_pairs_of_one_prompt_are_no_news():
    rng = np.random.default_rng(0)
    behind = np.repeat(rng.choice([-1.0, 0.0, 1.0], 20), 5)
    apart, together = (paired_p(behind, 0.2, group) for group in (np.arange(100), np.repeat(np.arange(20), 5)))
    assert apart < together < 0.5 or apart > together > 0.5


def test_why_there_is_no_test():
    votes, call = planted(np.random.default_rng(0), 100, 0.2, 0.2, annotators=2)
    assert "0 of 0" not in alternative_annotator_test(shared_pairs(votes, call))["why"]
    assert "2 of 2 do" in alternative_annotator_test(shared_pairs(votes, call))["why"]
    few, called = planted(np.random.default_rng(0), 20, 0.2, 0.2)
    assert "30 pairs or more with others; 0 of 5 do" in alternative_annotator_test(shared_pairs(few, called))["why"]
    unknown = votes_of([(1, 0, "", False), (1, 0, "", False)])
    why = alternative_annotator_test(shared_pairs(unknown, np.zeros(2, dtype=int)))["why"]
    assert why == "the votes do not say who gave them"


@pytest.mark.slow
def test_the_ceilings_difference_covers_and_a_judge_at_the_edge_rarely_passes():
    rng = np.random.default_rng(5)
    group = np.arange(90) // 3
    endless = shared_pairs(*planted(rng, 60_000, 0.3, 0.3))
    truth = ceiling(endless)["one_other"] | {"advantage": alternative_annotator_test(endless)["advantage"]}
    inside, beaten, trials = dict.fromkeys(("people", "judge", "difference", "advantage"), 0), 0, 300
    for _ in range(trials):
        votes, call = planted(rng, 90, 0.3, 0.3, group=group)
        shared = shared_pairs(votes, call)
        found = ceiling(shared)["one_other"] | {"advantage": alternative_annotator_test(shared)["advantage"]}
        for name in inside:
            inside[name] += found[name]["low"] <= truth[name]["value"] <= found[name]["high"]
        # Against itself at epsilon 0 the test would beat nobody but by chance.
        one = shared.others / shared.others.sum(axis=1, keepdims=True)
        rows = shared.annotator == "person 0"
        person = one[np.arange(len(one)), shared.outcome][rows]
        judge = one[np.arange(len(one)), shared.call][rows]
        behind = (person >= judge).astype(float) - (judge >= person).astype(float)
        beaten += paired_p(behind, 0.0, shared.group[rows]) <= 0.05
    assert {name: count / trials for name, count in inside.items() if count / trials < 0.91} == {}
    assert beaten / trials < 0.09
