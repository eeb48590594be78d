"""Files of the tools that take votes: right count, right sides, right votes; what is no vote is passed over."""

import json

import pandas as pd
import pytest
from support.vote_files import BATTLES, DECIDED, MODELS, expect_battles, read_form, talk, write_rows

from pipelines.errors import UserError
from pipelines.formats.reading import read_battles


def test_fastchats_log_gives_its_votes_and_passes_over_its_chats(tmp_path):
    kinds = {"a": "leftvote", "b": "rightvote", "tie": "tievote"}
    rows = []
    for prompt, first, second, winner in BATTLES:
        states = [
            {
                "roles": ["USER", "ASSISTANT"],
                "messages": [["USER", "hidden"], ["ASSISTANT", "shot"], ["USER", prompt], ["ASSISTANT", answer]],
                "offset": 2,
                "model_name": model,
                "conv_id": f"{model}{prompt}",
            }
            for answer, model in zip((first, second), MODELS, strict=True)
        ]
        rows.append({"tstamp": 1.0, "type": "chat", "model": MODELS[0], "state": states[0]})
        rows.append({"tstamp": 2.0, "type": kinds[winner], "models": ["", ""], "states": states, "ip": "10.0.0.1"})
    rows.append({**rows[-1], "type": "bothbad_vote"})
    rows.append({"tstamp": 3.0, "type": "flag", "states": rows[-1]["states"]})
    table, form = read_form(tmp_path / "log.json", rows)
    assert form == "FastChat's raw log"
    expect_battles(table[:-1])
    assert table["both_bad"].tolist() == [False] * 4 + [True]
    assert set(table["model_a"]) == {"m-red"} and table["annotator"].iloc[0] == "10.0.0.1"
    chats = write_rows(tmp_path / "chats.jsonl", [row for row in rows if row["type"] == "chat"])
    with pytest.raises(UserError, match="FastChat's raw log, and none of its 4 rows is a vote"):
        read_battles(chats, labelled=True)


def open_webui(rating, answers, rated=0, number=0):
    ids = [f"a{place}" for place in range(len(answers))]
    messages = {
        "s": {"id": "s", "parentId": None, "childrenIds": ["p"], "role": "user", "content": "Hello"},
        "p": {"id": "p", "parentId": "s", "childrenIds": ["u"], "role": "assistant", "content": "Hi", "model": "m"},
        "u": {"id": "u", "parentId": "p", "childrenIds": ids, "role": "user", "content": "Which?"},
    }
    for place, text in enumerate(answers):
        about = {"model": "arena-model", "selectedModelId": f"m{place}", "role": "assistant", "childrenIds": []}
        messages[ids[place]] = {"id": ids[place], "parentId": "u", "content": text, **about}
    return {
        "id": f"f{number}",
        "user_id": "ann",
        "type": "rating",
        "data": {"rating": rating, "model_id": f"m{rated}"},
        "meta": {"message_id": f"a{rated}"},
        "snapshot": {"chat": {"chat": {"history": {"messages": messages, "currentId": "a0"}}}},
    }


def test_open_webuis_ratings_are_votes_against_the_siblings(tmp_path):
    rows = [
        open_webui(1, ["x", "y"], 0, 0),
        open_webui(-1, ["x", "y"], 0, 1),
        open_webui(1, ["x", "y"], 1, 2),
        open_webui(0, ["x", "y"], 1, 3),
        open_webui("-1", ["x", "y", "z"], 1, 4),
        open_webui(1, ["alone"], 0, 5),
    ]
    told = []
    table, bad = read_battles(write_rows(tmp_path / "export.json", rows), labelled=True, note=told.append)
    assert not bad and "open-webui's feedback export, 6 votes (1 row besides is none)." in told[0]
    assert set(table["prompt"]) == {("Hello", "Which?")}
    assert table["response_a"].tolist() == [("Hi", "x")] * 5 + [("Hi", "y")]
    assert table["response_b"].tolist() == [("Hi", "y")] * 5 + [("Hi", "z")]
    assert table["outcome"].tolist() == [0, 1, 1, 2, 0, 1]
    assert table["model_b"].tolist() == ["m1"] * 5 + ["m2"]
    assert set(table["annotator"]) == {"ann"}


def test_a_rating_without_its_chat_is_named(tmp_path):
    good = [open_webui(1, ["x", "y"], 0, number) for number in range(3)]
    path = write_rows(tmp_path / "a.json", [*good, {**good[0], "id": "f9", "snapshot": None}])
    table, bad = read_battles(path, labelled=True)
    assert len(table) == 3 and "no snapshot of the chat" in bad[0].reason


def label_studio(number, result):
    prompt, first, second, _ = BATTLES[number]
    annotation = {"id": 100 + number, "completed_by": 1, "result": result, "was_cancelled": False}
    return {"id": number, "annotations": [annotation], "data": {"prompt": prompt, "answer1": first, "answer2": second}}


def test_label_studios_tasks_and_tables(tmp_path):
    chosen = [{"a": "left", "b": "right"}.get(winner, "tie") for *_, winner in BATTLES]
    rows = [
        label_studio(
            number,
            [{"type": "pairwise", "value": {"selected": side}, "to_name": "answer1,answer2", "from_name": "pw"}]
            if side != "tie"
            else [{"type": "choices", "value": {"choices": ["Tie"]}, "from_name": "equal"}],
        )
        for number, side in enumerate(chosen)
    ]
    table, form = read_form(tmp_path / "tasks.json", rows)
    assert form == "Label Studio's export"
    expect_battles(table)
    again = json.loads(json.dumps(rows))
    again[0]["annotations"].append(
        {"id": 7, "completed_by": {"id": 3}, "result": [{"type": "pairwise", "value": {"selected": "right"}}]}
    )
    again[1]["annotations"][0]["was_cancelled"] = True
    table, bad = read_battles(write_rows(tmp_path / "again.json", again), labelled=True)
    assert table["outcome"].tolist() == [0, 1, 2, 1] and table["annotator"].tolist() == ["1", "3", "1", "1"]
    assert table["id"].tolist() == ["0-100", "0-7", "2", "3"]
    assert [row.reason for row in bad] == ["has no vote: no annotation that was not cancelled"]
    flat = [
        {"id": number, **row["data"], "pw": side, "annotator": 1, "annotation_id": 9, "lead_time": 3.5}
        for number, (row, side) in enumerate(zip(rows, chosen, strict=True))
    ]
    for name in ("min.json", "min.csv"):
        table, form = read_form(tmp_path / name, flat)
        assert form == "Label Studio's export" and set(table["annotator"]) == {"1"}
        expect_battles(table)
    listed = [row | {"pw": [{"selected": row["pw"]}]} for row in flat]  # as its converter writes what is no choice
    for name in ("list.json", "list.csv"):
        expect_battles(read_form(tmp_path / name, listed)[0])
    pd.DataFrame(rows).to_csv(tmp_path / "printed.csv", index=False)
    expect_battles(read_battles(tmp_path / "printed.csv", labelled=True)[0])


def test_argillas_records_and_tables(tmp_path):
    values = {"a": "response-1", "b": "response-2", "tie": "tie"}
    by_question, by_person, flat, old = [], [], [], []
    for number, (prompt, first, second, winner) in enumerate(BATTLES):
        fields, value = {"prompt": prompt, "response-1": first, "response-2": second}, values[winner]
        record = {"id": str(number), "fields": fields}
        by_question.append({**record, "responses": {"better": [{"value": value, "user_id": "u1"}]}})
        submitted = {"user_id": "u1", "status": "submitted", "values": {"better": {"value": value}}}
        by_person.append({**record, "responses": [submitted, {"user_id": "u2", "status": "discarded", "values": {}}]})
        named = {"better.responses": [value], "better.responses.users": ["u1"]}
        flat.append({"id": str(number), **fields, **named, "better.responses.status": ["submitted"]})
        old.append({**fields, "better": [{"user_id": "u1", "value": value, "status": "submitted"}]})
    for name, rows in (("q.json", by_question), ("p.jsonl", by_person), ("f.parquet", flat), ("o.jsonl", old)):
        table, form = read_form(tmp_path / name, rows)
        assert form == "Argilla's export" and set(table["annotator"]) == {"u1"}
        expect_battles(table)


def test_argillas_other_questions_are_no_votes_and_several_votes_are_refused(tmp_path):
    values = {"a": "response-1", "b": "response-2", "tie": "tie"}
    by_question, flat = [], []
    for number, (prompt, first, second, winner) in enumerate(BATTLES):
        fields, value = {"prompt": prompt, "response-1": first, "response-2": second}, values[winner]
        said = {"comment": "Well.", "stars": 1 + number, "who": value}
        responses = {question: [{"value": each, "user_id": "u1"}] for question, each in said.items()}
        by_question.append({"id": str(number), "fields": fields, "responses": responses})
        columns = {f"{question}.responses": [each] for question, each in said.items()}
        flat.append({"id": str(number), **fields, **columns})
    for name, rows in (("q.json", by_question), ("f.parquet", flat), ("f.jsonl", flat)):
        expect_battles(read_form(tmp_path / name, rows)[0])
    path = write_rows(tmp_path / "two.jsonl", [row | {"safe.responses": ["response-1"]} for row in flat])
    with pytest.raises(UserError, match=r"two.jsonl: is Argilla's export with several .* who and safe; export one"):
        read_battles(path, labelled=True)
    usual = [row | {"preference.responses": row["who.responses"], "who.responses": ["response-1"]} for row in flat]
    expect_battles(read_form(tmp_path / "usual.jsonl", usual)[0])


def test_argillas_rankings_give_a_vote_a_pair(tmp_path):
    fields = {"prompt": "p", "response1": "x", "response2": "y", "response3": "z"}
    ranking = [{"value": f"response{n}", "rank": rank} for n, rank in ((1, 2), (2, 1), (3, 2))]
    row = {"id": "7", "fields": fields, "responses": {"order": [{"value": ranking, "user_id": "u"}]}}
    table, _ = read_form(tmp_path / "a.json", [row])
    sides = [*zip(table["response_a"], table["response_b"], strict=True)]
    assert sides == [(("x",), ("y",)), (("x",), ("z",)), (("y",), ("z",))]
    assert table["outcome"].tolist() == [1, 2, 0] and table["id"].tolist() == ["7", "7#2", "7#3"]


def test_prodigys_choices_and_comparisons(tmp_path):
    accepted = {"a": ["A"], "b": ["B"], "tie": ["A", "B"]}
    choice = [
        {
            "text": prompt,
            "options": [{"id": "A", "text": first}, {"id": "B", "text": second}],
            "accept": accepted[winner],
            "answer": "accept",
            "_annotator_id": "ann",
            "_task_hash": number,
        }
        for number, (prompt, first, second, winner) in enumerate(BATTLES)
    ]
    table, form = read_form(tmp_path / "choice.jsonl", choice)
    assert form == "Prodigy's export" and set(table["annotator"]) == {"ann"}
    expect_battles(table)
    ignored, none = {**choice[0], "_task_hash": 9, "answer": "ignore"}, {**choice[0], "_task_hash": 10, "accept": []}
    table, bad = read_battles(write_rows(tmp_path / "ignored.jsonl", [*choice, ignored, none]), labelled=True)
    assert len(table) == 4 and [row.reason.partition(":")[0] for row in bad] == ["has no vote"] * 2
    compared = [
        {
            "id": number,
            "input": {"text": prompt},
            "accept": {"text": second},
            "reject": {"text": first},
            "mapping": {"A": "reject", "B": "accept"},
            "answer": "reject" if winner == "a" else "accept",
        }
        for number, (prompt, first, second, winner) in enumerate(DECIDED)
    ]
    table, form = read_form(tmp_path / "compare.jsonl", compared)
    assert form == "Prodigy's export" and table["outcome"].tolist() == [0, 1, 1]
    assert table["response_a"].tolist() == [(battle[1],) for battle in DECIDED]


def test_prodigys_options_may_be_buttons_and_may_say_tie(tmp_path):
    buttons = {"a": "A", "b": "B", "tie": "no"}
    options = [{"id": "A", "text": "Left"}, {"id": "B", "text": "Right"}, {"id": "no", "text": "Both are equal"}]
    rows, written = [], []
    for number, (prompt, first, second, winner) in enumerate(BATTLES):
        task = {"_task_hash": number, "answer": "accept", "accept": [buttons[winner]]}
        rows.append({**task, "prompt": prompt, "response_a": first, "response_b": second, "options": options})
        answers = [{"id": "A", "text": first}, {"id": "B", "text": second}, options[2]]
        written.append({**task, "text": prompt, "options": answers})
    for name, tasks in (("buttons.jsonl", rows), ("answers.jsonl", written)):
        expect_battles(read_form(tmp_path / name, tasks)[0])
    bare = [{key: value for key, value in row.items() if not key.startswith("response")} for row in rows]
    with pytest.raises(UserError, match="options name sides, and the row has no two answers"):
        read_battles(write_rows(tmp_path / "bare.jsonl", bare), labelled=True)


def comparia(number, model, equal=False):
    prompt, first, second, _ = BATTLES[number]
    return {
        "id": number,
        "model_a_name": MODELS[0],
        "model_b_name": MODELS[1],
        "chosen_model_name": model,
        "both_equal": equal,
        "conversation_a": talk(prompt, first),
        "conversation_b": talk(prompt, second),
        "opening_msg": prompt,
        "visitor_id": "v",
    }


def test_comparias_votes_name_the_model_that_was_chosen(tmp_path):
    rows = [comparia(0, "m-red"), comparia(1, "m-blue"), comparia(2, None, True), comparia(3, "m-blue")]
    for name in ("a.parquet", "a.jsonl"):
        table, form = read_form(tmp_path / name, rows)
        assert form == "compar:IA's votes" and table["model_a"].tolist() == ["m-red"] * 4
        expect_battles(table)
    same = comparia(0, "m-red") | {"id": 9, "model_b_name": "m-red"}
    _, bad = read_battles(write_rows(tmp_path / "b.jsonl", [*rows, same]), labelled=True)
    assert "one model on both sides" in bad[0].reason
