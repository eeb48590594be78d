"""Which group of an explanation a feature or a learner belongs to, by its name."""

from features.blocks.registry import column_of, group_of, groups
from features.pairs import parsed
from stacker.learners.learner_registry import KINDS

LENGTH = "length"
PROMPT = "prompt"
WORDS = "sparse words"
TRANSFORMER = "transformer"
GROUPS = (LENGTH, *groups(), PROMPT, WORDS, TRANSFORMER)
"""Groups in the order they are shown; others come after them.

`length` is how much was written, by whatever block it is counted; `prompt` is what the question alone tells, by any
block; `overlap` is what an answer shares with the prompt and with the other answer; the rest are the blocks
themselves, and the learners that read the texts.
"""


def group_of_feature(name: str) -> str:
    """Return the group of a pair feature."""
    feature = parsed(name)
    if feature.kind == "prompt":
        return PROMPT
    column = column_of(feature.block, feature.column)
    return LENGTH if column is not None and column.length else group_of(feature.block)


def group_of_kind(kind: str) -> str:
    """Return the group of a learner that reads the texts by itself, from its kind."""
    return (KINDS[kind].group if kind in KINDS else None) or kind


def shown_order(groups: set[str]) -> tuple[str, ...]:
    """Return the groups in the order they are shown."""
    return tuple(sorted(groups, key=lambda group: (GROUPS.index(group) if group in GROUPS else len(GROUPS), group)))
