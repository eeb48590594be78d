"""Made battles: an answer that a prompt really got against a bad one; nobody disputes which is better."""

import math
from collections.abc import Iterable, Iterator
from random import Random

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.cache import key_of
from features.text import is_chinese
from pipelines.battles.arrays import Floats32, Ints
from pipelines.battles.folds import prompt_groups
from pipelines.battles.table import text_of
from stacker.training.made.made_answers import FAMILIES, MOST, WHOLLY_BAD, Source

SHORTEST = 15
"""Characters of an answer that others are made of."""
EVERY = frozenset(("other",))
"""Families of which each kind is made of every answer: whether a prompt is answered is the hardest to tell."""
CHINESE = 0.2
"""Chinese answers that others are made of, by the number asked for, where there are as many: tricks are told by other
signs there, and votes hardly ever are on them."""
_MATCHED = 20
"""Answers to other prompts that are nearest in length, of which one is drawn."""
_RIVAL = 0.4
"""Share of wholly bad answers that stand against another real answer to the prompt, not the one they are made of."""
_LONGER, _LONGEST = 1.3, 4.0
"""How many times as long the longer answer to another prompt is."""


def made_battles(
    battles: pd.DataFrame, count: int, seed: int, families: Iterable[str] = tuple(FAMILIES)
) -> pd.DataFrame:
    """Make battles of the texts of real ones; the same battles, in whatever order, give the same.

    Parameters
    ----------
    battles : DataFrame, n rows
        A battles table: what may be learnt from, and nothing held out.
    count : int
        Real answers that are made worse, each in every family that has something to make of it.
    seed : int
        For everything random.
    families : iterable of str
        Keys of `made_answers.FAMILIES`.

    Returns
    -------
    DataFrame, m rows
        `prompt`, `response_a` (the real answer: the one that it is made of, or, of some families, another one that the
        prompt got) and `response_b` (the made one) as tuples of one turn; `family`,
        `kind`, and `group`, the number of the prompt's group among the battles.
    """
    pool = _real_answers(battles)
    others = _Others(pool)
    chosen = _chosen(others.chinese, pool["source"], count, Random(f"made {seed}"))
    keys = pool["key"].tolist()
    rows = [
        row
        for place in chosen
        for row in _made_of(
            others.source(place, Random(f"source {seed} {keys[place]}")),
            others.rivals(place),
            pool["group"].iloc[place],
            families,
            f"{seed} {keys[place]}",
        )
    ]
    return pd.DataFrame(rows, columns=["prompt", "response_a", "response_b", "family", "kind", "group"])


def _chosen(chinese: NDArray[np.bool_], source: pd.Series, count: int, random: Random) -> list[int]:
    """Choose answers: of either language and of each set by the root of how many there are, so that all are learnt.

    Where Chinese ones then are fewer than `CHINESE` of them, more are added, as far as there are any.
    """
    keys = pd.Series(np.where(chinese, "zh", "en")) + source
    places = [np.flatnonzero(keys == key).tolist() for key in np.unique(keys)]
    roots = [math.sqrt(len(each)) for each in places]
    wanted = [round(count * root / max(sum(roots), 1)) for root in roots]
    found = {
        place for each, some in zip(places, wanted, strict=True) for place in random.sample(each, min(some, len(each)))
    }
    left = [place for place in np.flatnonzero(chinese).tolist() if place not in found]
    missing = round(CHINESE * count) - int(chinese[sorted(found)].sum())
    return sorted(found | set(random.sample(left, max(min(missing, len(left)), 0))))


def _real_answers(battles: pd.DataFrame) -> pd.DataFrame:
    """Return each real answer of one turn with its prompt, in an order of their content."""
    group = prompt_groups(battles["prompt"])
    found = pd.concat(
        [
            pd.DataFrame(
                {
                    "prompt": battles["prompt"].map(text_of),
                    "answer": battles[side].map(text_of),
                    "group": group,
                    "source": battles["source"].astype(str) if "source" in battles else "",
                }
            )
            for side in ("response_a", "response_b")
        ]
    )
    found = found[found["answer"].str.len().between(SHORTEST, MOST) & (found["prompt"].str.len() > 0)]
    found["key"] = [
        key_of(prompt, answer).hex() for prompt, answer in zip(found["prompt"], found["answer"], strict=True)
    ]
    return found.drop_duplicates("key").sort_values("key", ignore_index=True)


class _Others:
    """Finds answers to other prompts: in the language of an answer or in another, by length and by nearness."""

    def __init__(self, pool: pd.DataFrame) -> None:
        self.pool = pool
        self.group = pool["group"].to_numpy()
        self.length = pool["answer"].str.len().to_numpy()
        self._same = pool.groupby("prompt", sort=False).indices
        self.chinese = np.array([is_chinese(prompt) for prompt in pool["prompt"]], dtype=bool)
        self._words = pool["prompt"].map(lambda prompt: frozenset(prompt.lower().split()[:40]))

    def source(self, place: int, random: Random) -> Source:
        """Return what answers are made of at a place of the pool."""
        row = self.pool.iloc[place]
        elsewhere = self.group != self.group[place]
        own = np.flatnonzero(elsewhere & (self.chinese == self.chinese[place]))
        length = self.length[place]
        gap = np.abs(np.log((self.length[own] + 20) / (length + 20)))
        matched = own[np.argsort(gap, kind="stable")[:_MATCHED]]
        longer = own[(self.length[own] > _LONGER * length) & (self.length[own] < _LONGEST * length + 300)]
        foreign = np.flatnonzero(elsewhere & (self.chinese != self.chinese[place]))
        return Source(
            row["prompt"],
            row["answer"],
            self._drawn(matched, random),
            self._drawn(longer, random),
            self._drawn(self._alike(place, own, random), random),
            self._drawn(foreign, random),
        )

    def rivals(self, place: int) -> list[str]:
        """Return the other real answers to the prompt at a place of the pool."""
        places = np.asarray(self._same[self.pool["prompt"].iloc[place]])
        return [str(self.pool["answer"].iloc[other]) for other in places.tolist() if other != place]

    def _alike(self, place: int, own: Ints, random: Random) -> Ints:
        """Return the three of 300 answers whose prompts share the most words with this one's."""
        asked = self._words.iloc[place]
        some = np.array(random.sample(own.tolist(), min(300, len(own))), dtype=np.int64)
        shared = np.array([len(asked & self._words.iloc[each]) for each in some])
        return some[np.argsort(-shared, kind="stable")[:3]]

    def _drawn(self, places: Ints, random: Random) -> str | None:
        return str(self.pool["answer"].iloc[random.choice(places.tolist())]) if len(places) else None


def _made_of(
    source: Source, rivals: list[str], group: int, families: Iterable[str], seed: str
) -> Iterator[tuple[object, ...]]:
    """Yield made battles; what one family gives does not depend on which others are asked for."""
    for family in families:
        kinds, random = FAMILIES[family], Random(f"{family} {seed}")
        for make in kinds if family in EVERY else (random.choice(kinds),):
            made = make(source, random)
            if made is not None and made.strip() != source.answer.strip():
                against = source.answer
                if rivals and family in WHOLLY_BAD and random.random() < _RIVAL:
                    against = random.choice(rivals)
                yield (source.prompt,), (against,), (made,), family, make.__name__, group


def weights_of(kinds: pd.Series) -> Floats32:
    """Return weights with which every kind counts alike, their mean 1."""
    weights = 1 / kinds.map(kinds.value_counts()).to_numpy(dtype=np.float32)
    return weights / weights.mean()
