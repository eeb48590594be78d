import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from disk_faults import failed_at_each_step, killed_at_each_step

from pipelines.errors import UserError
from pipelines.files.atomic_files import (
    atomic_folder,
    atomic_write,
    put_back,
    remove_stale_temp_files,
    sha256_of,
    write_json,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_is_replaced_only_when_its_writer_ended_well(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with atomic_write(path) as part:
        part.write_text("new")
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_only_when_its_writer_ended_well(tmp_path):
    path = tmp_path / "judge"
    with atomic_folder(path) as part:
        (part / "one").write_text("1")
    with pytest.raises(RuntimeError), atomic_folder(path) as part:
        (part / "two").write_text("2")
        raise RuntimeError
    assert names(path) == ["one"]
    with atomic_folder(path) as part:
        (part / "three").write_text("3")
    assert names(path) == ["three"]
    assert names(tmp_path) == ["judge"]


def write_folder(path, content):
    with atomic_folder(path) as part:
        (part / "sub").mkdir()
        for name in ("one", "sub/two"):
            (part / name).write_text(content)


def content(path):
    """Return what a folder of `write_folder` holds; a mixture, or half of one, fails."""
    assert names(path) == ["one", "sub"] and names(path / "sub") == ["two"]
    assert (path / "one").read_text() == (path / "sub" / "two").read_text()
    return (path / "one").read_text()


def before(place):
    write_folder(place / "judge", "old")


def write(place):
    write_folder(place / "judge", "new")


@pytest.mark.parametrize("fault", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_a_writer_that_fails_at_any_step_leaves_the_old_folder_or_the_new_one(tmp_path, monkeypatch, fault):
    seen = set()
    before(tmp_path)
    for _ in failed_at_each_step(monkeypatch, lambda: write(tmp_path), fault):
        seen.add(content(tmp_path / "judge"))  # at once, without anything being repaired
        remove_stale_temp_files(tmp_path)
        assert names(tmp_path) == ["judge"]
        before(tmp_path)
    assert seen == {"old", "new"}


def test_a_writer_that_is_killed_at_any_step_leaves_the_old_folder_or_the_new_one(tmp_path):
    steps, seen = killed_at_each_step(__file__, tmp_path), []
    for step in map(str, range(1, steps + 1)):
        path = tmp_path / step / "judge"
        seen.append(path.exists())
        put_back(path)  # as a reader does
        content(path)
        write_folder(path, "next")
        assert content(path) == "next"
        remove_stale_temp_files(path.parent)
        assert names(path.parent) == ["judge"]
    assert steps > 8 and False in seen, "no writer was killed between its two renames"


def test_the_writer_after_a_killed_one_brings_the_old_folder_back_even_when_it_fails(tmp_path):
    path = tmp_path / "judge"
    write_folder(path, "old")
    path.rename(tmp_path / ".judge.1-a.old")
    with pytest.raises(RuntimeError), atomic_folder(path):
        raise RuntimeError
    assert content(path) == "old"


def test_of_two_old_folders_the_newer_comes_back(tmp_path):
    for place, text in (("1867b5e8", "older"), ("1867b5e9", "newer")):
        write_folder(tmp_path / "judge", text)
        (tmp_path / "judge").rename(tmp_path / f".judge.{place}-ab.old")
    put_back(tmp_path / "judge")
    assert content(tmp_path / "judge") == "newer"
    remove_stale_temp_files(tmp_path)
    assert content(tmp_path / "judge") == "newer" and names(tmp_path) == ["judge"]


def test_many_writers_of_one_folder_all_end_well_and_mix_nothing(tmp_path):
    path, faults = tmp_path / "judge", []

    def write(name):
        try:
            for number in range(20):
                write_folder(path, f"{name} {number}")
        except BaseException as fault:
            faults.append(fault)

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert faults == []
    assert content(path)[2:] == "19"
    assert names(tmp_path) == ["judge"]


def test_the_writer_that_ends_last_wins(tmp_path):
    path = tmp_path / "judge"
    with atomic_folder(path) as slow:
        (slow / "slow").write_text("")
        with atomic_folder(path) as fast:
            (fast / "fast").write_text("")
    assert names(path) == ["slow"]


def test_a_folder_whose_name_tells_its_content_is_not_replaced(tmp_path):
    path = tmp_path / "0123abc"
    with atomic_folder(path, keep=True) as slow:
        (slow / "same").write_text("")
        with atomic_folder(path, keep=True) as fast:
            (fast / "same").write_text("")
        before = path.stat().st_ino
    assert path.stat().st_ino == before and names(tmp_path) == ["0123abc"]


def test_a_folder_that_is_held_open_stays_and_is_named(tmp_path, monkeypatch):
    """Windows moves no folder in which a file is open."""
    path = tmp_path / "judge"
    write_folder(path, "old")
    rename = Path.rename

    def windows(source, target):
        if source == path:
            raise PermissionError(13, "Access is denied", str(source), None, str(target))
        if Path(target) == path:
            raise FileExistsError(
                17, "Cannot create a file when that file already exists", str(source), None, str(path)
            )
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", windows)
    with pytest.raises(UserError, match=r"judge: cannot be written \(Access is denied\)"):
        write_folder(path, "new")
    assert content(path) == "old" and names(tmp_path) == ["judge"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002], indirect=True)
def test_permissions_are_those_that_open_would_have_given(tmp_path, umask):
    with atomic_write(tmp_path / "a.json") as part:
        part.unlink()
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))  # as libraries do that rename a file of tempfile's
    with atomic_folder(tmp_path / "judge") as part:
        (part / "sub").mkdir(0o700)
        for name in ("one", "sub/two"):
            os.close(os.open(part / name, os.O_CREAT | os.O_WRONLY, 0o600))
    assert mode(tmp_path / "a.json") == 0o666 & ~umask
    assert mode(tmp_path / "judge") == mode(tmp_path / "judge" / "sub") == 0o777 & ~umask
    assert mode(tmp_path / "judge" / "one") == mode(tmp_path / "judge" / "sub" / "two") == 0o666 & ~umask


def test_permissions_are_nowhere_set_by_hand():
    """tempfile's files and folders are its owner's alone, and a fixed mode is not the umask's."""
    root = Path(__file__).parents[3]
    for package in ("pipelines", "features", "stacker", "dashboard"):
        for path in (root / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            found = re.findall(r"mkstemp\(|mkdtemp\([^)]|NamedTemporaryFile\(|\.chmod\(", source)
            assert not found or path.name == "atomic_files.py", path


def test_what_is_replaced_leaves_its_permissions(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "a.json").chmod(0o640)
    write_json(tmp_path / "a.json", {})
    write_folder(tmp_path / "judge", "old")
    (tmp_path / "judge").chmod(0o700)
    write_folder(tmp_path / "judge", "new")
    assert mode(tmp_path / "a.json") == 0o640 and mode(tmp_path / "judge") == 0o700


def test_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "a.json").symlink_to(tmp_path / "disk" / "a.json")
    (tmp_path / "judge").symlink_to(tmp_path / "disk" / "judge")
    for text in ("old", "new"):
        write_json(tmp_path / "a.json", text)
        write_folder(tmp_path / "judge", text)
    assert (tmp_path / "a.json").is_symlink() and (tmp_path / "judge").is_symlink()
    assert json.loads((tmp_path / "disk" / "a.json").read_text()) == "new"
    assert content(tmp_path / "disk" / "judge") == "new" and names(tmp_path / "disk") == ["a.json", "judge"]


def test_somebodys_own_folder_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match=r"holds other files and no judge\.json, so it is not replaced"):
        with atomic_folder(tmp_path, "judge.json"):
            pytest.fail("was begun")
    (tmp_path / "empty").mkdir()
    for _ in range(2):  # an empty one, then one of the same kind
        with atomic_folder(tmp_path / "empty", "judge.json") as part:
            write_json(part / "judge.json", {})
    refused = pytest.raises(UserError, match=r"thesis\.tex: is a file, not a folder")
    with refused, atomic_folder(tmp_path / "thesis.tex"):
        pytest.fail("was begun")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_folder_or_a_device_is_not_replaced_by_a_file(tmp_path):
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(UserError, match="is a folder or a device, not a file"), atomic_write(path):
            pytest.fail("was begun")


@pytest.mark.parametrize("kind", [atomic_write, atomic_folder])
def test_what_hinders_the_writing_is_one_sentence_and_leaves_nothing(tmp_path, kind):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/out: cannot be written \(File exists: .*/file\); make room"):
        with kind(tmp_path / "file" / "out"):
            pytest.fail("was begun")
    with pytest.raises(UserError, match=r"new/deep/out: cannot be written \(No space left on device\)"):
        with kind(tmp_path / "new" / "deep" / "out"):
            raise OSError(28, "No space left on device")
    with pytest.raises(FileNotFoundError, match="input"), kind(tmp_path / "out"):
        (tmp_path / "input").read_text()  # no fault of the output's
    assert names(tmp_path) == ["file"]


def test_json_keeps_every_script_and_refuses_what_json_has_not(tmp_path):
    write_json(tmp_path / "a.json", {"問": [1.5, None, True]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"問": [1.5, None, True]}
    with pytest.raises(ValueError, match="nan"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"問": [1.5, None, True]}


def test_json_holds_names_that_are_no_text(tmp_path):
    # Catches: a file named in bytes that are not UTF-8, whose name ends a command where it is noted.
    write_json(tmp_path / "a.json", {"inputs": ["\u6295\udcff.csv"]})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"inputs": ["\u6295\udcff.csv"]}


def test_hash_of_a_known_text(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_a_killed_writer_left_is_removed_once_nobody_can_be_writing_it(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pipelines.files.atomic_files import atomic_write, atomic_folder\n"
        "here = Path(sys.argv[1])\n"
        "with atomic_write(here / 'a.txt') as file, atomic_folder(here / 'judge') as folder:\n"
        "    file.write_text('half'); (folder / 'one').write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 2
    assert not (tmp_path / "a.txt").exists()
    remove_stale_temp_files(tmp_path, seconds=3600)
    assert len(names(tmp_path)) == 2  # perhaps somebody is writing
    shutil.copytree(tmp_path, tmp_path / "later")
    remove_stale_temp_files(tmp_path)
    assert names(tmp_path) == ["later"]
    for path in [*(tmp_path / "later").rglob("*")]:  # as it is when days have passed: no sweeping is asked for
        os.utime(path, (0, 0))
    for path in [*(tmp_path / "later").iterdir()]:
        path.rename(re.sub(r"\.[0-9a-f]+-", ".1-", str(path)))
    write_json(tmp_path / "later" / "a.txt", {})
    write_folder(tmp_path / "later" / "judge", "new")
    assert names(tmp_path / "later") == ["a.txt", "judge"]


def test_a_folder_that_was_moved_aside_comes_back(tmp_path):
    (tmp_path / ".judge.abc_12.old").mkdir()
    (tmp_path / ".judge.abc_12.old" / "one").write_text("1")
    remove_stale_temp_files(tmp_path)
    assert names(tmp_path) == ["judge"]
    os.utime(tmp_path / "judge")
    remove_stale_temp_files(tmp_path)
    assert (tmp_path / "judge" / "one").read_text() == "1"
