"""The folder of a run holds one run's artefacts, whatever ends the next run and whenever."""

import pytest
from disk_faults import failed_at_each_step, killed_at_each_step

from pipelines.errors import UserError
from stacker.training.run_folder import RunFolder


def write_run(place, text, submits):
    with RunFolder(place / "run").writing() as new:
        new.judge.mkdir()
        for path in (new.judge / "judge.json", new.params, new.folds, new.results):
            path.write_text(text)
        if submits:
            new.submission.write_text(text)


def before(place):
    write_run(place, "old", submits=True)


def write(place):
    write_run(place, "new", submits=False)


def run_in(place):
    """Return which run is in the folder, None for none that is finished; a mixture fails."""
    folder = RunFolder(place / "run")
    if not folder.results.exists():
        return None
    texts = {path.read_text() for path in (folder.judge / "judge.json", folder.params, folder.folds, folder.results)}
    assert len(texts) == 1
    assert folder.submission.exists() == (texts == {"old"}), "a submission of another run"
    return texts.pop()


def settled(place):
    """Return which run is in the folder once another command has come that is refused."""
    with pytest.raises(RuntimeError), RunFolder(place / "run").writing():
        raise RuntimeError
    assert not [path.name for path in (place / "run").iterdir() if path.name.startswith(".")]
    return run_in(place)


def test_a_run_that_fails_at_any_step_leaves_the_old_run_or_the_new_one(tmp_path, monkeypatch):
    seen = set()
    before(tmp_path)
    for _ in failed_at_each_step(monkeypatch, lambda: write(tmp_path), OSError(5, "Input/output error")):
        run_in(tmp_path)
        seen.add(settled(tmp_path))
        before(tmp_path)
    assert seen == {"old", "new"}


def test_a_run_that_is_killed_at_any_step_leaves_the_old_run_or_the_new_one(tmp_path):
    steps, seen = killed_at_each_step(__file__, tmp_path), []
    for step in map(str, range(1, steps + 1)):
        seen.append((run_in(tmp_path / step), settled(tmp_path / step)))
    assert steps > 10 and set(seen) == {("old", "old"), ("old", "new"), (None, "new"), ("new", "new")}


def test_a_refused_run_leaves_no_folder_where_there_was_none(tmp_path):
    with pytest.raises(UserError), RunFolder(tmp_path / "deep" / "run").writing() as new:
        new.params.write_text("half")
        raise UserError("data.dir: a typo")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_replaced_is_named_and_the_next_run_moves_the_rest(tmp_path):
    before(tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.folds.unlink()
    folder.folds.mkdir()
    with pytest.raises(UserError, match=r"folds\.parquet cannot be replaced \(Is a directory\); close what holds it"):
        write(tmp_path)
    assert run_in(tmp_path) is None
    folder.folds.rmdir()
    assert settled(tmp_path) == "new"
