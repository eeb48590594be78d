"""Nothing of a text is hidden: what a reader sees is looked for by the tests' own parser, not by the program's."""

import re
from collections import Counter
from html import escape, unescape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from visible_text import Reader, missing, read, words

from dashboard.rendering.markdown import MOST_NESTED, drawn
from dashboard.rendering.sanitiser import shows_all

FENCE = "`" * 3


@pytest.mark.parametrize(
    "text",
    [
        "[label]: http://where.test 'and a title'",
        "[^1]: a footnote\n\nof[^1] this",
        "[shown](http://where.test 'a title')",
        "![a picture](http://where.test/x.png 'its title')",
        "[![a picture](http://in.test)](http://out.test 'title')",
        "[](http://empty.test)",
        "[ ](<http://blank.test>)",
        "<!-- a comment -->\n\n<!-- another\nof two lines -->",
        "<div hidden>\ninside\n</div>",
        f"{FENCE}python title=main.py of all\nprint(1)\n{FENCE}",
        "| a | b |\n|---|---|\n| one | two | lost |\n\nbehind",
        "> " * 20 + "deep",
        "> " * 100 + "deeper",
        "".join("  " * level + f"- level {'x' * level}\n" for level in range(11)),
        "".join("  " * level + f"- level {'x' * level}\n" for level in range(80)),
        "$\\phantom{secret}x$ and $\\color{white}x$ and $\\llap{over}x$ and $\\hspace{-3em}x$",
        "$x % a comment$",
        "$$\\begin{nothing}inside\\end{nothing}$$",
        "[a](http://where.test/p%20q/ü?x=1&y=2)",
        "<http://auto.test/p%20q>",
        "~~struck~~ and ~~~\nfenced",
    ],
)
def test_no_word_vanishes(text: str) -> None:
    assert words(text) - words(read(drawn(text)[0])) == Counter()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a&#8203;b", "⟦U+200B⟧"),
        ("a&#x202e;b", "⟦U+202E⟧"),
        ("&zwnj;", "⟦U+200C⟧"),
        ("[a](http://where.test '&#8203;')", "⟦U+200B⟧"),
        ("&eacute;t&eacute; &copy; &nosuch;", "été © &nosuch;"),
    ],
)
def test_what_is_written_as_an_entity_is_seen(text: str, seen: str) -> None:
    assert seen in read(drawn(text)[0])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1. a\n7. b\n8. c", {"7"}),
        ("3. a\n2. b\n1. c", {"2", "1"}),
        ("1. a\n1. b\n1. c", set()),
        ("1. a\n2. b\n   1. c\n   5. d\n3. e", {"5"}),
    ],
)
def test_items_have_the_numbers_they_were_written_with(text: str, numbers: set[str]) -> None:
    html, as_written = drawn(text)
    assert set(re.findall(r'<li value="(\d+)"', html)) == numbers
    assert as_written == ""


def test_what_can_be_nested_is_drawn_and_what_cannot_is_shown_as_it_was_written() -> None:
    for text in ("> " * 20 + "deep", "".join("  " * level + f"- {level}\n" for level in range(10))):
        html, as_written = drawn(text)
        assert as_written == "" and "<pre" not in html
    html, as_written = drawn("> " * MOST_NESTED + "deep\n\n**drawn**")
    assert as_written == "parts"
    assert html.startswith("<pre") and "<strong>drawn</strong>" in html
    for text in ("1. " * MOST_NESTED + "deep", "1. " * MOST_NESTED):
        assert drawn(text) == (f'<pre class="source" dir="auto"><code>{text}</code></pre>', "parts")


def test_only_the_block_that_would_lose_something_is_shown_as_it_was_written() -> None:
    html, as_written = drawn("# Head\n\n| a |\n|---|\n| b | lost |\n\n- *x*")
    assert as_written == "parts"
    assert "<h3" in html and "<em>x</em>" in html and "<table" not in html
    assert "| b | lost |" in html


def test_ordinary_markdown_is_drawn() -> None:
    text = (
        f"# Head\n\nSome **bold**, *slanted* and `code` [link](http://a.test).\n\n{FENCE}python\nx = 1\n{FENCE}\n\n"
        "1. one\n2. two\n   - in\n\n> quote\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n$x^2$ and $$\\frac{a}{b}$$\n\n***\n\n"
        "中文，[連結](https://例.test/路)。"
    )
    html, as_written = drawn(text)
    assert as_written == ""
    reader = Reader()
    reader.feed(html)
    wanted = "h3 strong em code a pre ol ul li blockquote table math mfrac hr".split()
    assert [tag for tag in wanted if not reader.tags[tag]] == []
    assert 'class="hl-m"' in html


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from("word two 三 é 😀 x1 http://a.test/b".split()),
    st.sampled_from(["\n", "\n\n", " ", "    ", "\t", "\\", "|", "\n|---|---|\n", "> ", "- ", "1. ", "7) ", "# "]),
    st.sampled_from(["*", "**", "_", "~~", "`", FENCE, f"\n{FENCE}python x\n", "[", "](", ")", "![", "]: ", "<", ">"]),
    st.sampled_from("$ $$ \\( \\) \\[ \\] ^ { } \\frac \\text{ \\phantom{ \\left".split()),
    st.sampled_from("<!-- --> <b> </b> <script> &amp; &#8203; &lt; 'title' \" === ---".split()),
)


@given(st.lists(PIECES, max_size=24).map("".join))
@settings(max_examples=400, deadline=None)
@example("[a][b]\n\n[b]: http://c.test 'd'")
@example("| a |\n|---|\n| b | c |")
@example("1.  - 2. > deep\n 7) more")
@example("[*a*](http://b.test '**c**')![d](http://e.test)")
def test_every_letter_and_digit_of_any_text_is_seen_in_its_order(text: str) -> None:
    html, _ = drawn(text)
    assert missing(text, html) == [], html


@pytest.mark.parametrize(
    "text",
    [
        "a|b\n-|-\n1|2|!!|??",
        "| a | b |\n|---|---|\n| < | > | != | == |",
        "> a|b\n> -|-\n> 1|2|*",
        "- a|b\n  -|-\n  1|2|#",
        "a|b\n-|-\n1|2||",
        "a|b\n-|-\n1|2\\||-",
    ],
)
def test_a_row_with_more_cells_than_the_head_is_shown_as_it_was_written(text: str) -> None:
    html, as_written = drawn(text)
    assert as_written == "parts"
    assert text in unescape(html)


def test_a_row_with_as_many_cells_as_the_head_or_fewer_is_drawn() -> None:
    for row in ("1|2", "|1|2|", "1", "|1", "1|2\\|3", "|!|?|"):
        assert drawn(f"a|b\n-|-\n{row}")[1] == "", row


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("# C #", "C #"), ("## F# #", "F# #"), ("# #", "#"), ("## ##", "##"), ("# a ###", "a ###"), ("> # C #", "C #"),
        ("## a ##", "a"), ("### a ###  ", "a"), ("# a#", "a#"), ("#", ""), ("- # C #", "C #"),
    ],
)  # fmt: skip
def test_signs_behind_a_heading_are_kept_unless_they_repeat_those_before_it(text: str, seen: str) -> None:
    html, as_written = drawn(text)
    assert as_written == ""
    assert re.findall(r"<h\d[^>]*>(.*)</h\d>", html) == [seen]


def test_signs_of_ascii_that_are_no_marks_are_missed() -> None:
    for sign in "?%,/@{};^&+=:!":
        assert not shows_all(f"a {sign} b", "<p>a b</p>"), sign
        assert shows_all(f"a {sign} b", f"<p>a {escape(sign)} b</p>")
        assert drawn(f"- a {sign} b\n\n\\{sign}[x](http://a.test)\n{sign}")[1] == ""
    for text in ("a\n===", "a\n---", "+ a\n+ b", "> + a", "a|b\n:-:|--:\n1|2", "![a](http://b.test)", "1. + a"):
        assert drawn(text)[1] == "", text


@pytest.mark.parametrize("form", ["[x]({})", "![x]({})", "[x](<{}>)", "[![x]({})](http://a.test)"])
@pytest.mark.parametrize("hidden", ["&#x202e;", "&#8203;", "&#x3164;", "&#xe0041;", "\u202e"])
def test_no_address_holds_what_cannot_be_seen(form: str, hidden: str) -> None:
    html, as_written = drawn(form.format(f"http://a.test/{hidden}b"))
    assert as_written == ""
    assert not set("\u202e\u200b\u3164\U000e0041") & set(unescape(html))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[https://bank.example](https://evil.example/bank.example)", "evil.example"),
        ("[bank.example](http://bank.example@evil.example)", "evil.example"),
        (r"[bank.example](https:\\\evil.example\\@bank.example)", "evil.example"),
        ("[go to **bank**.example](https://evil.example 'title')", "evil.example"),
        ("[`https://bank.example`](https://evil.example)", "evil.example"),
        ("[bank。example](https://evil.example)", "evil.example"),
        ("[http://localhost](https://evil.example)", "evil.example"),
        ("[10.0.0.1](https://evil.example)", "evil.example"),
        ("[me@bank.example](mailto:me@evil.example)", "me@evil.example"),
        ("![https://bank.example](https://evil.example)", "evil.example"),
        ("[![bank.example](http://bank.example)](https://evil.example)", "evil.example"),
        ("[a.example and b.example](https://a.example)", "a.example"),
    ],
)
def test_a_link_that_looks_like_another_address_says_where_it_leads(text: str, host: str) -> None:
    html, as_written = drawn(text)
    assert as_written == ""
    assert f"</a> ({host})" in html


@pytest.mark.parametrize(
    "text",
    [
        "[https://bank.example/a](https://bank.example/b)", "[bank.example](https://www.bank.example)",
        "<https://bank.example>", "[Bank.Example:80](http://bank.example)", "[me@a.example](mailto:me@a.example)",
        "[version 3.11, e.g.](https://a.example)", "[a / b](https://a.example)", "[例.test](https://例.test/路)",
    ],
)  # fmt: skip
def test_a_link_that_leads_where_it_says_needs_no_more(text: str) -> None:
    assert drawn(text)[0].endswith("</a></p>\n")


def test_a_text_fits_into_the_outline_of_a_page_that_is_heard() -> None:
    html, _ = drawn("# One\n\n#### Four\n\nTwo\n---\n\n| | b |\n|-|-|\n| c | d |")
    assert re.findall(r'<(h\d)(?: class="(level-\d)")? dir="auto">', html) == [
        ("h3", "level-1"),
        ("h3", ""),
        ("h3", "level-2"),
    ]
    assert re.findall(r"<(t[hd])\b[^>]*>([^<]*)", html) == [("td", ""), ("th", "b"), ("td", "c"), ("td", "d")]
