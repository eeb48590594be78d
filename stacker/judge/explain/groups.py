"""Which group of an explanation a feature or a learner belongs to, by its name."""

import re
from dataclasses import dataclass

LENGTH = "length"
PROMPT = "prompt"
WORDS = "sparse words"
TRANSFORMER = "transformer"
GROUPS = (
    LENGTH,
    "surface",
    "style",
    "sentiment",
    "readability",
    "overlap",
    "embedding",
    PROMPT,
    WORDS,
    TRANSFORMER,
)
"""Groups in the order they are shown; others come after them.

`length` is how much was written, by whatever block it is counted; `prompt` is what the question alone tells, by any
block; `overlap` is what an answer shares with the prompt and with the other answer; the rest are the blocks
themselves, and the learners that read the texts.
"""
_LENGTHS = {
    "surface": {
        "characters",
        "log characters",
        "words",
        "log words",
        "sentences",
        "log sentences",
        "lines",
        "blank lines",
    },
    "overlap": {"log length ratio"},
    "agreement": {"shorter by longer"},
    "turns": {
        "log characters of the last answer",
        "last answer share",
        "empty answers",
        "log growth from first to last answer",
    },
}
_NAME = re.compile(r"(?P<block>[^:]*): (?P<column>.*) \((?P<kind>[^()]*)\)")


@dataclass(frozen=True)
class FeatureName:
    """The parts of a pair feature's name.

    Attributes
    ----------
    block : str
        Key of the block (`surface`).
    column : str
        What is counted (`words`).
    kind : str
        `A`, `B`, `A - B`, `|A - B|`, `prompt`, or `A,B` for what both answers share.
    """

    block: str
    column: str
    kind: str


def parsed(name: str) -> FeatureName:
    """Take a name as `features.pairs` writes it apart.

    Raises
    ------
    ValueError
        When the name has another form.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r}: a feature's name has the form 'block: column (kind)'")
    return FeatureName(**found.groupdict())


def group_of_feature(name: str) -> str:
    """Return the group of a pair feature."""
    feature = parsed(name)
    if feature.kind == "prompt":
        return PROMPT
    if feature.column in _LENGTHS.get(feature.block, ()):
        return LENGTH
    return "overlap" if feature.block == "agreement" else feature.block


def group_of_kind(kind: str) -> str:
    """Return the group of a learner that reads the texts by itself, from its kind."""
    if kind == "sparse":
        return WORDS
    return TRANSFORMER if kind.startswith("transformer") else kind


def shown_order(groups: set[str]) -> tuple[str, ...]:
    """Return the groups in the order they are shown."""
    return tuple(sorted(groups, key=lambda group: (GROUPS.index(group) if group in GROUPS else len(GROUPS), group)))
