"""XGBoost's model in UBJSON: every key known, and trees that are trees, before XGBoost itself sees the bytes.

XGBoost checks the lengths of its arrays but follows child indices wherever they lead.
"""

import re
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from pipelines.battles.arrays import Ints
from pipelines.files.saved_files import LARGEST
from stacker.learners.trees.tree_shape import check_trees

MOST_NESTED = 16
"""Objects and lists inside one another; a model of XGBoost has 6."""
_NUMBERS = {
    marker: np.dtype(form)
    for marker, form in {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4"}.items()
}
_SINGLE = {marker: struct.Struct(f">{form}") for marker, form in zip("iUIlLd", "bBhiqf", strict=True)}
CLASSES = 3
_FLOATS = ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
_INTS = ("left_children", "right_children", "parents", "split_indices")
_BYTES = ("default_left", "split_type")
_CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
_TREE = {*_FLOATS, *_INTS, *_BYTES, *_CATEGORIES, "id", "tree_param"}
_SCORE = r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:E[+-]?[0-9]{1,2})?"
_SCORES = re.compile(rf"{_SCORE}|\[{_SCORE}\]|\[{_SCORE},{_SCORE},{_SCORE}\]")
_NO_PARENT = 2**31 - 1
_OBJECTIVE = {"name": "multi:softprob", "softmax_multiclass_param": {"num_class": str(CLASSES)}}


def parse(data: bytes) -> Any:
    """Return the value that the bytes hold.

    Only what XGBoost writes is read: objects, lists with their length, typed arrays (as numpy arrays), strings and
    numbers; everything else is refused. https://ubjson.org

    Raises
    ------
    ValueError
        When the bytes are something else, end too early, or go on behind the value.
    """
    reader = _Reader(data)
    value = reader.value(reader.marker(), 0)
    if reader.place != len(data):
        raise ValueError(f"byte {reader.place}: the value has ended")
    return value


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.place:
            raise ValueError(f"byte {self.place}: {count} bytes are announced, {len(self.data) - self.place} are left")
        self.place += count
        return self.data[self.place - count : self.place]

    def marker(self) -> str:
        return chr(self.take(1)[0])

    def length(self) -> int:
        """Take a length, which XGBoost always writes with eight bytes."""
        taken = self.take(9)
        if taken[:1] != b"L":
            raise ValueError(f"byte {self.place - 9}: no length of eight bytes")
        return int.from_bytes(taken[1:], "big", signed=True)

    def string(self) -> str:
        text = self.take(self.length())
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise ValueError(f"byte {self.place}: a string is not UTF-8") from fault

    def value(self, marker: str, depth: int) -> Any:
        if depth > MOST_NESTED:
            raise ValueError(f"byte {self.place}: more than {MOST_NESTED} values inside one another")
        if marker == "{":
            return self.object(depth)
        if marker == "[":
            return self.list(depth)
        if marker == "S":
            return self.string()
        if marker in _SINGLE:
            form = _SINGLE[marker]
            return form.unpack(self.take(form.size))[0]
        raise ValueError(f"byte {self.place - 1}: {marker!r} begins no value that a model has")

    def object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.data[self.place : self.place + 1] != b"}":
            key = self.string()
            if key in found:
                raise ValueError(f"byte {self.place}: {key[:40]!r} a second time")
            found[key] = self.value(self.marker(), depth + 1)
        self.place += 1
        return found

    def list(self, depth: int) -> Any:
        kind = ""
        if self.data[self.place : self.place + 1] == b"$":
            kind = chr(self.take(2)[1])
        if self.take(1) != b"#":
            raise ValueError(f"byte {self.place - 1}: a list without its length")
        count = self.length()
        if not kind:
            self.take(count)  # each value takes a byte at least
            self.place -= count
            return [self.value(self.marker(), depth + 1) for _ in range(count)]
        if kind not in _NUMBERS:
            raise ValueError(f"byte {self.place}: a list of {kind!r}")
        form = _NUMBERS[kind]
        return np.frombuffer(self.take(count * form.itemsize), dtype=form)


def check_model(data: bytes, features: int) -> None:
    """Raise a `ValueError` where bytes are no softmax over three classes by trees over so many columns."""
    model = parse(data)
    _keys(model, {"learner", "version"}, "the model")
    learner = model["learner"]
    parts = {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"}
    _keys(learner, parts, "learner")
    for name in ("attributes", "feature_names", "feature_types"):
        if _is_filled(learner[name]):
            raise ValueError(f"{name} is not empty")
    _same(learner["objective"], _OBJECTIVE, "objective")
    _check_params(learner["learner_model_param"], features)
    booster = learner["gradient_booster"]
    _keys(booster, {"model", "name"}, "gradient_booster")
    _same(booster["name"], "gbtree", "the booster's name")
    _check_booster(booster["model"], features)
    if len(_ints(model["version"])) != 3:
        raise ValueError("version is not three numbers")


def _check_params(params: Any, features: int) -> None:
    known = {"num_class": str(CLASSES), "num_feature": str(features), "num_target": "1"}
    _keys(params, {*known, "base_score", "boost_from_average"}, "learner_model_param")
    if params["boost_from_average"] not in ("0", "1"):  # whether base_score came from the battles; read when trained
        raise ValueError("boost_from_average is neither '0' nor '1'")
    for name, value in known.items():
        _same(params[name], value, name)
    score = params["base_score"]
    fits = isinstance(score, str) and _SCORES.fullmatch(score)
    if not fits or any(abs(float(each)) > LARGEST for each in score.strip("[]").split(",")):
        raise ValueError("base_score is not one number or one a class")


def _check_booster(model: Any, features: int) -> None:
    needed = {"gbtree_model_param", "iteration_indptr", "tree_info", "trees"}
    _keys(model, needed, "the booster's model", optional={"cats"})  # since XGBoost 3.1
    trees = model["trees"]
    count = len(trees) if isinstance(trees, list) else 0
    if not count or count % CLASSES:
        raise ValueError(f"it holds {count} trees, not some for each of {CLASSES} classes")
    _same(model["gbtree_model_param"], {"num_parallel_tree": "1", "num_trees": str(count)}, "gbtree_model_param")
    if "cats" in model and (not isinstance(model["cats"], dict) or any(map(_is_filled, model["cats"].values()))):
        raise ValueError("cats is not empty: no judge has categories")
    for name, wanted in (("tree_info", np.arange(count) % CLASSES), ("iteration_indptr", np.arange(0, count + 1, 3))):
        if _ints(model[name]) != wanted.tolist():
            raise ValueError(f"{name} is not that of {count // CLASSES} rounds")
    for number, tree in enumerate(trees):
        _check_arrays(number, tree, features)
    _check_nodes(trees, features)


def _check_arrays(number: int, tree: Any, features: int) -> None:
    """Check what a tree's arrays are and how long, before numbers of several trees are looked at together."""
    _keys(tree, _TREE, f"tree {number}")
    _same(tree["id"], number, f"the id of tree {number}")
    param = tree["tree_param"]
    nodes = len(tree["parents"]) if isinstance(tree["parents"], np.ndarray) else 0
    wanted = {"num_deleted": "0", "num_feature": str(features), "num_nodes": str(nodes), "size_leaf_vector": "1"}
    _same(param, wanted, f"tree_param of tree {number}")
    for names, kind in ((_FLOATS, ">f4"), (_INTS, ">i4"), (_BYTES, ">u1")):
        for name in names:
            found = tree[name]
            if not isinstance(found, np.ndarray) or found.dtype != kind or len(found) != nodes or not nodes:
                raise ValueError(f"{name} of tree {number} is not an array of one number a node")
    for name in _CATEGORIES:
        if not isinstance(tree[name], np.ndarray) or len(tree[name]):
            raise ValueError(f"{name} of tree {number} is not an empty array")


def _check_nodes(trees: list[dict[str, Any]], features: int) -> None:
    joined = {name: np.concatenate([tree[name] for tree in trees]) for name in (*_FLOATS, *_INTS, *_BYTES)}
    for name in _FLOATS:
        if not np.isfinite(joined[name]).all():
            raise ValueError(f"{name} holds what is no number")
    if (np.abs(joined["split_conditions"]) > LARGEST).any():  # of leaves: what they add
        raise ValueError("split_conditions holds a number that is too large")
    if joined["split_type"].any() or (joined["default_left"] > 1).any():
        raise ValueError("a split is not one of numbers")
    index = joined["split_indices"]
    if ((index < 0) | (index >= features)).any():
        raise ValueError(f"split_indices names a feature that is none of the {features}")
    sizes = np.array([len(tree["parents"]) for tree in trees], dtype=np.int64)
    tree = np.repeat(np.arange(len(trees)), sizes)
    node = np.arange(len(tree)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    left, right = joined["left_children"].astype(np.int64), joined["right_children"].astype(np.int64)
    splits = (left != -1) | (right != -1)
    check_trees(sizes, tree[splits], node[splits], (left[splits], right[splits]))
    _check_parents(joined["parents"], sizes, tree, node, splits, left, right)


def _check_parents(parents: Ints, sizes: Ints, tree: Ints, node: Ints, splits: Any, left: Ints, right: Ints) -> None:
    wanted = np.full(len(tree), _NO_PARENT)
    starts = np.cumsum(sizes) - sizes
    for child in (left[splits], right[splits]):
        wanted[starts[tree[splits]] + child] = node[splits]
    wrong = parents != wanted
    if wrong.any():
        raise ValueError(f"parents of tree {tree[wrong.argmax()]} are not those of its children")


def _keys(found: Any, wanted: set[str], what: str, optional: frozenset[str] | set[str] = frozenset()) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{what} is no object")
    lacking, extra = sorted(wanted - found.keys()), sorted(found.keys() - wanted - optional)
    if lacking or extra:
        raise ValueError(f"{what} has no {lacking[0]}" if lacking else f"{what} has the unknown {extra[0][:40]!r}")


def _same(found: Any, wanted: Any, what: str) -> None:
    if type(found) is not type(wanted) or found != wanted:
        raise ValueError(f"{what} is not {dict(wanted) if isinstance(wanted, Mapping) else wanted!r}")


def _ints(found: Any) -> list[int]:
    """Return whole numbers, whichever kind of list they are in; none where the list is something else."""
    if isinstance(found, np.ndarray) and found.dtype.kind in "iu":
        return [int(each) for each in found]
    return found if isinstance(found, list) and all(type(each) is int for each in found) else []


def _is_filled(found: Any) -> bool:
    return not isinstance(found, dict | list | np.ndarray) or len(found) > 0
