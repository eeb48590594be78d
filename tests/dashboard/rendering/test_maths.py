import re
import unicodedata
from collections import Counter
from html import unescape
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rendering import maths
from dashboard.rendering.markdown import drawn
from dashboard.rendering.maths import LONGEST, mathml
from dashboard.rendering.sanitiser import MATHML_ATTRIBUTES, MATHML_TAGS, clean, shows_all


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ("so $x^2$ is", "inline"),
        (r"so \(x^2\) is", "inline"),
        ("so $$x^2$$ is", "block"),
        ("$$x^2$$", "block"),
        ("$$\nx^2\n$$", "block"),
        ("\\[\nx^2\n\\]", "block"),
        ("- one\n- $$x^2$$", "block"),
        ("$x^2$、然後", "inline"),
    ],
)
def test_formulas_are_drawn_between_all_delimiters(text: str, display: str) -> None:
    html = drawn(text)[0]
    assert f'<math display="{display}"' in html
    assert "<msup><mi>x</mi><mn>2</mn></msup>" in html
    assert "$" not in html and "\\[" not in html


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and then $6 more.",
        "a $ b $ c",
        "one $ only",
        "`$x$` is code",
        "```\n$$x$$\n```",
        r"a \\(not\\) one",
        "$$ $$",
        "$x\n\ny$",
    ],
)
def test_sums_of_money_and_code_are_no_formulas(text: str) -> None:
    assert "<math" not in drawn(text)[0]


@pytest.mark.parametrize(
    "source",
    [
        r"\href{javascript:x}{y}", r"\newcommand{\a}{\a\a}\a", r"\def\a{\a}", r"\style{x}{y}", r"\includegraphics{x}",
        r"\input{/etc/passwd}", r"\frac{", "x" * (LONGEST + 1), "{" * 1_000, r"\text", r"\left", r"\big", r"\genfrac",
    ],
)  # fmt: skip
def test_what_cannot_or_must_not_be_drawn_stays_as_its_source(source: str) -> None:
    html = mathml(source, False)
    assert html.startswith("<code>") and html.endswith("</code>")
    assert "<" not in html[6:-7]


def test_texts_in_a_formula_stay_texts() -> None:
    html = mathml(r"\text{<img src=x onerror=y>}", False)
    assert "<img" not in html
    assert "&lt;img" in html


@given(
    st.one_of(st.text(max_size=60), st.from_regex(r"(\\[a-z]{1,6}|[{}^_&x1 ]){1,20}", fullmatch=True)), st.booleans()
)
def test_any_source_gives_known_elements_only(source: str, display: bool) -> None:
    html = mathml(source, display)
    if html.startswith("<code>"):
        return
    try:
        found = ElementTree.fromstring(html)
    except ElementTree.ParseError:  # signs that XML does not know stay signs; HTML knows them
        assert re.search("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", source)
        return
    for element in found.iter():
        assert element.tag in MATHML_TAGS
        assert set(element.attrib) <= MATHML_ATTRIBUTES | {"alttext"}
    assert found.attrib["display"] == ("block" if display else "inline")


@pytest.mark.parametrize(
    "source",
    [
        r"\phantom{secret}x", r"\hphantom{secret}x", r"\color{white}x", r"\textcolor{white}{x}", r"x % a comment",
        r"\hspace{-3em}x", r"\kern-3em x", r"\rule{3em}{900em}x", r"\genfrac{}{}{90em}{0}{a}{b}",
        r"\raise 90em x", r"\mathchoice{a}{b}{c}{d}", r"\begin{nothing}x\end{nothing}", r"\unicode{x200b}x",
        r"\text{&zwnj;x}", "x^{a^{b^{c^{d^{e}}}}}", "x^{x^{x^{x^{secret}}}}", r"5 \phantom{-} 3", r"a\phantom{\ne}b",
        r"a\hphantom{,}b", r"a\vphantom{\pm}b", "50%", "x%!", "{" * 70 + "x" + "}" * 70, r"\leftroot{5}x",
    ],
)  # fmt: skip
def test_a_formula_in_which_something_could_not_be_seen_stays_its_source(source: str) -> None:
    assert unescape(mathml(source, False)) == f"<code>{source}</code>"


def test_a_space_that_would_push_the_rest_out_of_sight_is_left_out() -> None:
    assert 'width="3em"' in mathml(r"\hspace{3em}x", False)
    assert "width" not in mathml(r"\hspace{400em}x", False)


@pytest.mark.parametrize(
    "source",
    [
        r"\mathbb{R}^n", r"e^{-\frac{(x-\mu)^2}{2\sigma^2}}", r"\hspace{1em}x\quad y", r"\sqrt[3]{x}", r"\llap{a}b",
        r"\begin{aligned}a&=b\\c&=d\end{aligned}", r"\begin{array}{l|r}a&b\end{array}", r"\left(\frac12\right)'",
        r"\operatorname{rank}A", r"\text{if }x\in\mathcal{L}", r"\overset{a}{b}", r"a^2_1", r"\unknown x", r"50\%",
    ],
)  # fmt: skip
def test_what_a_formula_holds_is_drawn(source: str) -> None:
    assert mathml(source, False).startswith("<math"), mathml(source, False)


@given(st.from_regex(r"(\\[a-z]{1,9}(\{[a-z]{1,3}\})?|[{}_^&x1 ]|[a-z0-9]){1,14}", fullmatch=True), st.booleans())
def test_every_letter_outside_of_commands_is_written_where_it_can_be_seen(source: str, display: bool) -> None:
    html = mathml(source, display)
    if html.startswith("<math"):
        seen = "".join(each.text or "" for each in ElementTree.fromstring(html).iter())
        commands = r"\\(?:begin|end)\{[a-z]+\}(\{[lcr| ]*\})?|\\[A-Za-z]+"
        needed = Counter(re.findall("[a-z0-9]", re.sub(commands, "", source)))
        assert needed - Counter(unicodedata.normalize("NFKC", seen)) == Counter()


CLASSES = r"\mathop \mathbin \mathrel \mathord \mathopen \mathclose \mathpunct".split()


@pytest.mark.parametrize("command", CLASSES)
@pytest.mark.parametrize(
    ("form", "seen"),
    [
        (r"{}{{\text{{NOT}}}}", "NOT"), ("{}{{NOT}}", "NOT"), ("{} N", "N"), (r"{}\ne", "≠"), (r"{}{{\ne}}", "≠"),
        (r"{}{{\frac{{a}}{{b}}}}", "ab"), (r"x_{}{{\text{{NOT}}}}^y", "xNOTy"), (r"{}{{{}{{N}}}}", "N"),
    ],
)  # fmt: skip
def test_what_a_class_of_signs_holds_is_seen(command: str, form: str, seen: str) -> None:
    html, as_written = drawn(f"is ${form.format(command, command)}$ safe")
    assert as_written == ""
    formula = re.search("<math.*</math>|<code>.*</code>", html)
    assert formula is not None
    assert seen in re.sub("<[^>]*>", "", formula[0])


def test_what_the_sanitiser_drops_of_a_formula_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(html: str) -> str:
        return clean(html).replace("±", "")

    assert mathml(r"a\pm b", False).startswith("<math")
    mathml.cache_clear()
    monkeypatch.setattr(maths, "clean", lossy)
    try:
        assert mathml(r"a\pm b", False) == r"<code>a\pm b</code>"
    finally:
        mathml.cache_clear()


def test_what_is_dropped_of_a_drawn_formula_is_missed_though_an_attribute_holds_it() -> None:
    whole = mathml("a+b", False)
    assert shows_all("$a+b$", whole)
    assert not shows_all("$a+b$", whole.replace("<mi>b</mi>", "<mi></mi>"))
    assert not shows_all("$a+b$", whole.replace("<mo>+</mo>", ""))


@pytest.mark.parametrize("behind", [".", ",", ";", " .", "。", "，"])
def test_a_sign_behind_a_block_of_formula_is_kept(behind: str) -> None:
    html, as_written = drawn(f"$$x$${behind}\n")
    assert as_written == "" and "<math" in html
    assert re.sub("<[^>]*>", "", html).strip() == f"x{behind.strip()}"
