import numpy as np
import pytest
from judging_server import JudgingServer

from pipelines.battles.arrays import FLIP
from pipelines.battles.built_in import sample_battles
from pipelines.chat import question_asking as asking
from pipelines.errors import UserError
from stacker.learners.judges.asked_judge import ask_judge
from stacker.learners.judges.language_judge import ALLOWED, LanguageJudge
from stacker.learners.judges.params import JudgeParams
from stacker.learners.learner_interface import Fit, LearnerData

N = 12


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(asking.ask_all, "__defaults__", (*asking.ask_all.__defaults__[:-1], lambda seconds: None))


@pytest.fixture
def server():
    with JudgingServer() as found:
        yield found


@pytest.fixture(scope="module")
def battles():
    return sample_battles(N).battles


def params(server, model="judges", **more):
    return JudgeParams(name="llm", base_url=server.url, model=model, **{"seconds": 20.0, "retries": 3, **more})


def data_of(battles, flip=False):
    turned = {"response_a": "response_b", "response_b": "response_a"}
    return LearnerData(battles.rename(columns=turned) if flip else battles, None, None)


def fitted(asked, battles):
    count = len(battles)
    fit = Fit(battles["outcome"].to_numpy(), np.ones(count), np.arange(count), 0)
    return asked.learner().fit(data_of(battles), fit)


def lengths(battles):
    return np.array([len(a[0]) - len(b[0]) for a, b in zip(battles["response_a"], battles["response_b"], strict=True)])


@pytest.mark.parametrize("model", ["judges", "writes", "plain", "streams"])
def test_a_position_bias_vanishes_by_the_two_orders_whatever_the_server_gives(server, battles, tmp_path, model):
    notes = []
    asked = ask_judge(params(server, model), battles, tmp_path, note=notes.append)
    margin, _ = asked.learner().known.look_up(battles)
    if model in ("judges", "streams"):
        whole = np.array([len(turns) == 1 for turns in battles["response_a"]])
        assert np.allclose(margin[whole, 0], np.clip(lengths(battles) / 40, -4, 4)[whole], atol=1e-6)
        assert abs(asked.told["first"] - 1.5) < 1e-6
        assert asked.told["written"] == 0 and "replies came without" not in asked.sentence()
        one_line = np.abs(np.clip(lengths(battles) / 40, -4, 4)) < 1.5  # where the bias turns one of the orders
        assert np.isclose(asked.told["torn"], one_line.mean(), atol=(~whole).mean())
    else:
        far = np.abs(lengths(battles)) > 100  # beyond what the bias can turn
        assert (np.sign(margin[far, 0]) == np.sign(lengths(battles)[far])).all() and far.any()
        assert asked.told["first"] > 0
        assert f"{2 * N} replies came without probabilities, so that what they write counts" in asked.sentence()
    assert len(server.asked) == 2 * N and server.most_at_once <= 4
    assert f"{2 * N} questions to {model}, 0 of them answered before; {2 * N} calls" in notes[0]
    assert f"llm: {2 * N} calls, {asked.told['tokens_in']:,} tokens in" in notes[1]
    learner = fitted(asked, battles)
    found = learner.predict_proba(data_of(battles))
    assert (learner.predict_proba(data_of(battles, flip=True))[:, FLIP] == found).all()
    assert np.allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("model", ["busy-5", "broken-3"])
def test_a_server_that_refuses_for_a_while_is_asked_again_and_nothing_twice(server, battles, tmp_path, model):
    asked = ask_judge(params(server, model, retries=6), battles, tmp_path)
    assert asked.told["missing"] == 0 and len(server.asked) == 2 * N == len(set(server.asked))
    ask_judge(params(server, model), battles, tmp_path)
    assert len(server.asked) == 2 * N


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("status-401", "refuses the key"),
        ("status-404", "has no model status-404"),
        ("status-500", "answered with status 500"),
        ("pinned", "answered with status 400: Error code: 400 - Server is pinned to 'other'; requested 'pinned'"),
        ("status-429", "has no room now"),
        ("page", "not OpenAI's"),
        ("drops", "The connection broke"),
        ("stalls", "did not reply in 0.5 seconds"),
        ("endless", "not OpenAI's"),
    ],
)
def test_each_fault_is_one_sentence(server, battles, tmp_path, model, said):
    with pytest.raises(UserError) as found:
        ask_judge(params(server, model, retries=1, seconds=0.5 if model == "stalls" else 20.0), battles, tmp_path)
    told = str(found.value)
    assert said in told and f"0 of {2 * N} replies are kept" in told and told.count("\n") == 0 and told.endswith(".")


def test_a_server_that_is_killed_again_and_again_loses_nothing_and_is_asked_nothing_twice(battles, tmp_path):
    answered, ends = [], 0
    for _ in range(10):
        with JudgingServer() as server:
            try:
                asked = ask_judge(params(server, "dies-7", parallel=2, retries=1), battles, tmp_path)
                break
            except UserError as fault:
                ends += 1
                assert f"{7 * ends} of {2 * N} replies are kept in" in str(fault)
            finally:
                answered += server.asked
    assert ends == 3 and asked.told["missing"] == 0
    assert len(answered) == 2 * N == len(set(answered))


def test_texts_that_a_server_refuses_are_left_out_and_told(server, battles, tmp_path):
    odd = battles.copy()
    odd.at[0, "response_a"] = ("a forbidden text",)
    notes = []
    asked = ask_judge(params(server, "refuses"), odd, tmp_path, note=notes.append)
    assert asked.told["missing"] == 1 and "2 questions were refused (the first: The server" in notes[-1]
    found = fitted(asked, odd).predict_proba(data_of(odd))
    assert np.isnan(found[0]).all() and np.isfinite(found[1:]).all()


def test_a_server_that_refuses_every_question_is_told_as_such(server, battles, tmp_path):
    with pytest.raises(UserError, match=r"no verdict on 3 of 3 battles, as its server refused them \(The server at"):
        ask_judge(params(server, "status-400"), battles.iloc[:3].reset_index(drop=True), tmp_path)
    with pytest.raises(UserError, match="answered with status 400"):
        ask_judge(params(server, "status-400", parallel=1), battles, tmp_path)
    assert server.requests <= 6 + 20


def test_nonsense_is_one_sentence_and_not_paid_for_again(server, battles, tmp_path):
    for some in (battles, battles, battles.iloc[:3].reset_index(drop=True)):  # fewer than are judged by their share
        with pytest.raises(UserError, match="replies name neither A, B nor C .*I like them both"):
            ask_judge(params(server, "nonsense"), some, tmp_path)
    assert len(server.asked) == 2 * N


@pytest.mark.parametrize(
    ("limit", "name"),
    [({"most_calls": 10}, "most_calls 10"), ({"most_cost": 0.02, "price_in": 10.0}, "most_cost 0.02")],
)
def test_a_limit_stops_it_and_a_higher_one_goes_on(server, battles, tmp_path, limit, name):
    with pytest.raises(UserError, match=rf"gave no verdict on \d+ of {N} battles \(stopped by {name}\)"):
        ask_judge(params(server, **limit), battles, tmp_path)
    first = len(server.asked)
    assert 0 < first <= 12
    asked = ask_judge(params(server, max_missing=0.9), battles, tmp_path)
    assert asked.told["missing"] == 0 and len(server.asked) == 2 * N and asked.told["calls"] == 2 * N - first
    notes = []
    ask_judge(params(server, price_in=0.1), battles, tmp_path / "cheap", note=notes.append)
    for note in notes:  # a cheap model is not told as one that costs nothing
        assert float(note.split(" at the prices given")[0].split()[-1]) > 0
    priced = ask_judge(params(server, "streams", price_in=1e6, price_out=1.0), battles, tmp_path / "priced")
    assert priced.told["cost"] == pytest.approx(priced.told["tokens_in"] + 1e-6 * 2 * N)


def test_principles_are_asked_each_and_told_in_words(server, battles, tmp_path):
    asked = ask_judge(params(server, principles=("correct", "concise")), battles, tmp_path)
    assert asked.told["questions"] == ["overall", "correct", "concise"] and len(server.asked) == 6 * N
    learner = fitted(asked, battles)
    battle = data_of(battles).texts.iloc[[0]].reset_index(drop=True)
    effects = learner.judged_effects(data_of(battle), 1.0)
    assert [wording["en"] for _, wording, _ in effects][1:] == [
        "which answer is more correct",
        "which answer is more concise",
    ]
    odds = np.log(learner.predict_proba(data_of(battle))[0])
    assert odds[0] - odds[1] == pytest.approx(sum(margin for *_, margin in effects))


def test_a_saved_one_asks_again_uses_what_it_knows_and_asks_strangers_only_when_allowed(
    server, battles, tmp_path, monkeypatch
):
    asked = ask_judge(params(server), battles, tmp_path / "replies")
    learner = fitted(asked, battles)
    (tmp_path / "kept").mkdir()
    learner.save(tmp_path / "kept")
    found = LanguageJudge.load(tmp_path / "kept")
    found.folder = tmp_path / "more"
    assert (found.predict_proba(data_of(battles)) == learner.predict_proba(data_of(battles))).all()
    assert len(server.asked) == 2 * N
    new = sample_battles(5, seed=9).battles
    said = found.predict_proba(data_of(new))
    assert np.isfinite(said).all() and len(server.asked) == 2 * N + 10
    assert (found.predict_proba(data_of(new, flip=True))[:, FLIP] == said).all() and len(server.asked) == 2 * N + 10
    strange = LanguageJudge.load(tmp_path / "kept")
    strange.params = strange.params.model_copy(update={"base_url": "http://judge.example.org/v1"})
    assert np.isnan(strange.predict_proba(data_of(new))).all() and "--ask-server judge.example.org" in strange.refusal
    monkeypatch.setenv(ALLOWED, "judge.example.org")
    assert strange.refusal == ""


def test_without_its_server_a_saved_one_says_so(server, battles, tmp_path):
    learner = fitted(ask_judge(params(server, retries=0), battles, tmp_path), battles)
    (tmp_path / "kept").mkdir()
    learner.save(tmp_path / "kept")
    found = LanguageJudge.load(tmp_path / "kept")
    found.folder = tmp_path / "more"
    found.params = found.params.model_copy(update={"base_url": "http://127.0.0.1:1/v1"})
    with pytest.raises(UserError, match="does not answer: start it.*or go without it by `--without llm`"):
        found.predict_proba(data_of(sample_battles(3, seed=9).battles))
