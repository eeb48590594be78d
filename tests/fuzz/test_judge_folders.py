"""Judge folders that somebody damaged or edited, hashes made to fit: refused in one sentence, or they judge."""

import json
import os
import shutil
import struct
import sys
from pathlib import Path

import pytest
from damage import ODD, SLOWLY, changed_json, changed_numbers, changed_trees, damaged
from hypothesis import given, settings
from hypothesis import strategies as st
from victim import Victim

from pipelines.files.hashes import hashes_of

FILE = "judge.json"
OLD = Path(__file__).parents[1] / "stacker" / "judge" / "saved_judges" / "without_hashes"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by Linux's own means")


class Tried:
    """A judge, a copy of it to damage, and the process that loads it."""

    def __init__(self, good, folder):
        self.good, self.folder = good, folder / "judge"
        shutil.copytree(good, self.folder)
        self.names = sorted(p.relative_to(good).as_posix() for p in good.rglob("*") if p.is_file())
        self.victim = Victim("judge", folder / "log.txt", good)

    def with_(self, name, data):
        """Load the judge with a file of other bytes (None takes it away), hashes made to fit; then put it back."""
        path, before = self.folder / name, (self.good / name).read_bytes()
        try:
            path.unlink()  # a new file: what was loaded before may be mapped into memory
            if data is not None:
                path.write_bytes(data)
            self._rehash()
            self.check(f"{name}: {None if data is None else len(data)} bytes", data)
        finally:
            path.unlink(missing_ok=True)
            path.write_bytes(before)
            shutil.copy(self.good / FILE, self.folder / FILE)

    def check(self, what, data=None):
        """Load the judge, and keep what did harm."""
        found = self.victim.try_(self.folder)
        if found["outcome"] not in ("good", "refused"):
            kept = self.folder.with_name("harmful")
            kept.write_bytes(data or b"")
            raise AssertionError(f"{what} (kept as {kept}) {found['outcome']}: {found['said']}")
        return found

    def _rehash(self):
        """Write the hashes anew, as whoever edits a judge on purpose would."""
        try:
            described = json.loads((self.folder / FILE).read_text(encoding="utf-8"))
            described["files"] = {name: f.model_dump() for name, f in hashes_of(self.folder, but=(FILE,)).items()}
            (self.folder / FILE).write_text(json.dumps(described), encoding="utf-8")
        except (OSError, ValueError, TypeError, RecursionError):
            pass  # it is judge.json itself that was damaged


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """Return the judge of the four learners that see no encoder."""
    tried = Tried(OLD, tmp_path_factory.mktemp("judge"))
    yield tried
    tried.victim.close()


@st.composite
def hostile(draw, tried):
    """Return the name of a file of the judge, and other bytes for it."""
    name = draw(st.sampled_from(tried.names))
    data = (tried.good / name).read_bytes()
    kinds = ["damage", "numbers"]
    if name.endswith(".json"):
        kinds = ["damage", "json", "json", "json"]
    elif name.endswith(".txt"):
        kinds = ["damage", "trees", "trees", "trees"]
    elif name.endswith(".safetensors"):
        kinds = ["damage", "numbers", "header", "header"]
    kind = draw(st.sampled_from(kinds))
    if kind == "json":
        return name, json.dumps(draw(changed_json(json.loads(data)))).encode()
    if kind == "trees":
        return name, draw(changed_trees(data))
    if kind == "numbers":
        return name, draw(changed_numbers(data))
    if kind == "header":
        length = struct.unpack("<Q", data[:8])[0]
        header = json.dumps(draw(changed_json(json.loads(data[8 : 8 + length])))).encode()
        return name, struct.pack("<Q", len(header)) + header + data[8 + length :]
    return name, draw(damaged(data))


def test_the_judge_that_nobody_touched_judges(judge):
    assert judge.check("untouched")["outcome"] == "good"


PUT = [Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path), lambda path: path.symlink_to("/dev/zero")]


def test_a_file_that_is_missing_or_another_kind_of_thing_is_refused(judge):
    for name in judge.names:
        path = judge.folder / name
        judge.with_(name, None)
        for put in PUT:
            path.unlink()
            put(path)
            try:
                # Without its baseline a judge judges, and explains nothing.
                assert judge.check(name)["outcome"] == "refused" or name == "baseline.safetensors"
            finally:
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
                shutil.copy(judge.good / name, path)


def test_odd_values_in_the_place_of_every_value_of_judge_json(judge):
    described = json.loads((judge.good / FILE).read_text(encoding="utf-8"))
    for key in described:
        for odd in ODD:
            judge.with_(FILE, json.dumps({**described, key: odd}).encode())


@pytest.mark.slow
def test_edited_judges_judge_or_are_refused(judge):
    @settings(SLOWLY, max_examples=200, derandomize=True)
    @given(hostile(judge))
    def tried(file):
        judge.with_(*file)

    tried()


@pytest.mark.fuzz
def test_edited_judges_for_minutes(judge, for_a_while):
    for_a_while(hostile(judge), lambda file: judge.with_(*file))
