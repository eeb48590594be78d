"""Saved trees that somebody damaged or edited are refused before LightGBM or XGBoost see them."""

import re
import struct
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from saved_text import with_sizes
from small_judges import small_judge

from stacker.learners.judges.starter_prior import starter_folder
from stacker.learners.trees.lightgbm_text import canonical_text
from stacker.learners.trees.tree_shape import DEEPEST, check_trees
from stacker.learners.trees.xgboost_model import check_model, parse

SAVED = Path(__file__).parents[2] / "judge" / "saved_judges" / "without_hashes" / "learners"
TEXT = (SAVED / "0_lightgbm" / "booster_0.txt").read_bytes()
MODEL = (SAVED / "1_xgboost" / "booster_0.ubj").read_bytes()
FEATURES = 542


def line(key, change, tree=0):
    """Change the values of a line of a tree."""

    def changed(text):
        found = list(re.finditer(rb"^%s=(.*)$" % key.encode(), text, flags=re.MULTILINE))[tree]
        values = found[1].decode().split(" ")
        return with_sizes(text[: found.start(1)] + " ".join(change(values)).encode() + text[found.end(1) :])

    return changed


def put(place, value):
    return lambda values: [*values[:place], str(value), *values[place + 1 :]] if place >= 0 else [str(value)]


@pytest.mark.parametrize(
    ("change", "says"),
    {
        "line ends of Windows": (lambda text: text.replace(b"\n", b"\r\n"), "line ends were changed"),
        "cut short": (lambda text: text[: len(text) // 2], "feature_infos"),
        "cut short among the trees": (lambda text: text[:-9000], "does not begin|ends too early"),
        "nothing": (lambda text: b"", "line 1 is not 'tree'"),
        "a tree of another length": (lambda text: text.replace(b"num_cat=0\n", b"num_cat=00\n", 1), "tree_sizes"),
        "a child that is its parent": (line("left_child", put(0, 0)), "cannot be one"),
        "a child that leads back": (line("right_child", put(2, 1)), "cannot be one"),
        "a split that is none": (line("left_child", put(0, 1000)), "cannot be one"),
        "a leaf that is none": (line("left_child", put(0, -1000)), "cannot be one"),
        "a leaf twice": (line("left_child", lambda values: ["-1", *values[1:]]), "more than once or never"),
        "a feature that is none": (line("split_feature", put(0, FEATURES)), "none of the 542"),
        "a negative feature": (line("split_feature", put(0, -1)), "none of the 542"),
        "a categorical split": (line("decision_type", put(0, 1)), "numerical split"),
        "categories": (line("num_cat", put(-1, 1)), "num_cat is not 0"),
        "linear leaves": (line("is_linear", put(-1, 1)), "is_linear is not 0"),
        "a number too few": (line("threshold", lambda values: values[1:]), "numbers that its tree needs"),
        "a number too many": (line("leaf_value", lambda values: [*values, "1"]), "numbers that its tree needs"),
        "no leaf": (line("num_leaves", put(-1, 0)), "num_leaves is less than 1"),
        "a billion leaves": (line("num_leaves", put(-1, 10**9)), "numbers that its tree needs"),
        "not a number": (line("leaf_value", put(0, "nan")), "something else than numbers"),
        "infinity by its digits": (line("leaf_value", put(0, "1e999")), "no number"),
        "two numbers in one": (line("split_gain", put(0, "1-2")), "no number"),
        "a doubled blank": (line("split_gain", put(0, "")), "something else than numbers"),
        "a value no sum can take": (line("leaf_value", put(0, "1e300")), "too large"),
        "other features": (lambda text: text.replace(b"=541\n", b"=540\n", 1), "line 6"),
        "other names": (lambda text: text.replace(b"f540 f541", b"f541 f540", 1), "feature_names"),
        "other classes": (lambda text: text.replace(b"num_class=3", b"num_class=4", 1), "num_class=3"),
        "another objective": (lambda text: text.replace(b"=multiclass ", b"=binary ", 1), "multiclass"),
        "a tree too few": (
            lambda text: with_sizes(text[: text.index(b"Tree=2")] + text[text.index(b"end of trees") :]),
            "holds 2 trees",
        ),
        "settings that are none": (lambda text: text.replace(b"[boosting: gbdt]", b"[boosting]", 1), "not empty"),
        "something behind the end": (lambda text: text + b"x", "line 393 is not empty"),
        "letters of another script": (lambda text: text.replace(b"f540", "ф540".encode(), 1), "not ASCII"),
    }.values(),
)
def test_an_edited_lightgbm_text_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        canonical_text(change(TEXT), FEATURES)


def test_lightgbm_gets_what_it_wrote_to_the_byte():
    for path in [*starter_folder().glob("learners/0_lightgbm/*.txt"), *SAVED.glob("0_lightgbm/*.txt")]:
        assert canonical_text(path.read_bytes(), FEATURES).encode() == path.read_bytes()


def test_trees_of_one_leaf_and_without_an_objective_are_read():
    values = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    outcome = np.arange(60) % 3
    for objective in ("multiclass", lambda raw, _: (raw.ravel(order="F"), np.ones(180))):
        settings = {
            "objective": objective,
            "num_class": 3,
            "verbosity": -1,
            "min_data_in_leaf": 500,
            "feature_pre_filter": False,
        }
        names = [f"f{number}" for number in range(4)]
        model = lightgbm.train(settings, lightgbm.Dataset(values, outcome, feature_name=names), 2)
        text = model.model_to_string()
        assert "num_leaves=1\n" in text
        again = lightgbm.Booster(model_str=canonical_text(text.encode(), 4))
        np.testing.assert_array_equal(again.predict(values, raw_score=True), model.predict(values, raw_score=True))


def array(name, place, number, tree=0):
    """Overwrite one number of an array of an XGBoost tree."""

    def changed(data):
        key = struct.pack(">q", len(name)) + name.encode() + b"[$"
        start = [found.start() for found in re.finditer(re.escape(key), data)][tree] + len(key)
        form = {b"l": ">i", b"d": ">f", b"U": ">B"}[data[start : start + 1]]
        start += 11 + struct.calcsize(form) * place  # the kind, #L, and a length of eight bytes
        return data[:start] + struct.pack(form, number) + data[start + struct.calcsize(form) :]

    return changed


@pytest.mark.parametrize(
    ("change", "says"),
    {
        "nothing": (lambda data: b"", "1 bytes are announced, 0 are left"),
        "cut short": (lambda data: data[:-1], "are left"),
        "something behind the end": (lambda data: data + b"}", "has ended"),
        "a text": (lambda data: b'{"learner": {}}', "no length"),
        "a loop": (array("left_children", 1, 0), "cannot be one"),
        "a child that is none": (array("right_children", 0, 10_000), "cannot be one"),
        "a negative child": (array("left_children", 0, -5), "cannot be one"),
        "a child twice": (array("right_children", 0, 1), "more than once or never"),
        "a leaf with one child": (array("left_children", 6, 7), "cannot be one"),
        "another parent": (array("parents", 3, 2), "parents of tree 0"),
        "a feature that is none": (array("split_indices", 0, FEATURES), "none of the 542"),
        "a categorical split": (array("split_type", 0, 1), "not one of numbers"),
        "not a number": (array("split_conditions", 1, float("nan")), "holds what is no number"),
        "a weight no sum can take": (array("split_conditions", 6, 3e38), "too large"),
        "an unknown key": (lambda data: data.replace(b"sum_hessian", b"sum_Hessian"), "has no sum_hessian"),
        "another booster": (lambda data: data.replace(b"gbtree}", b"dart00}"), "booster's name"),
        "another objective": (lambda data: data.replace(b"multi:softprob", b"multi:softmax."), "objective"),
        "more features": (lambda data: data.replace(b"\x03542", b"\x03543"), "num_feature"),
        "a base score that is none": (lambda data: data.replace(b"E-2,", b"E99,", 1), "base_score"),
        "a length of the whole memory": (
            lambda data: data.replace(b"[$d#L" + struct.pack(">q", 7), b"[$d#L" + struct.pack(">q", 2**60), 1),
            "bytes are announced",
        ),
        "a negative length": (
            lambda data: data.replace(b"[$d#L" + struct.pack(">q", 7), b"[$d#L" + struct.pack(">q", -7), 1),
            "bytes are announced",
        ),
    }.values(),
)
def test_an_edited_xgboost_model_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        check_model(change(MODEL), FEATURES)


def test_an_xgboost_model_that_nobody_touched_is_read():
    for path in SAVED.glob("1_xgboost/*.ubj"):
        check_model(path.read_bytes(), FEATURES)
    for booster in small_judge().members[1].learner.boosters_:
        check_model(bytes(booster.save_raw("ubj")), booster.num_features())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"[#L" + struct.pack(">q", 2**40), "announced"),
        (b"[$[#L" + struct.pack(">q", 1), "a list of"),
        (b"[#L\0\0\0\0\0\0\0\1" * 100 + b"i\0", "inside one another"),
        (b"{L" + struct.pack(">q", 1) + b"ai\0L" + struct.pack(">q", 1) + b"ai\0}", "second time"),
        (b"Si\1abcdefgh", "no length of eight bytes"),
        (b"[i\0]", "without its length"),
        (b"N", "begins no value"),
        (b"SL" + struct.pack(">q", 1) + b"\xff", "not UTF-8"),
    ],
)
def test_a_ubjson_that_would_take_memory_or_never_end_is_refused(data, says):
    with pytest.raises(ValueError, match=says):
        parse(data)


def chain(deep):
    """Return the arguments for one tree that goes down to one side."""
    node = np.arange(deep)
    return np.array([2 * deep + 1]), np.zeros(deep, dtype=np.int64), 2 * node, (2 * node + 1, 2 * node + 2)


def test_the_depth_of_a_tree_is_bounded():
    check_trees(*chain(DEEPEST))
    with pytest.raises(ValueError, match="deep"):
        check_trees(*chain(DEEPEST + 1))


def test_a_loop_that_no_walk_from_the_root_meets_is_refused():
    # Splits 1 and 2 are each other's child; every node is reached once.
    sizes, tree, node = np.array([7]), np.zeros(3, dtype=np.int64), np.array([0, 1, 2])
    with pytest.raises(ValueError, match="cannot be one"):
        check_trees(sizes, tree, node, (np.array([3, 2, 1]), np.array([4, 5, 6])))
