"""What an answer says that neither its prompt does nor any announcement: whether it holds a word of its own.

"So you want to know the following:", the prompt, "Let us think about what this means." is as near to the prompt as no
answer is, and "Sure thing! Coming right up." as short as some are; neither says anything. An answer that picks words
of its prompt ("the second one", or sentences that it was asked for) does, so that it is none of these; one that puts
its words into sentences which fit any ("When it comes to X, there are many things to say."), or lists them, does not.
"""

import re
from collections.abc import Collection, Sequence
from functools import cache

from features.blocks.chinese.variants import simplified
from features.blocks.reading.parts.sentence_kinds import is_claim, is_filler, is_plea, listed, pattern
from features.blocks.reading.parts.text_parts import plain_words, small_words
from features.text import FUNCTION_WORDS

_START = 6
"""Words at which a prompt begins; an answer that holds them in this order says it again."""
_ALL = 0.9
"""Share of its words from which on an answer that has no other ones says the prompt again."""
_VERDICT = re.compile(
    r"[\W_]*(yes|no|yep|nope|true|false|correct|incorrect|right|wrong|是|否|对|不|错|没有|正确)(?![a-z])"
)
_SAYS_NO = frozenset(("no", "not"))
_CHANCE = 0.03
"""Share of words of its own which an answer that says the prompt again may have by chance: one that was cut in two."""
_FEW = 3
"""Words of an answer that may be a pick though none of them tells anything by itself."""
_SHORT, _PICKED = 12, 0.5
"""Words but for function words up to which any answer may be a pick; in a longer one this share of them has to tell."""
_KEPT = 0.2
"""Share of neighbouring words that such a longer one has to have from its prompt: whoever takes sentences has more."""
_CHINESE_FUNCTION = frozenset(
    "的了是在我你您他她它们和与或也都就还而及之于对从以为把被让给吗呢吧啊呀哦嗯其此所则即但且如若因由向到得地着过来去会能可要将该不太更最又再"
)
_HAN = re.compile("[\u3400-\u9fff]")


def own_words(prompt: str, text: str, sentences: Sequence[str]) -> tuple[float, float]:
    """Return how many different words an answer has of its own, and 1 where it has none and picks none, else 0.

    Parameters
    ----------
    prompt, text : str
        The heads of both texts.
    sentences : sequence of str
        The sentences of the answer, in small letters.
    """
    asked = small_words(prompt)
    known = frozenset(asked) | frozenset(small_words(simplified(prompt)))
    telling: set[str] = set()
    for sentence in sentences or (text.lower(),):
        if not is_plea(sentence):
            telling |= _telling(sentence)
    own = telling - known
    # A yes or no is an answer, whatever words stand in the question.
    verdict = _VERDICT.match(simplified(text[:40].lower()))
    if verdict and verdict[1] not in simplified(prompt[:40].lower()).split()[:1]:
        own = own | {verdict[1]}
    found = small_words(text)
    if own and len(own) <= _CHANCE * len(found) and _begins(asked, found):
        own = set()
    return float(len(own)), float(not own and not (_picks(asked, found, telling) and _tells(asked, found, sentences)))


def _telling(sentence: str) -> set[str]:
    """Return the words of a sentence that tell something: neither function words nor those of announcements."""
    plain = pattern("filler").sub(" ", sentence) if is_filler(sentence) else sentence
    plain = pattern("claims").sub(" ", plain) if is_claim(sentence) else plain
    if not sentence.isascii() and _HAN.search(sentence):
        plain = pattern("empty phrases").sub(" ", simplified(plain))
    return {word for word in plain_words(plain) if word in _SAYS_NO or (_says(word) and word not in _empty())}


def _says(word: str) -> bool:
    """Tell whether a word is none of those that only hold a sentence together."""
    return not (word in FUNCTION_WORDS or word in _CHINESE_FUNCTION)


def _tells(asked: Sequence[str], found: Sequence[str], sentences: Sequence[str]) -> bool:
    """Tell whether some sentences are few words, or half of their words tell something, and stand as in the prompt."""
    said = sum(len(set(filter(_says, plain_words(sentence)))) for sentence in sentences)
    if said <= _SHORT:
        return True
    theirs = set(zip(asked, asked[1:], strict=False))
    kept = sum(map(theirs.__contains__, zip(found, found[1:], strict=False)))
    told = sum(len(_telling(sentence)) for sentence in sentences)
    return told >= _PICKED * said and kept >= _KEPT * (len(found) - 1)


def _picks(asked: Sequence[str], found: Sequence[str], telling: Collection[str]) -> bool:
    """Tell whether words of a prompt are some that were picked from it, and not the prompt said again."""
    known, said = set(asked), set(found)
    if not telling and not (said <= known and 0 < len(found) <= _FEW):
        return False
    return not _begins(asked, found) and len(said & known) < _ALL * len(known)


def _begins(asked: Sequence[str], found: Sequence[str]) -> bool:
    """Tell whether an answer holds the words at which its prompt begins, in this order."""
    start = tuple(asked[:_START])
    return any(tuple(found[at : at + len(start)]) == start for at in range(len(found) - len(start) + 1))


@cache
def _empty() -> frozenset[str]:
    return frozenset(word for line in listed("empty words") for word in line.split())
