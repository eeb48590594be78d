"""Made battles: what is done to answers is what their kind says, whatever the order of the battles."""

from random import Random

import pandas as pd
import pytest

from features.text import is_chinese
from pipelines.battles.built_in import sample_battles
from stacker.training.made.made_answers import FAMILIES, MOST, Source
from stacker.training.made.made_battles import made_battles, weights_of

ENGLISH = Source(
    "How does the human heart pump blood?",
    "The heart pumps blood. It has four chambers. Valves keep the blood from flowing back. It beats all day long.",
    other="Bread needs flour and water. Knead it well. Let it rise for an hour. Bake it until it is brown.",
    longer="Bicycles have two wheels and a frame. " * 8,
    near="Lungs take in air.",
    foreign="這是一個回答。",
)
CHINESE = Source(
    "請問人的心臟是如何運作的？為什麼它可以整天不停地跳動呢？",
    "心臟把血液送到全身。它有四個腔室。瓣膜防止血液倒流。它整天不停地跳動，從來不休息。"
    "大人在白天做事的時間，它也在做事；他們在晚上睡覺的時間，它也在做事。在今天的人說來，它就是時間。",
    other="麵包需要麵粉和水。把它揉好。讓它發酵一小時。烤到變成金黃色。",
    longer="腳踏車有兩個輪子和一個車架。" * 8,
    near="肺吸入空氣。",
    foreign="Bread needs flour.",
)


@pytest.mark.parametrize("source", [ENGLISH, CHINESE], ids=["en", "zh"])
def test_every_kind_makes_another_text_in_the_language_of_its_source(source):
    for family, kinds in FAMILIES.items():
        for make in kinds:
            made = make(source, Random(1))
            assert made is not None and made.strip() != source.answer.strip(), make.__name__
            if family in ("padded", "plea", "essay", "repeated", "sentence order"):
                assert is_chinese(made) == is_chinese(source.answer), make.__name__


def test_kinds_do_what_they_say():
    made = {make.__name__: make(ENGLISH, Random(2)) for kinds in FAMILIES.values() for make in kinds}
    assert made["twice"].count("four chambers") == 2
    assert sorted(made["shuffled_words"].split()) == sorted(ENGLISH.answer.split())
    assert made["reversed_words"].split() == ENGLISH.answer.split()[::-1]
    assert ENGLISH.answer.startswith(made["cut_off"]) and len(made["cut_off"]) < 0.9 * len(ENGLISH.answer)
    assert made["own_start_only"].startswith("The heart pumps blood.")
    assert ENGLISH.answer.startswith(made["cut_near_end"]) and len(made["cut_near_end"]) > 0.7 * len(ENGLISH.answer)
    assert set(made["sentences_missing"].replace(".", "").split()) < set(ENGLISH.answer.replace(".", "").split())
    assert ENGLISH.answer.startswith(made["middle_missing"][:10]) and ENGLISH.answer.endswith(
        made["middle_missing"][-9:]
    )
    assert all(word in ENGLISH.answer.split() for word in made["words_missing"].split())
    assert sorted(made["neighbours_exchanged"].split()) == sorted(ENGLISH.answer.split())
    assert made["own_start_cut"].startswith("The heart") and ENGLISH.other not in made["own_start_cut"]
    assert made["other_within"].startswith("The heart pumps blood.") and made["other_within"].endswith("all day long.")
    assert (
        made["other_between"].index(ENGLISH.prompt) < made["other_between"].index("Bread")
        or "Bicycles" in made["other_between"]
    )
    assert set(made["little_words_missing"].split()) < set(ENGLISH.answer.split())
    assert "." not in made["marks_missing"] and "chambers" in made["marks_missing"]
    assert made["look_alikes"] != ENGLISH.answer and len(made["look_alikes"]) == len(ENGLISH.answer)
    assert made["echo"] == ENGLISH.prompt and made["first_sentence"] == "The heart pumps blood."


@pytest.fixture(scope="module")
def battles():
    return sample_battles(60).battles


def test_the_order_of_the_battles_changes_nothing(battles):
    straight = made_battles(battles, 10, seed=3)
    shuffled = made_battles(battles.sample(frac=1, random_state=1).reset_index(drop=True), 10, seed=3)
    texts = ["prompt", "response_a", "response_b", "family", "kind"]
    pd.testing.assert_frame_equal(straight[texts], shuffled[texts])


def test_a_made_battle_sets_a_real_answer_against_one_made_of_it(battles):
    real = {turns for side in ("response_a", "response_b") for turns in battles[side].map("\n\n".join)}
    made = made_battles(battles, 10, seed=3, families=("repeated", "other", "emptied"))
    assert {text for (text,) in made["response_a"]} <= real
    assert set(made["family"]) <= {"repeated", "other", "emptied"}
    assert all(0 <= group < len(battles) for group in made["group"])


def test_chinese_answers_are_made_worse_as_often_as_there_are_enough():
    """Where they are few in the votes, tricks in Chinese would be told by what English ones show."""
    rows = [(ENGLISH.prompt, ENGLISH.answer, ENGLISH.other)] * 30 + [
        (CHINESE.prompt, CHINESE.answer, CHINESE.other)
    ] * 5
    texts = ((f"{a} {place}", f"{b} {place}", f"{c} {place}") for place, (a, b, c) in enumerate(rows))
    frame = pd.DataFrame([[(text,) for text in row] for row in texts], columns=["prompt", "response_a", "response_b"])
    made = made_battles(frame, 20, seed=0, families=("repeated",))
    assert made["prompt"].map(lambda turns: is_chinese(turns[0])).sum() == 6


def test_an_answer_without_end_is_made_into_nothing():
    long = pd.DataFrame(
        {"prompt": [("a question?",)] * 2, "response_a": [("x" * (MOST + 1),)] * 2, "response_b": [("y",)] * 2}
    )
    assert made_battles(long, 5, seed=0).empty


def test_every_kind_weighs_alike():
    weights = weights_of(pd.Series(["twice", "twice", "twice", "echo"]))
    assert weights.mean() == pytest.approx(1) and weights[:3].sum() == pytest.approx(weights[3])
