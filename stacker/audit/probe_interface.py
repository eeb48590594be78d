"""What a probe is: one change of an answer that should not make a judge prefer it, and what a fair judge says of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal, Protocol

import yaml

from features.text import is_chinese

Language = Literal["en", "zh"]
Fair = Literal["same", "no_better", "far_worse"]
"""What people would say of the changed answer next to the one it was made of: as good; as good or worse; far worse."""
MOST_CHARACTERS = 30_000
"""Answers longer than this are changed by no probe: what is made of them would be longer still."""
TEXTS: Mapping[str, Mapping[Language, Sequence[str]]] = yaml.safe_load(
    Path(__file__).with_name("probe_texts.yaml").read_text(encoding="utf-8")
)
"""What probes write, by the key and the language of the answer."""


class OtherAnswers(Protocol):
    """Real answers to other prompts, in the language of the answer at hand where there are some."""

    def any(self, random: Random) -> str | None:
        """Return any of them; None where there is none."""
        ...

    def longer(self, random: Random, characters: int) -> str | None:
        """Return one that has at least so many characters; None where there is none."""
        ...


@dataclass(frozen=True)
class Case:
    """What a probe is told besides the answer.

    Attributes
    ----------
    prompt : str
        The last turn of the prompt.
    random : Random
        Its only source of chance: seeded by the audit's seed, the probe and the battle's content.
    others : OtherAnswers
        Answers to other prompts.
    """

    prompt: str
    random: Random
    others: OtherAnswers


Change = Callable[[str, Case], str | None]
"""From the last turn of an answer to the changed one; None where the probe has nothing to change in such an answer."""


@dataclass(frozen=True)
class Probe:
    """One change of answers, and what is fair to say of it.

    Attributes
    ----------
    name : str
        Its key in JSON and on the command line.
    title : str
        What it does, as it ends the sentence "moved by ...".
    change : Change
        Makes the changed answer; bounded in time and memory by the length of the answer.
    fair : Fair
        `same` and `no_better` are found where the changed answer gains (with `same`: or loses) against the original;
        `far_worse` where it wins oftener than a harmless rewrite and the tolerated share.
    in_place : bool
        Whether the changed answer is also put in the place of the original against the battle's other answer.
    adds : bool
        Whether it adds characters to the answer. It is then also held against the original with a text of the same
        length that says nothing, so that a taste for length alone is told from it.
    control : bool
        Whether nothing at all is changed that a reader sees: what is found here is a false alarm.
    """

    name: str
    title: str
    change: Change = field(repr=False)
    fair: Fair = "no_better"
    in_place: bool = True
    adds: bool = False
    control: bool = False


def language_of(text: str) -> Language:
    """Return the language that is written into a text: Chinese where most of its letters are Han, English elsewhere."""
    return "zh" if is_chinese(text) else "en"


def texts_for(key: str, answer: str) -> Sequence[str]:
    """Return the texts of `TEXTS` under a key in the language of an answer."""
    return TEXTS[key][language_of(answer)]
