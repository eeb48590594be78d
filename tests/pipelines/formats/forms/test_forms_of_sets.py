"""Public sets of votes and people's own tables: right count, right sides, right votes, in every container."""

import json

import numpy as np
import pandas as pd
import pytest
from support.vote_files import (
    BATTLES,
    MODELS,
    OUTCOMES,
    expect_battles,
    expect_pairs,
    pairs,
    read_form,
    talk,
    write_rows,
)

from pipelines.battles.table import UNLABELLED
from pipelines.errors import UserError
from pipelines.formats.reading import read_battles
from pipelines.preferences import pairs_of

SUFFIXES = ("csv", "json", "jsonl", "parquet")
MARKS = ("winner_model_a", "winner_model_b", "winner_tie")
KAGGLE = ("prompt", "response_a", "response_b")


def sides(names, wrap=lambda text: text, **more):
    return [
        {names[0]: wrap(prompt), names[1]: wrap(first), names[2]: wrap(second), **more}
        for prompt, first, second, _ in BATTLES
    ]


def voted(rows, column, words):
    spelled = dict(zip(("a", "b", "tie"), words, strict=True))
    return [{**row, column: spelled[battle[3]]} for row, battle in zip(rows, BATTLES, strict=True)]


def marked(rows):
    return [
        {**row, **{name: int(place == outcome) for place, name in enumerate(MARKS)}}
        for row, outcome in zip(rows, OUTCOMES, strict=True)
    ]


def numbered(rows):
    return [{"id": number, "model_a": MODELS[0], "model_b": MODELS[1], **row} for number, row in enumerate(rows)]


def one(text):
    return json.dumps([text])


TABLES = {
    "Kaggle's columns": numbered(marked(sides(KAGGLE, one))),
    "WSDM Cup's columns": numbered(voted(sides(KAGGLE, language="en"), "winner", ("model_a", "model_b", "tie"))),
    "RouteLLM's columns": numbered(marked([{**row, "prompt": one(row["prompt"])} for row in sides(KAGGLE)])),
    "PPE's columns": voted(
        sides(("prompt", "response_1", "response_2"), question_id="q", model_a="m", model_b="n"),
        "winner",
        ("model_a", "model_b", "tie (bothbad)"),
    ),
    "HelpSteer2's preferences": voted(
        sides(("prompt", "response_1", "response_2"), split="train"), "preference_strength", (-2, 1, 0)
    ),
    "AlpacaEval's annotations": voted(
        sides(("instruction", "output_1", "output_2"), generator_1="m", generator_2="n", annotator="gpt"),
        "preference",
        (1.0, 2.0, 1.5),
    ),
}
PLAIN = {
    "letters": voted(sides(KAGGLE), "winner", ("A", "B", "Tie")),
    "answers": voted(sides(("question", "answer_a", "answer_b")), "winner", ("answer_a", "Answer B", "both good")),
    "heads of a spreadsheet": voted(sides(("Prompt", "Response A", "Response B")), "Winner", ("left", "right", "same")),
    "brackets": voted(sides(("query", "output_a", "output_b")), "verdict", ("[[A]]", "[[B]]", "A=B")),
    "sentences": voted(
        sides(("instruction", "response1", "response2")),
        "preference",
        ("Response 1 is better", "Response 2 is better", "No preference"),
    ),
    "models": numbered(voted(sides(("question", "answer_a", "answer_b")), "winner", (*MODELS, "draw"))),
    "marks": marked(sides(("question", "answer_a", "answer_b"))),
    "numbers by numbered answers": voted(sides(("prompt", "answer1", "answer2")), "choice", ("1", "2", "tie")),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("form", TABLES)
def test_public_tables(tmp_path, form, suffix):
    table, named = read_form(tmp_path / f"votes.{suffix}", TABLES[form])
    assert named == form
    expect_battles(table)


@pytest.mark.parametrize("name", PLAIN)
def test_peoples_own_tables(tmp_path, name):
    for suffix in ("csv", "parquet"):
        table, form = read_form(tmp_path / f"votes.{suffix}", PLAIN[name])
        assert form == "a table of prompts, answers and votes"
        expect_battles(table)


def test_a_table_without_ids_counts_its_rows(tmp_path):
    assert read_form(tmp_path / "a.parquet", PLAIN["letters"])[0]["id"].tolist() == ["row1", "row2", "row3", "row4"]
    ids = read_form(tmp_path / "a.csv", PLAIN["letters"])[0]["id"].tolist()
    assert ids == ["line2", "line3", "line5", "line6"]


def test_grades_become_weights(tmp_path):
    rows = [
        {"prompt": "p", "response_1": f"x{grade}", "response_2": "y", "preference_strength": grade}
        for grade in (-3, -1, 0, 2, 3)
    ]
    table, _ = read_form(tmp_path / "a.jsonl", rows)
    assert table["outcome"].tolist() == [0, 0, 2, 1, 1]
    assert table["weight"].tolist() == [1.5, 0.5, 1.0, 1.0, 1.5]
    table, _ = read_form(tmp_path / "a.jsonl", rows, weight=2.0)
    assert table["weight"].tolist() == [3.0, 1.0, 2.0, 2.0, 3.0]
    weighted = [
        {"instruction": "p", "output_1": f"x{n}", "output_2": "y", "preference": value}
        for n, value in enumerate((1.0, 1.25, 1.5, 1.9))
    ]
    table, _ = read_form(tmp_path / "b.json", weighted)
    assert table["outcome"].tolist() == [0, 0, 2, 1]
    np.testing.assert_allclose(table["weight"], [1.0, 0.5, 1.0, 0.8])
    table, _ = read_form(tmp_path / "c.csv", voted(sides(KAGGLE), "winner", ("A>>B", "B>A", "A=B")))
    assert table["weight"].tolist() == [1.5, 1.0, 1.0, 1.0]
    expect_battles(table)


def test_helpsteer3s_context_is_the_conversation_before(tmp_path):
    rows = [
        {"context": talk("q", "a", "r"), "response1": "x", "response2": "y", "overall_preference": grade, "domain": "d"}
        for grade in (-1, 2)
    ]
    for suffix in ("jsonl", "parquet"):
        table, form = read_form(tmp_path / f"a.{suffix}", rows)
        assert form == "HelpSteer3's preferences" and table["outcome"].tolist() == [0, 1]
        assert table["prompt"].tolist() == [("q", "r")] * 2 and table["response_a"].tolist() == [("a", "x")] * 2


def test_helpsteer2s_prompts_of_several_turns_are_conversations(tmp_path):
    prompt = "Hello\nyou\n<extra_id_1>Assistant\nHi!\n<extra_id_1>User\nWhich?"
    row = {"response_1": "x", "response_2": "y", "preference_strength": 1}
    for end in ("", "\n<extra_id_1>Assistant\n"):
        table, _ = read_form(tmp_path / "a.jsonl", [row | {"prompt": prompt + end}])
        assert table["prompt"].tolist() == [("Hello\nyou", "Which?")]
        assert table["response_a"].tolist() == [("Hi!", "x")] and table["response_b"].tolist() == [("Hi!", "y")]


def arena(**more):
    rows = [
        {"model_a": "m", "model_b": "n", "conversation_a": talk(p, a), "conversation_b": talk(p, b), **more}
        for p, a, b, _ in BATTLES
    ]
    return voted(rows, "winner", ("model_a", "model_b", "tie"))


def test_the_arenas_records_of_all_years(tmp_path):
    parts = json.loads(json.dumps(arena(timestamp="t", language="en", prompt="one more column")))
    for row in parts:
        for message in (*row["conversation_a"], *row["conversation_b"]):
            message["content"] = [{"type": "text", "text": message["content"], "image": None}]
    renamed = [{key.replace("conversation", "messages"): cell for key, cell in row.items()} for row in arena(lang="en")]
    years = {
        "33k": (arena(judge="arena_user_1", turn=1, anony=True, tstamp=1.0), "the Arena's records"),
        "140k": (parts, "the Arena's records"),
        "search": (renamed, "Search Arena's records"),
    }
    for name, (rows, form) in years.items():
        for suffix in ("jsonl", "parquet"):
            table, named = read_form(tmp_path / f"{name}.{suffix}", rows)
            assert named == form
            expect_battles(table)


def test_mt_benchs_votes_are_all_battles_and_end_at_the_turn_that_was_judged(tmp_path):
    rows = [
        {
            "question_id": 81,
            "model_a": "m",
            "model_b": "n",
            "winner": "model_a",
            "judge": judge,
            "conversation_a": talk("q", "a", "r", "more"),
            "conversation_b": talk("q", "b", "r", "less"),
            "turn": turn,
        }
        for turn in (1, 2)
        for judge in ("expert_0", "expert_1", "author_2")
    ]
    table, form = read_form(tmp_path / "a.parquet", rows)
    assert form == "MT-bench's human judgments" and len(table) == 6
    assert table["id"].tolist() == ["81", "81#2", "81#3", "81#4", "81#5", "81#6"]
    assert table["response_a"].tolist() == [("a",)] * 3 + [("a", "more")] * 3
    assert table["annotator"].tolist() == ["expert_0", "expert_1", "author_2"] * 2
    again, _ = read_form(tmp_path / "a.csv", rows)  # where the turn is a text
    assert again["response_a"].tolist() == table["response_a"].tolist()
    for turn in (0, 3, None, "x"):
        with pytest.raises(UserError, match="as turn"):
            read_battles(write_rows(tmp_path / "b.jsonl", [row | {"turn": turn} for row in rows]), labelled=True)
    unlabelled, _ = read_battles(tmp_path / "a.parquet", labelled=False)
    assert unlabelled["id"].tolist() == table["id"].tolist()
    assert set(unlabelled["outcome"]) == {UNLABELLED} and set(unlabelled["annotator"]) == {""}


def transcript(*texts):
    return "".join(f"\n\n{('Human', 'Assistant')[place % 2]}: {text}" for place, text in enumerate(texts))


def side(prompt, answer):
    return talk(prompt, answer)[1:]


PAIRS = {
    "preference pairs (chosen, rejected)": [
        lambda p, good, bad: {"prompt": p, "chosen": good, "rejected": bad},
        lambda p, good, bad: {"question": p, "chosen": good, "rejected": bad, "system": "Be brief."},
        lambda p, good, bad: {"prompt": talk(p), "chosen": side(p, good), "rejected": side(p, bad)},
        lambda p, good, bad: {"chosen": talk(p, good), "rejected": talk(p, bad)},
        lambda p, good, bad: {"prompt": f"\n\nHuman: {p}\n\nAssistant:", "chosen": good, "rejected": bad},
        lambda p, good, bad: {"instruction": p, "input": "", "output": [good, bad]},
        lambda p, good, bad: {"instruction": p, "input": "", "chosen": good, "rejected": bad},
    ],
    "HH-RLHF's transcripts": [
        lambda p, good, bad: {"chosen": transcript(p, good), "rejected": transcript(p, bad)},
        lambda p, good, bad: {"prompt": transcript(p), "chosen": transcript(p, good), "rejected": transcript(p, bad)},
    ],
    "UltraFeedback's pairs": [
        lambda p, good, bad: {
            "prompt": p,
            "prompt_id": p[-5:],
            "chosen": talk(p, good),
            "rejected": talk(p, bad),
            "messages": talk(p, good),
            "score_chosen": 8.0,
            "score_rejected": 5.0,
        },
    ],
    "ShareGPT's preference pairs": [
        lambda p, good, bad: {
            "conversations": [{"from": "human", "value": p}],
            "chosen": {"from": "gpt", "value": good},
            "rejected": {"from": "gpt", "value": bad},
        },
    ],
    "RewardBench's pairs": [
        lambda p, good, bad: {
            **{"prompt": p, "chosen": good, "chosen_model": "good"},
            **{"rejected": bad, "rejected_model": "bad", "subset": "s"},
        },
    ],
    "OpenAI's preference pairs": [
        lambda p, good, bad: {
            "input": {"messages": [{"role": "system", "content": "s"}, *talk(p)], "tools": []},
            "preferred_output": side(p, good),
            "non_preferred_output": side(p, bad),
        },
    ],
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("form", PAIRS)
def test_preference_pairs(tmp_path, form, suffix):
    for number, make in enumerate(PAIRS[form]):
        table, named = read_form(tmp_path / f"{number}.{suffix}", [make(*pair) for pair in pairs()])
        assert named == form, number
        expect_pairs(table)


@pytest.mark.parametrize("form", PAIRS)
def test_preference_pairs_as_pandas_prints_lists(tmp_path, form):
    for number, make in enumerate(PAIRS[form]):
        rows = pd.DataFrame([make(*pair) for pair in pairs()])
        rows.to_csv(tmp_path / f"{number}.csv", index=False)
        rows.to_parquet(tmp_path / "a.parquet")
        pd.read_parquet(tmp_path / "a.parquet").to_csv(tmp_path / f"{number}-arrays.csv", index=False)
        for name in (f"{number}.csv", f"{number}-arrays.csv"):
            expect_pairs(read_battles(tmp_path / name, labelled=True)[0])


def test_answers_that_are_json_stay_what_they_are(tmp_path):
    answers = ('["x", "y"]', '{"name": "x"}', '[{"name": "x"}]', "['x']", "plain", "words", "more", "text", "of", "it")
    keys = (("prompt", "chosen", "rejected"), ("instruction", "output_1", "output_2"))
    for number, (prompt, first, second) in enumerate(keys):
        rows = [{prompt: answer, first: answer, second: f"no {answer}", "preference": 1} for answer in answers]
        for suffix in SUFFIXES:
            table, _ = read_form(tmp_path / f"{number}.{suffix}", rows)
            better = [row[f"response_{'ab'[row['outcome']]}"] for _, row in table.iterrows()]
            assert table["prompt"].tolist() == better == [(answer,) for answer in answers]


def test_a_text_that_says_none_is_an_answer_and_an_empty_one_a_bad_row(tmp_path):
    answers = ("None", "null", "nan", "N/A", "no")
    rows = [{"prompt": f"{answer} or what?", "chosen": answer, "rejected": "words"} for answer in answers]
    table, _ = read_form(tmp_path / "a.jsonl", rows)
    assert [row[f"response_{'ab'[row['outcome']]}"] for _, row in table.iterrows()] == [(text,) for text in answers]
    for nothing in ("", " ", None, float("nan"), []):
        path = write_rows(tmp_path / "b.jsonl", [*rows, {**rows[0], "chosen": nothing}])
        assert [row.reason for row in read_battles(path, labelled=True)[1]] == ["chosen is empty"]


def test_answers_may_be_numbers_in_every_container(tmp_path):
    rows = [{"prompt": f"{n} + {n}?", "response_a": 2 * n, "response_b": 2.5 * n, "winner": "a"} for n in range(4)]
    for suffix in SUFFIXES:
        table, _ = read_form(tmp_path / f"a.{suffix}", rows)
        assert table["response_a"].tolist() == [("0",), ("2",), ("4",), ("6",)]
        assert table["response_b"].tolist()[1:3] == [("2.5",), ("5" if suffix != "csv" else "5.0",)]


def test_models_go_with_their_answers(tmp_path):
    table, _ = read_form(tmp_path / "a.jsonl", [PAIRS["RewardBench's pairs"][0](*pair) for pair in pairs()])
    assert [row[f"model_{'ab'[row['outcome']]}"] for _, row in table.iterrows()] == ["good"] * 3


def test_several_worse_answers_are_a_vote_each(tmp_path):
    row = {"id": "7", "prompt": "p", "chosen": ["good"], "rejected": ["x", "y", "z"], "num_rejected": 3, "subset": "s"}
    table, _ = read_form(tmp_path / "a.jsonl", [row])
    assert table["id"].tolist() == ["7-1", "7-2", "7-3"]
    assert all(row[f"response_{'ab'[row['outcome']]}"] == ("good",) for _, row in table.iterrows())


def test_rm_benchs_three_styles_of_each_answer_are_answers_and_no_turns(tmp_path):
    # Catches: three answers to one prompt read as three turns of one answer.
    better, worse = [f"good{n}" for n in range(3)], [f"bad{n}" for n in range(3)]
    row = {"id": "7", "prompt": "p", "chosen": better, "rejected": worse, "domain": "chat"}
    table, _ = read_form(tmp_path / "a.jsonl", [row])
    sides = [
        (row[f"response_{'ab'[row['outcome']]}"], row[f"response_{'ba'[row['outcome']]}"])
        for _, row in table.iterrows()
    ]
    assert sides == [((good,), (bad,)) for good in better for bad in worse]
    turns = {"prompt": ["p", "q"], "chosen": ["a", "b"], "rejected": ["c", "d"]}
    assert read_form(tmp_path / "b.jsonl", [turns])[0]["prompt"].tolist() == [("p", "q")]


def test_sides_are_drawn_and_the_same_whoever_won(tmp_path):
    rows = [{"prompt": f"p{n}", "chosen": f"good{n}", "rejected": f"bad{n}"} for n in range(400)]
    table, _ = read_form(tmp_path / "a.jsonl", rows)
    assert 150 < table["outcome"].sum() < 250
    turned = [{**row, "chosen": row["rejected"], "rejected": row["chosen"]} for row in rows]
    other, _ = read_form(tmp_path / "b.jsonl", turned)
    assert other["response_a"].tolist() == table["response_a"].tolist()
    assert (other["outcome"] == 1 - table["outcome"]).all()


def test_our_own_pairs_come_back(tmp_path):
    rows = numbered(marked(sides(KAGGLE, lambda text: json.dumps([text, text + " And?"]))))
    table, _ = read_form(tmp_path / "votes.jsonl", rows)
    decided = table[table["outcome"] < 2]
    back, _ = read_form(tmp_path / "conversational.jsonl", [*pairs_of(table, "conversational")])
    assert back["prompt"].tolist() == decided["prompt"].tolist() and back["id"].tolist() == decided["id"].tolist()
    for (_, row), (_, was) in zip(back.iterrows(), decided.iterrows(), strict=True):
        for loser in (0, 1):
            ends = ["ab"[each["outcome"] ^ loser] for each in (row, was)]
            assert row[f"response_{ends[0]}"] == was[f"response_{ends[1]}"]
    assert len(read_form(tmp_path / "plain.jsonl", [*pairs_of(table, "plain")])[0]) == 3


def test_alpacaevals_outputs_are_named_as_no_votes(tmp_path):
    path = write_rows(tmp_path / "a.json", [{"instruction": "p", "output": "x", "generator": "m", "dataset": "d"}])
    with pytest.raises(UserError, match=r"is AlpacaEval's outputs, answers of one model .* annotations.json"):
        read_battles(path, labelled=True)
