"""Chinese names of columns and spellings of votes, Traditional and Simplified, as forms and spreadsheets have them."""

import re
import unicodedata

_ANSWER = "回答|回應|回应|回覆|回复|答案|答覆|答复|輸出|输出"
_FIRST, _SECOND = "a|甲|左|左邊|左边|左側|左侧|前者", "b|乙|右|右邊|右边|右側|右侧|後者|后者"
_ASKED = "(?:你|您)?(?:覺得|觉得|認為|认为)?"
_SIDES = ((_FIRST, "_a"), (_SECOND, "_b"), ("1|一", "_1"), ("2|二", "_2"))


def _in_brackets(side: str) -> str:
    return rf"[\[({{【「『]?(?:{side})[\])}}】」』]?"


_COLUMNS = (
    (re.compile("提示|提示詞|提示词"), "prompt"),
    (re.compile("問題|问题|題目|题目|提問|提问|使用者問題|用户问题"), "question"),
    (re.compile("指令|指示"), "instruction"),
    *(
        (re.compile(f"(?:模型)?{_in_brackets(side)}(?:的|模型的)?(?:{_ANSWER})"), "response" + end)
        for side, end in _SIDES
    ),
    *((re.compile(f"(?:模型|模型的)?(?:{_ANSWER}){_in_brackets(side)}"), "response" + end) for side, end in _SIDES),
    *((re.compile(f"模型(?:名稱|名称)?{_in_brackets(side)}(?:名稱|名称)?"), "model" + end) for side, end in _SIDES),
    (re.compile("勝者|胜者|勝方|胜方|贏家|赢家|優勝者|优胜者|勝負|胜负"), "winner"),
    (re.compile("偏好"), "preference"),
    (re.compile("投票|票"), "vote"),
    (re.compile("選擇|选择"), "choice"),
    (re.compile(f"{_ASKED}哪[一]?[個个](?:的)?(?:{_ANSWER})?(?:比較|比较|較|较|更)好"), "better"),
    (re.compile(f"(?:比較|比较|較|较|更)(?:好|佳)的(?:{_ANSWER})"), "better_response"),
    (re.compile("編號|编号|序號|序号"), "id"),
    (re.compile("標註者|标注者|標註員|标注员|投票者|評分者|评分者|填答者"), "annotator"),
    (re.compile("語言|语言"), "language"),
)
"""Patterns of names without blanks and closing signs, and the names that the readers know for them."""
_BOTH = "(?:(?:兩者|两者|兩個|两个|兩邊|两边|雙方|双方)(?:都|皆)?|都|皆)"
_SAME = "一樣|一样|同樣|同样"
_TIE = re.compile(
    "平手|平局|平|和局|不分上下|不分勝負|不分胜负|差不多|相同|無差別|无差别"
    f"|{_BOTH}?(?:{_SAME})好?|{_BOTH}(?:好|很好|不錯|不错|可以|可)"
)
_BAD = re.compile(f"{_BOTH}?(?:{_SAME})(?:差|糟)|{_BOTH}(?:不好|差|很差|不行|不佳|糟|糟糕|爛|烂)")
"""好 or 差 alone, without a word for both, says nothing of which answer is meant."""
_MUCH, _SLIGHTLY = "明顯|明显|顯著|显著|遠遠|远远|遠|远|大幅|好得多|好很多", "稍微|稍稍|稍|略微|略|小幅"
_BETTER = (
    f"(?:是)?(?:(?P<much>{_MUCH})|(?P<slightly>{_SLIGHTLY}))?(?:地|的)?"
    "(?:(?:比較|比较|較|较|更|為|为)?(?:好|佳|優|优)|勝|胜|勝出|胜出|獲勝|获胜|贏|赢)?"
    "(?:(?P<more>很多|得多|許多|许多|多了)|(?P<less>一點點|一点点|一點|一点|一些|些許|些许))?"
)
"""How a side is better, and by how much."""
_VOTES = tuple(
    re.compile(f"(?:選|选|模型)?(?:{_ANSWER})?{_in_brackets(side)}(?:{_ANSWER})?{_BETTER}")
    for side in (_FIRST, _SECOND)
)
_LONGEST = 60
_SIGNS = re.compile(r"[\s_\-:.。,,、?!~]+")


def chinese_column(name: str) -> str | None:
    """Return the English name of a column whose name is Chinese as a whole: response_a for 回答A; None for others."""
    plain = _plain(name)
    return None if plain is None else next((known for pattern, known in _COLUMNS if pattern.fullmatch(plain)), None)


def chinese_vote(text: str) -> tuple[int, bool, float] | None:
    """Return the outcome that a Chinese vote spells, 0, 1 or 2, whether both are bad, and its weight; None for others.

    Parameters
    ----------
    text : str
        甲, 回答 B, 左邊較好, A 好很多, 乙稍好, 平手, 兩者都差 and the like; much better weighs 1.5, slightly .5.
    """
    plain = _plain(text)
    if plain is None:
        return None
    if _BAD.fullmatch(plain):
        return 2, True, 1.0
    if _TIE.fullmatch(plain):
        return 2, False, 1.0
    for side, pattern in enumerate(_VOTES):
        if found := pattern.fullmatch(plain):
            much, slightly = found["much"] or found["more"], found["slightly"] or found["less"]
            return None if much and slightly else (side, False, 1.5 if much else 0.5 if slightly else 1.0)
    return None


def _plain(text: str) -> str | None:
    """Return a text in small letters without blanks and signs between words; None where it is long, or ASCII."""
    if text.isascii() or len(text) > _LONGEST:
        return None
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text).lower())
