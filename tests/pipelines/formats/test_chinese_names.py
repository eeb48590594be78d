"""Chinese names of columns and spellings of votes; what does not say which answer is meant stays unknown."""

import pytest
from support.vote_files import BATTLES, expect_battles, write_rows

from pipelines.errors import UserError
from pipelines.formats.chinese_names import chinese_column, chinese_vote
from pipelines.formats.reading import read_battles

VOTES = {
    (0, False, 1.0): ["甲", "回答A", "回答 A 比較好", "左", "左邊較好", "选左边", "A勝", "\uff21", "答案(甲)", "前者"],
    (1, False, 1.0): ["乙", "答案B", "右侧更好", "回应乙胜出", "B 較佳", "後者"],
    (2, False, 1.0): ["平手", "平局", "一樣好", "兩者都很好", "兩者一樣", "差不多", "都可以"],
    (0, False, 1.5): ["A好很多", "甲好得多", "回答 A 明顯較好", "左边远胜"],
    (1, False, 0.5): ["B稍好", "乙略勝", "回應B稍微好一點", "右邊好一些"],
    (2, True, 1.0): ["都不好", "兩者都差", "两者皆不佳", "一樣差", "都很差"],
}
UNKNOWN = [
    "好",
    "差",
    "不好",
    "丙",
    "C好",
    "甲乙",
    "A比B好",
    "不知道",
    "A不好",
    "回答",
    "明顯稍好",
    "A明顯好一點",
    "é",
    "A",
    "",
    "平" * 100,
]
SHEETS = [
    ("時間戳記", "問題", "回答A", "回答B", "哪一個回答比較好?"),
    ("编号", "提示词", "左边的回答", "右边的回答", "胜者"),
    ("投票者", "指令", "回應甲", "回應乙", "較好的回答"),
    ("備註", "題目", "答案 1", "答案 2", "選擇"),
]


@pytest.mark.parametrize(("vote", "text"), [(vote, text) for vote, texts in VOTES.items() for text in texts])
def test_votes_by_hand(vote, text):
    assert chinese_vote(text) == vote


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_does_not_name_a_side_is_no_vote(text):
    assert chinese_vote(text) is None


@pytest.mark.parametrize("names", SHEETS)
def test_a_sheet_with_chinese_names_is_read(tmp_path, names):
    # Catches: a form's answers in Chinese that are refused until every column is named by hand.
    said = {"a": names[2], "b": names[3], "tie": "平手"}
    rows = [dict(zip(names, (f"x{n}", *battle[:3], said[battle[3]]), strict=True)) for n, battle in enumerate(BATTLES)]
    expect_battles(read_battles(write_rows(tmp_path / "a.csv", rows), labelled=True)[0])


def test_an_english_name_with_chinese_next_to_it_keeps_its_meaning():
    assert chinese_column("prompt (問題)") is None and chinese_column("其他意見") is None


def test_an_unknown_chinese_vote_is_named_as_before(tmp_path):
    row = {"問題": "p", "回答A": "a", "回答B": "b", "勝者": "丙"}
    with pytest.raises(UserError, match="勝者 is 丙, which is unknown.*winner: 勝者, values: {丙: a}"):
        read_battles(write_rows(tmp_path / "a.csv", [row]), labelled=True)
