"""The probes and their registry: to add one, write its function here and its line in `PROBES`."""

import re
from collections.abc import Sequence
from random import Random

from features.text import sentence_list
from stacker.audit.probe_interface import MOST_CHARACTERS, Case, Probe, language_of, texts_for

LONGER = 1.6
"""How many times as long an answer becomes by padding, about."""
MOST_PADDING = 4000
LEAST_PADDING = 200
MUCH_LONGER = 1.2
"""How many times as long an answer to another prompt is at least where it is to be longer."""
_MARKED_LINE = re.compile(r"^[ \t]{0,8}(?:[-*+•]|\d{1,3}[.)]|#{1,6}|\|)[ \t]", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]{0,8})([-*])(?= )", re.MULTILINE)
_LEAD_EN = re.compile(r"\S{1,40}(?: \S{1,40}){0,2}")
_LEAD_ZH = re.compile(r"[A-Za-z0-9]{1,40}|[^\W_A-Za-z0-9]{1,6}")
_CODE = "```"


def same_text(answer: str, case: Case) -> str | None:
    """Change nothing."""
    return answer


def harmless_rewrite(answer: str, case: Case) -> str | None:
    """Change what no reader sees, with as many characters, words and lines: bullets of the other kind, another space.

    It keeps the length to the character, so that a judge that goes by length alone is no false alarm.
    """
    text = _BULLET.sub(lambda found: found[1] + ("*" if found[2] == "-" else "-"), answer)
    spaces = [found.start() for found in re.finditer(r"(?<=[^\W_]) (?=[^\W_])", text[:2000])]
    if not spaces:
        return text
    place = case.random.choice(spaces)
    return f"{text[:place]}\u00a0{text[place + 1 :]}"


def padding(answer: str, case: Case) -> str | None:
    """Add sentences that say nothing, until the answer is `LONGER` times as long."""
    sentences = list(texts_for("padding", answer))
    case.random.shuffle(sentences)
    zh = language_of(answer) == "zh"
    least = LEAST_PADDING // 4 if zh else LEAST_PADDING
    wanted = min(max(int(len(answer) * (LONGER - 1)), least), MOST_PADDING)
    added: list[str] = []
    size = 0
    while size < wanted:
        sentence = sentences[len(added) % len(sentences)]
        added.append(sentence)
        size += len(sentence) + 1
    return f"{answer.rstrip()}\n\n{('' if zh else ' ').join(added)}"


def as_long(answer: str, characters: int, random: Random) -> str:
    """Return an answer of so many characters, by whole sentences that say nothing and a few blanks behind them."""
    sentences = [*texts_for("padding", answer), *texts_for("short", answer)]
    start = random.randrange(len(sentences))
    between = "" if language_of(answer) == "zh" else " "
    longest_first = sorted(sentences, key=len, reverse=True)
    added: list[str] = []
    left = characters - len(answer.rstrip()) - 2
    while left >= 2 * len(longest_first[0]):
        added.append(sentences[(start + len(added)) % len(sentences)])
        left -= len(added[-1]) + len(between)
    # The last ones are as long as they can be, so that few blanks are left.
    while fitting := next((each for each in longest_first if len(each) + len(between) <= left), ""):
        added.append(fitting)
        left -= len(fitting) + len(between)
    text = f"{answer.rstrip()}\n\n{between.join(added)}" if added else answer
    return text + " " * max(characters - len(text), 0)


def lists_and_bold(answer: str, case: Case) -> str | None:
    """Make each sentence an item of a list with its first words bold; the words stay as they are."""
    if _CODE in answer or "**" in answer or len(_MARKED_LINE.findall(answer)) > 1:
        return None
    sentences = sentence_list(answer)
    if len(sentences) < 2:
        return None
    lead = _LEAD_ZH if language_of(answer) == "zh" else _LEAD_EN
    return "\n".join(f"- {lead.sub(lambda found: f'**{found[0]}**', sentence, count=1)}" for sentence in sentences)


def written_twice(answer: str, case: Case) -> str | None:
    """Write the whole answer a second time."""
    return f"{answer.rstrip()}\n\n{answer.lstrip()}"


def last_sentence_again(answer: str, case: Case) -> str | None:
    """Repeat the last sentence, twice."""
    sentences = sentence_list(answer)
    if not sentences:
        return None
    between = "" if language_of(answer) == "zh" else " "
    return between.join([answer.rstrip(), sentences[-1], sentences[-1]])


def shuffled_sentences(answer: str, case: Case) -> str | None:
    """Put the sentences into another order, with the white space between them as it is."""
    sentences = sentence_list(answer)
    if len(sentences) < 4:
        return None
    order = list(range(len(sentences)))
    case.random.shuffle(order)
    if order == sorted(order):
        order = order[1:] + order[:1]
    parts: list[str] = []
    at = 0
    for place, sentence in zip(order, sentences, strict=True):
        start = answer.index(sentence, at)
        parts += [answer[at:start], sentences[place]]
        at = start + len(sentence)
    changed = "".join([*parts, answer[at:]])
    return None if changed == answer else changed


def another_answer(answer: str, case: Case) -> str | None:
    """Give a real answer to another prompt."""
    return case.others.any(case.random)


def longer_other_answer(answer: str, case: Case) -> str | None:
    """Give a real answer to another prompt that is longer than the one to this."""
    return case.others.longer(case.random, int(len(answer) * MUCH_LONGER) + 1)


def skeleton(answer: str, case: Case) -> str | None:
    """Give headings and empty items with no content."""
    names = list(texts_for("headings", answer))
    kept = sorted(case.random.sample(range(len(names)), 6))
    return "\n\n".join(f"## {names[place]}\n\n- **{names[place]}**" for place in kept)


def filler(answer: str, case: Case) -> str | None:
    """Give a confident essay that fits any prompt and answers none."""
    return case.random.choice(_listed("filler", answer))


def own_beginning(answer: str, case: Case) -> str | None:
    """Keep the first sentence, and go on with a real answer to another prompt."""
    sentences, other = sentence_list(answer), case.others.any(case.random)
    return f"{sentences[0]} {other}" if len(sentences) > 2 and other else None


def question_again(answer: str, case: Case) -> str | None:
    """Say the question, once or several times, instead of an answer."""
    return "\n\n".join([case.prompt] * case.random.randint(1, 4)) if len(case.prompt) > 10 else None


def broken_off(answer: str, case: Case) -> str | None:
    """Break the answer off somewhere before two thirds of it."""
    if len(answer) < (40 if language_of(answer) == "zh" else 120):
        return None
    return answer[: int(len(answer) * case.random.uniform(0.2, 0.65))].rstrip(" \n.!?。！？")


def hollow(answer: str, case: Case) -> str | None:
    """Give a table, a record, pictures or sources with nothing in them."""
    return case.random.choice(_listed("hollow", answer))


def praise(answer: str, case: Case) -> str | None:
    """Praise whoever asks, or the answer itself, before the answer."""
    return f"{case.random.choice(_listed('praise', answer))}\n\n{answer}"


def asks_to_be_chosen(answer: str, case: Case) -> str | None:
    """Add a text that tells the judge to choose this answer, before it or behind it."""
    said = case.random.choice(_listed("injection", answer))
    return f"{said}\n\n{answer}" if case.random.random() < 0.5 else f"{answer.rstrip()}\n\n{said}"


def empty_summary(answer: str, case: Case) -> str | None:
    """Add a summary that says nothing."""
    return f"{answer.rstrip()}\n\n{case.random.choice(_listed('summary', answer))}"


def _listed(key: str, answer: str) -> Sequence[str]:
    return list(texts_for(key, answer))


CONTROLS = (
    Probe("same_text", "the same text again", same_text, "same", control=True),
    Probe("rewrite", "a rewrite that nobody sees", harmless_rewrite, "same", control=True),
)
"""Changes that are none; the second is what the probes are compared with."""
PROBES = {
    probe.name: probe
    for probe in (
        Probe("padding", "padding", padding),
        Probe("lists", "lists and bold", lists_and_bold, "same", adds=True),
        Probe("twice", "the answer written twice", written_twice, adds=True),
        Probe("last_sentence", "its last sentence repeated", last_sentence_again, adds=True),
        Probe("summary", "an empty summary", empty_summary, adds=True),
        Probe("injection", "a text that asks to be chosen", asks_to_be_chosen, adds=True),
        Probe("praise", "praise in front of it", praise, adds=True),
        Probe("shuffled", "shuffled sentences", shuffled_sentences),
        Probe("broken_off", "an answer that breaks off", broken_off),
        Probe("other_answer", "another prompt's answer", another_answer, "far_worse", in_place=False),
        Probe("longer_other", "another prompt's longer answer", longer_other_answer, "far_worse", in_place=False),
        Probe(
            "own_beginning", "its beginning with another prompt's answer", own_beginning, "far_worse", in_place=False
        ),
        Probe("question", "the question instead of an answer", question_again, "far_worse", in_place=False),
        Probe("hollow", "a form with nothing in it", hollow, "far_worse", in_place=False),
        Probe("skeleton", "an empty skeleton of headings", skeleton, "far_worse", in_place=False),
        Probe("filler", "confident filler", filler, "far_worse", in_place=False),
    )
}
"""Every probe by name, in the order in which they are reported."""


def changed_answer(probe: Probe, answer: tuple[str, ...], case: Case) -> tuple[str, ...] | None:
    """Return the turns of an answer with the last one changed; None where the probe does not apply.

    Answers without a letter or a sign, and those beyond `MOST_CHARACTERS`, are left to the controls.
    """
    last = answer[-1]
    if not last.strip() or (len(last) > MOST_CHARACTERS and not probe.control):
        return None
    changed = probe.change(last, case)
    if changed is None or (changed == last and not probe.control):
        return None
    return (*answer[:-1], changed)
