"""Bad answers put together of pieces of several: the answer's own, other prompts' answers', the prompt's."""

from random import Random

from features.text import sentence_list
from stacker.training.made.answer_source import Source, listed, pieces, space


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


def own_start_cut(source: Source, random: Random) -> str | None:
    """Begin as the answer does and go on, in the middle of a sentence, as an answer to another prompt does."""
    own = pieces(source.answer)
    others = [found for text in (source.longer, source.other, source.near) if len(found := pieces(text or "")) > 15]
    if len(own) < 12 or not others:
        return None
    going_on = random.choice(others)
    start = own[: max(4, int(len(own) * random.uniform(0.05, 0.4)))]
    return space(source.answer).join([*start, *going_on[int(len(going_on) * random.uniform(0, 0.5)) :]])


def other_within(source: Source, random: Random) -> str | None:
    """Put an answer to another prompt between the answer's first sentence and its last one."""
    found, inside = sentence_list(source.answer), random.choice((source.longer, source.other))
    if len(found) < 3 or not inside:
        return None
    between = random.choice((space(source.answer), "\n\n"))
    return between.join((found[0], inside, found[-1]))


def mixed(source: Source, random: Random) -> str | None:
    """Take sentences of the answer and of one to another prompt by turns."""
    own, others = sentence_list(source.answer), sentence_list(source.other or "")
    if len(own) < 3 or len(others) < 3:
        return None
    kept = own[: max(1, len(own) // random.choice((1, 2, 3)))]
    both = [sentence for pair in zip(kept, others, strict=False) for sentence in pair]
    return space(source.answer).join([*both, *others[len(kept) :]])


def other_between(source: Source, random: Random) -> str | None:
    """Say the prompt, then an answer to another one, and that this was the answer."""
    inside = random.choice((source.other, source.longer))
    if not inside:
        return None
    asked = source.prompt[:400]
    before = random.choice((asked, *listed("asked", source.prompt))).replace("{0}", asked)
    after = random.choice((asked, "", *listed("answered", source.prompt))).replace("{0}", asked)
    return f"{before}\n\n{inside}\n\n{after}".strip()


def word_salad(source: Source, random: Random) -> str | None:
    """Mix words of the prompt and of another answer."""
    found = pieces(source.other or "") + pieces(source.prompt)[:60]
    if len(found) <= 20:
        return None
    return space(source.prompt).join(random.sample(found, min(random.randint(20, 250), len(found))))


def phrase_salad(source: Source, random: Random) -> str | None:
    """Mix phrases of two to four words of the prompt, the answer and another answer."""
    found = pieces(source.prompt)[:60] + pieces(source.answer)[:200] + pieces(source.other or "")[:200]
    size = random.randint(2, 4)
    phrases = [found[start : start + size] for start in range(0, len(found), size)]
    if len(phrases) < 8:
        return None
    chosen = random.sample(phrases, min(random.randint(8, 80), len(phrases)))
    return space(source.prompt).join(piece for phrase in chosen for piece in phrase)


def sentence_salad(source: Source, random: Random) -> str | None:
    """Mix sentences of answers to several other prompts."""
    found = [
        sentence for text in (source.other, source.longer, source.near) for sentence in sentence_list(text or "")[:20]
    ]
    return (
        space(source.prompt).join(random.sample(found, min(random.randint(4, 12), len(found))))
        if len(found) > 5
        else None
    )
