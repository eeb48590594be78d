import re
import string
from pathlib import Path

import pytest

from dashboard.generators.generator import FAULTS
from dashboard.generators.recorded import entries
from dashboard.server.shell import PAGES
from dashboard.texts import LANGUAGES, Language, Texts, best_language
from dashboard.texts.languages import language_of
from dashboard.votes.vote_records import CHOICES
from pipelines.formats.forms.form_registry import FORMS
from pipelines.formats.forms.graded import LAYOUTS
from stacker.judge.explain.group_effects import GROUPS

HAN = re.compile("[\u4e00-\u9fff]")
RESULTS = (Path(__file__).parents[2] / "stacker" / "bench" / "RESULTS.md").read_text(encoding="utf-8")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_language_has_the_same_texts_with_the_same_fields() -> None:
    english = Texts("en").entries
    for code in LANGUAGES:
        other = Texts(code).entries
        assert set(other) == set(english)
        for key, text in other.items():
            assert fields(text) == fields(english[key]), key
            assert bool(text) == bool(english[key]), key


def test_chinese_texts_are_chinese_and_english_ones_english() -> None:
    latin = {key for key, text in Texts("zh-Hant").entries.items() if text and not HAN.search(text)}
    assert all(len(Texts("zh-Hant").entries[key]) < 25 for key in latin), latin
    assert not [key for key, text in Texts("en").entries.items() if HAN.search(text)]


def test_the_words_that_the_course_asks_for() -> None:
    say = Texts("zh-Hant")
    assert say("ask.agrees") == "模型判斷與使用者一致"
    assert say("ask.differs") == "模型判斷與使用者選擇不一致"


def test_what_the_program_names_has_a_text() -> None:
    say = Texts("en")
    for key in [f"choice.{choice}" for choice in CHOICES] + [f"{page}.title" for page in PAGES]:
        assert key in say, key
    for code, sentence in FAULTS.items():
        assert fields(say.entries[f"ask.fault.{code}"]) <= fields(sentence), code
    for group in GROUPS:
        assert say.group_name(group) not in ("", group), group


def test_the_examples_are_recorded_questions() -> None:
    recorded = {entry["question"] for entry in entries()}
    for code in LANGUAGES:
        for name in ("one", "two", "three"):
            assert Texts(code)(f"ask.example.{name}") in recorded


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-Hant"),
        ("en-US,en;q=0.9,zh-TW;q=0.8", "en"),
        ("de-DE,de;q=0.9,zh-CN;q=0.4", "zh-Hant"),
        ("de", "en"),
        ("", "en"),
        ("en;q=0, zh;q=0.1", "zh-Hant"),
        ("en;q=x,zh", "zh-Hant"),
        ("*", "en"),
    ],
)
def test_the_browsers_language(accepted: str, language: str) -> None:
    assert best_language(accepted) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Why is the sky blue?", "en"),
        ("為什麼天空是藍色的？", "zh"),
        ("用 pandas 讀 CSV 出現 UnicodeDecodeError 要怎麼解決？", "zh"),
        ("空はなぜ青いのですか", "ja"),
        ("하늘은 왜 파란가요?", "ko"),
        ("Warum nicht?", ""),
        ("12 + 30", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_question(text: str, language: str) -> None:
    assert language_of(text) == language


def test_names_of_languages_and_styles() -> None:
    assert Texts("zh-Hant").language_name("zh-Hant") == "中文"
    assert Texts("en").language_name("tlh") == "tlh"
    assert Texts("zh-Hant").style_name("brief") == "簡短"
    assert Texts("en").style_name("my own") == "my own"


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_is_promised_of_more_votes_is_no_more_than_was_measured(code: Language) -> None:
    rows = re.findall(r"^\|\s*([\d,]+) \|.*\| ([+-]\d\.\d+) \[([+-][\d.]+), ([+-][\d.]+)\] \|$", RESULTS, re.MULTILINE)
    assert [votes for votes, *_ in rows] == ["100", "300", "1,000"]
    said = Texts(code)("model.learn.expect")
    assert all(votes in said for votes, *_ in rows)
    told_apart = [float(low) > 0 or float(high) < 0 for *_, low, high in rows]
    chance = {"en": "could be chance", "zh-Hant": "可能只是巧合"}[code]
    assert any(told_apart) or (chance in said and "clear" not in said and "明顯" not in said)
    assert f"{abs(float(rows[-1][1])):.3f}" in said


def test_every_form_of_votes_has_a_name_in_chinese() -> None:
    say = Texts("zh-Hant")
    titles = {form.title for form in FORMS} | {layout.title for layout in LAYOUTS}
    assert "the Arena's records" in titles
    assert not [title for title in titles if say.form_name(title) == title]
    assert say.form_name("another tool's export") == "another tool's export"


def test_made_up_battles_are_called_so_in_chinese_too() -> None:
    assert not [key for key, text in Texts("zh-Hant").entries.items() if "人造" in text]
