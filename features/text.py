"""How a text falls into pieces, words, sentences and scripts, for any language, in time linear in its length.

Also whether rules made for English may be applied to it: by script, then by the little words of a language.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PIECE = 1 << 15
"""Characters looked at in one go: long texts are read piece by piece, so that lists of words stay small."""
LONGEST_SENTENCE = 1000
"""Characters after which a sentence is cut: some texts have no full stop at all."""

# Han (with the iteration mark and number zero), kana, and their half-width forms: each sign counts as one word.
_CJK = (
    "\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_HAS_CJK = re.compile(f"[{_CJK}]")
# For ASCII text this is several times faster than a search for words, and finds the same.
_ASCII_SPACED = bytes(code if chr(code).isalnum() else 0x20 for code in range(128)) + bytes(128)
BEFORE_CJK = 0x3005
"""Code points from here on may be Chinese or Japanese."""
_SPACED = np.array([code if chr(code).isalnum() else 0x20 for code in range(BEFORE_CJK)], dtype="<u4")
_PLAIN_WORD = re.compile(r"[^\W_]+")
_ANY_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+")
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_NOT_ASCII_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_LETTER = re.compile(r"[^\W\d_]")
_SPACE = re.compile(r"\s")
# Where a sentence ends: at marks that end one anywhere, and at the first of . ! ? in a row, with the rest of the row,
# before white space. A row is entered only at its first mark and given back never, so that no text is read twice over.
_END = re.compile(
    r"""[.!?。！？｡…؟।\n]
    (?: (?<=[。！？｡…؟।\n]) [。！？｡…؟।\n]*+ ["'”’」』）】]{0,4}+
      | (?<![.!?][.!?])
        (?<!\b[DMSdms]r\.) (?<!\bMs\.) (?<!\b[Vv]s\.) (?<!\bSt\.) (?<!\bMrs\.) (?<!\b[Ee]\.g\.) (?<!\b[Ii]\.e\.)
        (?<!\bProf\.) (?<!\b[Ff]ig\.) (?<!\bapprox\.)
        [.!?]*+ ["'”’»)\]*_`」』）】]{0,4}+ (?=\s|\Z) )""",
    re.VERBOSE,
)

SCRIPTS = ("Latin", "Han", "Kana", "Hangul", "Cyrillic", "other")
"""The writing systems told apart, in the order that the columns have."""
_SCRIPT_RANGES = (
    (0, 0x0041, 0x024F),
    (0, 0x1E00, 0x1EFF),
    (0, 0x2C60, 0x2C7F),
    (0, 0xA720, 0xA7FF),
    (0, 0xFF21, 0xFF5A),
    (1, 0x2E80, 0x2FDF),
    (1, 0x3005, 0x3007),
    (1, 0x3021, 0x3029),
    (1, 0x3400, 0x4DBF),
    (1, 0x4E00, 0x9FFF),
    (1, 0xF900, 0xFAFF),
    (1, 0x20000, 0x3FFFF),
    (2, 0x3040, 0x30FF),
    (2, 0x31F0, 0x31FF),
    (2, 0xFF66, 0xFF9F),
    (2, 0x1B000, 0x1B16F),
    (3, 0x1100, 0x11FF),
    (3, 0x3130, 0x318F),
    (3, 0xA960, 0xA97F),
    (3, 0xAC00, 0xD7FF),
    (4, 0x0400, 0x052F),
    (4, 0x1C80, 0x1C8F),
    (4, 0x2DE0, 0x2DFF),
    (4, 0xA640, 0xA69F),
)

_ENGLISH_HEAD = 1000
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


def pieces(text: str, at: str | None = None, size: int = PIECE) -> Iterator[str]:
    """Cut a text into pieces of about `size` characters; joined, they are the text again.

    Parameters
    ----------
    text : str
        Any text; one not longer than `size` comes back whole.
    at : str or None
        Cut only behind this character (a line break, say); None cuts behind any white space. A piece grows
        until it ends so.
    size : int
        Characters after which a place to cut is looked for.
    """
    start = 0
    while len(text) - start > size:
        if at is None:
            found = _SPACE.search(text, start + size)
            end = found.end() if found else len(text)
        else:
            end = text.find(at, start + size) + 1 or len(text)
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:] if start else text


def blocks_of(text: str, size: int = PIECE) -> Iterator[str]:
    """Cut a text into pieces of at most `size` characters: behind white space, or anywhere in a run without any."""
    start = 0
    while len(text) - start > size:
        end = start + size
        found = _SPACE.search(text, max(start, end - 256), end)
        end = found.end() if found else end
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:] if start else text


def batches(texts: Sequence[str], most: int) -> Iterator[list[int]]:
    """Yield the places of n texts, each once, so many that they have `most` characters; a longer text comes alone."""
    batch: list[int] = []
    characters = 0
    for place, text in enumerate(texts):
        if len(text) > most:
            yield [place]
            continue
        if characters + len(text) > most:
            yield batch
            batch, characters = [], 0
        batch.append(place)
        characters += len(text)
    if batch:
        yield batch


def code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text, lone surrogates too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters and digits; each Han and kana sign is a word of its own.

    Apostrophes are dropped: `don't` is the word `dont`.
    """
    if text.isascii():
        return text.encode("ascii").translate(_ASCII_SPACED, b"'").decode("ascii").split()
    text = text.replace("'", "").replace("’", "")
    codes = code_points(text)
    if not len(codes) or codes.max() < BEFORE_CJK:
        return _SPACED[codes].tobytes().decode("utf-32-le").split()
    return _ANY_WORD.findall(text) if _HAS_CJK.search(text) else _PLAIN_WORD.findall(text)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, without the white space around them.

    A sentence ends at a line's end, at 。！？, and at . ! ? before white space, but not after a common abbreviation;
    what holds no letter belongs to the sentence after it; one longer than `LONGEST_SENTENCE` characters is cut.
    """
    start = seen = 0
    lettered = _LETTER.search
    for stop in _END.finditer(text):
        end = stop.end()
        if lettered(text, seen, end):
            if end - start <= LONGEST_SENTENCE:
                yield text[start:end].strip()
            else:
                yield from _bounded(text[start:end])
            start = end
        seen = end
    if lettered(text, seen):
        yield from _bounded(text[start:])


def sentence_list(text: str) -> Sequence[str]:
    """Return the sentences of a text in a list, remembered for a while where the text is short."""
    return list(sentences(text)) if len(text) > PIECE else remembered_sentences(text)


@lru_cache(maxsize=512)
def remembered_sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a short text; those of the last texts are kept."""
    return tuple(sentences(text))


def count_sentences(text: str) -> int:
    """Count the sentences of a text."""
    return sum(1 for _ in sentences(text)) if len(text) > PIECE else len(remembered_sentences(text))


def _bounded(sentence: str) -> Iterator[str]:
    """Yield a sentence stripped, and in parts where it is too long."""
    for part in blocks_of(sentence, LONGEST_SENTENCE):
        part = part.strip()
        if part:
            yield part


def script_of(letter: str) -> int:
    """Return the place in `SCRIPTS` of a letter's script."""
    code = ord(letter)
    return next((place for place, low, high in _SCRIPT_RANGES if low <= code <= high), len(SCRIPTS) - 1)


def script_counts(text: str) -> list[int]:
    """Count the letters of a text by script, in the order of `SCRIPTS`."""
    ascii_letters = text.encode("ascii", "ignore").translate(None, _NOT_ASCII_LETTERS)
    counts = [len(ascii_letters)] + [0] * (len(SCRIPTS) - 1)
    if not text.isascii():
        for letter, times in Counter("".join(_BEYOND_ASCII.findall(text))).items():
            if letter.isalnum() and not letter.isdecimal():
                counts[script_of(letter)] += times
    return counts


def dominant_script(text: str) -> int:
    """Return the place in `SCRIPTS` of the script most letters at the start of a text are written in, -1 for none."""
    head = text[:2000]
    if head.isascii():
        return 0 if _ASCII_LETTER.search(head) else -1
    counts = script_counts(head)
    most = max(counts)
    return counts.index(most) if most else -1


def is_chinese(text: str) -> bool:
    """Tell whether the script that most letters at the start of a text are written in is that of Chinese."""
    return dominant_script(text) == SCRIPTS.index("Han")


def is_english(text: str) -> bool:
    """Tell whether a text looks English: mostly Latin letters, and not more little words of other languages.

    Only the first 1,000 characters are looked at. A text with no letter is not English; one without any little word
    (`Paris.`) is taken for English when all of its letters are ASCII.
    """
    return looks_english(text[:_ENGLISH_HEAD])


@lru_cache(maxsize=512)
def looks_english(head: str) -> bool:
    """Tell whether the beginning of a text looks English; what was said of the last texts is kept."""
    if dominant_script(head) != SCRIPTS.index("Latin"):
        return False
    little = list(filter(None, map(_WEIGHT.get, head.lower().split())))
    if little:
        return sum(little) > 0
    return head.isascii() or not any(ord(letter) > 127 for letter in _LETTER.findall(head))
