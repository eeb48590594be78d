"""Finding an encoder on this disk, and one sentence for each way in which it can be wrong."""

import json
import shutil
import struct
from pathlib import Path

import pytest
from checkpoints import ARCHITECTURES

from features.encoder.choice import EncoderParams, resolve
from features.encoder.embedding import EmbeddingBlock
from pipelines.errors import UserError
from pipelines.models.model_files import (
    BUILTIN_SHA256,
    MANIFEST,
    describe_files,
    files_sha256,
    tokenizer_sha256,
    weight_files,
)
from pipelines.models.model_loading import load_backbone, load_tokenizer, most_tokens


@pytest.fixture
def copy(tiny_checkpoint, tmp_path):
    """Return a folder of a checkpoint that a test may spoil."""

    def of(architecture="bert", name="model"):
        return Path(shutil.copytree(tiny_checkpoint(architecture), tmp_path / name))

    return of


def with_manifest(folder, name):
    files = {path: file.model_dump() for path, file in describe_files(folder).items()}
    manifest = {"name": name, "revision": "a" * 40, "licence": "mit", "files": files}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("name", ["builtin", "sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"])
def test_the_builtin_encoder_has_three_names(name):
    found = resolve(name, None)
    assert found.sha256 == BUILTIN_SHA256
    assert not found.used_fallback


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_local_folders_load_whatever_the_architecture(tiny_checkpoint, architecture):
    found = resolve(str(tiny_checkpoint(architecture)), None)
    assert load_backbone(found.folder, found.name).config.model_type == architecture
    assert load_tokenizer(found.folder, found.name).pad_token_id is not None
    assert most_tokens(found.folder) == 512


def test_a_fetched_model_is_found_by_its_old_and_its_new_name(copy, tmp_path):
    with_manifest(copy("distilbert", "distilbert--distilbert-base-uncased"), "distilbert/distilbert-base-uncased")
    for name in ("distilbert-base-uncased", "distilbert/distilbert-base-uncased"):
        found = resolve(name, None, tmp_path)
        assert found.folder.name == "distilbert--distilbert-base-uncased"
        assert found.name == name


def test_a_fetched_model_that_changed_is_refused(copy, tmp_path):
    folder = with_manifest(copy("bert", "owner--name"), "owner/name")
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(UserError, match="is not the file that was fetched"):
        resolve("owner/name", None, tmp_path)


def test_a_model_in_the_hubs_cache_is_found(copy, tmp_path, monkeypatch):
    revision = "a" * 40
    repo = tmp_path / "hub" / "models--owner--cached"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(revision)
    shutil.copytree(copy(), repo / "snapshots" / revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert resolve("owner/cached", None, tmp_path / "models").folder == repo / "snapshots" / revision


def test_the_fallback_is_told_loudly(tmp_path):
    found = resolve("roberta-base", "builtin", tmp_path)
    assert found.used_fallback
    assert (found.wanted, found.sha256) == ("roberta-base", BUILTIN_SHA256)
    assert found.message.startswith("ENCODER roberta-base IS NOT ON THIS DISK")
    assert "python -m pipelines.models fetch roberta-base" in found.message


def test_without_a_fallback_a_missing_model_is_an_error_with_the_command(tmp_path):
    with pytest.raises(UserError, match=r"roberta-bsae: is not on this disk \(did you mean roberta-base\?\); run"):
        resolve("roberta-bsae", None, tmp_path)
    with pytest.raises(UserError, match="neither is the fallback other/one"):
        resolve("roberta-base", "other/one", tmp_path)


@pytest.mark.parametrize("name", ["no such folder", "./nowhere/at/all", "a//b"])
def test_what_cannot_be_a_name_is_refused_whatever_the_fallback(name):
    with pytest.raises(UserError, match="is neither a folder here nor a Hub name"):
        resolve(name)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda f: [path.unlink() for path in f.glob("*token*")] + [path.unlink() for path in f.glob("vocab*")],
            "has no tokenizer",
        ),
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "is not readable JSON"),
        (lambda f: (f / "config.json").write_text("{}"), "has no model_type"),
        (lambda f: (f / "model.safetensors").unlink(), r"has no weights \(model.safetensors\)"),
        (
            lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"),
            r"its weights are pickled \(pytorch_model.bin\)",
        ),
        (
            lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-100]),
            "the weights are cut short or damaged",
        ),
        (lambda f: (f / "model.safetensors").write_bytes(b"short"), "does not begin with a safetensors header"),
    ],
)
def test_folders_that_are_not_whole_are_refused_in_one_sentence(copy, spoil, sentence):
    folder = copy()
    spoil(folder)
    with pytest.raises(UserError, match=sentence) as said:
        resolve(str(folder), "builtin")
    assert "\n" not in str(said.value)


def test_more_layers_than_there_are_tensors_are_refused_before_they_are_built(copy):
    folder = copy()
    config = folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    key = next(key for key in settings if key in ("n_layers", "num_hidden_layers"))
    config.write_text(json.dumps({**settings, key: 10**9}), encoding="utf-8")
    with pytest.raises(UserError, match=f"{key} is 1000000000, and the weights are [0-9]+ tensors"):
        resolve(str(folder))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "manifest.json"])
def test_json_nested_too_deeply_is_said_to_be_damaged(copy, name):
    folder = copy()
    data = b"[" * 100_000
    (folder / name).write_bytes(struct.pack("<Q", len(data)) + data if name.endswith("safetensors") else data)
    with pytest.raises(UserError, match=name):
        resolve(str(folder))


def test_an_embedding_of_a_billion_numbers_is_refused(copy, tmp_path):
    config = copy() / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    key = next(key for key in ("hidden_size", "dim", "d_model") if key in settings)
    config.write_text(json.dumps({**settings, key: 10**9}), encoding="utf-8")
    with pytest.raises(UserError, match="does not say how long an embedding is"):
        EmbeddingBlock(
            resolve(str(config.parent)), EncoderParams(model=str(config.parent), device="cpu", max_tokens=16)
        )


def test_shards_are_hashed_together_and_a_missing_one_is_named(copy):
    folder = copy()
    weights = folder / "model.safetensors"
    shutil.copy(weights, folder / "one.safetensors")
    weights.rename(folder / "two.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    files = weight_files(folder)
    assert [path.name for path in files] == ["one.safetensors", "two.safetensors"]
    assert files_sha256(files) != files_sha256(files[:1])
    files[1].unlink()
    with pytest.raises(UserError, match="is missing two.safetensors, which"):
        weight_files(folder)


def test_weights_of_another_shape_are_refused(copy):
    folder = copy()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 64}))
    with pytest.raises(UserError, match="its weights do not load as bert"):
        load_backbone(folder, "m")


def test_weights_that_lack_a_layer_are_refused(copy):
    folder = copy()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(UserError, match="its weights lack 16 of the tensors that BertModel needs"):
        load_backbone(folder, "m")


def test_an_unknown_architecture_is_refused(copy):
    folder = copy()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "hoverbert"}))
    with pytest.raises(UserError, match="transformers knows no architecture 'hoverbert'"):
        load_backbone(folder, "m")


def test_a_tokenizer_without_a_pad_token_uses_the_end_of_a_sequence_or_is_refused(copy):
    folder = copy("modernbert")
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["pad_token"]
    path.write_text(json.dumps(config))
    with pytest.raises(UserError, match="its tokenizer has neither a padding nor an end-of-sequence token; name a pad"):
        load_tokenizer(folder, "m")
    path.write_text(json.dumps(config | {"eos_token": "[SEP]"}))
    assert load_tokenizer(folder, "m").pad_token == "[SEP]"


def test_the_tokenizers_hash_follows_its_file(copy):
    folder = copy()
    before = tokenizer_sha256(folder)
    (folder / "tokenizer.json").write_text((folder / "tokenizer.json").read_text() + " ")
    assert tokenizer_sha256(folder) != before
