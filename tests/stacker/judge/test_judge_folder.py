"""A judge's folder: its files are those that were saved, and its features are found by name."""

import json
import os
import re
import shutil
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from saved_text import with_sizes
from small_judges import battles, small_judge

import features.build
import pipelines.files.hashes
import stacker.learners.judges.judge_record
from features.blocks.interface import COUNT, TEXT, Block, Column
from features.blocks.registry import BLOCKS
from features.build import FeatureParams, feature_columns
from pipelines.errors import UserError
from pipelines.files.hashes import hashes_of
from stacker.judge.judge import Judge
from stacker.judge.judge_folder import FILE
from stacker.learners.judges.starter_prior import starter_folder

OLD = Path(__file__).parent / "saved_judges" / "without_hashes"
KNOWN = json.loads((OLD.parent / "without_hashes.json").read_text(encoding="utf-8"))
TRIED = pd.DataFrame([[tuple(turns) for turns in row] for row in KNOWN["battles"]])
TRIED.columns = ["prompt", "response_a", "response_b"]
WIDTH = len(feature_columns(FeatureParams(embedding=False)).pairs.names)
"""Features that a judge of today sees."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "judge"
    small_judge(embedding=False).save(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    """Return a copy of a saved judge to damage."""
    return Path(shutil.copytree(saved, tmp_path / "judge"))


@pytest.fixture
def old(tmp_path):
    """Return a copy of a judge without hashes to damage."""
    return Path(shutil.copytree(OLD, tmp_path / "old"))


def edit(path, change):
    """Change a JSON file, and the hashes of the judge that it is of."""
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(json.dumps(found), encoding="utf-8")
    rehash(next(parent for parent in path.parents if (parent / FILE).exists()))


def rehash(folder):
    """Write the hashes anew, as whoever edits a judge on purpose would."""
    described = json.loads((folder / FILE).read_text(encoding="utf-8"))
    described["files"] = {name: file.model_dump() for name, file in hashes_of(folder, but=(FILE,)).items()}
    (folder / FILE).write_text(json.dumps(described), encoding="utf-8")


def refused(folder):
    """Return the one sentence by which a judge is refused."""
    with pytest.raises(UserError) as fault:
        Judge.load(folder)
    sentence = str(fault.value)
    assert sentence.startswith(str(folder)) and "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_a_judge_saved_before_there_were_hashes_gives_the_verdicts_it_gave():
    judge = Judge.load(OLD)
    # Other processors round an exponential otherwise, in the last place.
    np.testing.assert_allclose(judge.predict_proba(TRIED), KNOWN["verdicts"], rtol=0, atol=1e-14)
    assert judge.explain(*TRIED.iloc[0]).groups


def test_a_saved_judge_lists_every_other_file_with_its_hash(saved):
    for folder in (saved, starter_folder()):
        listed = json.loads((folder / FILE).read_text(encoding="utf-8"))["files"]
        others = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert set(listed) == others - {FILE, "MODEL_CARD.md"}


def test_every_file_that_has_changed_is_named(copy):
    for path in sorted(path for path in copy.rglob("*") if path.is_file() and path.name != FILE):
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        name = path.relative_to(copy).as_posix()
        assert f"the judge is incomplete or corrupt ({name}: is not the file that was saved" in refused(copy)
        path.unlink()
        assert f"({name}: is missing)" in refused(copy)
        path.write_bytes(before)
    assert Judge.load(copy)


def test_changed_line_ends_are_called_so(copy):
    path = copy / "learners" / "0_lightgbm" / "booster_0.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "booster_0.txt: has other line ends than when it was saved (CRLF)" in refused(copy)


@pytest.mark.parametrize("where", ["copy", "old"])
def test_edited_trees_are_refused_whether_hashes_fit_or_are_not_there(where, request):
    folder = request.getfixturevalue(where)
    text = folder / "learners" / "0_lightgbm" / "booster_1.txt"
    before = text.read_bytes()
    place = before.index(b"left_child=") + len(b"left_child=")
    text.write_bytes(before[:place] + b"0" + before[place + 1 :])  # a split that is its own child
    if where == "copy":
        rehash(folder)
    assert "booster_1.txt: " in refused(folder)
    text.write_bytes(before)
    model = folder / "learners" / "1_xgboost" / "booster_0.ubj"
    model.write_bytes(model.read_bytes()[:-100])
    if where == "copy":
        rehash(folder)
    assert "booster_0.ubj: " in refused(folder)


class Dummy(Block):
    """A block that did not exist when the judge was saved."""

    name = "dummy"
    sees = TEXT
    declared = (Column("letters e", COUNT), Column("letters o", COUNT))

    def compute(self, texts):
        return np.array([[text.count("e"), text.count("o")] for text in texts], dtype=np.float32).reshape(-1, 2)


class Wider:
    """A block as it was, with a column more before the others."""

    def __init__(self, block):
        self.block, self.name, self.version = block, block.name, "2"
        self.columns = ("first of all", *block.columns)
        self.sees, self.switch = block.sees, block.switch

    def compute(self, texts):
        return np.concatenate([np.ones((len(texts), 1), dtype=np.float32), self.block.compute(texts)], axis=1)


class WithDummy(FeatureParams):
    dummy: bool = True


@pytest.fixture
def newer(monkeypatch):
    """Have a version with one more block, and one more column in each block there was."""
    wider = {name: Wider(block) if block.sees == TEXT else block for name, block in BLOCKS.items()}
    monkeypatch.setattr(features.build, "BLOCKS", {"dummy": Dummy(), **wider})
    monkeypatch.setattr(stacker.learners.judges.judge_record, "FeatureParams", WithDummy)


def test_new_features_change_no_verdict_of_a_judge_that_was_saved_before(newer):
    for folder in (OLD, starter_folder()):
        judge = Judge.load(folder)
        assert judge.features.dummy is False
        verdicts = judge.predict_proba(TRIED)
        if folder == OLD:
            np.testing.assert_allclose(verdicts, KNOWN["verdicts"], rtol=0, atol=1e-14)
        judge.features = judge.features.model_copy(update={"dummy": True})
        assert len(judge.data(TRIED, cache=None, threads=1, progress=lambda *_: None).pairs.names) > 542
        np.testing.assert_array_equal(judge.predict_proba(TRIED), verdicts)
        assert judge.explain(*TRIED.iloc[0]).groups


def test_a_judge_of_features_that_are_no_more_says_which(copy):
    learner = copy / "learners" / "2_linear" / "learner.json"
    edit(learner, lambda found: found["names"].__setitem__(0, "mood: hope of the first sentence (A)"))
    assert "needs features that this version does not compute (mood: hope of the first sentence (A))" in refused(copy)


def test_a_judge_of_a_block_that_is_not_here_says_which(copy):
    edit(copy / FILE, lambda found: found["features"].update(mood=True, later=False))
    assert "needs features that this version does not compute (the block mood)" in refused(copy)


def test_a_block_that_judge_json_does_not_name_is_off_and_not_on(copy):
    edit(copy / FILE, lambda found: found["features"].pop("readability"))
    assert "does not compute (readability: " in refused(copy)
    edit(copy / FILE, lambda found: found["features"].update(readability=True))
    assert Judge.load(copy)


def put(key, value):
    def change(found):
        *above, last = key.split(".")
        for each in above:
            found = found[int(each) if each.isdigit() else each]
        found[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("learners.0.folder", "../../elsewhere", "learners.0.folder"),
        ("learners.0.folder", "/etc", "learners.0.folder"),
        ("learners", [], "learners"),
        ("pool.margin_weights", [1.0], "4 learners and 1 weights"),
        ("pool.tie_weights", [1.0] * 5, "4 learners and 5 weights"),
        ("pool.tie_weights.1", 1e300, "pool.tie_weights.1"),
        ("pool.tie_weights.1", "heavy", "pool.tie_weights.1"),
        ("pool.temperature", 0, "pool.temperature"),
        ("features", [], "features"),
        ("files", {"learners": 3}, "files.learners"),
        ("files", {"../judge.json": {"bytes": 3, "sha256": "0" * 64}}, "../judge.json is no path of a file"),
        ("encoder", "distilbert", "encoder"),
        ("about", 3, "about"),
    ],
)
def test_a_judge_json_that_says_what_cannot_be_is_refused_by_the_key(copy, key, value, says):
    found = json.loads((copy / FILE).read_text(encoding="utf-8"))
    put(key, value)(found)
    (copy / FILE).write_text(json.dumps(found), encoding="utf-8")
    assert says in refused(copy)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"format": ' + "[" * 900 + "]" * 900 + "}",
        '{"format": 1, "pool": NaN}',
        '{"format": 1, "pool": 1e999}',
        '{"format": ' + "9" * 5000 + "}",
        "null",
        '"text"',
        "\0",
    ],
)
def test_a_judge_json_that_is_not_one_is_refused(copy, content):
    (copy / FILE).write_text(content, encoding="utf-8")
    assert f"{copy / FILE}: " in refused(copy)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_the_place_of_a_file_does_not_hold_the_reader(copy):
    for name in (FILE, "learners/3_sparse/learner.json", "learners/2_linear/linear.safetensors"):
        before = (copy / name).read_bytes()
        (copy / name).unlink()
        os.mkfifo(copy / name)
        refused(copy)
        (copy / name).unlink()
        (copy / name).write_bytes(before)


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("2_linear/linear.safetensors", lambda t: t.update(odd=t["odd"] + len(t["spread"])), "odd holds places"),
        ("2_linear/linear.safetensors", lambda t: t.update(even=t["even"] - len(t["spread"])), "even holds places"),
        ("2_linear/linear.safetensors", lambda t: t.update(margin=t["margin"][1:]), "margin is float64"),
        ("2_linear/linear.safetensors", lambda t: t.update(tie=t["tie"] * np.nan), "tie holds the number nan"),
        (
            "2_linear/linear.safetensors",
            lambda t: t.update(spread=np.zeros_like(t["spread"])),
            "spread holds the number",
        ),
        ("2_linear/linear.safetensors", lambda t: t.update(centre=t["centre"].astype(np.int64)), "centre is int64"),
        ("2_linear/linear.safetensors", lambda t: t.pop("centre"), "has no centre"),
        ("3_sparse/sparse.safetensors", lambda t: t.update(keys=t["keys"][::-1].copy()), "keys that do not ascend"),
        ("3_sparse/sparse.safetensors", lambda t: t.update(margin=t["margin"][1:]), "margin is float64"),
        ("3_sparse/sparse.safetensors", lambda t: t.update(idf_words=t["idf_words"] * 0), "idf_words holds the number"),
        ("../baseline.safetensors", lambda t: t.update({"row linear": t["row linear"][1:]}), f"no row of {WIDTH} "),
        ("../baseline.safetensors", lambda t: t.pop("tie sparse"), "no tie log-odds for sparse"),
    ],
)
def test_numbers_that_do_not_fit_one_another_are_refused(copy, name, change, says):
    path = copy / "learners" / name
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    rehash(copy)
    assert says in refused(copy)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("0_lightgbm", "names.1", "surface: characters (A)"),
        ("0_lightgbm", "names", []),
        ("0_lightgbm", "boosters", 10**9),
        ("0_lightgbm", "boosters", 0),
        ("1_xgboost", "correction", {"tie": "nan", "gamma": 0}),
        ("1_xgboost", "correction", {"tie": 1e8, "gamma": 0}),
        ("2_linear", "offset", "inf"),
        ("3_sparse", "words.1", 7),
        ("3_sparse", "letters", "a" * 70_000),
        ("3_sparse", "letters", "a"),
        ("3_sparse", "letters", "aab"),
        ("3_sparse", "params.words", "many"),
    ],
)
def test_a_learner_json_that_says_what_cannot_be_is_refused(copy, name, key, value):
    edit(copy / "learners" / name / "learner.json", put(key, value))
    assert f"learners/{name}" in refused(copy)


def test_a_swapped_feature_whose_partner_was_cut_out_is_refused(copy):
    learner = copy / "learners" / "0_lightgbm" / "learner.json"
    edit(learner, lambda found: found.update(names=found["names"][1:]))
    for path in learner.parent.glob("*.txt"):
        text = path.read_text(encoding="ascii")
        path.write_text(text.replace("=541\n", "=540\n", 1), encoding="ascii")
    rehash(copy)
    assert "lightgbm" in refused(copy)


def test_loading_a_judge_twice_gives_the_same_verdicts_to_the_bit(copy):
    frame, _ = battles(6, seed=3)
    np.testing.assert_array_equal(Judge.load(copy).predict_proba(frame), Judge.load(copy).predict_proba(frame))


def test_trees_without_counts_give_verdicts_but_no_explanation_of_nothing(copy):
    for path in (copy / "learners" / "0_lightgbm").glob("*.txt"):
        text = re.sub(
            r"^(internal|leaf)_count=.*$", lambda found: re.sub(r"\d+", "0", found[0]), path.read_text(), flags=re.M
        )
        path.write_text(with_sizes(text.encode()).decode())
    rehash(copy)
    judge = Judge.load(copy)
    assert np.isfinite(judge.predict_proba(TRIED)).all()
    with pytest.raises(UserError, match="lightgbm: its trees hold counts of rows that cannot be"):
        judge.explain(*TRIED.iloc[0])


def described(folder, change):
    """Change judge.json alone, as whoever edits it by hand would."""
    found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    change(found)
    (folder / FILE).write_text(json.dumps(found), encoding="utf-8")


def refused_soon(folder, seconds=1.0):
    """Return the sentence by which a judge is refused, which costs next to nothing and is short."""
    began = time.process_time()
    said = refused(folder)
    assert time.process_time() - began < seconds
    assert said.isprintable() and len(said) < 700 + 2 * len(str(folder))
    return said


def with_learners(count, name="lightgbm", folder="0_lightgbm"):
    def change(found):
        each = {"name": name, "kind": "lightgbm", "folder": folder}
        found["learners"] = [{key: value.format(n=number) for key, value in each.items()} for number in range(count)]
        found["pool"].update(margin_weights=[0.1] * count, tie_weights=[0.1] * count)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (with_learners(2, name="{n}"), "two have one folder"),
        (with_learners(2, folder="{n}"), "two have one name"),
        (with_learners(2, name="{n}", folder="./0_lightgbm"), "learners.0.folder"),
        (with_learners(500), "learners: "),
        (with_learners(3000, "{n}", "{n}"), "learners: "),
    ],
)
def test_no_learner_is_read_twice_and_there_are_few(copy, change, says):
    described(copy, change)
    assert says in refused_soon(copy)


def test_boosters_are_few_and_their_bytes_bounded_together_whatever_is_linked(copy):
    learner = copy / "learners" / "0_lightgbm"
    for number in range(2, 400):
        os.link(learner / "booster_0.txt", learner / f"booster_{number}.txt")
    edit(learner / "learner.json", lambda found: found.update(boosters=400))
    assert "boosters" in refused_soon(copy)
    for number in range(100, 400):
        (learner / f"booster_{number}.txt").unlink()
    with (learner / "booster_0.txt").open("ab") as file:
        file.truncate(1 << 20)  # and so all that are linked to it
    edit(learner / "learner.json", lambda found: found.update(boosters=100))
    assert "bytes of trees" in refused_soon(copy)


def test_many_files_of_trees_are_refused_whatever_their_size(copy):
    for number in range(600):
        (copy / "learners" / "0_lightgbm" / f"booster_{number + 9}.txt").write_text("x")
    assert "600 files" in refused_soon(copy).replace("604", "600")


def listing(names, size=3):
    return lambda found: found.update(files={name: {"bytes": size, "sha256": "0" * 64} for name in names})


@pytest.mark.parametrize(
    "names",
    [["./x"], [f"{'./' * n}x" for n in range(1, 1000)], ["a//b"], ["/x"], ["a/../b"], ["x/"], ["."], [""], ["a\nb"]],
    ids=["dot", "dots", "double", "absolute", "up", "closed", "itself", "empty", "line break"],
)
def test_a_file_has_one_name_in_the_list(copy, names):
    described(copy, listing(names))
    assert "files: " in refused_soon(copy)


def test_files_that_are_listed_are_few_and_their_names_short(copy):
    described(copy, listing(["x" * 5000]))
    assert "is no path of a file" in refused_soon(copy)
    described(copy, listing(["x" * 300]))  # which no disk takes
    assert "cannot be read (File name too long)" in refused_soon(copy)
    described(copy, listing([f"{n}" for n in range(5000)]))
    assert "files: " in refused_soon(copy)


@pytest.mark.parametrize("size", [3, 8 << 30])
def test_a_file_of_any_size_is_not_hashed_to_be_refused(copy, size):
    with (copy / "large").open("wb") as file:
        file.truncate(8 << 30)
    described(copy, lambda found: found["files"].update(large={"bytes": size, "sha256": "0" * 64}))
    assert "has 8,590," in refused_soon(copy)


def test_a_file_that_has_many_names_is_hashed_once(copy, monkeypatch):
    (copy / "f0").write_bytes(bytes(1 << 16))
    for number in range(1, 900):
        os.link(copy / "f0", copy / f"f{number}")
    rehash(copy)
    hashed = []
    right = pipelines.files.hashes.sha256_of
    monkeypatch.setattr(pipelines.files.hashes, "sha256_of", lambda path: hashed.append(path) or right(path))
    assert Judge.load(copy)
    assert len([path for path in hashed if path.parent == copy and path.name.startswith("f")]) == 1


@pytest.mark.parametrize("put", ["file", "folder", "unlisted", "itself"])
def test_a_link_that_leaves_the_folder_is_refused(copy, tmp_path, put):
    outside = tmp_path / "outside"
    place = copy / "learners" / "2_linear"
    if put == "folder":
        shutil.move(place, outside)
        place.symlink_to(outside)
    elif put == "unlisted":
        outside.write_text("secret")
        (copy / "MODEL_CARD.md").symlink_to(outside)
    elif put == "itself":
        (copy / "x").symlink_to(copy / "x")
    else:
        shutil.move(place / "learner.json", outside)
        (place / "learner.json").symlink_to(outside)
    assert "is a link that leads" in refused_soon(copy)


def test_a_link_within_the_folder_is_a_file_like_any_other(copy):
    path = copy / "learners" / "2_linear" / "learner.json"
    path.rename(path.with_name("moved.json"))
    path.symlink_to("moved.json")
    rehash(copy)
    assert Judge.load(copy)


@pytest.mark.parametrize("name", [FILE, "learners/0_lightgbm/learner.json", "learners/3_sparse/learner.json"])
@pytest.mark.parametrize("content", ['{"a": [' + "{}," * 5_300_000 + "1]}", '{"a": [' + "{}," * 1_300_000 + "1]}"])
def test_json_takes_no_more_memory_than_a_real_file_could(copy, name, content):
    (copy / name).write_text(content)
    if name != FILE:
        rehash(copy)
    tracemalloc.start()
    said = refused_soon(copy)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "and such a file may h" in said and most < 30e6


def test_an_unknown_tensor_is_refused_by_the_header_alone(copy):
    path = copy / "learners" / "2_linear" / "linear.safetensors"
    save_file({**load_file(path), "unused": np.zeros(3_000_000)}, path)
    rehash(copy)
    tracemalloc.start()
    assert "holds unused, which no such file has" in refused_soon(copy)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10e6


@pytest.mark.parametrize(
    "bad",
    ["a\nb" * 300, "x" * 5000, "\x1b[31mred", "\u202eabc", "a\x00b"],
    ids=["lines", "long", "colour", "turned", "nul"],
)
@pytest.mark.parametrize(
    "key",
    [
        "learners.0.kind",
        "learners.0.name",
        "learners.0.folder",
        "format",
        "features",
        "pool.form",
        "encoder",
        "unknown",
    ],
)
def test_what_a_sentence_quotes_is_short_and_on_one_line(copy, key, bad):
    if key == "features":
        described(copy, lambda found: found["features"].update({bad: True}))
    elif key == "unknown":
        described(copy, lambda found: found["pool"].update({bad: 1}))
    elif key == "encoder":
        params = {"model": bad, "fallback": None}
        described(copy, put("encoder", {"name": bad, "sha256": "0" * 64, "params": params}))
        with pytest.raises(UserError) as fault:
            Judge.load(copy)
        assert str(fault.value).isprintable() and len(str(fault.value)) < 700 + len(str(copy))
        return
    else:
        described(copy, put(key, bad))
    refused_soon(copy, 30)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("features.surface", "yes", "features.surface"),
        ("features.surface", 1, "features.surface"),
        ("features.embedding", True, "there is no encoder"),
        ("pool.margin_weights", [-1e9, 1e9, 0.5, 0.5], "pool.margin_weights"),
        ("pool.margin_weights", [-0.5, 1.0, 0.5, 0.5], "below 0"),
        ("pool.tie_weights", [-0.5, 1.0, 0.5, 0.5], "below 0"),
        ("pool.tie_weights", [True, 1.0, 0.5, 0.5], "pool.tie_weights.0"),
        ("pool.shrink", "nan", "pool.shrink"),
        ("pool.shrink", -1, "pool.shrink"),
        ("pool.temperature", "1", "pool.temperature"),
    ],
)
def test_a_judge_json_that_cannot_be_right_is_refused(copy, key, value, says):
    described(copy, put(key, value))
    assert says in refused_soon(copy)


@pytest.mark.parametrize("key", ["pool", "format", "features"])
def test_a_key_that_stands_in_a_file_twice_is_refused(copy, key):
    text = (copy / FILE).read_text(encoding="utf-8")
    (copy / FILE).write_text(f'{{"{key}": 1, {text.lstrip()[1:]}', encoding="utf-8")
    assert f"the key {key} stands there twice" in refused_soon(copy)
    (copy / FILE).write_text(text.replace('"surface"', '"turns": false, "surface"', 1), encoding="utf-8")
    assert "the key turns stands there twice" in refused_soon(copy)
