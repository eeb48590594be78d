"""Nothing that a model's folder holds is run: no pickle, no code, nothing from the network."""

import ast
import json
import resource
import shutil
import struct
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from pipelines.errors import UserError
from pipelines.models.model_files import check_folder
from pipelines.models.model_loading import OWN_FILES, SAFE_WEIGHTS, load_backbone, load_generator, load_tokenizer

ROOT = Path(__file__).parents[3]


def calls():
    """Yield every call in the packages with its file and the dotted name that is called."""
    for package in ("pipelines", "features", "stacker", "dashboard"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path, ast.unparse(node.func), node


def test_every_part_of_a_model_is_loaded_safely():
    assert OWN_FILES == {"local_files_only": True, "trust_remote_code": False}
    assert SAFE_WEIGHTS == {**OWN_FILES, "use_safetensors": True}
    met = set()
    for path, name, node in calls():
        given = {ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg is None}
        if name.endswith((".from_pretrained", ".from_config", ".from_single_file")):
            wanted = "OWN_FILES" if "Tokenizer" in name or "Config" in name else "SAFE_WEIGHTS"
            assert wanted in given, f"{path}: {name} without **{wanted}"
            met.add(name)
        if name == "SentenceTransformer" and "modules" not in {keyword.arg for keyword in node.keywords}:
            assert "OWN_FILES" in given, f"{path}: {name} without **OWN_FILES"
            met.add(name)
    assert met == {
        *("AutoModel.from_pretrained", "AutoModelForCausalLM.from_pretrained"),
        "AutoModelForSequenceClassification.from_pretrained",
        *("AutoTokenizer.from_pretrained", "AutoConfig.from_pretrained", "SentenceTransformer"),
    }


def test_nothing_is_unpickled():
    for path, name, node in calls():
        assert name not in ("torch.load", "torch.save", "torch.jit.load", "pd.read_pickle", "joblib.load"), path
        if name in ("np.load", "numpy.load"):
            allowed = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            assert allowed.get("allow_pickle") == "False", path
    for package in ("pipelines", "features", "stacker", "dashboard"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                assert not {"pickle", "joblib", "dill", "cloudpickle", "shelve"} & set(names), path


@pytest.fixture
def pickled(tiny_checkpoint, tmp_path):
    """A folder like a checkpoint's, whose weights are a pickle that leaves a mark when it is loaded."""
    source = tiny_checkpoint("bert")
    for path in source.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    mark = tmp_path / "mark"
    (tmp_path / "pytorch_model.bin").write_bytes(f"cos\nmkdir\n(S'{mark}'\ntR.".encode())
    yield tmp_path
    assert not mark.exists(), "the pickle was run"


def test_a_pickle_is_not_loaded(pickled):
    with pytest.raises(UserError, match=r"its weights do not load as bert \(.*safetensors"):
        load_backbone(pickled, "tiny")
    with pytest.raises(UserError, match=r"no causal language model that can be read \(.*safetensors"):
        load_generator(pickled)
    with pytest.raises(UserError, match="are pickled"):
        check_folder(pickled)


def test_a_pickle_of_a_further_module_is_refused(tiny_checkpoint, tmp_path):
    for path in tiny_checkpoint("distilbert").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "2_Dense").mkdir()
    (tmp_path / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"2_Dense: its weights are pickled \(pytorch_model\.bin\)"):
        check_folder(tmp_path)


def test_code_that_a_folder_brings_is_not_run(tiny_checkpoint, tmp_path):
    for path in tiny_checkpoint("distilbert").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    code = {"AutoConfig": "own.Config", "AutoModel": "own.Model", "AutoModelForCausalLM": "own.Model"}
    config |= {"model_type": "own", "auto_map": code}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "own.py").write_text("raise SystemExit('the code was run')\n", encoding="utf-8")
    for load in (lambda: load_backbone(tmp_path, "own"), lambda: load_generator(tmp_path)):
        with pytest.raises(UserError):
            load()


def test_an_encoder_is_no_generator(tiny_checkpoint):
    with pytest.raises(UserError, match="no causal language model that can be read|its weights lack"):
        load_generator(tiny_checkpoint("bert"))
    assert load_tokenizer(tiny_checkpoint("bert"), "tiny").pad_token


def with_config(checkpoint, folder, **changed):
    shutil.copytree(checkpoint, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changed), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "key", ["encoder_layers", "decoder_layers", "n_layer", "num_hidden_layers", "layers", "num_blocks", "n_layers"]
)
def test_layers_are_bounded_whatever_an_architecture_calls_them(tiny_checkpoint, tmp_path, key):
    folder = with_config(tiny_checkpoint("bert"), tmp_path / "model", **{key: 100_000})
    with pytest.raises(UserError, match=f"{key} is 100000, and the weights are"):
        check_folder(folder)


@pytest.mark.parametrize("lacking", [True, False])
@pytest.mark.parametrize("key", ["vocab_size", "max_position_embeddings", "type_vocab_size", "intermediate_size"])
def test_a_network_far_larger_than_its_weights_is_not_allocated(tiny_checkpoint, tmp_path, key, lacking):
    folder = with_config(tiny_checkpoint("bert"), tmp_path / "model", **{key: 100_000_000})
    if lacking:
        tensors = load_file(folder / "model.safetensors")
        kept = {name: tensor for name, tensor in tensors.items() if "embeddings" not in name}
        save_file(kept, folder / "model.safetensors", {"format": "pt"})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="its configuration describes a network of"):
        load_backbone(folder, "large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_a_header_of_shapes_that_its_bytes_do_not_hold_is_refused(tiny_checkpoint, tmp_path):
    folder = with_config(tiny_checkpoint("bert"), tmp_path / "model")
    data = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    next(tensor for name, tensor in header.items() if name != "__metadata__")["shape"] = [10**9, 10**9]
    told = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(told)) + told + data[8 + length :])
    with pytest.raises(UserError, match="its safetensors header cannot be read"):
        check_folder(folder)
