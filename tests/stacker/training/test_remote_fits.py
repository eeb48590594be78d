import numpy as np
import pytest
from object_storage_server import s3_server
from small_runs import SMALL, small_run

from pipelines.chat.chat_reply import ChatReply
from pipelines.chat.reply_store import ReplyStore
from pipelines.chat.shared_replies import shared_replies
from pipelines.errors import UserError
from pipelines.files.object_storage import HOME, RemoteFolder
from stacker.learners.linear.linear import LinearLearner
from stacker.training.cross_fitting import FitStore
from stacker.training.params import parse_params
from stacker.training.remote_fits import RemoteFitStore, fit_store

KEY = "0" * 32


@pytest.fixture
def on(tmp_path, monkeypatch):
    """Opens the store on a machine of a name, which has a disk of its own."""

    def opened(machine: str) -> FitStore:
        monkeypatch.setenv(HOME, str(tmp_path / machine))
        return fit_store(RemoteFolder(f"memory://bucket/{tmp_path.name}/fits"))

    return opened


def write(folder, text="fitted"):
    (folder / "model.txt").write_text(text, encoding="utf-8")


def read(folder):
    return (folder / "model.txt").read_text(encoding="utf-8")


def never(folder):
    raise AssertionError("it was fitted again")


def test_a_local_folder_has_the_plain_store(tmp_path):
    assert type(fit_store(tmp_path)) is FitStore


def test_another_machine_finds_arrays_and_fits(on):
    one = on("one")
    assert one.arrays(KEY) is None
    one.keep_arrays(KEY, {"probabilities": np.arange(6.0)})
    assert one.kept(KEY[1:], write, read) == "fitted"
    two = on("two")
    found = two.arrays(KEY)
    assert found is not None and found["probabilities"].tolist() == list(range(6))
    assert two.kept(KEY[1:], never, read) == "fitted"


def test_of_two_machines_that_fit_the_same_both_read_what_was_there_first(on):
    one, two = on("one"), on("two")
    one.keep_folder(KEY, lambda folder: write(folder, "first"))
    two.keep_folder(KEY, lambda folder: write(folder, "second"))
    assert read(two.folder / KEY) == "first"
    one.keep_arrays(KEY, {"place": np.array([1])})
    two.keep_arrays(KEY, {"place": np.array([2])})
    assert two.arrays(KEY)["place"].tolist() == [1]


def test_what_could_not_be_sent_is_sent_by_the_next_store(on, monkeypatch):
    one = on("one")
    with monkeypatch.context() as broken:
        broken.setattr(RemoteFolder, "_opened", lambda self: (_ for _ in ()).throw(OSError("no route to host")))
        for keep in (
            lambda: one.keep_arrays(KEY, {"place": np.array([1])}),
            lambda: one.keep_folder(KEY[1:], write),
        ):
            with pytest.raises(UserError, match="the same command resumes"):
                keep()
    assert on("two").arrays(KEY) is None
    on("one")
    two = on("two")
    assert two.arrays(KEY)["place"].tolist() == [1]
    assert two.kept(KEY[1:], never, read) == "fitted"


def test_a_fit_that_was_never_finished_is_not_sent(on):
    one = on("one")
    with pytest.raises(ZeroDivisionError):
        one.keep_folder(KEY, lambda folder: 1 / 0)
    on("one")
    assert on("two").remote.names() == [".preference-stacker"] or not on("two").remote.names()


def test_damaged_arrays_there_are_said_so(on, tmp_path):
    one = on("one")
    (tmp_path / "bad").write_bytes(b"no arrays")
    one.remote.send(f"{KEY}.npz", tmp_path / "bad")
    with pytest.raises(UserError, match=r"npz: is damaged .* delete that object"):
        one.arrays(KEY)
    assert not (one.folder / f"{KEY}.npz").exists()


def test_replies_that_one_machine_paid_for_are_not_asked_again_by_another(tmp_path, monkeypatch):
    reply = ChatReply("A")
    for machine in ("one", "two"):
        monkeypatch.setenv(HOME, str(tmp_path / machine))
        with shared_replies(RemoteFolder(f"memory://bucket/{tmp_path.name}/judges/llm")) as folder:
            store = ReplyStore(folder)
            assert (store.get([b"question"]) == {b"question": reply}) == (machine == "two")
            if machine == "one":
                store.put(b"question", reply)
            store.close()
    with shared_replies(tmp_path / "own") as folder:
        assert folder == tmp_path / "own"


@pytest.mark.slow
def test_a_run_on_another_machine_fits_nothing_again_and_has_the_same_bits(tmp_path, monkeypatch):
    predictions = []
    with s3_server(monkeypatch) as url:
        for machine in ("one", "two"):
            monkeypatch.setenv(HOME, str(tmp_path / machine / "copies"))
            run = {"folder": str(tmp_path / machine / "run"), "cache": f"{url}/cache", "threads": 1}
            small_run(parse_params({**SMALL, "run": run}))
            predictions.append((tmp_path / machine / "run" / "submission.csv").read_bytes())
            monkeypatch.setattr(LinearLearner, "fit", never)
        assert len(RemoteFolder(f"{url}/cache/fits").names()) > 12
    assert isinstance(fit_store(tmp_path / "fits"), FitStore) and RemoteFitStore.__doc__
    assert predictions[0] == predictions[1]
