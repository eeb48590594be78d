"""Bad answers made of real ones: to add a kind, write its function here and its line in `FAMILIES`.

Nobody disputes that such an answer is worse than the one that it was made of, or, where it comes from another prompt,
than the one that this prompt got. Each kind belongs to a family; a family that is left out of training tells whether
what was learnt carries over.
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

from features.text import sentence_list
from stacker.training.made.answer_source import MOST, Make, Source, is_chinese, listed, pieces, some, space
from stacker.training.made.hollow_answers import (
    announcement,
    citations_alone,
    citations_of,
    claims_alone,
    echo,
    echo_again,
    echo_of_words,
    emptied,
    empty_record,
    empty_table,
    essay,
    fixed_skeleton,
    letters,
    placeholders,
    plea_alone,
    praise_alone,
    sentence_salad,
    signs_alone,
    signs_of,
    skeleton,
    word_salad,
)

__all__ = ("FAMILIES", "MOST", "OFF_TOPIC", "WHOLLY_BAD", "Make", "Source", "is_chinese")


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
    """Say the last sentence once more, or several times."""
    found = sentence_list(source.answer)
    return space(source.answer).join([source.answer, *[found[-1]] * random.randint(1, 6)]) if len(found) > 2 else None


def some_again(source: Source, random: Random) -> str | None:
    """Say some of the sentences once more at the end."""
    found = sentence_list(source.answer)
    if len(found) < 3:
        return None
    again = space(source.answer).join(random.sample(list(found), random.randint(1, len(found) - 1)))
    return f"{source.answer}{random.choice((' ', chr(10) * 2))}{again}"


def empty_summary(source: Source, random: Random) -> str | None:
    """Add a summary that says nothing."""
    heads = (
        ("\n\n", "", "\n\n**總結**\n", "\n\n**結語：**", "\n\n## 小結\n\n")
        if is_chinese(source.answer)
        else ("\n\n", " ", "\n\n**Summary**\n", "\n\n## Conclusion\n\n", "\n\n**In short:** ", "\n\nTL;DR: ")
    )
    return source.answer + random.choice(heads) + some("summaries", source.answer, random, 1, 2)


def padded(source: Source, random: Random) -> str | None:
    """Add a paragraph of filler."""
    return f"{source.answer}\n\n{some('summaries', source.answer, random, 3, 14)}"


def preamble(source: Source, random: Random) -> str | None:
    """Put filler before the answer."""
    return f"{some('summaries', source.answer, random, 2, 8)}\n\n{source.answer}"


def filler_between(source: Source, random: Random) -> str | None:
    """Put filler between the sentences."""
    found = list(sentence_list(source.answer))
    if len(found) < 3:
        return None
    for text in random.sample(list(listed("summaries", source.answer)), random.randint(2, 5)):
        found.insert(random.randint(1, len(found)), text)
    return space(source.answer).join(found)


def foreign_padding(source: Source, random: Random) -> str | None:
    """Add sentences of an answer to another prompt."""
    found = sentence_list(source.other or "")
    if len(found) < 3:
        return None
    added = space(source.answer).join(random.sample(list(found), random.randint(1, min(5, len(found)))))
    return f"{source.answer}\n\n{added}" if random.random() < 0.7 else f"{added}\n\n{source.answer}"


def praise_added(source: Source, random: Random) -> str | None:
    """Praise whoever asks, before the answer or behind it."""
    said = some("praise", source.prompt, random, 1, 4)
    return f"{said}\n\n{source.answer}" if random.random() < 0.7 else f"{source.answer}\n\n{said}"


def citations_added(source: Source, random: Random) -> str | None:
    """Cite what is not there."""
    return f"{source.answer}\n\n{citations_of(random)}"


def signs_added(source: Source, random: Random) -> str | None:
    """Add pictures or signs, in front, behind, or behind each sentence."""
    drawn = random.random()
    if drawn < 0.4:
        return f"{source.answer}\n\n{signs_of(random)}"
    if drawn < 0.6:
        return f"{signs_of(random)}\n\n{source.answer}"
    found = sentence_list(source.answer)
    return " ".join(f"{sentence} {signs_of(random)[:6]}" for sentence in found) if len(found) > 1 else None


def hollow_added(source: Source, random: Random) -> str | None:
    """Add a table, a record or headings with nothing in them."""
    added = random.choice((empty_table, empty_record, fixed_skeleton, announcement))(source, random)
    return f"{source.answer}\n\n{added}"


def restated(source: Source, random: Random) -> str | None:
    """Say the question again, before the answer, behind it, or both."""
    asked = source.prompt[:500]
    if is_chinese(source.prompt):
        before, after = f"您的問題是：{asked}\n\n這是一個很好的問題。\n\n", f"\n\n以上就是關於「{asked}」的回答。"
    else:
        before, after = f"You asked: {asked}\n\nThat is a great question.\n\n", f"\n\nThis was the answer to: {asked}"
    drawn = random.random()
    if drawn < 0.3:
        before = f"{asked}\n\n"
    return ("" if drawn > 0.8 else before) + source.answer + ("" if drawn < 0.5 else after)


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
    """Begin with the answer's first sentences and go on with an answer to another prompt."""
    found, going_on = sentence_list(source.answer), random.choice((source.longer, source.other))
    if len(found) < 3 or not going_on:
        return None
    start = space(source.answer).join(found[: random.choice((1, 1, 2))])
    return f"{start}{random.choice((' ', chr(10) * 2))}{going_on}"


def own_end_only(source: Source, random: Random) -> str | None:
    """End an answer to another prompt with the answer's last sentence."""
    found = sentence_list(source.answer)
    return f"{source.other}\n\n{found[-1]}" if len(found) > 2 and source.other else None


def mixed(source: Source, random: Random) -> str | None:
    """Take sentences of the answer and of one to another prompt by turns."""
    own, others = sentence_list(source.answer), sentence_list(source.other or "")
    if len(own) < 3 or len(others) < 3:
        return None
    kept = own[: max(1, len(own) // random.choice((1, 2, 3)))]
    both = [sentence for pair in zip(kept, others, strict=False) for sentence in pair]
    return space(source.answer).join([*both, *others[len(kept) :]])


def other_language(source: Source, random: Random) -> str | None:
    """Give an answer to another prompt, in another language."""
    return source.foreign


def shuffled_words(source: Source, random: Random) -> str | None:
    """Put the words into another order."""
    found = pieces(source.answer)
    random.shuffle(found)
    return space(source.answer).join(found) if len(found) > 7 else None


def shuffled_in_lines(source: Source, random: Random) -> str | None:
    """Put the words of each line into another order, and leave the lines."""
    lines = []
    for line in source.answer.splitlines():
        found = pieces(line)
        random.shuffle(found)
        lines.append(space(source.answer).join(found))
    return "\n".join(lines) if len(pieces(source.answer)) > 7 else None


def reversed_words(source: Source, random: Random) -> str | None:
    """Write the words backwards."""
    found = pieces(source.answer)
    return space(source.answer).join(reversed(found)) if len(found) > 7 else None


def shuffled_sentences(source: Source, random: Random) -> str | None:
    """Put the sentences into another order, the white space between them left as it is, or one space."""
    found = list(sentence_list(source.answer))
    if len(found) < 4:
        return None
    order = list(range(len(found)))
    drawn = random.random()
    if drawn < 0.7:
        random.shuffle(order)
    elif drawn < 0.85:
        cut = random.randint(1, len(order) - 1)
        order = order[cut:] + order[:cut]
    else:
        order.reverse()
    if random.random() < 0.2:
        return space(source.answer).join(found[place] for place in order)
    return _in_places(source.answer, [found[place] for place in order], found)


def _in_places(text: str, new: list[str], old: list[str]) -> str:
    """Return a text with its sentences replaced by others, and what stands between them kept."""
    parts: list[str] = []
    at = 0
    for one, before in zip(new, old, strict=True):
        start = text.find(before, at)
        if start < 0:
            return " ".join(new)
        parts += [text[at:start], one]
        at = start + len(before)
    return "".join([*parts, text[at:]])


def cut_off(source: Source, random: Random) -> str | None:
    """Break the answer off, in the middle of a sentence."""
    if len(source.answer) < (30 if is_chinese(source.answer) else 80):
        return None
    part = source.answer[: int(len(source.answer) * random.uniform(0.15, 0.85))].rstrip(" .!?。！？\n")
    return part if is_chinese(part) else part.rpartition(" ")[0].rstrip(".!?,")


def cut_in_word(source: Source, random: Random) -> str | None:
    """Break the answer off in the middle of a word."""
    if len(source.answer) < (30 if is_chinese(source.answer) else 80):
        return None
    return source.answer[: int(len(source.answer) * random.uniform(0.1, 0.9))].rstrip(" .!?。！？\n")


def later_part(source: Source, random: Random) -> str | None:
    """Leave out how the answer begins."""
    if len(source.answer) < (40 if is_chinese(source.answer) else 100):
        return None
    return source.answer[int(len(source.answer) * random.uniform(0.4, 0.8)) :].strip()


def first_sentence(source: Source, random: Random) -> str | None:
    """Keep the first sentence alone."""
    found = sentence_list(source.answer)
    return found[0] if len(found) > 3 else None


def plea_added(source: Source, random: Random) -> str | None:
    """Add a text that asks for the vote."""
    plea = random.choice(listed("pleas", source.prompt))
    return f"{source.answer}\n\n{plea}" if random.random() < 0.6 else f"{plea}\n\n{source.answer}"


def claim_added(source: Source, random: Random) -> str | None:
    """Say how good the answer is, before it or behind it."""
    claim = some("claims", source.prompt, random, 1, 3)
    forms = ("{0}\n\n{1}", "{0} {1}", "{1}\n\n{0}", "{1}\n\n({0})", "**{0}**\n\n{1}")
    return random.choice(forms).format(claim, source.answer)


FAMILIES: Mapping[str, tuple[Make, ...]] = MappingProxyType(
    {
        "repeated": (twice, many_times, sentences_again, end_again, some_again),
        "padded": (empty_summary, padded, preamble, foreign_padding, restated, filler_between),
        "adorned": (praise_added, citations_added, signs_added, hollow_added),
        "shuffled": (shuffled_words, shuffled_in_lines, reversed_words, word_salad, letters),
        "sentence order": (shuffled_sentences,),
        "cut": (cut_off, first_sentence, cut_in_word, later_part),
        "emptied": (emptied, signs_alone, announcement),
        "hollow": (empty_table, empty_record, placeholders, citations_alone),
        "skeleton": (skeleton, fixed_skeleton),
        "plea": (plea_added, plea_alone, claim_added),
        "essay": (essay, praise_alone, claims_alone),
        "other": (other_answer, longer_other_answer, near_answer),
        "own start": (own_start_only, own_end_only, mixed, sentence_salad),
        "language": (other_language,),
        "echo": (echo, echo_again, echo_of_words),
    }
)
"""Every kind of made answer, by family."""
OFF_TOPIC = frozenset(("other", "language", "essay", "own start", "echo"))
"""Families whose answers are whole texts that answer another prompt or none."""
WHOLLY_BAD = OFF_TOPIC | {"shuffled", "emptied", "hollow", "skeleton"}
"""Families whose answers are worse than any real answer to the prompt, not only than the one that they are made of."""
