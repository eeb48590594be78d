"""A judge as TRL asks for one: a pairwise judge, a rank judge, and a reward for trainers that take `reward_funcs`.

TRL 1.0 has judges in `trl.experimental.judges`, releases before it in `trl`, for the trainers of online DPO, Nash-MD
and XPO; 1.8 and 1.16 have none any more, and their trainers (GRPO, RLOO, online DPO) take reward functions. TRL itself
need not be installed.
"""

import json
import re
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.formats.messages import BadTurnsError, messages_of, sides_of
from stacker.judge.answer_ranking import every_pair, ranking
from stacker.judge.judge import Judge

Asked = str | Sequence[dict[str, Any]]
"""A prompt or a completion: a text, or the messages of a chat."""
FAILED = -1
"""What TRL has a judge say of a battle that it could not judge."""
_SPEAKS = re.compile(r"\n\n(System|User|Assistant): ")
_HOMES = ("trl.experimental.judges", "trl")


class GivesProbabilities(Protocol):
    """What can judge: a `Judge`."""

    def predict_proba(self, battles: pd.DataFrame) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; NaN where there is none."""
        ...


class _StackerJudge:
    """Loads the judge, and is one of TRL's judges where TRL has them.

    Parameters
    ----------
    judge : Judge, Path, str or None
        A judge, or the folder of a saved one; None is the starter judge.
    """

    base = ""

    def __init__(self, judge: GivesProbabilities | Path | str | None = None) -> None:
        self.judged_by = Judge.load(judge) if judge is None or isinstance(judge, str | Path) else judge
        if self.base:
            _register(type(self), self.base)

    def _scores(self, prompts: Sequence[Asked], pairs: Sequence[tuple[Asked, Asked]]) -> tuple[Floats, Floats]:
        """Return the (n, 3) probabilities, and the (n,) expected scores of the first of each pair."""
        rows = [_texts(prompt, *pair, number) for number, (prompt, pair) in enumerate(zip(prompts, pairs, strict=True))]
        found = self.judged_by.predict_proba(pd.DataFrame(rows, columns=list(TEXT_COLUMNS)))
        return found, found[:, 0] + found[:, 2] / 2


class PairwiseStackerJudge(_StackerJudge):
    """TRL's pairwise judge, as `judge=` of its trainers of online DPO, Nash-MD and XPO takes it.

    Sides make no difference to a judge of this project: swapping them swaps the verdict exactly.
    """

    base = "BasePairwiseJudge"

    def judge(
        self,
        prompts: Sequence[Asked],
        completions: Sequence[Sequence[Asked]],
        shuffle_order: bool = True,
        return_scores: bool = False,
    ) -> list[int] | list[float]:
        """Say which of two completions a person would prefer.

        Parameters
        ----------
        prompts : sequence of n prompts
            Texts, or lists of messages.
        completions : sequence of n pairs
            The two completions of each prompt.
        shuffle_order : bool
            Without effect: no verdict depends on the order.
        return_scores : bool
            Whether to return the first completion's chance in place of the better one's place.

        Returns
        -------
        list of n int, or of n float
            0 where the first is preferred, also where both are alike, 1 where the second is, -1 where there is no
            verdict; or what a vote gives the first on average: 1 for a win, half for a tie, NaN where there is none.

        Raises
        ------
        UserError
            When a prompt or a completion is no text, or a prompt has not two completions.
        """
        for number, each in enumerate(completions):
            if isinstance(each, str) or len(each) != 2:
                raise UserError(f"completions, place {number}: are not two; give two completions of each prompt.")
        _same_length(prompts, completions)
        if not len(prompts):
            return []
        found, score = self._scores(prompts, [(first, second) for first, second in completions])
        if return_scores:
            return [float(each) for each in score]
        better = np.where(found[:, 0] >= found[:, 1], 0, 1)
        return [int(each) for each in np.where(np.isfinite(score), better, FAILED)]


class RankStackerJudge(_StackerJudge):
    """TRL's rank judge: any number of completions of each prompt, by the verdicts on every pair of them."""

    base = "BaseRankJudge"

    def judge(
        self, prompts: Sequence[Asked], completions: Sequence[Sequence[Asked]], shuffle_order: bool = True
    ) -> list[list[int]]:
        """Return for each prompt the places of its completions, the best first; raises as the pairwise judge does."""
        _same_length(prompts, completions)
        pairs = [every_pair(len(each)) for each in completions]
        asked, sides = [], []
        for prompt, own, (first, second) in zip(prompts, completions, pairs, strict=True):
            asked += [prompt] * len(first)
            sides += [(own[a], own[b]) for a, b in zip(first, second, strict=True)]
        verdicts = self._scores(asked, sides)[0] if sides else np.empty((0, 3))
        ends = np.cumsum([0, *(len(first) for first, _ in pairs)])
        return [
            [ranked.place for ranked in ranking(first, second, verdicts[start:end], len(own))]
            for own, (first, second), start, end in zip(completions, pairs, ends[:-1], ends[1:], strict=True)
        ]


class StackerReward(_StackerJudge):
    """A reward for `reward_funcs`: how often a person would prefer a completion to the others of its prompt.

    A completion gets its mean expected score against the other completions of the same prompt: 1 for a sure win, half
    for a tie, and half where it has no other. Rewards of one prompt average to half. They compare completions with
    each other and say nothing of how good all of them are; who trains on them watches whether answers only grow longer.
    """

    __name__ = "stacker_reward"

    def __call__(self, prompts: Sequence[Asked], completions: Sequence[Asked], **others: Any) -> list[float | None]:
        """Return the reward of each of n completions; None where there is no verdict.

        Parameters
        ----------
        prompts, completions : sequences of n
            Texts, or lists of messages; a prompt stands with each of its completions, in any order.
        others
            What TRL gives besides; it is not looked at.

        Raises
        ------
        UserError
            When one of them is no text.
        """
        _same_length(prompts, completions)
        groups: dict[str, list[int]] = {}
        for place, prompt in enumerate(prompts):
            groups.setdefault(json.dumps(prompt, default=str), []).append(place)
        first, second = (
            [places[one] for places in groups.values() for one in every_pair(len(places))[side]] for side in (0, 1)
        )
        total, met = np.zeros(len(prompts)), np.zeros(len(prompts))
        if first:
            pairs = [(completions[a], completions[b]) for a, b in zip(first, second, strict=True)]
            score = self._scores([prompts[place] for place in first], pairs)[1]
            for places, gained in ((first, score), (second, 1 - score)):
                np.add.at(total, places, gained)
                np.add.at(met, places, 1)
        mean = np.divide(total, met, out=np.full(len(prompts), 0.5), where=met > 0)
        return [float(each) if np.isfinite(each) else None for each in mean]


def _texts(prompt: Asked, first: Asked, second: Asked, number: int) -> tuple[tuple[str, ...], ...]:
    """Return the turns of a battle; what an assistant said before in a chat stands before both completions."""
    try:
        prompt, first, second = _plain(prompt, first, second)
        context, one, other = _said(prompt, "user"), _said(first, "assistant"), _said(second, "assistant")
    except BadTurnsError as fault:
        raise UserError(f"prompts, place {number}: it or a completion {fault}; give texts or messages.") from fault
    return tuple(context[0]), (*context[1], *one[1]), (*context[1], *other[1])


def _plain(prompt: Asked, first: Asked, second: Asked) -> tuple[Asked, Asked, Asked]:
    """Return messages for what TRL's trainers write of chats for their judges: "User: Why?", "Assistant: So it is."."""
    if not (isinstance(prompt, str) and isinstance(first, str) and isinstance(second, str)):
        return prompt, first, second
    answers = [text.removeprefix("Assistant: ") for text in (first, second)]
    spoken = _SPEAKS.split("\n\n" + prompt)
    if first in answers or second in answers or len(spoken) < 3 or spoken[0]:
        return prompt, first, second
    pairs = zip(spoken[1::2], spoken[2::2], strict=True)
    talk = [{"role": who.lower(), "content": said.removesuffix("\n\n")} for who, said in pairs]
    return talk, *(text.removesuffix("\n\n") for text in answers)  # type: ignore[return-value]


def _said(text: Asked, role: str) -> tuple[list[str], list[str]]:
    if isinstance(text, str):
        return ([text], []) if role == "user" else ([], [text])
    return sides_of(messages_of(text))


def _same_length(prompts: Sequence[Any], completions: Sequence[Any]) -> None:
    if len(prompts) != len(completions):
        raise UserError(f"completions: are {len(completions)}, for {len(prompts)} prompts; give those of each prompt.")


def _register(judge: type, base: str) -> None:
    """Have TRL's base class, where there is one, know a class as its own."""
    if find_spec("trl") is None:
        return
    for home in _HOMES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that trl.experimental may change, which is why it is looked for
                getattr(import_module(home), base).register(judge)
        except (ImportError, AttributeError):
            continue
        return
