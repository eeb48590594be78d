"""The parts of a text that several blocks look at one after the other, each taken apart once."""

from functools import lru_cache

from features.text import sentence_list, words

HEAD = 30_000
"""Characters of a text that are looked at: of real answers one in ten thousand is longer."""


@lru_cache(maxsize=32)
def small_words(text: str) -> tuple[str, ...]:
    """Return the words of a text, in small letters."""
    return tuple(words(text.lower()))


@lru_cache(maxsize=32)
def spoken(text: str) -> tuple[str, ...]:
    """Return the sentences of a text, in small letters."""
    return tuple(sentence.lower() for sentence in sentence_list(text))


@lru_cache(maxsize=2048)
def plain_words(sentence: str) -> tuple[str, ...]:
    """Return the words of a sentence."""
    return tuple(words(sentence))


@lru_cache(maxsize=2048)
def plain(sentence: str) -> str:
    """Return the words of a sentence with one space between them: what is left of it when it is compared."""
    return " ".join(plain_words(sentence))
