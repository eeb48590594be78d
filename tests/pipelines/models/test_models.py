"""The models command: fetch whole folders with hashes and licence, list them, prove that they load offline."""

import json
import shutil
import socket
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import errors

from pipelines.errors import UserError
from pipelines.models import __main__ as models
from pipelines.models.model_files import BUILTIN_SHA256, find_model, read_manifest

NAME = "owner/tiny"


@pytest.fixture
def hub(monkeypatch, tiny_checkpoint):
    """Stand for the Hub: one model, whose download can be made to break off."""
    state = SimpleNamespace(broken=False, asked=[], card=SimpleNamespace(license="mit"))

    def info(name, revision):
        return SimpleNamespace(sha="a" * 40 if revision == "main" else revision, card_data=state.card)

    def download(name, revision, local_dir, **patterns):
        state.asked.append((name, revision, patterns))
        shutil.copytree(tiny_checkpoint("distilbert"), local_dir, dirs_exist_ok=True)
        (local_dir / ".cache").mkdir(exist_ok=True)
        (local_dir / ".cache" / "note").write_text("x")
        if state.broken:
            (local_dir / "model.safetensors").unlink()
            raise errors.LocalEntryNotFoundError("connection lost. more")

    monkeypatch.setattr(huggingface_hub, "model_info", info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return state


def test_fetch_writes_a_whole_folder_with_hashes_and_licence(hub, tmp_path, capsys):
    models.main(["fetch", NAME, "--to", str(tmp_path)])
    folder = find_model(NAME, tmp_path)
    manifest = read_manifest(folder)
    assert (manifest.name, manifest.revision, manifest.licence) == (NAME, "a" * 40, "mit")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(manifest.files)
    assert not any(name.startswith(".cache") for name in manifest.files)
    assert hub.asked[0][:2] == (NAME, "a" * 40)
    assert "*.bin" not in hub.asked[0][2]["allow_patterns"]
    assert [path.name for path in tmp_path.iterdir()] == ["owner--tiny"]
    assert "licence mit" in capsys.readouterr().out


def test_a_download_that_broke_off_leaves_no_model_and_goes_on(hub, tmp_path, capsys):
    hub.broken = True
    with pytest.raises(SystemExit) as ended:
        models.main(["fetch", NAME, "--to", str(tmp_path)])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "the Hub cannot be reached or broke off (connection lost" in said
    assert said.count("\n") == 1
    assert find_model(NAME, tmp_path) is None
    assert models.listed(tmp_path) == models.listed(tmp_path / "nowhere")
    hub.broken = False
    models.fetch_model(NAME, tmp_path)
    assert find_model(NAME, tmp_path) is not None


def test_fetching_again_replaces_the_folder(hub, tmp_path):
    models.fetch_model(NAME, tmp_path)
    folder = models.fetch_model(NAME, tmp_path, revision="b" * 40)
    assert read_manifest(folder).revision == "b" * 40


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (errors.RepositoryNotFoundError, "the Hub has none of this name; correct the name"),
        (errors.GatedRepoError, "its owner must let you in first"),
        (errors.RevisionNotFoundError, "has no such revision"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(monkeypatch, tmp_path, fault, sentence):
    def refuse(*_, **__):
        raise fault.__new__(fault)

    monkeypatch.setattr(huggingface_hub, "model_info", refuse)
    with pytest.raises(UserError, match=sentence):
        models.fetch_model(NAME, tmp_path)


def test_without_a_network_it_says_so(tmp_path):
    with models.network_cut(), pytest.raises(UserError, match=r"cannot be reached.* where there is a network"):
        models.fetch_model(NAME, tmp_path)


@pytest.mark.parametrize("name", ["a b", "../x", "a/b/c"])
def test_names_that_cannot_be_one_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="is no Hub name"):
        models.fetch_model(name, tmp_path)


def test_the_builtin_model_needs_no_fetching(tmp_path):
    with pytest.raises(UserError, match="comes with the install"):
        models.fetch_model("builtin", tmp_path)


def test_list_shows_the_builtin_the_fetched_and_the_copied(hub, tmp_path, tiny_checkpoint, capsys):
    models.fetch_model(NAME, tmp_path)
    shutil.copytree(tiny_checkpoint("bert"), tmp_path / "my-bert")
    models.main(["list", "--to", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "licence", "MB", "weights", "folder"]
    assert [line.split()[0] for line in lines[1:]] == [
        "sentence-transformers/all-MiniLM-L6-v2",
        "my-bert",
        NAME,
    ]
    assert "unknown" in lines[2]
    assert "mit" in lines[3]


def test_check_loads_everything_with_the_network_cut(hub, tmp_path, capsys):
    models.fetch_model(NAME, tmp_path)
    models.main(["check", "--to", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert f"builtin: loads with the network cut, weights {BUILTIN_SHA256[:12]}" == lines[0]
    models.main(["check", NAME, "--to", str(tmp_path)])


def test_check_finds_a_changed_file(hub, tmp_path):
    folder = models.fetch_model(NAME, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_heads": 4}))
    with pytest.raises(UserError, match=r"config.json: is not the file that was fetched"):
        models.check_model(NAME, tmp_path)
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"config.json: is missing; run"):
        models.check_model(NAME, tmp_path)


def test_check_of_what_is_not_here(tmp_path):
    with pytest.raises(UserError, match="is not on this disk; run `python -m pipelines.models fetch roberta-base --to"):
        models.check_model("roberta-base", tmp_path)


def test_the_network_is_cut_inside_the_block_only():
    with models.network_cut():
        with pytest.raises(OSError, match="the network is cut"):
            socket.create_connection(("127.0.0.1", 9))
        with pytest.raises(OSError, match="the network is cut"):
            socket.getaddrinfo("localhost", 80)
    server = socket.create_server(("127.0.0.1", 0))
    with server, socket.create_connection(server.getsockname()):
        pass
