"""Characters that nobody could see are labelled; what scripts and pictures are spelled with stays as it is."""

import re
import unicodedata

import pytest

from pipelines.terminal.unseen_signs import options_of, percent_encoded, show_controls

TYPESET = " \u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000"
"""Spaces that people set type with: of figures, of Chinese, of French."""
SEEN_FORMATS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u0890\u0891\u08e2\U000110bd\U000110cd"
BLANK = "\u115f\u1160\u2800\u3164\uffa0\ufffc\U00016fe4\U0001d159\U0001bc9d"
MARKS = [chr(point) for point in range(0x110000) if unicodedata.category(chr(point)) in ("Mn", "Me")]


def tagged(letters: str) -> str:
    return "\U0001f3f4" + "".join(chr(0xE0000 + ord(each)) for each in letters) + "\U000e007f"


def test_no_text_hides_behind_a_flag() -> None:
    for country in ("gbeng", "gbsct", "gbwls"):
        assert show_controls(tagged(country)) == tagged(country)
    for letters in ("kilt", "gb", "gbengx", "usca", "gbsct gb", "12345678"):
        shown = show_controls(tagged(letters))
        assert not re.search("[\U000e0000-\U000e0fff]", shown)
        assert shown.count("⟦U+E00") == len(letters) + 1


def test_every_format_and_every_odd_space_is_labelled() -> None:
    for point in range(0x110000):
        sign = chr(point)
        if unicodedata.category(sign) in ("Cf", "Zs", "Zl", "Zp") and sign not in TYPESET + SEEN_FORMATS:
            assert show_controls(f"a{sign}b") == f"a⟦U+{point:04X}⟧b"
    for sign in BLANK + "\U00013440\U0001343f\ufff0\U000e0fff\u034f\u17b4":
        assert show_controls(f"a{sign * 3}b") == f"a⟦U+{ord(sign):04X}×3⟧b"
    for sign in TYPESET + SEEN_FORMATS:
        assert show_controls(f"a{sign}b") == f"a{sign}b"


def test_digits_and_chinese_carry_no_selectors() -> None:
    assert show_controls("1\ufe0f\u20e3") == "1\ufe0f\u20e3"
    assert show_controls("1\ufe0f2 \u4e2d\ufe0e") == "1⟦U+FE0F⟧2 中⟦U+FE0E⟧"


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧 🏳️‍🌈 ❤️ 👩🏽‍💻 ☎︎ 1️⃣",
        "می‌خواهم نامه‌ها",
        "क्‍ष श्री ക്‍ष",
        "ශ්‍රී",
        "Việt Ế ệ e\u0302\u0301 n\u0303\u0323",
        "בְּרֵאשִׁ֖ית יְרוּשָׁלִַ֔ם שָּׁ֑בֽ",
        "ٱلرَّحْمَـٰنِ ٱللَّهُ مُّؤْمِنِينَۚ",
        "ที่นี้ น้ำ ก็ ตั้ง",
        "ຢູ່ນີ້ ນ້ຳ",
        "မြွှို့ ကြောင့် ညွှန့်",
        "ស្ត្រី ព្រឹទ្ធ",
        "ཧྐྵྨླྺྼྻྂ ཨོཾ རྒྱུད",
        "य़ँ॑ क़ि॒",
        "🇫🇷 Ѣ҇",
    ],
)
def test_what_scripts_and_pictures_need_stays(text: str) -> None:
    assert show_controls(text) == text


def test_a_pile_of_any_mark_is_counted() -> None:
    for mark in MARKS:
        if show_controls(mark) == mark:
            for pile in (mark * 400, f"{mark}\u200d" * 200, f"{mark}\u0302\u0301" * 100):
                shown = show_controls(f"\u0628{pile}x")
                runs = "".join("m" if unicodedata.category(sign) in ("Mn", "Me") else sign for sign in shown)
                assert "m" * 9 not in runs.replace("\u200d", ""), hex(ord(mark))
                assert "⟦" in shown
    for newer in "\u0897\u1ae0\U00010efe\U0001e08f":
        assert "⟦+" in show_controls("a" + newer * 20)
    assert show_controls("a" + "\u0301" * 9) == "a" + "\u0301" * 4 + "⟦+5⟧"


def test_hidden_characters_of_an_address_are_encoded() -> None:
    assert percent_encoded("http://a/\u202e\u3164b c") == "http://a/%E2%80%AE%E3%85%A4b c"


def test_names_in_a_select_hide_nothing_and_none_is_lost() -> None:
    assert options_of([("<b>\u202ea", 1), ("<b>⟦U+202E⟧a", 2), ("<b>\n⟦U+202E⟧a", 3)]) == {
        "<b>⟦U+202E⟧a": 1,
        "<b>⟦U+202E⟧a (2)": 2,
        "<b> ⟦U+202E⟧a": 3,
    }
