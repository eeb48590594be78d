"""How votes are spelled: the winner in one cell, or Kaggle's three columns of marks."""

import re
import unicodedata
from collections.abc import Mapping, Set
from typing import Any

from pipelines.battles.table import OUTCOMES
from pipelines.formats.chinese_names import chinese_vote
from pipelines.formats.records import BadRecordError, NoVoteError, UnknownWinnerError, Vote, is_missing

WINNERS = ("model_a", "model_b", "tie", "tie (bothbad)")
"""The Arena's spellings, that a sentence offers."""
_LONGEST = 200
"""Characters of a vote at most."""
_NOUNS = (
    *("model", "response", "answer", "assistant", "output", "option", "completion", "candidate", "system", "text"),
    *("chatbot", "bot", "llm"),
)
_SIDES = ({"a", "left", "first", "1st"}, {"b", "right", "second", "2nd"})
_NUMBERED = ({"1"}, {"2"})
_TIES = {
    *("tie", "tied", "draw", "equal", "equally good", "same", "the same", "both", "both good", "both are good"),
    *("both equal", "tie bothgood", "tie both good", "no preference", "about the same", "a tie", "it s a tie"),
    *("both are equal", "both are the same", "both are equally good", "both equally good", "they are equal"),
    *("tievote", "tie inconsistent", "similar", "neutral", "equivalent", "no difference"),
}
_BAD = {
    *("tie bothbad", "tie both bad", "both bad", "bothbad", "both are bad", "neither", "neither is good"),
    *(
        "both are equally bad",
        "both equally bad",
        "equally bad",
        "neither good",
        "both are poor",
        "both poor",
        "none is good",
        "both wrong",
        "both are wrong",
        "bothbadvote",
    ),
}
_NUMBERED_OPTION = re.compile(r"^[+-]?\d{1,2}\s*[-–—:.)=]\s+(?=\D)")
"""What stands before an option that has a number: of "5 - B is much better" the words are the vote."""
_JUDGES_TIE = ("[[c]]", "[[tie]]")
"""As judges are told to write a tie, next to [[A]] and [[B]]."""
_GRADES = {
    1.5: ("much", "significantly", "clearly", "far", "strongly", "definitely", "greatly", "a lot"),
    1.0: ("somewhat", "moderately"),
    0.5: ("slightly", "marginally", "weakly", "a bit", "a little", "barely"),
}
"""Weights of graded votes, and the words for them: their mean weighs as a vote without a grade."""
_WEIGHTS = {word: weight for weight, words in _GRADES.items() for word in words} | {"": 1.0}
_GRADE, _NOUN = rf"(?P<grade>{'|'.join(filter(None, _WEIGHTS))})", rf"(?:the )?(?:(?:{'|'.join(_NOUNS)}) )?"
_WHO = rf"{_NOUN}(?P<side>a|b|1|2|left|right|first|second)(?: (?:{'|'.join(_NOUNS)}))?"
_GRADED = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WHO} (?:is |was )?(?:{_GRADE} )?better(?: than (?:\w+ )?\w+)?",
        rf"(?:i )?{_GRADE} (?:i )?(?:prefers?|preferred|favou?rs?) {_WHO}",
        rf"(?:i )?(?:prefers?|preferred|favou?rs?) {_WHO} {_GRADE}",
        rf"{_WHO} (?:is |was )?{_GRADE}(?: preferred)?",
        rf"{_GRADE}(?: better)? {_WHO}",
    )
)
_SAYS = re.compile(r"^(?:i )?(?:prefers?|preferred|choose|chose) | (?:wins|won|vote|preferred|is preferred)$")
_GLUED = re.compile(rf"({'|'.join(_NOUNS)})([ab12])")
_PICTURES = ("So", "Sk", "Mn", "Cf")
"""Kinds of signs such as the hands on the Arena's buttons."""
_SIGNS = re.compile(r"([ab])\s*(>>|>|=|<|<<)\s*([ab])")
_ZERO, _ONE = ("0", "false", "no"), ("1", "true", "yes", "x")
_NO_FRACTION = re.compile(r"(?<=^[01])[.,]0+$")
"""Of a mark, as spreadsheets write it, some with a decimal comma."""


def spelled(value: str, first: Set[str] = frozenset(), second: Set[str] = frozenset()) -> Vote | None:
    """Return the vote that a text spells, None where it is unknown.

    Parameters
    ----------
    value : str
        As people and tools write votes: "A", "model_b", "left", "Response 1", "[[A]]", "tie (bothbad)", "A>>B",
        "B is slightly better", 左邊較好.
    first, second : set of str
        Further names of the two answers, in small letters: of their columns and models.
    """
    if len(value) > _LONGEST:
        return None
    whole = _NUMBERED_OPTION.sub("", value.strip().lower())
    if (whole in first) != (whole in second):
        return Vote(int(whole in second))
    said = chinese_vote(whole)
    if said is not None:
        return Vote(*said)
    if whole in _JUDGES_TIE:
        return Vote(2)
    signed = _SIGNS.fullmatch(re.sub(r"[\[\]\s]", "", whole))
    if signed:
        return _signed(*signed.groups())
    whole = "".join(sign for sign in whole if unicodedata.category(sign) not in _PICTURES)
    plain = " ".join(re.split(r"[\s_\-()\[\]{}.:'\"]+", whole)).strip()
    plain = plain.removeprefix("winner ")
    if plain in _BAD:
        return Vote(2, both_bad=True)
    if plain in _TIES:
        return Vote(2)
    graded = next(filter(None, (pattern.fullmatch(plain) for pattern in _GRADED)), None)
    if graded:
        return Vote(int(graded["side"] in ("b", "2", "right", "second")), weight=_WEIGHTS[graded["grade"] or ""])
    return _side(plain)


def _side(plain: str) -> Vote | None:
    words = _SAYS.sub("", plain).removesuffix("vote").split()
    words = " ".join(_GLUED.sub(r"\1 \2", word) if _GLUED.fullmatch(word) else word for word in words).split()
    nouns = [word for word in words if word in _NOUNS]
    rest = [word for word in words if word not in _NOUNS and word != "the"]
    if len(rest) != 1 or len(nouns) > 1:
        return None
    for side in (0, 1):
        if rest[0] in _SIDES[side] or (nouns and rest[0] in _NUMBERED[side]):
            return Vote(side)
    return None


def _signed(left: str, sign: str, right: str) -> Vote | None:
    if left == right:
        return None
    if sign == "=":
        return Vote(2)
    better = left if sign.startswith(">") else right
    return Vote(int(better == "b"), weight=1.5 if len(sign) > 1 else 1.0)


def winner_vote(
    column: str,
    value: Any,
    first: Set[str] = frozenset(),
    second: Set[str] = frozenset(),
    base: int | None = None,
) -> Vote:
    """Return the vote of a cell that names the winner.

    Parameters
    ----------
    column : str
        Its name, for the sentence.
    value : Any
        What stands there.
    first, second : set of str
        As in `spelled`.
    base : int or None
        The number that stands for the first answer, the next for the second; None where a number says nothing.

    Raises
    ------
    NoVoteError
        When the cell is empty.
    UnknownWinnerError
        When it says something else.
    """
    if isinstance(value, Vote):  # of a scale, see `column_mapping`
        return value
    if is_missing(value):
        raise NoVoteError(f"has no vote: {column} is empty")
    if base is not None and str(value).strip().removesuffix(".0") in (str(base), str(base + 1)):
        return Vote(int(str(value).strip().removesuffix(".0")) - base)
    if isinstance(value, list):  # as tools for labelling write a choice
        if not value:
            raise NoVoteError(f"has no vote: {column} is empty")
        if len(value) > 1:
            raise BadRecordError(f"{column} holds {len(value)} votes; write a row for each")
        value = value[0]
    found = spelled(value, first, second) if isinstance(value, str) else None
    if found is None:
        raise UnknownWinnerError(column, value)
    return found


def marked_vote(values: Mapping[str, Any]) -> Vote:
    """Return the vote that Kaggle's three columns mark.

    Raises
    ------
    BadRecordError
        When no winner is marked, or several, or a mark is neither 0 nor 1, or a column is absent.
    """
    marks: list[int] = []
    empty = 0
    for name in OUTCOMES:
        if name not in values:
            raise BadRecordError(f"is missing the column {name}")
        mark = values[name]
        text = "" if mark is None else _NO_FRACTION.sub("", str(mark).strip().lower())
        if text in ("", "nan"):
            empty += 1
            marks.append(0)
        elif text in _ZERO or text in _ONE:
            marks.append(int(text in _ONE))
        else:
            raise BadRecordError(f"{name} is {ascii(text[:40])}, neither 0 nor 1")
    if sum(marks) > 1:
        raise BadRecordError(f"has {('two', 'three')[sum(marks) - 2]} winners")
    if sum(marks) == 0:
        raise NoVoteError(f"has no vote: {'the winner columns are empty' if empty == 3 else 'no winner is marked'}")
    return Vote(marks.index(1))
