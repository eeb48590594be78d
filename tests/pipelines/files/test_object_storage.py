import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from object_storage_server import BUCKET, s3_server
from pydantic import ValidationError

from pipelines.errors import UserError
from pipelines.files.object_storage import HOME, RemoteFolder, any_folder, local_folder
from stacker.training.params import dump_params, parse_params


@pytest.fixture
def folder(tmp_path, monkeypatch) -> RemoteFolder:
    """A folder in fsspec's memory, new for each test."""
    monkeypatch.setenv(HOME, str(tmp_path / "copies"))
    found = any_folder(f"memory://bucket/{tmp_path.name}")
    assert isinstance(found, RemoteFolder)
    return found


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_path_and_a_file_url_are_local_folders_and_stay_paths(tmp_path):
    for value in ("cache", tmp_path, f"file://{tmp_path}", tmp_path.as_uri()):
        assert isinstance(any_folder(value), Path)
    assert any_folder(tmp_path.as_uri()) == tmp_path
    assert local_folder(any_folder("cache")) == Path("cache")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3:/bucket/folder", "two slashes: s3://bucket/folder"),
        ("s3://", "name a bucket"),
        ("s3://bucket/../other", "name a bucket"),
        ("s3://key:secret@bucket/folder", "credentials are read from the environment"),
        ("simplecache::s3://bucket/folder", "plain URL"),
        ("nowhere://bucket/folder", "nothing that fsspec knows"),
        ("", "must not be empty"),
        (7, "must be a path"),
    ],
)
def test_what_is_no_folder_is_refused_with_what_to_write(url, said):
    with pytest.raises(ValueError, match=said):
        any_folder(url)
    with pytest.raises(UserError, match=said):
        parse_params({"run": {"cache": url}})


def test_settings_keep_a_url_as_it_was_written():
    params = parse_params({"run": {"cache": "s3://bucket/folder/"}})
    assert params.run.cache == RemoteFolder("s3://bucket/folder")
    assert "cache: s3://bucket/folder\n" in dump_params(params)
    assert str(params.run.cache / "fits") == "s3://bucket/folder/fits"
    with pytest.raises(ValidationError):
        type(params.run)(cache=None)


def test_two_buckets_or_endpoints_have_two_copies(monkeypatch, tmp_path):
    monkeypatch.setenv(HOME, str(tmp_path))
    found = {RemoteFolder(f"s3://{name}/folder").local for name in ("one", "two")}
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    found.add(RemoteFolder("s3://one/folder").local)
    assert len(found) == 3
    assert all(each.is_relative_to(tmp_path) for each in found)


def test_the_first_object_of_a_name_stays(folder, tmp_path):
    assert folder.names() == []
    assert folder.send("object", written(tmp_path / "a", "first"))
    assert not folder.send("object", written(tmp_path / "b", "second"))
    assert folder.names() == ["object"]
    assert folder.read(["object", "missing"]) == {"object": b"first"}
    assert folder.fetch("object", tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_text(encoding="utf-8") == "first"


def test_what_is_not_there_leaves_nothing_behind(folder, tmp_path):
    assert not folder.fetch("object", tmp_path / "copy")
    assert not folder.fetch_folder("folder", tmp_path / "folder")
    assert not (tmp_path / "copy").exists() and not (tmp_path / "folder").exists()
    assert not [path for path in folder.local.rglob("*") if path.is_file()]


def test_a_folder_goes_up_and_comes_down_as_it_was(folder, tmp_path):
    written(tmp_path / "fit" / "inside" / "é.json", "1")
    written(tmp_path / "fit" / "model.txt", "2")
    assert folder.send_folder("fit", tmp_path / "fit")
    assert folder.fetch_folder("fit", tmp_path / "copy")
    found = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*")}
    assert found == {"inside", "inside/é.json", "model.txt"}


@pytest.mark.parametrize("name", ["../outside", "/outside", "c:outside", "packed"])
def test_a_folder_that_was_not_written_here_is_refused(folder, tmp_path, name):
    method = zipfile.ZIP_DEFLATED if name == "packed" else zipfile.ZIP_STORED
    with zipfile.ZipFile(tmp_path / "made.zip", "w", method) as packed:
        packed.writestr(name, "x")
    folder.send("fit.zip", tmp_path / "made.zip")
    with pytest.raises(UserError, match=r"fit\.zip: is damaged"):
        folder.fetch_folder("fit", tmp_path / "copy")
    assert not (tmp_path / "copy").exists() and not (tmp_path / "outside").exists()


def test_a_folder_that_was_cut_off_is_refused(folder, tmp_path):
    (tmp_path / "half.zip").write_bytes(b"PK\3\4")
    folder.send("fit.zip", tmp_path / "half.zip")
    with pytest.raises(UserError, match="delete that object"):
        folder.fetch_folder("fit", tmp_path / "copy")


def test_a_protocol_without_its_package_names_the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    monkeypatch.setenv(HOME, str(tmp_path))
    with pytest.raises(UserError, match=r"pip install 'preference-stacker\[gs\]'"):
        RemoteFolder("gs://bucket/folder").check()


@pytest.mark.slow
def test_a_real_server_of_the_protocol_keeps_the_first_object_also_of_many_parts(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / "copies"))
    with s3_server(monkeypatch) as url:
        folder = any_folder(f"{url}/folder")
        assert isinstance(folder, RemoteFolder)
        folder.check()
        assert folder.names() == [".preference-stacker"]
        large = tmp_path / "large"
        large.write_bytes(os.urandom(1 << 20) * 120)
        assert folder.send("large", large)
        assert not folder.send("large", written(tmp_path / "other", "another"))
        assert folder.fetch("large", tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == large.read_bytes()
        with pytest.raises(UserError, match="nobucket/folder: cannot be written .* check the bucket"):
            RemoteFolder("s3://nobucket/folder").check()
    with pytest.raises(UserError, match="the same command resumes"):
        folder.names()


_UPLOAD = """
import sys
from pathlib import Path
from pipelines.files.object_storage import RemoteFolder
print(RemoteFolder(sys.argv[1]).send("large", Path(sys.argv[2])))
"""


@pytest.mark.slow
def test_an_upload_that_is_killed_in_the_middle_leaves_nothing_that_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME, str(tmp_path / "copies"))
    with s3_server(monkeypatch) as url:
        import boto3

        folder, large = RemoteFolder(f"{url}/folder"), tmp_path / "large"
        large.write_bytes(bytes(300 << 20))
        command = [sys.executable, "-c", _UPLOAD, folder.url, str(large)]
        upload = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        client = boto3.client("s3")
        deadline = time.monotonic() + 60
        while not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads") and time.monotonic() < deadline:
            with pytest.raises(subprocess.TimeoutExpired):
                upload.wait(0.02)
        upload.send_signal(signal.SIGKILL)
        upload.wait()
        begun = client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
        client.close()
        assert begun
        assert folder.names() == [] and not folder.fetch("large", tmp_path / "copy")
        assert folder.send("large", written(tmp_path / "small", "whole"))
        assert folder.read(["large"]) == {"large": b"whole"}
