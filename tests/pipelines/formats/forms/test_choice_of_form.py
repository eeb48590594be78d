"""Which form a file has, what a file of none or of several is told, other names of columns, and rows that are lost."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.vote_files import BATTLES, expect_battles, read_form, talk, write_rows

from pipelines.errors import UserError
from pipelines.formats.columns.column_mapping import ColumnMapping, parse_columns
from pipelines.formats.columns.scales import Scale
from pipelines.formats.columns.winners import spelled
from pipelines.formats.forms.form_registry import FORMS
from pipelines.formats.reading import read_battles
from pipelines.formats.records import Vote

ROW = {"id": "5", "prompt": "p", "response_a": "a", "response_b": "b", "winner": "tie"}
AMBIGUOUS = [
    (ROW | {"conversation_a": talk("p", "a"), "conversation_b": talk("p", "b")}, ["WSDM|table", "the Arena's records"]),
    (ROW | {"chosen": "a", "rejected": "b"}, ["a table of prompts", "preference pairs"]),
    (
        {
            "chosen": talk("p", "a"),
            "rejected": talk("p", "b"),
            "conversation_a": [],
            "conversation_b": [],
            "winner": "",
        },
        ["the Arena's records", "preference pairs"],
    ),
]


@pytest.mark.parametrize(("row", "named"), AMBIGUOUS)
def test_a_file_that_could_have_two_forms_is_refused_and_both_are_named(tmp_path, row, named):
    with pytest.raises(UserError) as fault:
        read_battles(write_rows(tmp_path / "a.jsonl", [row]), labelled=True)
    assert "can be read as" in str(fault.value) and "columns" in str(fault.value)
    assert all(any(part in str(fault.value) for part in name.split("|")) for name in named)


def test_two_pairs_of_answers_or_two_columns_of_votes_are_refused(tmp_path):
    two = {"prompt": "p", "answer_a": "a", "answer_b": "b", "output_a": "x", "output_b": "y", "winner": "A"}
    with pytest.raises(UserError, match="two pairs of columns can be the answers, answer_a, answer_b and output_a"):
        read_battles(write_rows(tmp_path / "a.jsonl", [two]), labelled=True)
    votes = {"prompt": "p", "answer_a": "a", "answer_b": "b", "vote": "A", "label": "B"}
    with pytest.raises(UserError, match="vote and label can both be the vote; name one by columns"):
        read_battles(write_rows(tmp_path / "b.jsonl", [votes]), labelled=True)
    told = {"prompt": "p", "answer_a": "a", "answer_b": "b", "vote": "B", "label": "harmless"}
    assert read_form(tmp_path / "c.jsonl", [told])[0]["outcome"].tolist() == [1]


def test_a_third_answer_is_not_passed_over(tmp_path):
    # Catches: rows of three answers read as battles of the first two, or "winner is C" answered by "C means a".
    for third, names in (("response_c", ("response_a", "response_b")), ("Answer 3", ("Answer 1", "Answer 2"))):
        row = {"prompt": "p", names[0]: "a", names[1]: "b", third: "c", "winner": "A"}
        path = write_rows(tmp_path / "a.jsonl", [row])
        for labelled in (True, False):
            with pytest.raises(
                UserError, match=f"more than two answers, {names[0]}, {names[1]} and {third}; write a row"
            ):
                read_battles(path, labelled=labelled)
        chosen = ColumnMapping(response_a=names[0], response_b=third)
        assert read_battles(path, labelled=False, columns=chosen)[0]["response_b"].tolist() == [("c",)]
        assert read_form(tmp_path / "b.jsonl", [row | {third: None}])[0]["outcome"].tolist() == [0]


def test_two_columns_of_one_name_are_not_guessed_between(tmp_path):
    # Catches: the votes of a second person, in a column Winner next to winner, passed over unsaid.
    path = write_rows(tmp_path / "a.csv", [ROW | {"Winner": "A"}])
    with pytest.raises(UserError, match="winner and Winner have one name and say different things; name one"):
        read_battles(path, labelled=True)
    assert read_battles(path, labelled=True, columns=ColumnMapping(winner="Winner"))[0]["outcome"].tolist() == [0]
    assert read_form(tmp_path / "b.csv", [ROW | {"Winner": "tie"}])[0]["outcome"].tolist() == [2]


def test_several_votes_in_one_cell_are_told_as_such(tmp_path):
    rows = [{**ROW, "id": str(n), "winner": vote} for n, vote in enumerate([["A"], ["B"], [], ["A", "B", "A"]])]
    table, bad = read_battles(write_rows(tmp_path / "a.jsonl", rows), labelled=True)
    assert table["outcome"].tolist() == [0, 1]
    assert [row.reason for row in bad] == ["has no vote: winner is empty", "winner holds 3 votes; write a row for each"]


def test_marks_with_a_decimal_comma_are_marks(tmp_path):
    marks = {"winner_model_a": "1,0", "winner_model_b": "0,00", "winner_tie": "0.0"}
    assert read_form(tmp_path / "a.jsonl", [ROW | marks])[0]["outcome"].tolist() == [0]


@pytest.mark.parametrize("encoding", ["big5", "gbk"])
def test_names_of_columns_in_another_encoding_are_told_as_such(tmp_path, encoding):
    # Catches: "is of no known form; it has" followed by signs that nobody can read.
    path = tmp_path / "a.csv"
    path.write_text("id,天空,回答A,回答B\n1,p,a,b\n", encoding=encoding)
    with pytest.raises(UserError, match=r"a.csv, line 1: holds bytes that are not UTF-8, but .*Big5.*save the file"):
        read_battles(path, labelled=True)


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
def test_a_file_of_no_known_form_gets_one_sentence(tmp_path, suffix):
    path = write_rows(tmp_path / f"a.{suffix}", [{"frage": "p", "links": "a", "rechts": "b", "sieger": "l"}] * 40)
    with pytest.raises(UserError) as fault:
        read_battles(path, labelled=True)
    said = str(fault.value)
    assert said.startswith(f"{path}: is of no known form; it has frage, links, rechts, sieger; give it prompt,")
    assert "chosen and rejected" in said and "columns: {prompt: question" in said and said.count(". ") == 0


def test_no_form_fits_another_ones_columns():
    assert len({form.title for form in FORMS}) >= len(FORMS) - 1  # Label Studio's tasks and its table
    assert all(form.needs for form in FORMS)


GERMAN = [
    {
        "frage": prompt,
        "links": a,
        "rechts": b,
        "sieger": {"a": "l", "b": "r", "tie": "="}[winner],
        "wer": "Ann",
    }
    for prompt, a, b, winner in BATTLES
]
MAPPING = {
    **{"prompt": "frage", "response_a": "links", "response_b": "rechts", "winner": "sieger", "annotator": "wer"},
    "values": {"l": "a", "r": "b", "=": "tie"},
}


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_columns_by_other_names(tmp_path, suffix):
    table, _ = read_form(tmp_path / f"a.{suffix}", GERMAN, columns=ColumnMapping.model_validate(MAPPING))
    expect_battles(table)
    assert set(table["annotator"]) == {"Ann"}


def test_columns_inside_others_weights_and_numbers_that_mean_a_side(tmp_path):
    rows = [
        {"data": {"q": prompt}, "x": first, "y": second, "v": {"a": 1, "b": 0, "tie": 2}[winner], "w": 0.5}
        for prompt, first, second, winner in BATTLES
    ]
    given = "prompt=data.q,response_a=x,response_b=y,winner=v,weight=w,values.1=a,values.0=b,values.2=both_bad"
    table, _ = read_form(tmp_path / "a.json", rows, columns=parse_columns([given]))
    expect_battles(table)
    assert table["weight"].tolist() == [0.5] * 4 and table["both_bad"].tolist() == [False, False, True, False]


def test_a_mapping_makes_an_ambiguous_file_plain(tmp_path):
    row = ROW | {"chosen": "a", "rejected": "b"}
    mapping = ColumnMapping(prompt="prompt", response_a="response_a", response_b="response_b", winner="winner")
    assert read_form(tmp_path / "a.jsonl", [row], columns=mapping)[0]["outcome"].tolist() == [2]
    mapping = ColumnMapping(prompt="prompt", chosen="chosen", rejected="rejected")
    assert len(read_form(tmp_path / "a.jsonl", [row], columns=mapping)[0]) == 1


def test_a_mapping_of_chosen_and_of_conversations(tmp_path):
    rows = [{"q": "p", "good": "a", "bad": "b"}]
    mapping = parse_columns(['{"prompt": "q", "chosen": "good", "rejected": "bad"}'])
    assert read_form(tmp_path / "a.jsonl", rows, columns=mapping)[1] == "columns named by hand"
    rows = [{"l": talk("p", "a"), "r": talk("p", "b"), "w": "B"}]
    mapping = parse_columns(["conversation_a=l, conversation_b=r", "winner=w"])
    assert read_form(tmp_path / "b.jsonl", rows, columns=mapping)[0]["outcome"].tolist() == [1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("prompt", "is not key=column"),
        ("{prompt: a", "is no object"),
        ("{1, 2}", "--columns 1: is unknown"),
        ("promt=a", "the keys are prompt, response_a"),
        ("prompt=a,response_a=a", "names a twice"),
        ("prompt=a,values.x=c", "values.x"),
    ],
)
def test_what_is_no_mapping_is_named(given, said):
    with pytest.raises(UserError) as fault:
        parse_columns([given])
    assert said in str(fault.value)


def test_what_a_sentence_suggests_can_be_given_as_it_stands(tmp_path):
    for value in (3, "[[D]]", "a: {b}", "true", True):
        path = write_rows(tmp_path / "a.jsonl", [ROW | {"winner": value}])
        with pytest.raises(UserError) as fault:
            read_battles(path, labelled=True)
        suggested = str(fault.value).partition("columns: ")[2].removesuffix(".")
        table, _ = read_battles(path, labelled=True, columns=parse_columns([suggested]))
        assert table["outcome"].tolist() == [0], value


def test_sentences_on_a_mapped_file_have_its_own_names(tmp_path):
    rows = [dict(zip(("Q", "L", "R", "W"), ("p", "a", "b", vote), strict=True)) for vote in ("left", "tie", "hm")]
    path = write_rows(tmp_path / "a.csv", rows)
    with pytest.raises(UserError, match=r"line 4: W is hm, which is unknown; .* columns: \{.*\}\.$") as fault:
        read_battles(path, labelled=True, columns=parse_columns(["prompt=Q,response_a=L,response_b=R,winner=W"]))
    suggested = parse_columns([str(fault.value).partition("columns: ")[2].removesuffix(".")])
    assert read_battles(path, labelled=True, columns=suggested)[0]["outcome"].tolist() == [0, 2, 0]
    path = write_rows(tmp_path / "b.csv", [rows[0], rows[1] | {"L": ""}])
    assert read_battles(path, labelled=True, columns=suggested)[1][0].reason == "L is empty"


def test_what_is_missing_is_said_where_the_texts_have_other_names(tmp_path):
    path = write_rows(tmp_path / "a.csv", [{"Question": "p", "Answer A": "a", "Answer B": "b", "Which is it?": "A"}])
    with pytest.raises(UserError, match="is missing the column winner; it has Question, Answer A, Answer B, Which"):
        read_battles(path, labelled=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "prompt,response_a,response_b,winner\n"), ("a.json", "[]")],
)
def test_a_file_without_rows_is_no_file_of_battles(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    for labelled in (True, False, None):
        with pytest.raises(UserError, match=r"(holds no row|holds no battles|is empty)"):
            read_battles(path, labelled=labelled)


def test_conversations_without_votes_need_a_winner(tmp_path):
    row = {"model_a": "m", "conversation_a": talk("p", "a"), "conversation_b": talk("p", "b")}
    with pytest.raises(UserError, match="is missing the column winner; it has model_a, conversation_a"):
        read_battles(write_rows(tmp_path / "a.jsonl", [row]), labelled=True)


def test_a_sentence_on_an_ambiguous_file_ends_once(tmp_path):
    row = {"prompt": "p", "response_1": "a", "response_2": "b", "answer_a": "b", "answer_b": "a", "winner": "A"}
    with pytest.raises(UserError, match=r"name one by columns\.$"):
        read_battles(write_rows(tmp_path / "a.jsonl", [row]), labelled=True)


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = write_rows(tmp_path / "a.csv", GERMAN)
    with pytest.raises(UserError, match="has no column antwort, which columns names as winner; it has frage, links"):
        read_battles(path, labelled=True, columns=ColumnMapping(winner="antwort"))


def test_an_unknown_winner_says_how_to_name_it(tmp_path):
    path = write_rows(tmp_path / "a.jsonl", [ROW, ROW | {"id": "6", "winner": 3}])
    with pytest.raises(UserError, match=r"line 2: winner is 3, which is unknown; .* values: \{3: a\}"):
        read_battles(path, labelled=True)


def test_a_repeated_id_with_other_content_is_another_vote(tmp_path):
    rows = [ROW, ROW | {"winner": "A"}, ROW | {"annotator": "Bo"}, ROW | {"prompt": "q"}, ROW, ROW | {"id": "5#2"}]
    table, bad = read_battles(write_rows(tmp_path / "a.jsonl", rows), labelled=True)
    assert table["id"].tolist() == ["5", "5#2", "5#3", "5#4", "5#2#2"]
    assert [row.reason for row in bad] == ["has the id of line 1 again"]


@pytest.mark.parametrize("nothing", [None, float("nan"), "", " ", "NaN", "null"])
def test_what_says_nothing_is_no_vote_and_costs_its_row(tmp_path, nothing):
    rows = [ROW | {"id": str(number)} for number in range(4)]
    rows[2]["winner"] = nothing
    table, bad = read_battles(write_rows(tmp_path / "a.jsonl", rows), labelled=True)
    assert len(table) == 3 and [row.reason for row in bad] == ["has no vote: winner is empty"]


def test_a_file_that_is_lost_as_a_whole_is_refused_whatever_its_length(tmp_path):
    rows = [ROW | {"id": str(number), "winner": None} for number in range(3)]
    path = write_rows(tmp_path / "a.jsonl", rows)
    with pytest.raises(UserError, match=r"3 of 3 rows cannot be used, .* max_rejected\. .*line 1 .*no vote"):
        read_battles(path, labelled=True)
    assert len(read_battles(path, labelled=True, max_rejected=1.0)[0]) == 0
    some = write_rows(tmp_path / "b.jsonl", [*rows, ROW | {"id": "9"}])
    assert len(read_battles(some, labelled=True)[0]) == 1
    with pytest.raises(UserError, match="3 of 4 rows"):
        read_battles(some, labelled=True, max_rejected=0.2)


@given(st.text(max_size=60))
def test_any_text_spells_a_vote_or_none_and_swapping_its_names_swaps_it(text):
    found, turned = spelled(text, {"one"}, {"two"}), spelled(text, {"two"}, {"one"})
    assert found is None or found.outcome in (0, 1, 2)
    if text.strip().lower() in ("one", "two"):
        assert found != turned


@given(st.floats(-3, 3), st.sampled_from([3, 4]))
def test_the_sign_of_a_grade_is_its_side(grade, strongest):
    vote, turned = Scale(-strongest, strongest).vote("g", grade), Scale(-strongest, strongest).vote("g", -grade)
    assert turned == Scale(strongest, -strongest).vote("g", grade)
    assert vote.weight == turned.weight
    assert (vote.outcome, turned.outcome) == ((2, 2) if grade == 0 else (1, 0) if grade > 0 else (0, 1))


def test_grades_of_another_scale_are_refused(tmp_path):
    row = {"prompt": "p", "response_1": "a", "response_2": "b"}
    rows = [row | {"prompt": str(grade), "preference_strength": grade} for grade in (1, 50)]
    with pytest.raises(UserError, match="line 2: preference_strength is 50, which is unknown"):
        read_battles(write_rows(tmp_path / "a.jsonl", rows), labelled=True)


@pytest.mark.parametrize(
    ("text", "vote"),
    [
        ("A", Vote(0)),
        ("model_b", Vote(1)),
        ("Assistant A", Vote(0)),
        ("the second response", Vote(1)),
        ("left", Vote(0)),
        ("tie (bothbad)", Vote(2, both_bad=True)),
        ("Both are bad", Vote(2, both_bad=True)),
        ("tie (inconsistent)", Vote(2)),
        ("B is much better than A", Vote(1, weight=1.5)),
        ("Response A is slightly better", Vote(0, weight=0.5)),
        ("[[C]]", Vote(2)),
        ("\U0001f448  A is better", Vote(0)),
        ("\U0001f44e  Both are bad", Vote(2, both_bad=True)),
        ("right is slightly better", Vote(1, weight=0.5)),
        ("winner_model_b", Vote(1)),
        ("ModelB", Vote(1)),
        ("response1", Vote(0)),
        ("prefer A", Vote(0)),
        ("B preferred", Vote(1)),
        ("Chatbot A", Vote(0)),
        ("Strongly prefer A", Vote(0, weight=1.5)),
        ("I slightly prefer the second answer", Vote(1, weight=0.5)),
        ("Prefer B slightly", Vote(1, weight=0.5)),
        ("A much better", Vote(0, weight=1.5)),
        ("Much better: B", Vote(1, weight=1.5)),
        ("Slightly Response 2", Vote(1, weight=0.5)),
        ("B (a bit)", Vote(1, weight=0.5)),
        ("A is a lot better", Vote(0, weight=1.5)),
        ("I prefer B", Vote(1)),
        ("5 - B is much better", Vote(1, weight=1.5)),
        ("3. About the same", Vote(2)),
        ("1) 2", None),
        ("Definitely left", Vote(0, weight=1.5)),
        ("A bit", None),
        ("a lot", None),
        ("much better", None),
        ("slightly", None),
        ("winner", None),
        ("prefer", None),
        ("winner_tie", Vote(2)),
        ("A?", None),
        ("C", None),
        ("1", None),
        ("model_c", None),
        ("A and B", None),
    ],
)
def test_spellings_by_hand(text, vote):
    assert spelled(text) == vote


def test_json_that_is_deep_or_long_costs_its_row(tmp_path):
    deep = json.dumps(ROW | {"id": "9"}).replace('"p"', "[" * 900 + '"p"' + "]" * 900)
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([json.dumps(ROW), deep]), encoding="utf-8")
    table, bad = read_battles(path, labelled=True)
    assert (len(table), len(bad)) == (1, 1)
