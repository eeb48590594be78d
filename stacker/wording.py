"""Feature differences in plain English: what stands in answer A, what in answer B, said as a person would."""

import math

KIND_COUNT, KIND_LOG, KIND_SHARE, KIND_FLAG, KIND_SCORE = "count", "log count", "share", "flag", "score"
MEANING = "meaning"
"""What the directions of the embeddings are called together: none of them has a name."""
_FLAGS = {
    "style: opens with a refusal": "opens with a refusal",
    "style: opens with an apology": "opens with an apology",
    "style: opens with model identity": "opens by saying which model it is",
    "style: flattering opening": "opens by praising the question",
    "style: ends with a question": "ends with a question",
    "style: ends with an offer": "ends with an offer of more help",
    "style: ends without a stop": "ends without a full stop",
    "overlap: contains the prompt": "repeats the prompt",
    "overlap: same script": "is in the script of the prompt",
}
_AGREEMENTS = {
    "identical": "the answers are identical",
    "same script": "the answers are in the same script",
}
_SHARES = {
    "overlap: prompt coverage",
    "overlap: answer words from the prompt",
    "overlap: Jaccard of words",
    "overlap: copied bigrams",
    "overlap: prompt bigrams kept",
    "overlap: first sentence on the prompt",
    "sentiment: positive sentences",
    "sentiment: negative sentences",
}
_SCORES = {
    "surface: words per sentence",
    "surface: words per line",
    "surface: average word length",
    "style: mean paragraph length",
    "readability: words per sentence",
    "readability: syllables per word",
}
_COUNTING_BLOCKS = {"surface", "style"}
_LOGS = {"style: longest line"}
_RATIOS = {"log length ratio", "log growth from first to last answer"}
_LONGER = {"characters": "character", "words": "word", "sentences": "sentence", "lines": "line"}


def kind_of(block: str, column: str) -> str:
    """Return whether a column holds a count, log(1 + count), a share, a flag (0 or 1) or a score on its own scale."""
    name = f"{block}: {column}"
    if name in _LOGS or (column.startswith("log ") and column not in _RATIOS):
        return KIND_LOG
    if name in _FLAGS:
        return KIND_FLAG
    if name in _SHARES or column.endswith(("share", " share")):
        return KIND_SHARE
    if name in _SCORES or column in _RATIOS:
        return KIND_SCORE
    if block == "agreement":
        return KIND_FLAG if column in _AGREEMENTS else KIND_SHARE
    if block in _COUNTING_BLOCKS or name in ("overlap: shared content words", "turns: empty answers"):
        return KIND_COUNT
    return KIND_SCORE


def compared(block: str, column: str, a: float, b: float) -> str:
    """Say how the answers differ in one number.

    Parameters
    ----------
    block, column : str
        The feature, as `stacker.groups.parsed` names its parts.
    a, b : float
        Its value for either answer; NaN where it does not apply.
    """
    kind = kind_of(block, column)
    if math.isnan(a) or math.isnan(b):
        missing = "either answer" if math.isnan(a) and math.isnan(b) else f"answer {'A' if math.isnan(a) else 'B'}"
        return f"{block}, {column}: does not apply to {missing}"
    if kind == KIND_FLAG:
        says = _FLAGS[f"{block}: {column}"]
        if (a > 0) == (b > 0):
            return f"{'each' if a > 0 else 'neither'} answer {says}"
        return f"only answer {'A' if a > 0 else 'B'} {says}"
    if a == b:
        return f"the answers are alike in {_noun(block, column)} ({_number(a, kind)})"
    more, high, low = ("A", a, b) if a > b else ("B", b, a)
    if block == "surface" and column in _LONGER:
        gap = round(high - low)
        return f"answer {more} is {gap:,} {_LONGER[column]}{'' if gap == 1 else 's'} longer ({_both(a, b, kind)})"
    if kind == KIND_COUNT:
        return f"answer {more} has more {_noun(block, column)} ({_both(a, b, kind)})"
    return f"answer {more} has the higher {_noun(block, column)} ({_both(a, b, kind)})"


def of_prompt(block: str, column: str, value: float) -> str:
    """Say what is known of the prompt."""
    if math.isnan(value):
        return f"{block}, {column}: does not apply to the prompt"
    return f"the prompt's {_noun(block, column)}: {_number(value, kind_of(block, column))}"


def of_both(block: str, column: str, value: float) -> str:
    """Say what the answers have in common."""
    if column in _AGREEMENTS:
        says = _AGREEMENTS[column]
        return says if value > 0 else says.replace(" are ", " are not ")
    if math.isnan(value):
        return f"{block}, {column}: does not apply"
    return f"the answers' {column} is {_number(value, KIND_SHARE)}"


def nameless(block: str, column: str, of: str) -> str:
    """Say what a number stands for that a learner made for itself, and that means nothing by itself."""
    if block == "embedding":
        return f"what {'the prompt asks' if of == 'prompt' else 'the answers say'} (directions of the embeddings)"
    if block == "transformer":
        return f"the transformer's reading of the texts ({column})"
    return f"{block}, {column}"


def favours(log_odds: float, smallest: float = 0.005) -> str:
    """Say which side a margin's part speaks for, and how strongly in log-odds."""
    if abs(log_odds) < smallest:
        return "favours neither side"
    return f"favours {'A' if log_odds > 0 else 'B'} by {abs(log_odds):.2f}"


def about_ties(log_odds: float, smallest: float = 0.005) -> str:
    """Say what a part of the tie log-odds does to a tie."""
    if abs(log_odds) < smallest:
        return "leaves the tie as it is"
    return f"makes a tie {'more' if log_odds > 0 else 'less'} likely by {abs(log_odds):.2f}"


def _noun(block: str, column: str) -> str:
    if kind_of(block, column) == KIND_LOG:
        return "longest line in characters" if column == "longest line" else column.removeprefix("log ")
    if block == "readability":
        return f"{column} (readability)"
    if block == "sentiment":
        return f"{column} (tone)"
    return column


def _both(a: float, b: float, kind: str) -> str:
    return f"A {_number(a, kind)}, B {_number(b, kind)}"


def _number(value: float, kind: str) -> str:
    if kind == KIND_COUNT:
        return f"{round(value):,}"
    if kind == KIND_LOG:
        return f"{round(math.expm1(value)):,}"
    if kind == KIND_SHARE:
        return f"{100 * value:.0f} %"
    return f"{value:.2f}"
