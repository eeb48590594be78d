import json
import os
import signal
import subprocess
import sys

import pytest

from pipelines.artefacts import sha256_of, sweep, whole_file, whole_folder, write_json


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_only_when_its_writer_ended_well(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with whole_file(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_only_when_its_writer_ended_well(tmp_path):
    path = tmp_path / "judge"
    with whole_folder(path) as part:
        (part / "one").write_text("1")
    with pytest.raises(RuntimeError), whole_folder(path) as part:
        (part / "two").write_text("2")
        raise RuntimeError
    assert names(path) == ["one"]
    with whole_folder(path) as part:
        (part / "three").write_text("3")
    assert names(path) == ["three"]
    assert names(tmp_path) == ["judge"]


def test_json_keeps_every_script_and_refuses_what_json_has_not(tmp_path):
    write_json(tmp_path / "a.json", {"問": [1.5, None, True]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"問": [1.5, None, True]}
    with pytest.raises(ValueError, match="nan"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"問": [1.5, None, True]}


def test_hash_of_a_known_text(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_killed_writer_left_is_swept_away(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from pipelines.artefacts import whole_file, whole_folder\n"
        "here = Path(sys.argv[1])\n"
        "with whole_file(here / 'a.txt') as file, whole_folder(here / 'judge') as folder:\n"
        "    file.write_text('half'); (folder / 'one').write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    assert not (tmp_path / "a.txt").exists()
    sweep(tmp_path, seconds=3600)
    assert len(names(tmp_path)) == 2  # perhaps somebody is writing
    sweep(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_that_was_moved_aside_comes_back(tmp_path):
    (tmp_path / ".judge.abc_12.old").mkdir()
    (tmp_path / ".judge.abc_12.old" / "one").write_text("1")
    sweep(tmp_path)
    assert names(tmp_path) == ["judge"]
    os.utime(tmp_path / "judge")
    sweep(tmp_path)
    assert (tmp_path / "judge" / "one").read_text() == "1"
