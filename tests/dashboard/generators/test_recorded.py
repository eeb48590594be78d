"""The recorded questions: whole, balanced, in the right characters, and drawn by the page's own Markdown."""

import ast
import asyncio
import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typed_questions import FAR, NEXT_TO, SAME

from dashboard.generators.generator import GenerationFault, StyleParams
from dashboard.generators.recorded import FOLDER, Recorded, entries, is_chinese, nearest, suggested
from dashboard.rendering.markdown import drawn
from dashboard.texts import LANGUAGES, Texts

KINDS = set(
    "advice chat code decline explain facts how-to maths planning role-play summaries translation writing".split()
)
FILES = {"english.json": ("en", "en"), "traditional_chinese.json": ("zh-Hant", "zh")}
"""By file: the language of its entries and how their ids begin."""
SIMPLIFIED = frozenset(
    "这们个为说时问还没对过会来国样动发现学点长实关开门见觉让认识话语谢请应该从给买卖钱贵车东书写读听爱岁岛湾乐气"
    "热风飞鸟鱼马龙头脑体医药师电网络设计软单词数据处证护险权财产业务员经济极选种类别无与专总结构编码译题难两间线"
)
"""Common signs that only simplified Chinese writes so; those that both write (里, 台, 群, 占) are not among them."""
HAN = "[\u3400-\u9fff]"
HALF_WIDTH = re.compile(rf"{HAN}[,;:!?()]|[,;:!?()]{HAN}")
FENCE = re.compile(r"^ *```", re.MULTILINE)
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
NOT_PROSE = re.compile(r"```.*?```|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
SET_APART = re.compile(r"<(pre|code|math)\b.*?</\1>", re.DOTALL)
FORMULA_AS_SOURCE = re.compile(r"<code>[^<]*\\(?:frac|tfrac|sum|text|times|approx|left|begin|sqrt)")
MARKS = ("**", "```", "`", "$", "|--", "| ")


def texts(entry: dict[str, Any]) -> list[str]:
    """Return an entry's question and both answers."""
    return [entry["question"], entry["answers"]["a"], entry["answers"]["b"]]


def undrawn(text: str) -> list[str]:
    """Return the Markdown signs that a reader would see as signs: emphasis that doesn't close, tables, formulas."""
    shown, _ = drawn(text)
    prose = SET_APART.sub("", shown)
    return [mark for mark in MARKS if mark in prose] + FORMULA_AS_SOURCE.findall(shown)


def ids(entry: dict[str, Any]) -> str:
    return str(entry["id"])


each = pytest.mark.parametrize("entry", entries(), ids=ids)
each_chinese = pytest.mark.parametrize("entry", [e for e in entries() if e["lang"] == "zh-Hant"], ids=ids)


@pytest.mark.parametrize("name", FILES)
def test_each_file_has_all_kinds_equally_often_and_numbers_its_entries(name: str) -> None:
    lang, begin = FILES[name]
    found = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    assert [entry["id"] for entry in found] == [f"{begin}-{number:03d}" for number in range(1, len(found) + 1)]
    assert {entry["lang"] for entry in found} == {lang}
    kinds = Counter(entry["kind"] for entry in found)
    assert set(kinds) == KINDS
    assert len(set(kinds.values())) == 1, kinds


def test_at_least_120_questions_half_of_them_in_traditional_chinese() -> None:
    found = entries()
    chinese = sum(entry["lang"] == "zh-Hant" for entry in found)
    assert len(found) >= 120
    assert 2 * chinese >= len(found)
    assert len({entry["id"] for entry in found}) == len(found)
    assert len({entry["question"] for entry in found}) == len(found)


def test_the_files_are_those_that_the_generator_reads() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == set(FILES)


@each
def test_an_entry_is_whole(entry: dict[str, Any]) -> None:
    assert set(entry) == {"id", "kind", "lang", "question", "answers"}
    assert set(entry["answers"]) == {"a", "b"}
    for text in texts(entry):
        assert text
        assert text == text.strip()
    assert entry["answers"]["a"] != entry["answers"]["b"]


@each
def test_fences_close_and_no_markdown_sign_is_left_over(entry: dict[str, Any]) -> None:
    for text in texts(entry):
        assert len(FENCE.findall(text)) % 2 == 0
        assert undrawn(text) == []


@each
def test_python_code_compiles(entry: dict[str, Any]) -> None:
    for text in entry["answers"].values():
        for code in PYTHON.findall(text):
            ast.parse(code)


@each_chinese
def test_chinese_is_traditional_with_full_width_punctuation(entry: dict[str, Any]) -> None:
    for text in texts(entry):
        assert SIMPLIFIED.intersection(text) == set()
        prose = NOT_PROSE.sub(" ", text)
        assert HALF_WIDTH.findall(prose) == []
        for opening, closing in ("「」", "『』", "（）", "《》"):
            assert prose.count(opening) == prose.count(closing)


@each
def test_the_language_of_a_question_is_recognised(entry: dict[str, Any]) -> None:
    assert is_chinese(entry["question"]) == (entry["lang"] == "zh-Hant")


@each
def test_a_recorded_question_is_nearest_to_itself(entry: dict[str, Any]) -> None:
    found = nearest(entry["question"])
    assert found.id == entry["id"]
    assert found.similarity > 0.999


@pytest.mark.parametrize("lang", [pytest.param("en", marks=pytest.mark.slow), "zh"])
def test_other_words_lead_to_the_same_question_and_other_questions_to_none(lang: str) -> None:
    """The measurement behind `NEAR`: it catches an encoder or a threshold that answers another question's answers."""
    same = [(key, text) for key, texts in SAME.items() for text in texts if key.startswith(lang)]
    right = [nearest(text) for _, text in same]
    assert [found.id for found in right] == [key for key, _ in same]
    assert sum(found.near for found in right) >= {"en": 0.9, "zh": 0.45}[lang] * len(same)
    assert sum(nearest(text).near for text in NEXT_TO[lang]) <= 1
    assert not any(nearest(text).near for text in FAR[lang])


@pytest.mark.parametrize(
    ("question", "near"), [("炒飯怎樣才能粒粒分明", True), ("蒙古的首都是哪裡？", False), ("Why yawn?", False)]
)
def test_nothing_is_given_where_nothing_like_the_question_is_recorded(question: str, near: bool) -> None:
    notice = Recorded("a").notice(question)
    assert (notice.code == "recorded", notice.answered) == (near, near)
    for language in LANGUAGES:
        assert Texts(language)(f"ask.{notice.code}", **notice.details)

    async def pieces() -> list[str]:
        generator = Recorded("a")
        generator.pace = 0
        return [piece async for piece in generator.stream(question, StyleParams(name="one"))]

    if near:
        assert asyncio.run(pieces())
    else:
        with pytest.raises(GenerationFault, match="Nothing like this question"):
            asyncio.run(pieces())


def test_suggestions_come_nearest_first_in_the_questions_language() -> None:
    found = suggested("蒙古的首都是哪裡？", 4)
    assert len({each.id for each in found}) == 4
    assert all(each.lang == "zh-Hant" for each in found)
    assert [each.similarity for each in found] == sorted((each.similarity for each in found), reverse=True)


def real_questions(file: str, lang: str, count: int) -> list[str]:
    """Return questions that people typed elsewhere, drawn with a seed."""
    import pandas as pd

    path = Path(__file__).parents[3].parent / "shared" / "data" / file
    if not path.exists():
        pytest.skip("needs real battles outside the checkout")
    table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    firsts = {
        str(json.loads(each)[0] if isinstance(each, str) and each[:1] == "[" else each) for each in table["prompt"]
    }
    fitting = sorted(text for text in firsts if 5 < len(text) < 300 and is_chinese(text) == (lang == "zh"))
    return random.Random(0).sample(fitting, count)


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "lang", "count"),
    [("kaggle/test.csv", "en", 60), ("kaggle/train.csv", "en", 200), ("battles/llmeval2_zh_derived.parquet", "zh", 60)],
)
def test_questions_of_real_people_are_hardly_ever_taken_for_a_recorded_one(file: str, lang: str, count: int) -> None:
    near = [(text, found.question) for text in real_questions(file, lang, count) if (found := nearest(text)).near]
    assert len(near) <= count // 100, near


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("這是**重點：**接著說", "**"),
        ("前面沒有空行\n\n    縮排了\n\n| a | b |\n沒有分隔線", "| "),
        ("少了一個 $x", "$"),
    ],
)
def test_left_over_signs_are_seen(text: str, sign: str) -> None:
    assert sign in undrawn(text)
