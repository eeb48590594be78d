"""Votes that are scores of two answers, or several people's, and what else a column of a table can be."""

import pytest
from support.vote_files import BATTLES, expect_battles, read_form, write_rows

from pipelines.errors import UserError
from pipelines.formats.reading import read_battles

SUFFIXES = ("csv", "json", "jsonl", "parquet")


def voted(rows, column, words):
    spelled = dict(zip(("a", "b", "tie"), words, strict=True))
    return [{**row, column: spelled[battle[3]]} for row, battle in zip(rows, BATTLES, strict=True)]


SCORED = [
    {"prompt": p, "response_a": a, "response_b": b, "s": {"a": (5, 3), "b": (2, 4.5), "tie": (3, 3.0)}[winner]}
    for p, a, b, winner in BATTLES
]


@pytest.mark.parametrize(
    "names", [("score_a", "score_b"), ("Response A rating", "Response B rating"), ("reward_model_a", "x"), ("a", "b")]
)
def test_of_two_scores_the_higher_wins_and_equal_ones_are_a_tie(tmp_path, names):
    rows = [{**row, names[0]: row["s"][0], names[1]: row["s"][1]} for row in SCORED]
    rows = [{name: cell for name, cell in row.items() if name != "s"} for row in rows]
    for suffix in SUFFIXES:
        path = tmp_path / f"a.{suffix}"
        if names[1] in ("x", "b"):  # no pair of scores
            with pytest.raises(UserError, match="is missing the column"):
                read_form(path, rows)
            continue
        table, form = read_form(path, rows)
        assert form == "a table of answers and scores" and table["weight"].eq(1.0).all()
        expect_battles(table)
        table, _ = read_form(path, [{**row, "winner": "tie"} for row in rows])
        assert table["outcome"].eq(2).all()  # a winner counts where there is one


def test_scores_that_are_none_cost_their_row(tmp_path):
    row = {"prompt": "p", "response_1": "x", "response_2": "y", "score_1": 1.0}
    rows = [{**row, "score_2": cell} for cell in (2, None, "high", True, "1,5", "1,500")]
    table, bad = read_battles(write_rows(tmp_path / "a.jsonl", rows), labelled=True)
    assert table["outcome"].tolist() == [1, 1]
    said = [f"score_2 is {cell}, not a number" for cell in ("high", "true", "1,500")]
    assert [each.reason for each in bad] == ["has no vote: score_2 is empty", *said]


def test_webgpts_questions_are_objects_and_its_scores_votes(tmp_path):
    rows = [
        {
            "question": {"dataset": "eli5", "id": "1", "full_text": prompt},
            "quotes_0": {"title": ["t"], "extract": ["e"]},
            "answer_0": first,
            "tokens_0": {"prefix": [1], "completion": [2]},
            "score_0": {"a": 1 / 3, "b": -1.0, "tie": 0.0}[winner],
            "quotes_1": {"title": [], "extract": []},
            "answer_1": second,
            "tokens_1": {"prefix": [1], "completion": [2]},
            "score_1": {"a": -1 / 3, "b": 1.0, "tie": 0.0}[winner],
        }
        for prompt, first, second, winner in BATTLES
    ]
    for suffix in ("jsonl", "parquet", "json", "csv"):
        table, form = read_form(tmp_path / f"a.{suffix}", rows)
        assert form == "WebGPT's comparisons"
        expect_battles(table)


def test_pandalms_three_people_vote_each_and_its_instructions_have_an_input(tmp_path):
    rows = [
        {
            "idx": number,
            "cmp_key": "m_n",
            "instruction": "p",
            "input": more,
            "response1": "x",
            "response2": "y",
            **{f"annotator{person}": vote for person, vote in enumerate(votes, start=1)},
        }
        for number, (more, votes) in enumerate((("q", (1, 2, 0)), (float("nan"), (2, 2, None)), (None, (0, 1, 1))))
    ]
    for suffix in ("json", "csv", "parquet"):
        table, form = read_form(tmp_path / f"a.{suffix}", rows)
        assert form == "PandaLM's annotations"
        assert table["outcome"].tolist() == [0, 1, 2, 1, 1, 2, 0, 0]
        assert table["prompt"].tolist() == [("p\nq",)] * 3 + [("p",)] * 5
        assert table["annotator"].tolist()[:5] == ["annotator1", "annotator2", "annotator3", "annotator1", "annotator2"]
        assert set(zip(table["model_a"], table["model_b"], strict=True)) == {("m", "n")}
        assert len(set(table["id"])) == 8
        battles, _ = read_battles(tmp_path / f"a.{suffix}", labelled=False)
        assert len(battles) == 3 and battles["annotator"].eq("").all()


def test_a_column_for_each_person_gives_their_votes(tmp_path):
    row = {"prompt": "p", "response_a": "x", "response_b": "y", "Rater 1": "A", "Rater 2": "tie", "Rater 3": ""}
    table, form = read_form(tmp_path / "a.csv", [row, row | {"prompt": "q", "Rater 3": "B is better"}])
    assert form == "a table of prompts, answers and votes of 3 people"
    assert table["outcome"].tolist() == [0, 2, 0, 2, 1]
    table, _ = read_form(tmp_path / "a.csv", [row | {"winner": "B"}])
    assert table["outcome"].tolist() == [1]
    numbers = [row | {"Rater 1": "0", "Rater 2": "1", "Rater 3": "2"}]  # whose 0 is a tie, and whose the first?
    with pytest.raises(UserError, match="Rater 1 is 0, which is unknown"):
        read_form(tmp_path / "a.csv", numbers)


def test_what_an_instruction_is_about_is_part_of_the_prompt(tmp_path):
    # Catches: a task without the text that it is about.
    farm = {"instruction": "Sum up:", "input": "a text", "output_1": "x", "output_2": "y", "preference": 2}
    own = {"instruction": "Sum up:", "input": "a text", "response_a": "x", "response_b": "y", "winner": "B"}
    for row in (farm, own):
        for suffix in ("jsonl", "csv", "parquet"):
            for more, prompt in (("a text", "Sum up:\na text"), ("", "Sum up:"), (None, "Sum up:")):
                table, _ = read_form(tmp_path / f"a.{suffix}", [row, row | {"input": more}])
                assert table["prompt"].tolist()[-1] == (prompt,) and table["outcome"].tolist()[-1] == 1


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_answers_may_be_objects_with_a_text(tmp_path, suffix):
    rows = [
        {"prompt": {"text": p}, "response_a": {"text": a, "model": "m"}, "response_b": {"text": b, "model": "n"}}
        for p, a, b, _ in BATTLES
    ]
    table, _ = read_form(tmp_path / f"a.{suffix}", voted(rows, "winner", ("A", "B", "tie")))
    expect_battles(table)


@pytest.mark.parametrize(
    "name", ["Which response is better?", "Which answer do you prefer", "Which one is the best?", "which is better"]
)
def test_a_question_of_a_form_on_the_web_is_the_vote(tmp_path, name):
    rows = [{"Timestamp": "2024/05/01", "Prompt": p, "Response A": a, "Response B": b} for p, a, b, _ in BATTLES]
    rows = voted(rows, name, ("A", "B", "Tie"))
    expect_battles(read_form(tmp_path / "a.csv", rows)[0])


def test_a_prompt_as_anthropics_models_were_given_it_is_a_talk(tmp_path):
    row = {"prompt": "\n\nHuman: q\n\nAssistant: w\n\nHuman: r\n\nAssistant:", "response_a": "x", "response_b": "y"}
    for suffix in ("csv", "jsonl", "parquet"):
        table, _ = read_form(tmp_path / f"a.{suffix}", [row | {"winner": "B"}])
        assert table["prompt"].tolist() == [("q", "r")] and table["response_b"].tolist() == [("w", "y")]
        table, _ = read_form(tmp_path / f"a.{suffix}", [row | {"prompt": "Human: or robot?", "winner": "B"}])
        assert table["prompt"].tolist() == [("Human: or robot?",)]
