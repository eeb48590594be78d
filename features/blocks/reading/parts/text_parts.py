"""The parts of a text that several blocks look at one after the other, each taken apart once."""

import re
from functools import lru_cache

from features.text import sentence_list, words

HEAD = 30_000
"""Characters of a text that are looked at: of real answers one in ten thousand is longer."""
_NUMBERED = re.compile(
    r"[^\w\n]{0,6}(?:\d{1,3}[.)、．:：\]）](?!\d)|\d{1,3}$|[ivx]{1,5}[.)]|[a-z][.)]|[一二三四五六七八九十]{1,3}[、.．:：）]"
    r"|第[一二三四五六七八九十\d]{1,3}[、,，:：]?|(?:step|part|point|步骤|步驟)\s?[\d一二三四五六七八九十]{1,3}(?!\w))"
)
"""What numbers an item, in small letters, which is no part of what it says."""


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
    """Return the words of a sentence with one space between them: what is left of it when it is compared.

    Its number is not: an item that comes again as another one says the same.
    """
    number = _NUMBERED.match(sentence)
    said = words(sentence[number.end() :]) if number else ()
    return " ".join(said or plain_words(sentence))
