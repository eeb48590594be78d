"""Audits of judges with planted biases: each is found, in its size, and none where none is."""

import numpy as np
import pytest
from graded_battles import PlantedJudge, graded_battles
from test_questions import swapped

from pipelines.battles.table import text_of
from pipelines.errors import UserError
from stacker.audit.audit import audit
from stacker.audit.effects import ALPHA
from stacker.audit.probes import PROBES
from stacker.audit.questions import DUEL, IN_PLACE, AnswerPool, Chosen, questions_of
from stacker.audit.traits import family_of

BATTLES = graded_battles(150, prompts=100)
CUES = (
    *("evaluator", "previous instructions", "superior", "verified that", "compares answers"),
    *("評審", "所有指示", "明顯優於", "專家小組", "比較回答"),
)


def length(per_100):
    return lambda text: per_100 * len(text) / 100


def names(found):
    return {(effect.name, effect.way) for effect in found.findings}


def test_a_judge_without_a_bias_has_no_finding():
    found = audit(PlantedJudge(), BATTLES)
    assert names(found) == set() and found.effect("padding").state == "unseen"
    assert found.effect("other_answer").rate["share"] == 0 and found.effect("padding").change["mean"] == 0
    assert not found.both_orders and found.missing == 0


def test_a_noisy_judge_without_a_bias_has_no_finding():
    """One whose verdicts scatter as much as they tell flips and is fooled, but no more than where nothing changes."""
    for seed in range(3):
        found = audit(PlantedJudge(noise=4.0, seed=seed, hard=True), BATTLES, draws=100)
        assert names(found) == set() and found.both_orders
        assert found.effect("sides", "flips").rate["share"] > 0.1


def test_a_coin_has_no_finding():
    found = audit(PlantedJudge(quality=0.0, noise=1.0, hard=True, seed=5), BATTLES)
    assert names(found) == set() and 0.3 < found.effect("sides", "flips").rate["share"] < 0.7


@pytest.mark.parametrize("zh", [False, True], ids=["en", "zh"])
def test_a_planted_taste_for_length_is_found_in_its_size(zh):
    battles, beta = graded_battles(120, seed=1, zh=zh), 0.8
    found = audit(PlantedJudge(length(beta), noise=0.5), battles)
    chosen = Chosen.of(battles, None, 0)
    asked = [
        each
        for row in chosen.rows
        for each in questions_of(chosen, AnswerPool(chosen), int(row), [PROBES["padding"]])
        if each.kind == ("padding", DUEL)
    ]
    planted = np.mean([beta * (len(text_of(each.focus)) - len(text_of(each.other))) / 100 for each in asked])
    for way in (DUEL, IN_PLACE):
        effect = found.effect("padding", way)
        assert effect.state == "moved" and effect.log_odds["low"] <= planted <= effect.log_odds["high"], way
    assert found.effect("twice").state == found.effect("injection", IN_PLACE).state == "length"
    assert {effect.name for effect in found.findings} <= {"padding", "longer", "longer_other"}


def test_a_judge_that_takes_the_first_answer_is_found_to():
    found = audit(PlantedJudge(first=9.0, hard=True), BATTLES)
    first = found.effect("sides", "orders")
    assert first.state == "moved" and first.change["mean"] > 0.3 and found.effect("sides", "flips").state == "moved"
    assert names(found) == {("sides", "orders"), ("sides", "flips")}
    last = audit(PlantedJudge(first=-9.0, hard=True), BATTLES).effect("sides", "orders")
    assert last.state == "moved" and last.change["mean"] < -0.3 and "second" in last.sentence


def test_a_slight_lean_to_the_first_answer_is_found_in_its_size():
    found = audit(PlantedJudge(first=0.6, noise=0.5), BATTLES)
    effect = found.effect("sides", "orders")
    assert effect.state == "moved" and effect.log_odds["low"] <= 0.6 <= effect.log_odds["high"]


@pytest.mark.parametrize(
    ("bias", "name"),
    [
        (lambda text: 2.0 * any(cue in text for cue in CUES), "injection"),
        (lambda text: 0.3 * text.count("**"), "lists"),
        (lambda text: -0.3 * text.count("**"), "lists"),
        (lambda text: 1.0 * any(word in text for word in ("Summary", "In summary")), "summary"),
        (lambda text: 20.0 * ("##" in text), "skeleton"),
        (lambda text: 20.0 * ("approach leads to" in text or "covers all the essential" in text), "filler"),
    ],
    ids=["injection", "lists", "lists disliked", "summary", "skeleton", "filler"],
)
def test_each_planted_bias_is_found_and_no_other(bias, name):
    found = audit(PlantedJudge(bias, noise=0.3), BATTLES, probes=[name, "shuffled", "last_sentence", "other_answer"])
    assert {effect.name for effect in found.findings} - {"marked"} == {name}
    assert all(effect.state != "moved" for effect in found.effects if effect.control_probe)


def test_a_judge_that_does_not_read_the_prompt_is_found_to_take_another_answer():
    class Blind(PlantedJudge):
        def margin(self, prompt, a, b, name=""):
            return len(a) - len(b)

    found = audit(Blind(hard=True), graded_battles(100, seed=2))
    assert found.effect("longer_other").rate["share"] == 1 and found.effect("longer_other").state == "moved"
    assert found.effect("rewrite").rate["share"] == 0 and "another prompt's longer answer" in str(found.to_dict())


def test_swapping_the_sides_of_all_battles_changes_no_number():
    judge = PlantedJudge(length(0.5), first=0.3, noise=0.5)
    once = audit(judge, BATTLES, judge_model="ant-2").to_dict()
    assert audit(judge, swapped(BATTLES), judge_model="ant-2").to_dict() == once


def test_the_order_of_the_rows_changes_no_finding_and_the_seed_decides():
    judge = PlantedJudge(length(0.5), noise=0.5)
    battles = BATTLES.sample(frac=1, random_state=1)
    once, other = audit(judge, BATTLES, rows=60), audit(judge, battles, rows=60)
    for one, two in zip(once.effects, other.effects, strict=True):
        assert one.change["mean"] == pytest.approx(two.change["mean"], abs=1e-12) and one.battles == two.battles
    assert audit(judge, BATTLES, rows=60).to_dict() == once.to_dict()
    assert audit(judge, BATTLES, 1, rows=60).to_dict()["effects"] != once.to_dict()["effects"]
    assert once.battles == 60


def test_a_taste_for_its_own_family_is_found():
    battles = graded_battles(300, prompts=200, models=("ant-1", "bee-7b", "cat"))
    own = set(battles.loc[battles["model_a"] == "ant-1", "response_a"]) | set(
        battles.loc[battles["model_b"] == "ant-1", "response_b"]
    )
    partial = PlantedJudge(lambda text: 1.5 * ((text,) in own))
    found = audit(partial, battles, judge_model="Ant/ant-3-pro", probes=["summary"])
    effect = found.effect("self", "people")
    assert effect.state == "moved" and effect.rate["share"] > effect.other["share"] + 0.1
    assert (
        audit(PlantedJudge(), battles, judge_model="ant", probes=["summary"]).effect("self", "people").state == "none"
    )


@pytest.mark.parametrize(
    ("name", "family"),
    [("gpt-4-0613", "gpt"), ("openai/chatgpt-4o", "gpt"), ("claude-2.1", "claude"), ("Vicuna-13b", "llama"), ("", ""),
     ("zephyr-7b", "zephyr"), ("0815", "0815")],
)  # fmt: skip
def test_families(name, family):
    assert family_of(name) == family


def test_battles_without_votes_and_questions_without_verdicts_are_counted_out():
    class Silent(PlantedJudge):
        def probabilities(self, battles):
            said = super().probabilities(battles)
            said[[int(name, 16) % 10 == 0 for name in battles["id"]]] = np.nan
            return said

    found = audit(Silent(length(1.0)), graded_battles(120, votes=False))
    assert 0.08 < found.missing / found.questions < 0.12 and found.effect("padding").state == "moved"
    assert not [effect for effect in found.effects if effect.way == "people"]


def test_few_prompts_are_said_to_be_few():
    found = audit(PlantedJudge(length(9.0)), graded_battles(30, prompts=5))
    assert {effect.state for effect in found.effects} == {"few"} and found.findings == ()


def test_what_is_no_judge_no_probe_or_no_battle_is_refused():
    for judge, battles, options in (
        (3, BATTLES, {}),
        (lambda frame: np.zeros(3), BATTLES, {}),
        (PlantedJudge(), BATTLES, {"probes": ["paddling"]}),
        (PlantedJudge(), BATTLES.iloc[:0], {}),
    ):
        with pytest.raises(UserError):
            audit(judge, battles, **options)


@pytest.mark.slow
def test_audits_of_unbiased_judges_have_a_finding_in_at_most_5_per_cent():
    """And controls are flagged at the level of one test."""
    found = controls = tests = 0
    for seed in range(200):
        battles = graded_battles(60, seed=seed, prompts=40)
        judge = PlantedJudge(noise=1.5, seed=seed, hard=seed % 2 == 0, quality=0.5)
        done = audit(judge, battles, seed, draws=1)
        found += bool(done.findings)
        flags = [effect.p < ALPHA for effect in done.effects if effect.control_probe]
        controls, tests = controls + sum(flags), tests + len(flags)
    assert found <= 0.05 * 200 + 2.33 * np.sqrt(200 * 0.05 * 0.95)
    assert controls / tests < 0.075


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.2, 0.8])
def test_intervals_of_a_planted_taste_for_length_cover_it(beta):
    """The truth is what the same audit says of very many battles of the same kind."""
    large = graded_battles(4000, seed=10_000)
    judge = PlantedJudge(length(beta), noise=0.7)
    truth = audit(judge, large, probes=["padding"], draws=1).effect("padding")
    covered = np.zeros(3)
    for seed in range(200):
        judge = PlantedJudge(length(beta), noise=0.7, seed=seed)
        effect = audit(judge, graded_battles(50, seed=seed), seed, probes=["padding"], draws=1).effect("padding")
        for place, (name, key) in enumerate((("change", "mean"), ("log_odds", "mean"), ("rate", "share"))):
            mine, true = getattr(effect, name), getattr(truth, name)[key]
            covered[place] += mine["low"] <= true <= mine["high"]
    assert (covered >= 0.91 * 200).all(), covered
