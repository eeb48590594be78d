"""Bad answers made of their prompt: said again, or its words in sentences that say nothing."""

from random import Random

from features.text import is_chinese
from stacker.training.made.answer_source import Source, listed, pieces, space


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
