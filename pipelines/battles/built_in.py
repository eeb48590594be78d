"""The built-in battles: texts and votes drawn from a stated random process, so that the best log loss is known.

The process
-----------
A prompt asks for four aspects. Twelve invented models differ in skill, in how much they write, and in tone and layout.
An answer covers some of the aspects (the more, the better its latent quality), says things beside the point, is warm,
matter-of-fact or cold, is or is not a list, and now and then refuses. What it is worth to a reader is

    u = 0.6 covered + 0.4 log2(words) + 0.6 tone + 0.3 listed - 1.2 refuses

and the vote follows Rao and Kupper (1967, "Ties in paired-comparison experiments"): with gap d = u_A - u_B,
p(A) = s(d - t), p(B) = s(-d - t), p(tie) = 1 - p(A) - p(B), s the logistic function and t the tie threshold.
Everything in u can be read off the texts, so these are the probabilities given the texts, and no predictor can have a
lower expected log loss. The battles teach nothing about real answers.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS, UNLABELLED, battles_table
from pipelines.settings import Section

PER_ASPECT, PER_DOUBLING, PER_TONE, FOR_LIST, FOR_REFUSAL = 0.6, 0.4, 0.6, 0.3, -1.2
"""What a covered aspect, a doubling of the words, a step of tone, a list and a refusal are worth, in log-odds."""
TIE_THRESHOLD = 0.9
TWO_TURNS, REFUSALS = 0.12, 0.03
"""Shares of prompts with two turns and of answers that refuse."""
_PROMPTS_A_ROW = 5.5
"""Prompts in the pool for each battle: one row in six shares its prompt with another, as on Kaggle."""
SOURCE = "built-in"
MODELS = (
    "amber-1", "basalt-mini", "cirrus", "dune-2", "ember-large", "fjord", "garnet-chat", "harbour-7", "iris", "juniper",
    "kestrel-3", "lagoon",
)  # fmt: skip


ASKED = 4
"""Aspects that each prompt asks for."""
WORDS: dict[str, list[str]] = json.loads(Path(__file__).with_name("built_in_words.json").read_text(encoding="utf-8"))
"""What prompts and answers are made of. An answer has a word of `aspects` exactly where it covers that aspect."""


class SampleParams(Section):
    """How many built-in battles there are to learn from and to predict, and the seed they are drawn with."""

    rows: int = Field(1500, ge=1, le=10_000_000)
    test_rows: int = Field(200, ge=0, le=10_000_000)
    seed: int = Field(0, ge=0)


@dataclass(frozen=True)
class SampleBattles:
    """Built-in battles with the probabilities that their votes were drawn from.

    Attributes
    ----------
    battles : DataFrame, n rows
        The table, with votes.
    bayes_probabilities : (n, 3)
        Probabilities of A, B and tie given the texts: the best there are.
    """

    battles: pd.DataFrame
    bayes_probabilities: Floats

    @property
    def bayes_log_loss(self) -> float:
        """The log loss of the best probabilities on these votes."""
        rows = np.arange(len(self.battles))
        return float(-np.log(self.bayes_probabilities[rows, self.battles["outcome"].to_numpy()]).mean())

    def unlabelled(self) -> pd.DataFrame:
        """Return the battles without their votes."""
        return self.battles.assign(outcome=np.full(len(self.battles), UNLABELLED, dtype=np.int64))


@dataclass(frozen=True)
class Prompt:
    """A prompt's turns, and the aspects it asks for."""

    turns: tuple[str, ...]
    aspects: tuple[str, ...]


@dataclass(frozen=True)
class Traits:
    """What an answer shows: aspects covered, sentences beside the point, tone (-1, 0, 1), a list, a refusal."""

    covered: tuple[str, ...]
    beside: int
    tone: int
    listed: bool
    refuses: bool


@dataclass(frozen=True)
class _Model:
    """What is peculiar to a model: skill in log-odds of covering, log of sentences, and chances."""

    skill: float
    verbosity: float
    warm: float
    cold: float
    listed: float


def sample_battles(rows: int, seed: int = 0, part: Literal["train", "test"] = "train") -> SampleBattles:
    """Draw built-in battles; the same for the same arguments.

    Parameters
    ----------
    rows : int
        How many.
    seed : int
        Decides everything that is drawn.
    part : "train" or "test"
        Two streams of the same process that share nothing.
    """
    random = Random(f"{part} {seed} {rows}")
    models = _models(Random(f"models {seed}"))
    pool: dict[int, Prompt] = {}
    columns: dict[str, list[object]] = {name: [] for name in TEXT_COLUMNS}
    names: list[tuple[str, str]] = []
    gaps = np.empty(rows)
    for row in range(rows):
        number = random.randrange(max(1, int(rows * _PROMPTS_A_ROW)))
        if number not in pool:
            pool[number] = make_prompt(random, random.random() < TWO_TURNS)
        prompt = pool[number]
        sides = random.sample(range(len(MODELS)), 2)
        ease = random.gauss(0.0, 0.6)
        worth = []
        for side, column in zip(sides, ("response_a", "response_b"), strict=True):
            traits = _traits(random, models[side], prompt, ease)
            turns = make_answer(random, prompt, traits)
            columns[column].append(turns)
            worth.append(utility(traits, words_of(turns)))
        columns["prompt"].append(prompt.turns)
        names.append((MODELS[sides[0]], MODELS[sides[1]]))
        gaps[row] = worth[0] - worth[1]
    probabilities = vote_probabilities(gaps)
    draws = np.array([random.random() for _ in range(rows)])
    outcome = np.minimum((draws[:, None] >= probabilities.cumsum(axis=1)).sum(axis=1), 2)
    table = battles_table(
        {
            **columns,
            "id": [f"{part}-{row}" for row in range(rows)],
            "model_a": [first for first, _ in names],
            "model_b": [second for _, second in names],
            "outcome": outcome.tolist(),
            "weight": [1.0] * rows,
            "source": [SOURCE] * rows,
            "lang": ["en"] * rows,
        }
    )
    return SampleBattles(table, probabilities)


def utility(traits: Traits, words: int) -> float:
    """Return what an answer is worth to a reader, in log-odds."""
    return (
        PER_ASPECT * len(traits.covered)
        + PER_DOUBLING * float(np.log2(max(words, 1)))
        + PER_TONE * traits.tone
        + FOR_LIST * traits.listed
        + FOR_REFUSAL * traits.refuses
    )


def vote_probabilities(gaps: Floats, threshold: float = TIE_THRESHOLD) -> Floats:
    """Return Rao and Kupper's (n, 3) probabilities of A, B and tie for (n,) gaps in log-odds."""
    first, second = 1 / (1 + np.exp(threshold - gaps)), 1 / (1 + np.exp(threshold + gaps))
    return np.stack([first, second, 1 - first - second], axis=1)


def _models(random: Random) -> list[_Model]:
    """Draw the models; their skills are evenly spaced, in an order of the seed's."""
    skills = [-1.3 + 2.6 * place / (len(MODELS) - 1) for place in range(len(MODELS))]
    random.shuffle(skills)
    return [
        _Model(
            skill,
            1.7 + 0.25 * skill + random.gauss(0.0, 0.3),
            random.uniform(0.1, 0.45),
            random.uniform(0.02, 0.25),
            random.uniform(0.1, 0.7),
        )
        for skill in skills
    ]


def _traits(random: Random, model: _Model, prompt: Prompt, ease: float) -> Traits:
    refuses = random.random() < REFUSALS
    chance = 0.0 if refuses else 1 / (1 + np.exp(-model.skill - ease))
    covered = tuple(aspect for aspect in prompt.aspects if random.random() < chance)
    beside = min(1 + int(random.lognormvariate(model.verbosity, 0.6)), 60)
    mood = random.random()
    tone = 1 if mood < model.warm else -1 if mood > 1 - model.cold else 0
    return Traits(covered, beside, tone, random.random() < model.listed, refuses)


def make_prompt(random: Random, two_turns: bool) -> Prompt:
    """Draw a prompt."""
    aspects = tuple(random.sample(WORDS["aspects"], ASKED))
    task = random.choice(WORDS["tasks"]).format(subject=random.choice(WORDS["subjects"]))
    words = dict(
        zip(("one", "two", "three", "four"), aspects, strict=True), task=task, setting=random.choice(WORDS["settings"])
    )
    forms = WORDS["two_turns" if two_turns else "one_turn"]
    return Prompt(tuple(form.format(**words) for form in forms), aspects)


def make_answer(random: Random, prompt: Prompt, traits: Traits) -> tuple[str, ...]:
    """Write an answer with these traits, a turn for each of the prompt's."""
    body = [_covering(random, aspect) for aspect in traits.covered]
    body += [
        " ".join(random.choice(WORDS[part]) for part in ("leads", "who", "does", "when")) + "."
        for _ in range(traits.beside)
    ]
    random.shuffle(body)
    tones = {1: WORDS["warm"], -1: WORDS["cold"]}.get(traits.tone, [])
    opening = [random.choice(WORDS["refusals"])] if traits.refuses else []
    opening += [random.choice(tones)] if tones else []
    ending = [random.choice(tones)] if tones else []
    if len(prompt.turns) == 1:
        return (_layout(opening, body, ending, traits.listed),)
    half = (len(body) + 1) // 2
    return (_layout(opening, body[:half], [], traits.listed), _layout([], body[half:], ending, traits.listed))


def words_of(turns: tuple[str, ...]) -> int:
    """Count the words of an answer: the runs without white space that hold a letter or a digit."""
    return sum(any(map(str.isalnum, word)) for turn in turns for word in turn.split())


def _covering(random: Random, aspect: str) -> str:
    return random.choice(WORDS["covering"]).format(aspect=aspect, Aspect=aspect.capitalize())


def _layout(opening: list[str], body: list[str], ending: list[str], listed: bool) -> str:
    if not listed:
        return " ".join([*opening, *body, *ending])
    items = "\n".join(f"- {sentence}" for sentence in body)
    return "\n\n".join(part for part in (" ".join(opening), items, " ".join(ending)) if part)
