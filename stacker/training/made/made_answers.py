"""Bad answers made of real ones: to add a kind, write its function here and its line in `FAMILIES`.

Nobody disputes that such an answer is worse than the one that it was made of, or, where it comes from another prompt,
than the one that this prompt got. Each kind belongs to a family; a family that is left out of training tells whether
what was learnt carries over.
"""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

from features.text import is_chinese, sentence_list
from stacker.training.made.answer_source import MOST, Make, Source, listed, pieces, some, space
from stacker.training.made.damaged_answers import (
    cut_in_word,
    cut_near_end,
    cut_off,
    first_sentence,
    later_part,
    letters_exchanged,
    little_words_missing,
    look_alikes,
    marks_missing,
    middle_missing,
    neighbours_exchanged,
    sentences_missing,
    sentences_mixed_up,
    starts_alone,
    words_again,
    words_missing,
    words_of_another,
)
from stacker.training.made.echoed_prompts import echo, echo_again, echo_of_words
from stacker.training.made.hollow_answers import (
    announcement,
    citations_alone,
    citations_of,
    claims_alone,
    emptied,
    empty_record,
    empty_table,
    essay,
    fixed_skeleton,
    letters,
    links_alone,
    placeholders,
    plea_alone,
    praise_alone,
    signs_alone,
    signs_of,
    skeleton,
)
from stacker.training.made.joined_answers import (
    mixed,
    other_between,
    other_within,
    own_end_only,
    own_start_cut,
    own_start_only,
    phrase_salad,
    sentence_salad,
    word_salad,
)

__all__ = ("FAMILIES", "MOST", "OFF_TOPIC", "WHOLLY_BAD", "Make", "Source")


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
    asked, drawn = source.prompt[:500], random.random()
    before = asked if drawn < 0.2 else random.choice(listed("asked", source.prompt)).format(asked)
    after = random.choice(listed("answered", source.prompt)).format(asked)
    return "\n\n".join([*([before] if drawn < 0.75 else []), source.answer, *([after] if drawn > 0.45 else [])])


def other_answer(source: Source, random: Random) -> str | None:
    """Give an answer to another prompt."""
    return source.other


def longer_other_answer(source: Source, random: Random) -> str | None:
    """Give a longer answer to another prompt."""
    return source.longer


def near_answer(source: Source, random: Random) -> str | None:
    """Give an answer to a prompt like this one."""
    return source.near


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
        "shuffled": (shuffled_words, shuffled_in_lines, reversed_words, word_salad, phrase_salad, letters),
        "garbled": (
            neighbours_exchanged,
            words_again,
            words_of_another,
            letters_exchanged,
            sentences_mixed_up,
            marks_missing,
            look_alikes,
        ),
        "sentence order": (shuffled_sentences,),
        "cut": (cut_off, cut_near_end, first_sentence, cut_in_word, later_part),
        "gaps": (sentences_missing, middle_missing, words_missing, starts_alone, little_words_missing),
        "emptied": (emptied, signs_alone, announcement),
        "hollow": (empty_table, empty_record, placeholders, citations_alone, links_alone),
        "skeleton": (skeleton, fixed_skeleton),
        "plea": (plea_added, plea_alone, claim_added),
        "essay": (essay, praise_alone, claims_alone),
        "other": (other_answer, longer_other_answer, near_answer),
        "own start": (own_start_only, own_start_cut, own_end_only, other_within, other_between),
        "mixed": (mixed, sentence_salad),
        "language": (other_language,),
        "echo": (echo, echo_again, echo_of_words),
    }
)
"""Every kind of made answer, by family."""
OFF_TOPIC = frozenset(("other", "language", "essay", "own start", "mixed", "echo"))
"""Families whose answers are whole texts that answer another prompt or none."""
WHOLLY_BAD = OFF_TOPIC | {"shuffled", "garbled", "emptied", "hollow", "skeleton"}
"""Families whose answers are worse than any real answer to the prompt, not only than the one that they are made of."""
PARTS = frozenset(("first_sentence", "sentences_missing", "middle_missing", "cut_near_end", "later_part"))
"""Kinds that may be fair answers by themselves, and are worse than the one that they are a part of."""
