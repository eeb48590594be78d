"""Bad answers made of real ones: to add a kind, write its function here and its line in `FAMILIES`.

Nobody disputes that such an answer is worse than the one that it was made of, or, where it comes from another prompt,
than the one that this prompt got. Each kind belongs to a family; a family that is left out of training tells whether
what was learnt carries over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import MappingProxyType

import yaml

from features.text import SCRIPTS, dominant_script, sentence_list

MOST = 12_000
"""Characters of an answer from which others are made; longer ones are left alone."""
_HAN = SCRIPTS.index("Han")
_TEXTS: Mapping[str, Mapping[str, Sequence[str]]] = yaml.safe_load(
    Path(__file__).with_name("made_texts.yaml").read_text(encoding="utf-8")
)
_EMPTY = ("", " ", "...", ".", "N/A", "-", "…", "Okay.", "\n")


@dataclass(frozen=True)
class Source:
    """What an answer is made of.

    Attributes
    ----------
    prompt, answer : str
        A real prompt, and an answer that it got.
    other, longer, near, foreign : str or None
        Real answers to other prompts: of about the same length; longer; to one like this; in another language.
    """

    prompt: str
    answer: str
    other: str | None = None
    longer: str | None = None
    near: str | None = None
    foreign: str | None = None


Make = Callable[[Source, Random], str | None]
"""Returns the made answer; None where a source has nothing to make it of."""


def is_chinese(text: str) -> bool:
    """Tell whether most letters at the start of a text are Chinese."""
    return dominant_script(text) == _HAN


def _lang(text: str) -> str:
    return "zh" if is_chinese(text) else "en"


def _space(text: str) -> str:
    return "" if is_chinese(text) else " "


def _some(kind: str, text: str, random: Random, low: int, high: int) -> str:
    """Return between `low` and `high` of the texts of a kind, in the language of a text."""
    known = _TEXTS[kind][_lang(text)]
    return _space(text).join(random.sample(list(known), min(random.randint(low, high), len(known))))


def _pieces(text: str) -> list[str]:
    return list("".join(text.split())) if is_chinese(text) else text.split()


def twice(source: Source, random: Random) -> str | None:
    """Write the answer twice."""
    return random.choice(("\n\n", " ", "\n")).join([source.answer] * 2)


def many_times(source: Source, random: Random) -> str | None:
    """Write the answer three or four times."""
    return "\n\n".join([source.answer] * random.randint(3, 4))


def sentences_again(source: Source, random: Random) -> str | None:
    """Say sentences two or three times."""
    found = sentence_list(source.answer)
    said = [sentence for sentence in found for _ in range(random.randint(1, 3))]
    return " ".join(said if len(said) > len(found) else [*found, *found]) if len(found) > 1 else None


def end_again(source: Source, random: Random) -> str | None:
    """Say the last sentence several times more."""
    found = sentence_list(source.answer)
    return " ".join([source.answer, *[found[-1]] * random.randint(2, 6)]) if len(found) > 2 else None


def empty_summary(source: Source, random: Random) -> str | None:
    """Add a summary that says nothing."""
    heads = (
        ("\n\n", "\n\n**總結**\n")
        if is_chinese(source.answer)
        else ("\n\n", " ", "\n\n**Summary**\n", "\n\n## Conclusion\n\n")
    )
    return source.answer + random.choice(heads) + _some("summaries", source.answer, random, 1, 2)


def padded(source: Source, random: Random) -> str | None:
    """Add a paragraph of filler."""
    return f"{source.answer}\n\n{_some('summaries', source.answer, random, 4, 6)}"


def preamble(source: Source, random: Random) -> str | None:
    """Put filler before the answer."""
    return f"{_some('summaries', source.answer, random, 3, 5)}\n\n{source.answer}"


def foreign_padding(source: Source, random: Random) -> str | None:
    """Add sentences of an answer to another prompt."""
    found = sentence_list(source.other or "")
    if len(found) < 3:
        return None
    added = _space(source.answer).join(random.sample(list(found), random.randint(1, min(5, len(found)))))
    return f"{source.answer}\n\n{added}" if random.random() < 0.7 else f"{added}\n\n{source.answer}"


def restated(source: Source, random: Random) -> str | None:
    """Say the question again before the answer and after it."""
    asked = source.prompt[:500]
    if is_chinese(source.prompt):
        return f"您的問題是：{asked}\n\n這是一個很好的問題。\n\n{source.answer}\n\n以上就是關於「{asked}」的回答。"
    return f"You asked: {asked}\n\nThat is a great question.\n\n{source.answer}\n\nThis was the answer to: {asked}"


def other_answer(source: Source, random: Random) -> str | None:
    """Give an answer to another prompt."""
    return source.other


def longer_other_answer(source: Source, random: Random) -> str | None:
    """Give a longer answer to another prompt."""
    return source.longer


def near_answer(source: Source, random: Random) -> str | None:
    """Give an answer to a prompt like this one."""
    return source.near


def own_start_only(source: Source, random: Random) -> str | None:
    """Begin with the answer's first sentence and go on with an answer to another prompt."""
    found = sentence_list(source.answer)
    return f"{found[0]} {source.longer}" if len(found) > 2 and source.longer else None


def other_language(source: Source, random: Random) -> str | None:
    """Give an answer to another prompt, in another language."""
    return source.foreign


def echo(source: Source, random: Random) -> str | None:
    """Say the prompt and no more."""
    return source.prompt[:3000] if len(source.prompt) > 20 else None


def essay(source: Source, random: Random) -> str | None:
    """Give an essay that fits any prompt."""
    return random.choice(_TEXTS["essays"][_lang(source.prompt)])


def shuffled_words(source: Source, random: Random) -> str | None:
    """Put the words into another order."""
    found = _pieces(source.answer)
    random.shuffle(found)
    return _space(source.answer).join(found) if len(found) > 7 else None


def shuffled_in_lines(source: Source, random: Random) -> str | None:
    """Put the words of each line into another order, and leave the lines."""
    lines = []
    for line in source.answer.splitlines():
        found = _pieces(line)
        random.shuffle(found)
        lines.append(_space(source.answer).join(found))
    return "\n".join(lines) if len(_pieces(source.answer)) > 7 else None


def reversed_words(source: Source, random: Random) -> str | None:
    """Write the words backwards."""
    found = _pieces(source.answer)
    return _space(source.answer).join(reversed(found)) if len(found) > 7 else None


def word_salad(source: Source, random: Random) -> str | None:
    """Mix words of the prompt and of another answer."""
    found = _pieces(source.other or "") + _pieces(source.prompt)[:60]
    if len(found) <= 20:
        return None
    return _space(source.prompt).join(random.sample(found, min(150, len(found))))


def shuffled_sentences(source: Source, random: Random) -> str | None:
    """Put the sentences into another order."""
    found = list(sentence_list(source.answer))
    if len(found) < 4:
        return None
    random.shuffle(found)
    return _space(source.answer).join(found)


def cut_off(source: Source, random: Random) -> str | None:
    """Break the answer off, in the middle of a sentence, before two thirds."""
    if len(source.answer) < (30 if is_chinese(source.answer) else 80):
        return None
    part = source.answer[: int(len(source.answer) * random.uniform(0.15, 0.6))].rstrip(" .!?。！？\n")
    return part if is_chinese(part) else part.rpartition(" ")[0].rstrip(".!?,")


def first_sentence(source: Source, random: Random) -> str | None:
    """Keep the first sentence alone."""
    found = sentence_list(source.answer)
    return found[0] if len(found) > 3 else None


def emptied(source: Source, random: Random) -> str | None:
    """Give nothing, or next to nothing."""
    return random.choice(_EMPTY) if len(source.answer) > 30 else None


def skeleton(source: Source, random: Random) -> str | None:
    """Give the beginnings of the sentences as headings with nothing under them."""
    chinese = is_chinese(source.answer)
    found = sentence_list(source.answer)[:8]
    heads = [sentence[:6] if chinese else " ".join(sentence.split()[:3]).strip(".,:;") for sentence in found]
    if len(heads) < 3:
        return None
    forms = (
        "\n\n".join(f"## {head}" for head in heads),
        "\n".join(f"{number}. **{head}**:" for number, head in enumerate(heads, start=1)),
        "# Overview\n\n" + "\n".join(f"### {head}\n\n- \n- \n" for head in heads) + "\n## Conclusion",
    )
    return random.choice(forms)


def fixed_skeleton(source: Source, random: Random) -> str | None:
    """Give headings that fit any prompt."""
    if is_chinese(source.prompt):
        return "# 概述\n\n## 背景\n\n## 重點\n\n1. \n2. \n3. \n\n## 分析\n\n- \n- \n\n## 結論\n"
    return (
        "# Introduction\n\n## Background\n\n## Key Points\n\n1. \n2. \n3. \n\n## Analysis\n\n- \n- \n\n## Conclusion\n"
    )


def plea_added(source: Source, random: Random) -> str | None:
    """Add a text that asks for the vote."""
    plea = random.choice(_TEXTS["pleas"][_lang(source.prompt)])
    return f"{source.answer}\n\n{plea}" if random.random() < 0.6 else f"{plea}\n\n{source.answer}"


def plea_alone(source: Source, random: Random) -> str | None:
    """Ask for the vote and say no more."""
    return _some("pleas", source.prompt, random, 1, 3)


FAMILIES: Mapping[str, tuple[Make, ...]] = MappingProxyType(
    {
        "repeated": (twice, many_times, sentences_again, end_again),
        "padded": (empty_summary, padded, preamble, foreign_padding, restated),
        "shuffled": (shuffled_words, shuffled_in_lines, reversed_words, word_salad),
        "sentence order": (shuffled_sentences,),
        "cut": (cut_off, first_sentence),
        "emptied": (emptied,),
        "skeleton": (skeleton, fixed_skeleton),
        "plea": (plea_added, plea_alone),
        "essay": (essay,),
        "other": (other_answer, longer_other_answer, near_answer),
        "own start": (own_start_only,),
        "language": (other_language,),
        "echo": (echo,),
    }
)
"""Every kind of made answer, by family."""
OFF_TOPIC = frozenset(("other", "language", "essay", "own start", "echo"))
"""Families whose answers are whole texts that answer another prompt or none."""
