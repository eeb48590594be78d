"""Bad answers made of their prompt: said again, or its words in lists and sentences that say nothing."""

from random import Random

from features.text import is_chinese
from stacker.training.made.answer_source import Source, content_words, listed, pieces, space


def echo(source: Source, random: Random) -> str | None:
    """Say the prompt and no more."""
    return source.prompt[:3000] if len(source.prompt) > 20 else None


def echo_again(source: Source, random: Random) -> str | None:
    """Say the prompt several times, or with a word around it."""
    asked = source.prompt[:1500]
    if len(asked) < 12:
        return None
    if random.random() < 0.5:
        return random.choice(("\n\n", " ", "\n")).join([asked] * random.randint(2, 5))
    said = random.sample(list(listed("asked", asked)), random.randint(1, 2))
    said += random.sample(list(listed("answered", asked)), random.randint(0, 1))
    return random.choice(("\n\n", "\n", " ")).join(said).replace("{0}", asked)


def echo_of_words(source: Source, random: Random) -> str | None:
    """Write sentences that fit any prompt about words of this one."""
    found = pieces(source.prompt)[:80]
    if len(found) < 4:
        return None
    size = random.randint(2, 8) * (2 if is_chinese(source.prompt) else 1)
    starts = [random.randrange(max(len(found) - size, 1)) for _ in range(random.randint(2, 6))]
    parts = [space(source.prompt).join(found[start : start + size]).strip("?.!,？。！，") for start in starts]
    return space(source.prompt).join(random.choice(list(listed("about", source.prompt))).format(part) for part in parts)


def keywords(source: Source, random: Random) -> str | None:
    """List words of the prompt, once or over and over."""
    known = content_words(source.prompt)
    if len(known) < 3:
        return None
    random.shuffle(known)
    found = known[: random.randint(3, len(known))] * random.choice((1, 1, 2, 5))
    if random.random() < 0.3:
        random.shuffle(found)
    mark, between = random.choice(
        (("", ", "), ("", "; "), ("", " / "), ("- ", "\n"), ("* ", "\n"), ("#", " "), ("", "\n"), ("", "、"), ("", " "))
    )
    head = random.choice(("", "", *listed("keywords", source.prompt)))
    return head + between.join(f"{mark}{word}" for word in found)


def outline_of_words(source: Source, random: Random) -> str | None:
    """Give a list, a table or steps with a word of the prompt in each line, and a remark that fits any."""
    known = content_words(source.prompt)
    if len(known) < 2:
        return None
    remarks, count = listed("remarks", source.prompt), random.randint(3, 12)
    rows = [(random.choice(known), random.choice(remarks)) for _ in range(count)]
    if random.random() < 0.25:
        return "\n".join(["| | |", "|---|---|", *(f"| {word} | {remark} |" for word, remark in rows)])
    form = random.choice(listed("outlines", source.prompt))
    return "\n".join(form.format(number, word, remark) for number, (word, remark) in enumerate(rows, start=1))
