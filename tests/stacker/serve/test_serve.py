"""The server gives what the judge gives in Python, whatever it is sent, and whoever asks at the same time."""

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")
pytest.importorskip("uvicorn", reason="the extra serve is not installed")

from served import ask, served
from small_judges import battles, small_judge

from pipelines.battles.built_in import sample_battles
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from stacker.judge.abstention import Abstention, certainty
from stacker.judge.judge import Judge
from stacker.learners.stacking.recalibration import Recalibration
from stacker.serve import __main__ as command
from stacker.serve.request_bounds import Limits

ODD = ["\ud800 lone", "nul \x00 and \x7f", "𝒳" * 3000, "e" + "\u0301" * 500, "", "﷽" * 200, "a\r\n\t b" * 50]
LIMITS = Limits(characters=5000, battles=60, body=200_000)
BATTLE = {"prompt": "Why?", "response_a": "So it is.", "response_b": "No."}


@pytest.fixture(scope="module")
def server():
    with served(limits=LIMITS) as found:
        yield found


@pytest.fixture(scope="module")
def judge():
    return Judge.load()


def bodies(count):
    rows = sample_battles(count, 11).battles
    return [{name: list(row[name]) for name in TEXT_COLUMNS} for _, row in rows.iterrows()]


def ranked(answers):
    return [{name: value for name, value in asdict(each).items() if value is not None} for each in answers]


def said(verdict):
    return tuple(verdict[name] for name in OUTCOMES)


def test_fifty_clients_at_once_get_the_bits_of_python(server, judge):
    asked = bodies(50)
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda body: ask(server.port, "/compare", body), asked))
    assert [status for status, _, _ in found] == [200] * 50
    expected = [judge.compare(**body).probabilities for body in asked]
    assert [said(verdict) for _, verdict, _ in found] == expected


def test_many_rank_and_explain_give_what_the_judge_gives(server, judge):
    asked = bodies(30)
    _, found, _ = ask(server.port, "/compare_many", {"battles": asked})
    assert [said(each) for each in found["verdicts"]] == [judge.compare(**body).probabilities for body in asked]
    answers = [body["response_a"] for body in asked[:4]]
    _, found, _ = ask(server.port, "/rank", {"prompt": "Why?", "answers": answers, "votes": 7, "level": 0.9})
    assert found["ranking"] == ranked(judge.rank("Why?", answers, votes=7, level=0.9))
    assert "decided" not in str(found) and {each["name"] for each in found["ranking"]} == {""}
    named = dict(zip(("b", "\ud800", "", "b "), answers, strict=True))
    _, found, _ = ask(server.port, "/rank", {"prompt": "Why?", "answers": named})
    assert found["ranking"] == ranked(judge.rank("Why?", named))
    assert {each["name"]: each["place"] for each in found["ranking"]} == {name: at for at, name in enumerate(named)}
    _, found, _ = ask(server.port, "/explain", asked[0])
    explained = judge.explain(**asked[0])
    assert found == json.loads(json.dumps(explained.to_dict() | {"sentences": explained.lines()}))
    assert ask(server.port, "/compare_many", {"battles": []})[:2] == (200, {"verdicts": []})


def test_a_judge_with_a_threshold_says_what_it_decides_as_in_python(tmp_path):
    fitted = small_judge(embedding=False, kinds=("linear",))
    frame, _ = battles(30, 8)
    said_first = fitted.predict_proba(frame)
    threshold = float(np.median(certainty(said_first)))
    fitted.abstention = Abstention(threshold, Recalibration(1.0, 0.0), 0.6, 0.9, 90, 40)
    fitted.save(tmp_path / "judge")
    own = Judge.load(tmp_path / "judge")
    asked = [{name: list(row[name]) for name in TEXT_COLUMNS} for _, row in frame.iterrows()]
    with served(tmp_path / "judge") as found:
        given = ask(found.port, "/compare_many", {"battles": asked})[1]["verdicts"]
        one = ask(found.port, "/compare", asked[0])[1]
        explained = ask(found.port, "/explain", asked[0])[1]
        answers = {str(at): body["response_a"] for at, body in enumerate(asked[:5])}
        order = ask(found.port, "/rank", {"prompt": "Why?", "answers": answers})[1]["ranking"]
        page = ask(found.port, "/docs")[1]
    decided = [each["decided"] for each in given]
    assert decided == [own.compare(**body).decided for body in asked] and 0 < sum(decided) < 30
    assert one == given[0]
    assert explained["verdict"]["decided"] == decided[0]
    assert order == ranked(own.rank("Why?", answers)) and all(0 <= each["decided"] <= 1 for each in order)
    assert "at least 0.6 of the battles that it decides" in page and "true or false" in page


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_get_the_verdict_of_python_and_swapped_the_flipped_one(server, judge, text):
    status, found, _ = ask(server.port, "/compare", {"prompt": text, "response_a": text, "response_b": ["a", text]})
    assert (status, said(found)) == (200, judge.compare(text, text, ["a", text]).probabilities)
    _, back, _ = ask(server.port, "/compare", {"prompt": text, "response_a": ["a", text], "response_b": text})
    assert said(back) == tuple(np.array(said(found))[[1, 0, 2]])
    assert ask(server.port, "/explain", {"prompt": text, "response_a": text, "response_b": "b"})[0] == 200


WRONG = [
    ("/compare", b'{"prompt": 1', 400, "no JSON"),
    ("/compare", b"[" * 100_000, 400, "deeply"),
    ("/compare", b'{"prompt": ' + b"1" * 9000 + b"}", 400, "numbers"),
    ("/compare", b"\xff\xfe{}", 400, "no JSON"),
    ("/compare", b"", 422, "missing"),
    ("/compare", b"[]", 422, "no JSON object"),
    ("/compare", b'{"prompt": NaN, "response_a": "", "response_b": ""}', 422, "prompt: "),
    ("/compare", {**BATTLE, "response_a": ["x", 3]}, 422, "response_a: "),
    ("/compare", {**BATTLE, "id": 3}, 422, "id: is no field"),
    ("/compare", {"prompt": "", "response_a": ""}, 422, "response_b: is missing"),
    ("/compare", {**BATTLE, "prompt": "x" * 5001}, 413, "5,001 characters"),
    ("/compare", {**BATTLE, "prompt": ["x" * 2501] * 2}, 413, "5,002 characters"),
    ("/compare_many", {"battles": [BATTLE] * 61}, 413, "61 battles"),
    ("/compare_many", {"battles": [BATTLE, {**BATTLE, "prompt": None}]}, 422, "battles, place 1, prompt: "),
    ("/rank", {"prompt": "", "answers": ["x"] * 12}, 413, "66 pairs"),
    ("/rank", {"prompt": "", "answers": []}, 422, "answers: "),
    ("/rank", {"prompt": "", "answers": "one text"}, 422, "answers: holds one text"),
    ("/rank", {"prompt": "", "answers": {}}, 422, "answers: holds no answer"),
    ("/rank", {"prompt": "", "answers": {"a": "x", "b": 3}}, 422, "answers: place 1 holds int"),
    ("/rank", {"prompt": "", "answers": ["x"], "votes": 0}, 422, "votes: "),
    ("/rank", {"prompt": "", "answers": ["x"], "votes": True}, 422, "votes: "),
    ("/rank", {"prompt": "", "answers": ["x"], "level": 1}, 422, "level: "),
    ("/rank", b'{"prompt": "", "answers": ["x"], "level": NaN}', 422, "level: "),
    ("/compare", b"x" * 200_001, 413, "200,000 bytes"),
    ("/nowhere", BATTLE, 404, "no address"),
]


@pytest.mark.parametrize(("path", "body", "status", "words"), WRONG)
def test_what_cannot_be_answered_is_refused_in_one_sentence(server, path, body, status, words):
    found, told, _ = ask(server.port, path, body)
    assert (found, list(told)) == (status, ["error"])
    assert words in told["error"] and told["error"].endswith(".") and "\n" not in told["error"]


def test_a_body_is_refused_while_it_comes_when_nobody_said_how_long_it_is(server):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/compare", iter([b"x" * 50_000] * 8), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 413 and b"200,000 bytes" in answer.read()
    connection.close()


def test_a_body_that_is_no_json_by_its_type_is_refused(server):
    status, told, _ = ask(server.port, "/compare", BATTLE, **{"Content-Type": "text/plain"})
    assert status == 422 and "Content-Type" in told["error"]


def test_health_the_description_and_its_page(server):
    from stacker.learners.judges.starter_prior import judge_hash, starter_folder

    _, found, _ = ask(server.port, "/health")
    assert (found["status"], found["judge"], found["sha256"]) == ("ok", "starter judge", judge_hash(starter_folder()))
    status, page, headers = ask(server.port, "/docs")
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.findall(r"(?:src|href)=.(?:https?:|//)", page) and "<script" not in page
    _, described, _ = ask(server.port, "/openapi.json")
    for path in described["paths"]:
        assert f"<code>{path}</code>" in page
    for name in (
        "winner_tie",
        "verdicts[].preferred",
        "ranking[].name",
        "ranking[].decided",
        "verdicts[].decided",
        "groups[].margin",
        "trained_on",
    ):
        assert f"<code>{name}</code>" in page
    examples = re.findall(r"8000(/\w+) -H [^<]*? -d '(.*?)'</code>", page.replace("&#39;", "'"), re.DOTALL)
    assert {path for path, _ in examples} == {"/compare", "/compare_many", "/rank", "/explain"}
    for path, example in examples:
        assert ask(server.port, path, example.replace("&#34;", '"').encode())[0] == 200


def test_a_token_is_asked_for_and_health_needs_none():
    with served(token="opensesame") as found:
        assert ask(found.port, "/compare", BATTLE)[0] == 401
        assert ask(found.port, "/compare", BATTLE, Authorization="Bearer opensesam")[0] == 401
        assert ask(found.port, "/compare", BATTLE, Authorization="Basic opensesame")[0] == 401
        assert ask(found.port, "/compare", BATTLE, Authorization="Bearer opensesame")[0] == 200
        assert ask(found.port, "/docs")[0] == 401 and ask(found.port, "/health")[0] == 200
        assert ask(found.port, "/compare", BATTLE)[2]["WWW-Authenticate"] == "Bearer"


def test_a_missing_extra_and_a_judge_that_is_none_are_one_sentence(tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([str(tmp_path), "--port", "0"])
    assert ended.value.code == 2 and capsys.readouterr().err.count("\n") == 1
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        command.main([])
    told = capsys.readouterr().err
    assert ended.value.code == 2 and told.startswith("stacker.serve: needs fastapi") and "[serve]" in told


def test_the_command_serves_and_ends_gracefully_with_its_processes():
    import psutil

    started = subprocess.Popen(
        [sys.executable, "-u", "-m", "stacker.serve", "--port", "0", "--processes", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    with started:
        try:
            lines = [started.stdout.readline(), started.stdout.readline()]
            port = int(re.search(r"127\.0\.0\.1:(\d+)", lines[1])[1])
            children = psutil.Process(started.pid).children()
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(ask, port, "/compare_many", {"battles": bodies(60) * 10})
                while ask(port, "/health")[1]["waiting"] == 0 and not answer.done():
                    pass
                started.terminate()
                assert answer.result()[0] == 200  # what is asked before the end is answered
            started.wait(60)
            _, alive = psutil.wait_procs(children, timeout=30)
            assert alive == [] and "Traceback" not in started.stderr.read()
        finally:
            started.kill()


@pytest.mark.load
def test_fifty_clients_that_pause_between_verdicts_wait_less_than_four_times_as_long_as_one(judge):
    """Ninety-five of a hundred of them, against the same share of one client's that asks alone, in the same run.

    They pause so long that together they ask half of what one process can do: a second each where a verdict takes .01.
    Fifty clients that never pause are bound by the cores instead: what a verdict costs then stands in SPEED.md.
    """
    asked = bodies(50)
    with served(processes=2) as found:
        alone = []
        for body in asked:
            start = time.perf_counter()
            assert ask(found.port, "/compare", body)[0] == 200
            alone.append(time.perf_counter() - start)

        def client(number):
            times, begun = [], time.perf_counter()
            for turn in range(4):
                time.sleep(max(0.0, begun + (turn + number / 50) * pause - time.perf_counter()))
                start = time.perf_counter()
                status, verdict, _ = ask(found.port, "/compare", asked[(number + turn) % 50])
                times.append(time.perf_counter() - start)
                assert (status, said(verdict)) == (200, expected[(number + turn) % 50])
            return times

        expected, pause = [judge.compare(**body).probabilities for body in asked], 100 * np.mean(alone)
        with ThreadPoolExecutor(50) as pool:
            times = np.concatenate(list(pool.map(client, range(50))))
    assert np.quantile(times, 0.95) < 4 * np.quantile(alone, 0.95)
