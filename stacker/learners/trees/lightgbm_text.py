"""LightGBM's text of a model: parsed strictly, and written anew from what was parsed, so that nothing else reaches it.

LightGBM's own parser trusts the file: changed line ends abort the process, an edited child index makes a prediction
loop. Numbers are handed on digit by digit as they stood, so that predictions are bitwise identical.
"""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.battles.arrays import Ints
from pipelines.files.saved_files import LARGEST
from stacker.learners.trees.tree_shape import check_trees

CLASSES = 3
_SPLITS = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_NODES = ("internal_value", "internal_weight", "internal_count")
_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_WHOLE = ("num_leaves", "num_cat", "is_linear", "split_feature", "decision_type", "left_child", "right_child")
"""Lines of whole numbers that are looked at here; those of counts may hold any number."""
_KEYS = ("num_leaves", "num_cat", *_SPLITS, *_LEAVES, *_NODES, "is_linear", "shrinkage")
"""Lines of a tree, in LightGBM's order."""
_DIGITS, _FLOATS = b"0123456789- ", b"0123456789- .+e"
_NUMERICAL = (0, 2, 4, 6, 8, 10)
"""Decision types of numerical splits: bit 1 is where missing values go, bits 2 and 3 what counts as missing."""
_MOST_TREES = 1_000_000
_NUMBER = r"-?[0-9.]+(?:e[+-]?[0-9]+)?"
_RANGES = re.compile(rf"(?:none|\[{_NUMBER}:{_NUMBER}\])(?: (?:none|\[{_NUMBER}:{_NUMBER}\]))*+")
_ENDLESS = re.compile(r"(?<![^ ])inf(?![^ ])")
_GAIN = re.compile(r"f[0-9]{1,7}=[0-9]{1,10}")
_SETTING = re.compile(r"\[[a-z0-9_]{1,60}: [^\[\]\n:\"\\]{0,1000}\]")


class _Lines:
    """The lines of a text, taken one after the other."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.place = 0

    @property
    def next(self) -> str:
        """The line that would be taken."""
        return self.lines[self.place] if self.place < len(self.lines) else ""

    def take(self) -> str:
        """Take the next line."""
        if self.place == len(self.lines):
            raise ValueError("it ends too early")
        self.place += 1
        return self.lines[self.place - 1]

    def expect(self, *wanted: str) -> None:
        """Take lines that are known."""
        for line in wanted:
            if self.take() != line:
                raise ValueError(f"line {self.place} is not {line!r}" if line else f"line {self.place} is not empty")

    def value(self, key: str) -> str:
        """Take a line `key=value`, and return the value."""
        found, equals, value = self.take().partition("=")
        if found != key or not equals:
            raise ValueError(f"line {self.place} does not begin with {key}=")
        return value

    def matching(self, form: re.Pattern[str]) -> Iterator[str]:
        """Take the lines that have a form."""
        while form.fullmatch(self.next):
            yield self.take()


def canonical_text(data: bytes, features: int) -> str:
    """Return a model's text as LightGBM would write it, from bytes that may hold anything.

    Parameters
    ----------
    features : int
        Columns that the model must have been trained on; they are called f0, f1, ...

    Raises
    ------
    ValueError
        Says what is wrong with the text.
    """
    if b"\r" in data:
        raise ValueError("its line ends were changed; copy it again as a binary file")
    try:
        lines = _Lines(data.decode("ascii"))
    except UnicodeDecodeError as fault:
        raise ValueError(f"byte {fault.start} is not ASCII") from fault
    head = _head(lines, features)
    sizes = lines.value("tree_sizes")
    lines.expect("")
    trees: list[dict[str, str]] = []
    while lines.next.startswith("Tree="):
        trees.append(_tree(lines, len(trees)))
    if not trees or len(trees) % CLASSES or len(trees) > _MOST_TREES:
        raise ValueError(f"it holds {len(trees)} trees, not some for each of {CLASSES} classes")
    _check_numbers(trees, features)
    texts = [_text_of(number, tree) for number, tree in enumerate(trees)]
    if sizes != " ".join(str(len(text)) for text in texts):
        raise ValueError("tree_sizes are not those of its trees")
    return "\n".join([*head, f"tree_sizes={sizes}", "", "".join(texts) + _tail(lines)])


def _head(lines: _Lines, features: int) -> list[str]:
    """Take the lines before the sizes of the trees."""
    begins = lines.place
    lines.expect("tree", "version=v4", f"num_class={CLASSES}", f"num_tree_per_iteration={CLASSES}", "label_index=0")
    lines.expect(f"max_feature_idx={features - 1}")
    if lines.next.startswith("objective="):  # there is none where this project's own loss was trained
        lines.expect(f"objective=multiclass num_class:{CLASSES}")
    lines.expect("feature_names=" + " ".join(f"f{number}" for number in range(features)))
    ranges = lines.value("feature_infos")
    if ranges.count(" ") != features - 1 or not _RANGES.fullmatch(ranges):
        raise ValueError(f"feature_infos are not the ranges of {features} features")
    return lines.lines[begins : lines.place]


def _tree(lines: _Lines, number: int) -> dict[str, str]:
    lines.expect(f"Tree={number}")
    tree = {key: lines.value(key) for key in _KEYS}
    lines.expect("", "")
    return tree


def _text_of(number: int, tree: dict[str, str]) -> str:
    body = "\n".join(f"{key}={value}" for key, value in tree.items())
    return f"Tree={number}\n{body}\n\n\n"


def _check_numbers(trees: list[dict[str, str]], features: int) -> None:
    one = np.ones(len(trees), dtype=np.int64)
    leaves = _numbers(trees, "num_leaves", one)
    if (leaves < 1).any():
        raise ValueError("num_leaves is less than 1")
    for key in ("num_cat", "is_linear"):
        if _numbers(trees, key, one).any():
            raise ValueError(f"{key} is not 0: no judge has such trees")
    _numbers(trees, "shrinkage", one)
    splits = {key: _numbers(trees, key, leaves - 1) for key in (*_SPLITS, *_NODES)}
    # A tree that is one leaf may have no weight written.
    weighed = np.array([1 if tree["leaf_weight"] else 0 for tree in trees])
    _numbers(trees, "leaf_weight", np.where(leaves > 1, leaves, weighed))
    _numbers(trees, "leaf_count", leaves)
    if (np.abs(_numbers(trees, "leaf_value", leaves)) > LARGEST).any():
        raise ValueError("leaf_value holds a number that is too large")
    feature = splits["split_feature"]
    if ((feature < 0) | (feature >= features)).any():
        raise ValueError(f"split_feature names a feature that is none of the {features}")
    if not np.isin(splits["decision_type"], _NUMERICAL).all():
        raise ValueError("decision_type is not that of a numerical split")
    _check_children(leaves, splits["left_child"], splits["right_child"])


def _check_children(leaves: Ints, *children: Ints) -> None:
    """Check the trees' shape; LightGBM numbers splits and leaves apart, and leaf k stands as -(k + 1)."""
    count = leaves - 1
    tree = np.repeat(np.arange(len(leaves)), count)
    node = np.arange(len(tree)) - np.repeat(np.cumsum(count) - count, count)
    splits = count[tree]
    one_count = [np.where(child < 0, splits - 1 - child, np.where(child < splits, child, -1)) for child in children]
    check_trees(leaves + count, tree, node, one_count)


def _numbers(trees: list[dict[str, str]], key: str, counts: Ints) -> Any:
    """Return the numbers of a line of all trees, one after the other, where each tree has as many as `counts` says."""
    values = [tree[key] for tree in trees]
    for value, count in zip(values, counts.tolist(), strict=True):
        if (value.count(" ") + 1 if value else 0) != count:
            raise ValueError(f"{key} has not the {count} numbers that its tree needs")
    text = " ".join(value for value in values if value)
    if key == "threshold":
        text = _ENDLESS.sub("0", text)  # of a split between what is missing and what is not
    whole = key in _WHOLE
    # No blank is doubled or at an end: so each token is one number where there are as many of both.
    if "  " in text or text != text.strip() or text.encode().translate(None, _DIGITS if whole else _FLOATS):
        raise ValueError(f"{key} holds something else than numbers")
    try:
        found = np.fromstring(text, dtype=np.int64 if whole else np.float64, sep=" ")
    except ValueError as fault:  # numpy's own sentence does not say which line
        raise ValueError(f"{key} holds what is no number") from fault
    if len(found) != counts.sum() or not np.isfinite(found).all():
        raise ValueError(f"{key} holds what is no number")
    return found


def _tail(lines: _Lines) -> str:
    """Take the lines behind the trees, none of which predictions depend on."""
    begins = lines.place
    lines.expect("end of trees", "", "feature_importances:")
    list(lines.matching(_GAIN))
    lines.expect("", "parameters:")
    list(lines.matching(_SETTING))
    lines.expect("", "end of parameters", "", "pandas_categorical:null", "")
    if lines.place != len(lines.lines):
        raise ValueError(f"line {lines.place + 1} should be the end")
    return "\n".join(lines.lines[begins : lines.place])
