"""Two verdicts of one judge, however it is asked: the second is exact, explained, saved, and refused by name."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from even_judge import even_judge
from small_judges import battles, small_judge

from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError
from stacker import predict
from stacker.audit import __main__ as audit
from stacker.evaluate import __main__ as evaluate
from stacker.judge.any_judge import open_judge
from stacker.judge.judge import Judge
from stacker.judge.judge_folder import CHECKS
from stacker.learners.checks.even_style import FILE, GROUPS
from stacker.learners.stacking.recalibration import Recalibration
from stacker.recalibrate import Recalibrated, judge_of

BATTLE = (
    "Why is the sky blue?",
    "It is.",
    "Air scatters short waves more than long ones, so that blue light comes from all sides.",
)


@pytest.fixture(scope="module")
def judge():
    return even_judge()


@pytest.fixture(scope="module")
def frame():
    return sample_battles(8, 3).battles[list(TEXT_COLUMNS)]


@pytest.fixture(scope="module")
def saved(judge, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judges") / "even"
    judge.save(folder)
    return folder


@pytest.fixture(scope="module")
def votes(tmp_path_factory):
    rows, outcome = battles(40, 5)
    path = tmp_path_factory.mktemp("votes") / "votes.jsonl"
    table = rows.assign(id=[str(row) for row in range(len(rows))], winner=[("A", "B", "tie")[each] for each in outcome])
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_dict("records")))
    return path


def swapped(frame):
    return frame.rename(columns={"response_a": "response_b", "response_b": "response_a"})[list(TEXT_COLUMNS)]


def test_swapping_the_sides_swaps_the_second_verdict(judge, frame):
    there, back = (judge.predict_proba(each, control="style") for each in (frame, swapped(frame)))
    np.testing.assert_allclose(there, back[:, FLIP], rtol=0, atol=1e-9)
    assert not np.allclose(there, judge.predict_proba(frame))


def test_every_way_of_asking_gives_the_same_numbers(judge, frame):
    many = judge.compare_many(frame, control="style")
    np.testing.assert_array_equal(many.to_numpy(), judge.predict_proba(frame, control="style"))
    one = judge.compare(*frame.iloc[0], control="style")
    assert one.probabilities == tuple(many.iloc[0])
    prompt, a, b = BATTLE
    first, second = judge.rank(prompt, [a, b], control="style")
    better = 0 if judge.compare(*BATTLE, control="style").margin > 0 else 1
    assert (first.place, second.place) == (better, 1 - better)


def test_the_explanation_adds_up_to_the_second_verdict(judge, frame):
    for row in range(4):
        found = judge.explain(*frame.iloc[row], control="style")
        assert found.verdict == judge.compare(*frame.iloc[row], control="style")
        assert [part.group for part in found.groups] == [*GROUPS, "checks"]
        assert sum(part.margin for part in found.groups) == pytest.approx(found.verdict.margin, abs=1e-9)
        assert found.base_tie + sum(part.tie for part in found.groups) == pytest.approx(found.verdict.tie_log_odds)
        assert sum(part.margin for part in found.features) == pytest.approx(found.tree_margin, abs=1e-9)
        assert "length, layout and tone do not count" in found.lines()[1]
        json.dumps(found.to_dict(), allow_nan=False)
    assert any("Feature by feature" in line for line in found.lines())


def test_a_judge_without_it_says_so_in_one_sentence(frame):
    judge = small_judge(embedding=False)
    for ask in (
        lambda: judge.predict_proba(frame, control="style"),
        lambda: judge.explain(*BATTLE, control="style"),
        lambda: judge.rank(BATTLE[0], BATTLE[1:], control="style"),
    ):
        with pytest.raises(UserError, match="has no verdict with style held equal"):
            ask()
    with pytest.raises(UserError, match="control length: is none that there is"):
        even_judge().compare(*BATTLE, control="length")


def test_a_threshold_is_for_verdicts_as_voted_alone(judge, frame):
    found = Recalibrated(Recalibration(1.5, 0.1), np.zeros((0, 3)), None, [], None)
    again = judge_of(judge, found, 20)
    assert again.even_style is judge.even_style
    voted, even = (judge.predict_proba(frame, control=control) for control in (None, "style"))
    new = again.predict_proba(frame, control="style")
    np.testing.assert_allclose(np.log(new[:, 0] / new[:, 1]), np.log(even[:, 0] / even[:, 1]), atol=1e-9)
    assert not np.allclose(again.predict_proba(frame), voted)
    assert judge.decided(voted, "style") is None


def test_a_saved_judge_has_both_verdicts_and_an_old_one_loads(judge, saved, frame, tmp_path):
    loaded = Judge.load(saved)
    for control in (None, "style"):
        np.testing.assert_array_equal(
            loaded.predict_proba(frame, control=control), judge.predict_proba(frame, control=control)
        )
    small_judge(embedding=False).save(tmp_path / "old")
    assert Judge.load(tmp_path / "old").even_style is None
    shutil.copytree(saved, tmp_path / "changed")
    path = tmp_path / "changed" / CHECKS / FILE
    path.write_text(path.read_text().replace('"temperature"', '"temperatur"'))
    with pytest.raises(UserError, match="incomplete or corrupt"):
        Judge.load(tmp_path / "changed")


def test_predict_writes_the_verdicts_that_were_asked_for(judge, saved, votes, tmp_path):
    rows = battles(40, 5)[0]
    for control in (None, "style"):
        out = tmp_path / f"{control}.csv"
        more = [] if control is None else ["--control", control]
        predict.main([str(saved), str(votes), "--out", str(out), "--threads", "1", *more])
        found = pd.read_csv(out)[list(OUTCOMES)].to_numpy()
        np.testing.assert_allclose(found, judge.predict_proba(rows, control=control), atol=1e-12)


def test_evaluate_and_audit_measure_the_verdict_that_was_asked_for(saved, votes, tmp_path, capsys):
    out = tmp_path / "evaluation.json"
    evaluate.main([str(saved), str(votes), "--control", "style", "--json", str(out), "--threads", "1"])
    assert json.loads(out.read_text())["judge"]["about"].endswith("with style held equal")
    assert "with style held equal" in capsys.readouterr().out
    out = tmp_path / "audit.json"
    arguments = ["--probes", "twice", "--rows", "10", "--threads", "1", "--json", str(out)]
    audit.main([str(saved), str(votes), "--control", "style", *arguments])
    assert out.exists()


def test_a_file_of_verdicts_has_no_second_verdict(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"id": "1", "winner": "A"}\n')
    with pytest.raises(UserError, match="leave out --control"):
        open_judge(path, control="style")


def test_the_server_gives_the_bits_of_python_for_either_verdict(judge, saved):
    pytest.importorskip("fastapi", reason="the extra serve is not installed")
    pytest.importorskip("uvicorn", reason="the extra serve is not installed")
    from served import ask, served

    battle = dict(zip(TEXT_COLUMNS, BATTLE, strict=True))
    expected = judge.compare(*BATTLE, control="style")
    with served(folder=saved) as server:
        port = server.port
        status, found = ask(port, "/compare", battle | {"control": "style"})[:2]
        assert status == 200 and tuple(found[name] for name in OUTCOMES) == expected.probabilities
        many = ask(port, "/compare_many", {"battles": [battle, battle], "control": "style"})[1]["verdicts"]
        assert [tuple(each[name] for name in OUTCOMES) for each in many] == [expected.probabilities] * 2
        voted = ask(port, "/compare", battle)[1]
        assert tuple(voted[name] for name in OUTCOMES) == judge.compare(*BATTLE).probabilities
        why = ask(port, "/explain", battle | {"control": "style"})[1]
        assert [each["group"] for each in why["groups"]] == [*GROUPS, "checks"]
        ranked = ask(port, "/rank", {"prompt": BATTLE[0], "answers": list(BATTLE[1:]), "control": "style"})[1][
            "ranking"
        ]
        assert ranked[0]["place"] == judge.rank(BATTLE[0], BATTLE[1:], control="style")[0].place
        assert ask(port, "/compare", battle | {"control": "length"})[0] == 422
