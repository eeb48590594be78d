"""How a text falls into pieces, words, sentences and scripts, for any language, in time linear in its length."""

import re
from collections import Counter
from collections.abc import Iterator

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
_PLAIN_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*+")
_ANY_WORD = re.compile(rf"[{_CJK}]|[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*+")
_LETTER = re.compile(r"[^\W\d_]")
_SPACE = re.compile(r"\s")
_STOP = re.compile(r"[.!?]++|[。！？｡…؟।]++|\n++")
_CLOSERS = frozenset("\"'”’»)]*_`」』）》】")
_ABBREVIATIONS = frozenset("mr mrs ms dr prof st vs e.g i.e eg ie no fig al approx".split())

SCRIPTS = ("Latin", "Han", "Kana", "Hangul", "Cyrillic", "other")
"""The writing systems told apart, in the order that `script_counts` has."""
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
        found = _SPACE.search(text, end - 256, end)
        end = found.end() if found else end
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:] if start else text


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters and digits; each Han and kana sign is a word of its own."""
    if text.isascii() or not _HAS_CJK.search(text):
        return _PLAIN_WORD.findall(text)
    return _ANY_WORD.findall(text)


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, without the white space around them.

    A sentence ends at a line's end, at 。！？, and at . ! ? before white space, but not after a common abbreviation;
    what holds no letter belongs to the sentence after it; one longer than `LONGEST_SENTENCE` characters is cut.
    """
    start = seen = 0
    lettered = False
    for stop in _STOP.finditer(text):
        mark, end = text[stop.start()], stop.end()
        if mark in ".!?":
            while end < len(text) and text[end] in _CLOSERS and end - stop.end() < 4:
                end += 1
            if end < len(text) and not text[end].isspace():
                continue
            if mark == "." and stop.end() - stop.start() == 1 and _abbreviated(text, stop.start()):
                continue
        if end <= seen:
            continue
        lettered = lettered or _LETTER.search(text, seen, end) is not None
        seen = end
        if lettered:
            yield from _bounded(text[start:end])
            start, lettered = end, False
    if start < len(text) and _LETTER.search(text, start):
        yield from _bounded(text[start:])


def _abbreviated(text: str, stop: int) -> bool:
    """Tell whether the word before a full stop is a common abbreviation."""
    return text[max(0, stop - 7) : stop].rpartition(" ")[2].lower().lstrip("(") in _ABBREVIATIONS


def _bounded(sentence: str) -> Iterator[str]:
    """Yield a sentence stripped, and in parts where it is too long."""
    if len(sentence) <= LONGEST_SENTENCE:
        yield sentence.strip()
        return
    for part in blocks_of(sentence, LONGEST_SENTENCE):
        part = part.strip()
        if part:
            yield part


class _ScriptOfLetter(dict[str, int]):
    """The script's place for a letter, -1 for what is no letter; filled as letters are met."""

    def __missing__(self, letter: str) -> int:
        place = -1
        if letter.isalpha() or letter == "\u3005":
            code = ord(letter)
            place = next((place for place, low, high in _SCRIPT_RANGES if low <= code <= high), len(SCRIPTS) - 1)
        if len(self) > 50_000:  # texts of random code points must not fill the memory
            self.clear()
        self[letter] = place
        return place


_SCRIPT_OF = _ScriptOfLetter()


def script_counts(characters: Counter[str]) -> list[int]:
    """Count the letters of each of `SCRIPTS` among counted characters."""
    counts = [0] * (len(SCRIPTS) + 1)
    for character, times in characters.items():
        counts[_SCRIPT_OF[character]] += times
    return counts[:-1]


def dominant_script(text: str) -> int:
    """Return the place in `SCRIPTS` of the script most letters at the start of a text are written in, -1 for none."""
    counts = script_counts(Counter(text[:4000]))
    most = max(counts)
    return counts.index(most) if most else -1
