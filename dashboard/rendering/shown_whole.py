"""Rules by which a Markdown parser draws what it would drop: titles, numbers, links without a text, hidden characters.

What has no place in the drawing at all, a row's cells beyond the table's head, is marked (`LOSES`).

A markdown-it-py plugin. Raw HTML, its comments too, is no business of it: with HTML off that is text already.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, heading, table
from markdown_it.token import Token

from pipelines.terminal.unseen_signs import show_controls

if TYPE_CHECKING:
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore

PICTURE = "🖼"
LOSES = "loses"
"""Key of a token's `meta`: something of the source has no place in what is drawn of this block."""
_HOST = r"[^\s/\\?#:@()\[\]<>\"'|,;!]"
_ADDRESS = re.compile(
    rf"(?<![/\\])[/\\]{{2,}}+(?:[^\s/\\?#@]*+@)?({_HOST}++)"
    rf"|(?<!{_HOST})(?:({_HOST}+\.[^\W\d_][\w-]+)|(\d+(?:\.\d+){{3}}))"
)
"""What stands behind two slashes, a name with a dot, four numbers; nothing is looked at from two beginnings."""
_WEB = re.compile(r"https?:[/\\]*([^/\\?#]*)", re.IGNORECASE)
_DOTS = str.maketrans("\u3002\uff61\u2044\u2215", "..//")


def show_whole(md: MarkdownIt) -> None:
    """Teach a parser to draw what it would drop."""
    md.block.ruler.at("table", _table, {"alt": ["paragraph", "reference"]})
    md.block.ruler.at("heading", _heading, {"alt": ["paragraph", "reference", "blockquote"]})
    md.core.ruler.push("numbers_as_written", _numbers)
    md.core.ruler.push("links_whole", _links)
    md.core.ruler.push("hidden_characters", _hidden)
    md.add_render_rule("image", _image)


def _table(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Parse a table, and mark it when a row has more cells than its head: Markdown drops them, whatever they hold."""
    before = len(state.tokens)
    if not table(state, first, last, silent):
        return False
    if not silent:
        tokens = state.tokens[before:]
        columns = sum(token.type == "th_open" for token in tokens)
        rows = [token.map[0] for token in tokens if token.type == "tr_open" and token.map]
        if any(_cells(state.getLines(row, row + 1, state.blkIndent, False)) > columns for row in rows):
            tokens[0].meta[LOSES] = True
    return True


def _cells(row: str) -> int:
    """Return how many cells a row has; a bar at its beginning or its end parts nothing."""
    return row.strip().removeprefix("|").replace("\\|", "").removesuffix("|").count("|") + 1


def _heading(state: StateBlock, first: int, last: int, silent: bool) -> bool:
    """Parse a heading, and keep the signs at its end but where they are plainly a mark: as many as before it, and two.

    Of "# C #", nobody can tell whether the last sign is one.
    """
    before = len(state.tokens)
    if not heading(state, first, last, silent):
        return False
    if not silent:
        opened, inside = state.tokens[before : before + 2]
        start = state.bMarks[first] + state.tShift[first] + len(opened.markup)
        whole = state.src[start : state.eMarks[first]].strip(" \t")
        closing = whole[len(inside.content) :].strip()
        if not inside.content or len(closing) < 2 or closing != opened.markup:
            inside.content = whole
    return True


def _numbers(state: "StateCore") -> None:
    """Give the items of a list the numbers that they were written with, which Markdown would count anew.

    A list whose items all have the same number is meant to be counted.
    """
    lists: list[list[Token]] = []
    for token in state.tokens:
        if token.type == "ordered_list_open":
            lists.append([])
        elif token.type == "list_item_open" and token.info:
            lists[-1].append(token)
        elif token.type == "ordered_list_close":
            items = lists.pop()
            numbers = [int(item.info) for item in items]
            for item, number, before in zip(items[1:], numbers[1:], numbers, strict=False):
                if number != before + 1 and len(set(numbers)) > 1:
                    item.attrSet("value", str(number))


def _links(state: "StateCore") -> None:
    """Write a link's title behind it, and where it leads where it has no text or looks like another address."""
    for token in state.tokens:
        if token.children and any(child.type == "link_open" for child in token.children):
            token.children = _with_titles(token.children)


def _with_titles(children: Sequence[Token]) -> list[Token]:
    found: list[Token] = []
    opened: Token | None = None
    for child in children:
        if child.type == "link_open":
            opened, start = child, len(found)
        elif child.type == "image" and opened is not None:
            child.meta["in_link"] = True
        if child.type == "link_close" and opened is not None:
            if not any(each.content.strip() or each.type == "image" for each in found[start + 1 :]):
                found.append(_text(str(opened.attrs["href"])))
            title = opened.attrs.pop("title", "")
            shown = "".join(each.content for each in found[start + 1 :])
            found += [child, *_behind(leads_elsewhere(shown, str(opened.attrs["href"]))), *_behind(str(title))]
            opened = None
        else:
            found.append(child)
    return found


def _behind(said: str) -> list[Token]:
    return [_text(f" ({said})")] if said else []


def _text(content: str) -> Token:
    return Token("text", "", 0, content=content)


def _hidden(state: "StateCore") -> None:
    """Show invisible characters that were written as entities."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "text":
                child.content = show_controls(child.content)


def _image(_: "RendererHTML", tokens: Sequence[Token], at: int, __: Any, ___: Any) -> str:
    """Draw a picture's description as a link to it, with its title: nothing is fetched from elsewhere."""
    image = tokens[at]
    source, title = str(image.attrs.get("src", "")), str(image.attrs.get("title", ""))
    said = "".join(f" ({each})" for each in (leads_elsewhere(image.content, source), title) if each)
    label, source, behind = html.escape(image.content or PICTURE), html.escape(source), html.escape(show_controls(said))
    if image.meta.get("in_link"):
        return f"{PICTURE} {label} ({source}){behind}"
    return f'{PICTURE} <a href="{source}">{label}</a>{behind}'


def leads_elsewhere(shown: str, address: str) -> str:
    """Return the host of a link's address where its text looks like an address of another one, "" elsewhere.

    Parameters
    ----------
    shown : str
        The text of the link.
    address : str
        Where it leads, by http, https or mailto.
    """
    seen = {_plain(host) for host in _hosts_in(shown)}
    target = host_of(address)
    return target if seen and seen != {_plain(each.rpartition("@")[2]) for each in target.split(",")} else ""


def host_of(address: str) -> str:
    """Return the host of an address as a browser understands it; of mail the addresses."""
    address = re.sub(r"[\t\r\n]", "", address).strip()
    if (web := _WEB.match(address)) is None:
        return address.partition(":")[2].partition("?")[0]
    return web[1].rpartition("@")[2]


def _hosts_in(shown: str) -> Iterator[str]:
    text = unicodedata.normalize("NFKC", shown).translate(_DOTS).lower()
    for found in _ADDRESS.finditer(text):
        yield found[1] or found[2] or found[3]


def _plain(host: str) -> str:
    """Return a host in small letters, without what makes no difference: a port, "www." and a dot at its end."""
    host = unicodedata.normalize("NFKC", host).translate(_DOTS).lower()
    return re.sub(r":\d*$", "", host).removeprefix("www.").rstrip(".")
