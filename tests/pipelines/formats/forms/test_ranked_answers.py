"""Rows of several answers: each two are a battle, the better wins whichever side it is drawn for, equal ones tie."""

import json

import pytest
from support.vote_files import read_form, talk, write_rows

from pipelines.errors import UserError
from pipelines.formats.reading import read_battles

SUFFIXES = ("json", "jsonl", "parquet", "csv")


def won(table):
    """Return each battle as its better and its worse answer, or as the set of both where they tie."""
    sides = zip(table["response_a"], table["response_b"], table["outcome"], strict=True)
    pairs = [((a[-1], b[-1]), outcome) for a, b, outcome in sides]
    return [set(pair) if outcome == 2 else pair[:: -1 if outcome else 1] for pair, outcome in pairs]


def rated(worth):
    """Return answers of which the best is "good" and the worst "bad", each with what `worth` makes of 1, 2 and 3."""
    return [{"answer": text, "model": text[0], **worth(place)} for place, text in ((2, "so"), (1, "good"), (3, "bad"))]


EXPECTED = [("good", "so"), ("so", "bad"), ("good", "bad")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nectars_rankings(tmp_path, suffix):
    rows = [
        {
            "prompt": f"\n\nHuman: q{number}\n\nAssistant: w\n\nHuman: r\n\nAssistant: ",
            "answers": rated(lambda place: {"rank": float(place)}),
            "turns": 2,
            "num_responses": 3,
            "source": ["s"],
            "good_natured": True,
        }
        for number in range(12)
    ]
    table, form = read_form(tmp_path / f"a.{suffix}", rows)
    assert form == "Nectar's rankings" and won(table) == EXPECTED * 12
    assert set(table["outcome"]) == {0, 1}  # sides are drawn
    assert table["prompt"].tolist()[:3] == [("q0", "r")] * 3
    assert all(model == text[-1][0] for model, text in zip(table["model_a"], table["response_a"], strict=True))
    assert len(read_battles(tmp_path / f"a.{suffix}", labelled=False)[0]) == 36


def aspects(*ratings):
    names = ("helpfulness", "honesty", "instruction_following", "truthfulness")
    return {name: {"Rating": rating, "Rationale": "r"} for name, rating in zip(names, ratings, strict=False)}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_ultrafeedbacks_ratings_count_by_their_mean_and_before_its_overall_score(tmp_path, suffix):
    said = {"good": ("5", "4", "N/A", "5"), "so": ("3", "3", "3", "3"), "even": ("3", "2", "4", "3"), "bad": ("1",) * 4}
    overall = {"good": 7.0, "so": 6.0, "even": 5.0, "bad": 10.0}
    completions = [
        {"annotations": aspects(*ratings), "model": "m", "response": text, "overall_score": overall[text]}
        for text, ratings in said.items()
    ]
    row = {"source": "s", "instruction": "q", "models": ["m"], "completions": completions, "correct_answers": ["None"]}
    table, form = read_form(tmp_path / f"a.{suffix}", [row])
    assert form == "UltraFeedback's completions"
    assert won(table) == [
        *(("good", "so"), ("good", "even"), ("good", "bad")),
        *({"so", "even"}, ("so", "bad"), ("even", "bad")),
    ]


def test_lists_of_answers_with_scores_in_them_or_beside(tmp_path):
    score = {1: "9.0", 2: "5.5", 3: "1"}
    texts = ["so", "good", "bad"]
    for row in (
        {
            "user_input": "q",
            "responses_and_scores": [{"response": t, "score": s} for t, s in zip(texts, (5, 9, 1), strict=True)],
        },
        {
            "question": "q",
            "answers": [
                {"text": each["answer"], "pm_score": score[place]}
                for place, each in zip((2, 1, 3), rated(lambda _: {}), strict=True)
            ],
        },
        {"input": "q", "generations": texts, "ratings": [5.0, 9.0, 1.0]},
        {"prompt": talk("q"), "responses": texts, "ranks": [2, 1, 3]},
        {"prompt": "q", "completions": {"text": texts, "rank": [2, 1, 3]}},
    ):
        for suffix in SUFFIXES:
            table, form = read_form(tmp_path / f"a.{suffix}", [row])
            assert form == "ranked or rated answers" and won(table) == EXPECTED, (row, suffix)
            assert table["prompt"].tolist() == [("q",)] * 3


def test_pairs_have_ids_of_their_own_and_rows_that_cannot_be_compared_are_told(tmp_path):
    many = [{"answer": str(number), "rank": number} for number in range(101)]
    rows = [
        {"id": "q1", "prompt": "p", "answers": rated(lambda place: {"rank": place})},
        {
            "id": "q2",
            "prompt": "p",
            "answers": [{"answer": "", "rank": 2}, {"answer": "x", "rank": 1}, {"answer": "y"}],
        },
        {"id": "q3", "prompt": "p", "answers": [{"answer": "x", "rank": 1}]},
        {"id": "q4", "prompt": "p", "answers": many},
        {"id": "q5", "prompt": "p", "answers": "none"},
    ]
    table, bad = read_battles(write_rows(tmp_path / "a.jsonl", rows), labelled=True)
    assert table["id"].tolist() == ["q1-1", "q1-2", "q1-3", "q2"] and won(table)[3] == ("x", "")
    assert [row.reason for row in bad] == [
        "has no vote: answers has fewer than two answers that are rated",
        "answers has 101 answers, and 100 are the most that are compared",
        "answers is no list of answers",
    ]


def test_pairs_and_tables_with_lists_beside_them_stay_what_they_are(tmp_path):
    more = {"generations": ["x", "y"], "ratings": [1.0, 2.0]}
    _, form = read_form(tmp_path / "a.jsonl", [{"input": "q", "chosen": "y", "rejected": "x", **more}])
    assert form == "preference pairs (chosen, rejected)"
    _, form = read_form(tmp_path / "b.jsonl", [{"input": "q", "output_a": "y", "output_b": "x", "winner": "A", **more}])
    assert form == "a table of prompts, answers and votes"
    path = write_rows(tmp_path / "c.jsonl", [{"prompt": "q", "answers": ["x", "y"]}])
    with pytest.raises(UserError, match="is missing the columns response_a, response_b, winner"):
        read_battles(path, labelled=True)


def node(text, role, *replies, **more):
    return {"message_id": f"id-{text}", "text": text, "role": role, "lang": "en", "replies": list(replies), **more}


def test_openassistants_trees(tmp_path):
    deep = node("r", "prompter", node("later bad", "assistant", rank=1), node("later good", "assistant", rank=0))
    tree = node(
        "q",
        "prompter",
        node("so", "assistant", rank=1),
        node("good", "assistant", deep, rank=0),
        node("bad", "assistant", rank=2),
        node("unranked", "assistant", rank=None),
        node("gone", "assistant", rank=3, deleted=True),
    )
    lone = node("s", "prompter", node("only", "assistant", rank=None))
    rows = [{"message_tree_id": text, "tree_state": "x", "prompt": root} for text, root in (("1", tree), ("2", lone))]
    table, form = read_form(tmp_path / "a.jsonl", rows)
    assert form == "OpenAssistant's trees"
    assert won(table) == [*EXPECTED, ("later good", "later bad")]
    assert table["prompt"].tolist() == [("q",)] * 3 + [("q", "r")]
    assert table["response_a"][3][0] == "good" and table["lang"].eq("en").all()
    assert table["id"].tolist() == ["id-q-1", "id-q-2", "id-q-3", "id-r"]
    flat = [{"message_id": "1", "parent_id": None, "text": "q", "role": "prompter", "message_tree_id": "1"}]
    with pytest.raises(UserError, match="is OpenAssistant's messages, one a row; name its file of trees"):
        read_battles(write_rows(tmp_path / "b.jsonl", flat), labelled=True)


def test_a_tree_as_deep_as_json_allows_is_walked(tmp_path):
    tree = node("end", "prompter")
    for depth in range(400):
        tree = node(f"t{depth}", ("assistant", "prompter")[depth % 2], tree, node("x", "assistant", rank=1))
    tree = node("q", "prompter", tree) if tree["role"] == "assistant" else tree
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"message_tree_id": "1", "prompt": tree}) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="OpenAssistant's trees, and none of its 1 rows is a vote|cannot be used"):
        read_battles(path, labelled=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_arenas_conversations_in_one_column(tmp_path, suffix):
    def side(text, role="assistant"):
        return {"role": role, "content": [{"type": "text", "text": text, "image": None}]}

    turns = [("q", "a", "b"), ("r", "c", "d")]
    whole = [{"user": side(q, "user"), "model_side_a": side(a), "model_side_b": side(b)} for q, a, b in turns]
    winners = ("model_a", "model_b", "tie", "both_bad")
    rows = [
        {"id": f"{n}", "model_a": "m", "model_b": "n", "winner": winner, "full_conversation": whole, "language": "en"}
        for n, winner in enumerate(winners)
    ]
    table, form = read_form(tmp_path / f"a.{suffix}", rows)
    assert form == "the Arena's full conversations" and table["outcome"].tolist() == [0, 1, 2, 2]
    assert table["both_bad"].tolist() == [False, False, False, True] and table["id"].tolist() == list("0123")
    assert table[["prompt", "response_a", "response_b"]].values.tolist()[0] == [("q", "r"), ("a", "c"), ("b", "d")]
    table, _ = read_form(
        tmp_path / "b.jsonl",
        [row | {"conversation_a": talk("q", "x"), "conversation_b": talk("q", "y")} for row in rows],
    )
    assert table["response_a"].tolist()[0] == ("x",)
    broken = [*rows, rows[0] | {"id": "9", "full_conversation": "nothing"}]
    _, bad = read_battles(write_rows(tmp_path / "c.jsonl", broken), labelled=True)
    assert [row.reason for row in bad] == [
        "full_conversation is no list of turns with user, model_side_a and model_side_b"
    ]
