"""Tells texts that rules made for English may be applied to: by script, then by the little words of a language."""

import re
from functools import lru_cache

from features.text.words import SCRIPTS, dominant_script

_HEAD = 1000
_LETTER = re.compile(r"[^\W\d_]")

_ENGLISH = (
    "the of and to is that it for you with as are this was have not or by from can your we will what which if they"
    " be at i my how an when there their has but all more would should could about do does these some into than how"
    " here lets its our been were being also other may any who why where his her he she then because such"
)
_OTHERS = (
    # Spanish, Portuguese, Catalan
    "el la los las que de y en un una es por con para del se como su al más lo pero sus le ya este sí porque esta"
    " o os e do da em um uma com não na dos das mais foi ao ele tem à seu sua ou ser quando muito nos já está eu"
    # French, Italian
    " les des et est du pour dans qui vous pas sur je ce il au plus par ne sont avec nous cette ses mais ou où"
    " il di che è per non sono della si alla più gli nel dei anche ha questo come"
    # German, Dutch, Scandinavian
    " der die das und ist nicht ein eine zu den mit von auf für sie ich dem sich des im wie auch werden oder es"
    " het een van dat niet zijn op te met voor ook er maar naar og det som på att är av til ikke jeg och ett har"
    # Polish, Czech, Turkish, Indonesian, Romanian, Finnish, Hungarian, Vietnamese
    " w na z się jest nie dla są jako że v je že bir ve bu için ile yang dan itu dengan untuk tidak ini dari pada"
    " să și cu din pe este ja on ei että hogy az egy és nem là và của có không một cho"
)
FUNCTION_WORDS = frozenset(_ENGLISH.split()) | frozenset(("a", "in", "on", "no"))
"""Little words of English, which say nothing of what a text is about."""
_WEIGHT = dict.fromkeys(_OTHERS.split(), -1) | dict.fromkeys(_ENGLISH.split(), 1)


def is_english(text: str) -> bool:
    """Tell whether a text looks English: mostly Latin letters, and not more little words of other languages.

    Only the first 1,000 characters are looked at. A text with no letter is not English; one without any little word
    (`Paris.`) is taken for English when all of its letters are ASCII.
    """
    return looks_english(text[:_HEAD])


@lru_cache(maxsize=512)
def looks_english(head: str) -> bool:
    """Tell whether the beginning of a text looks English; what was said of the last texts is kept."""
    if dominant_script(head) != SCRIPTS.index("Latin"):
        return False
    little = [weight for weight in map(_WEIGHT.get, head.lower().split()) if weight]
    if little:
        return sum(little) > 0
    return head.isascii() or not any(ord(letter) > 127 for letter in _LETTER.findall(head))
