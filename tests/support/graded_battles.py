"""Battles whose answers say how good they are and what they are about, and judges that read it, with planted biases."""

import hashlib
import re

import numpy as np

from pipelines.battles.table import battles_table, text_of

SENTENCES = (
    "The river runs past the old mill", "A small boat waits near the bridge", "Nobody counts the steps in winter",
    "The letters arrive by noon", "Fresh bread is sold at the corner", "Two lamps hang over the door",
    "The market opens when it is dry", "Some paths are closed after rain", "The clock is slow by a minute",
)  # fmt: skip
ZH = ("河流經過舊磨坊", "小船在橋邊等著", "冬天沒有人數台階", "信件在中午到達", "街角賣新鮮的麵包", "門上掛著兩盞燈")


def graded_battles(n, seed=0, prompts=None, zh=False, votes=True, models=("ant", "bee", "cat")):
    """Return a table of battles: each answer names its topic and a grade from 0 to 9; people vote by the grades."""
    random = np.random.default_rng(seed)
    prompts = prompts or n
    columns = {name: [] for name in ("id", "prompt", "response_a", "response_b", "model_a", "model_b", "outcome")}
    pool, stop, between = (ZH, "。", "") if zh else (SENTENCES, ".", " ")

    def answer(topic, grade):
        said = [pool[place] for place in random.choice(len(pool), random.integers(3, 6), replace=False)]
        said.insert(int(random.integers(0, len(said))), f"topic{topic} grade{grade}")
        return (between.join(f"{each}{stop}" for each in said),)

    for row in range(n):
        topic, grades = row % prompts, random.integers(0, 10, 2)
        gap = (grades[0] - grades[1]) / 3 + random.logistic()
        a, b = (answer(topic, grade) for grade in grades)
        names = random.choice(models, 2, replace=False)
        asked = f"請說說 topic{topic} 的事" if zh else f"Tell me about topic{topic} now"
        outcome = (2 if abs(gap) < 0.5 else int(gap < 0)) if votes else -1
        for name, value in zip(columns, (f"b{row}", (asked,), a, b, *names, outcome), strict=True):
            columns[name].append(value)
    rest = {"weight": [1.0] * n, "source": ["made"] * n, "lang": ["zh" if zh else "en"] * n}
    rest |= {"both_bad": [False] * n, "annotator": [""] * n}
    return battles_table(columns | rest)


def graded(prompt, answer):
    """Return how good an answer says it is; one about something else, or about nothing, is far worse."""
    topic, found = re.search(r"topic\d+", prompt), re.search(r"(topic\d+) grade(\d)", answer.replace("**", ""))
    return int(found[2]) / 3 if found and topic and found[1] == topic[0] else -5.0


class PlantedJudge:
    """A judge by the grades, plus whatever bias is planted.

    Parameters
    ----------
    bias : callable
        From an answer to what it adds to the answer's log-odds of winning.
    first : float
        Added to the log-odds of the answer shown first.
    noise : float
        Standard deviation of what each asking adds to the log-odds, drawn by a hash of texts and seed.
    hard : bool
        Whether to name a winner in place of probabilities; equal answers tie.
    tie : float
        Probability of a tie.
    """

    name = "planted"

    def __init__(self, bias=lambda text: 0.0, first=0.0, noise=0.0, hard=False, tie=0.2, seed=0, quality=1.0):
        self.bias, self.first, self.noise, self.hard, self.tie = bias, first, noise, hard, tie
        self.seed, self.quality = seed, quality

    def margin(self, prompt, a, b, name=""):
        found = self.quality * (graded(prompt, a) - graded(prompt, b)) + self.bias(a) - self.bias(b) + self.first
        if self.noise:
            mixed = f"{self.seed}|{name}|{prompt}|{a}|{b}".encode()
            key = int.from_bytes(hashlib.blake2b(mixed, digest_size=8).digest(), "big")
            found += self.noise * np.random.default_rng(key).standard_normal()
        return found

    def probabilities(self, battles):
        names = battles["id"] if "id" in battles.columns else [""] * len(battles)
        columns = (map(text_of, battles[name]) for name in ("prompt", "response_a", "response_b"))
        margin = np.array([self.margin(*texts, name) for *texts, name in zip(*columns, names, strict=True)])
        if self.hard:
            return np.eye(3)[np.where(margin == 0, 2, (margin < 0).astype(int))]
        win = (1 - self.tie) / (1 + np.exp(-margin))
        return np.stack([win, 1 - self.tie - win, np.full(len(win), self.tie)], axis=1)
