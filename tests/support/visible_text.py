"""What a reader sees of HTML, found without the program: by the standard library's parser."""

import re
from collections import Counter
from html.parser import HTMLParser

from pipelines.terminal.unseen_signs import show_controls


class Reader(HTMLParser):
    """Reads what can be seen: texts, where links lead, the source that stands for a formula."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []
        self.tags: Counter[str] = Counter()
        self._in_formula = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.read += [value or "" for name, value in attrs if name in ("href", "alttext")]
        self._in_formula |= tag == "math"

    def handle_endtag(self, tag: str) -> None:
        self._in_formula &= tag != "math"

    def handle_data(self, data: str) -> None:
        if not self._in_formula:
            self.read.append(data)


def read(html: str) -> str:
    reader = Reader()
    reader.feed(html)
    return " ".join(reader.read)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W\d_]+", text))


def missing(text: str, html: str) -> list[str]:
    """Return the letters and digits of Markdown that cannot be seen, in their order, in what was drawn of it.

    Entities may have been decoded, and a browser counts the items of a list itself.
    """
    source = re.sub(r"&[A-Za-z#0-9]+;", "", show_controls(text))
    source = re.sub(r"(?m)^[ \t>*+-]*+(?:\d+[.)][ \t>*+-]++|\d+[.)]$)++", "", source)
    # each link's address behind its text, as it is written in Markdown
    seen = iter(read(re.sub(r'<a href="([^"]*)"[^>]*>(.*?)</a>', r"\2 <i>\1</i>", html, flags=re.DOTALL)))
    return [sign for sign in source if sign.isalnum() and sign not in seen]
