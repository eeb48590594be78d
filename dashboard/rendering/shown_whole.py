"""Rules by which a Markdown parser draws what it would drop: titles, numbers, links without a text, hidden characters.

A markdown-it-py plugin. Raw HTML, its comments too, is no business of it: with HTML off that is text already.
"""

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from stacker.charts.controls import show_controls

if TYPE_CHECKING:
    from markdown_it.renderer import RendererHTML
    from markdown_it.rules_core import StateCore

PICTURE = "🖼"


def show_whole(md: MarkdownIt) -> None:
    """Teach a parser to draw what it would drop."""
    md.core.ruler.push("numbers_as_written", _numbers)
    md.core.ruler.push("links_whole", _links)
    md.core.ruler.push("hidden_characters", _hidden)
    md.add_render_rule("image", _image)


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
    """Write a link's title behind it, and where it leads where it has no text."""
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
            found += [child, _text(f" ({title})")] if title else [child]
            opened = None
        else:
            found.append(child)
    return found


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
    label, source = html.escape(image.content or PICTURE), html.escape(source)
    behind = html.escape(show_controls(f" ({title})")) if title else ""
    if image.meta.get("in_link"):
        return f"{PICTURE} {label} ({source}){behind}"
    return f'{PICTURE} <a href="{source}">{label}</a>{behind}'
