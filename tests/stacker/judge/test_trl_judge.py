"""TRL's trainers take a judge of this project, and its numbers are those of the judge, whoever stands first."""

import sys
from abc import ABC, abstractmethod
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from pipelines.errors import UserError
from stacker.judge import trl_judge
from stacker.judge.judge import Judge
from stacker.judge.trl_judge import PairwiseStackerJudge, RankStackerJudge, StackerReward

PROMPTS = ["Why is the sky blue?", "Name a colour."]
PAIRS = [["It is.", "Air scatters short waves more than long ones."], ["Blue, as the sea on a clear day.", "No"]]


@pytest.fixture(scope="module")
def judge():
    return Judge.load()


def test_the_pairwise_judge_says_what_the_judge_prefers_in_either_order(judge):
    verdicts = [judge.compare(prompt, *pair) for prompt, pair in zip(PROMPTS, PAIRS, strict=True)]
    asked = PairwiseStackerJudge(judge)
    expected = [0 if each.a >= each.b else 1 for each in verdicts]
    assert asked.judge(PROMPTS, PAIRS) == expected
    swapped = [pair[::-1] for pair in PAIRS]
    assert asked.judge(PROMPTS, swapped, shuffle_order=False) == [1 - each for each in expected]
    scores = asked.judge(PROMPTS, PAIRS, return_scores=True)
    assert scores == pytest.approx([each.expected_score for each in verdicts], abs=1e-12)
    assert asked.judge(PROMPTS, swapped, return_scores=True) == pytest.approx([1 - each for each in scores], abs=1e-12)
    assert asked.judge([], []) == []


def test_messages_are_read_as_their_texts(judge):
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi, what is it?"},
        {"role": "user", "content": PROMPTS[0]},
    ]
    pair = [[{"role": "assistant", "content": text}] for text in PAIRS[0]]
    expected = judge.compare(["Hello", PROMPTS[0]], *(["Hi, what is it?", text] for text in PAIRS[0]))
    found = PairwiseStackerJudge(judge).judge([talk], [pair], return_scores=True)
    assert found == [expected.expected_score]


def test_a_chat_that_trl_wrote_as_one_text_is_read_without_its_frame(judge):
    """As the trainer of online DPO gives it: the names of the speakers are no words of theirs."""
    prompt = f"System: Be brief.\n\nUser: Hello\n\nAssistant: Hi, what is it?\n\nUser: {PROMPTS[0]}\n\n"
    pair = [f"Assistant: {text}\n\n" for text in PAIRS[0]]
    expected = judge.compare(["Hello", PROMPTS[0]], *(["Hi, what is it?", text] for text in PAIRS[0]))
    asked = PairwiseStackerJudge(judge)
    assert asked.judge([prompt], [pair], return_scores=True) == [expected.expected_score]
    as_it_stands = judge.compare(PROMPTS[0], *pair).expected_score
    assert asked.judge([PROMPTS[0]], [pair], return_scores=True) == [as_it_stands]


def test_the_rank_judge_orders_as_the_judge_does(judge):
    answers = [*PAIRS[0], "Ask your teacher, who knows."]
    found = RankStackerJudge(judge).judge([*PROMPTS, "Alone?"], [answers, PAIRS[1], ["yes"]])
    assert found[0] == [ranked.place for ranked in judge.rank(PROMPTS[0], answers)]
    assert sorted(found[1]) == [0, 1] and found[2] == [0]


def test_rewards_are_the_mean_expected_scores_within_a_prompt_and_average_to_half(judge):
    answers = [*PAIRS[0], "Ask your teacher, who knows."]
    prompts = [PROMPTS[0], PROMPTS[1], PROMPTS[0], PROMPTS[0]]
    found = StackerReward(judge)(prompts=prompts, completions=[answers[0], "Blue", *answers[1:]], completion_ids=[])
    first = [judge.compare(PROMPTS[0], answers[0], other).expected_score for other in answers[1:]]
    assert found[0] == pytest.approx(np.mean(first), abs=1e-12)
    assert found[1] == 0.5 and found[0] + found[2] + found[3] == pytest.approx(1.5, abs=1e-12)


def test_a_battle_without_a_verdict_is_said_as_trl_has_it():
    none = SimpleNamespace(predict_proba=lambda battles: np.full((len(battles), 3), np.nan))
    assert PairwiseStackerJudge(none).judge(PROMPTS, PAIRS) == [-1, -1]
    assert StackerReward(none)(["a", "a"], ["b", "c"]) == [None, None]


@pytest.mark.parametrize(
    ("prompts", "completions", "words"),
    [
        (["a"], [["b"]], "place 0: are not two"),
        (["a"], ["bc"], "place 0: are not two"),
        (["a", "b"], [["c", "d"]], "are 1, for 2 prompts"),
        ([["a", "b"]], [["c", "d"]], "place 0: it or a completion has no role"),
        ([[{"role": "nobody", "content": "a"}]], [["c", "d"]], "neither user nor assistant"),
    ],
)
def test_what_cannot_be_judged_is_one_sentence(judge, prompts, completions, words):
    with pytest.raises(UserError) as told:
        PairwiseStackerJudge(judge).judge(prompts, completions)
    assert words in str(told.value) and str(told.value).endswith(".")


@pytest.mark.parametrize("home", ["trl.experimental.judges", "trl"])
def test_it_is_one_of_trls_judges_where_trl_has_them(judge, monkeypatch, home):
    class BasePairwiseJudge(ABC):
        @abstractmethod
        def judge(self, prompts, completions, shuffle_order=True): ...

    class BaseRankJudge(ABC):
        @abstractmethod
        def judge(self, prompts, completions, shuffle_order=True): ...

    for name in ("trl", "trl.experimental", "trl.experimental.judges", "trl.judges"):
        module = ModuleType(name)
        module.__path__ = []
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules[home].BasePairwiseJudge, sys.modules[home].BaseRankJudge = BasePairwiseJudge, BaseRankJudge
    monkeypatch.setattr(trl_judge, "find_spec", lambda name: object())
    assert isinstance(PairwiseStackerJudge(judge), BasePairwiseJudge)
    assert isinstance(RankStackerJudge(judge), BaseRankJudge)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trls_grpo_trains_on_the_reward(judge, tmp_path):
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    from checkpoints import make_generator
    from datasets import Dataset

    seen = []
    reward = StackerReward(judge)

    class Watched(StackerReward):
        def __call__(self, prompts, completions, **others):
            seen.append((list(prompts), reward(prompts, completions, **others)))
            return seen[-1][1]

    settings = trl.GRPOConfig(
        output_dir=str(tmp_path / "out"),
        num_generations=4,
        per_device_train_batch_size=4,
        max_completion_length=8,
        max_steps=2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        save_strategy="no",
    )
    data = Dataset.from_list([{"prompt": prompt} for prompt in PROMPTS * 2])
    trainer = trl.GRPOTrainer(
        model=str(make_generator(tmp_path / "model")), reward_funcs=Watched(judge), args=settings, train_dataset=data
    )
    trainer.train()
    assert len(seen) >= 2 and all(np.mean(rewards) == pytest.approx(0.5) for _, rewards in seen)
    assert any("rewards/" in key for log in trainer.state.log_history for key in log)
