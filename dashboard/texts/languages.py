"""The language of a question, where its script or its commonest words tell it."""

import re

from features.text import script_counts

_ENGLISH = frozenset(
    "the a an of to and in is are was were be do does did how what why when where who which can could should would i "
    "you my me it that this for with on at from write give tell explain about".split()
)
_WORD = re.compile(r"[a-z']+")
_HANGUL = re.compile("[\uac00-\ud7a3]")


def language_of(text: str) -> str:
    """Return `zh`, `ja`, `ko`, `en`, or "" where a few words cannot tell.

    Han without kana is Chinese, kana is Japanese, Hangul Korean, each from a fifth of the letters on. Latin letters
    are English where a tenth of the words are among the commonest English ones.
    """
    latin, han, kana, *others = script_counts(text)
    letters = latin + han + kana + sum(others)
    if letters == 0:
        return ""
    if 5 * (han + kana) >= letters:
        return "ja" if 10 * kana >= han + kana else "zh"
    if 5 * len(_HANGUL.findall(text)) >= letters:
        return "ko"
    words = _WORD.findall(text.lower())
    common = sum(word in _ENGLISH for word in words)
    return "en" if words and 2 * latin >= letters and 10 * common >= len(words) else ""
