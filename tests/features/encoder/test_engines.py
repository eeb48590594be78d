import json
import shutil
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from features.encoder.choice import EncoderParams, resolve
from features.encoder.embedding import EmbeddingBlock
from features.encoder.engines import copies
from features.encoder.engines.conversion import (
    LEAST_COSINE,
    _row_of,
    openvino,
    read_report,
    undisturbed,
)
from features.encoder.engines.copies import CALIBRATION_TEXTS, FOLDER, calibration_texts, kind_of, probe
from features.encoder.engines.engine import EngineName, filled
from features.encoder.engines.openvino_cpu import INPUT, MASK, OpenVino, inputs_of
from features.encoder.tokens import OwnTokens, SavedTokens
from pipelines.errors import UserError
from pipelines.models.model_files import vocabulary_of

TEXTS = [
    "Which answer is better, the first one or the second?",
    "",
    "no",
    "The capital of France is Paris. " * 30,
    "法国的首都是巴黎。",
    "I'm sorry, but I cannot help with that; here is what I can do instead.",
    *(f"A text number {place} of some words, and then {'some more ' * place}." for place in range(30)),
]


def _kinds() -> list[Any]:
    needs = {"openvino": ("openvino",), "onnx": ("onnxruntime", "onnx")}
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                any(find_spec(package) is None for package in packages), reason=f"the extra {name} is not installed"
            ),
        )
        for name, packages in needs.items()
    ]


KINDS = _kinds()
# Not `importorskip`: imported so, NNCF would send its telemetry.
_NNCF = pytest.mark.skipif(find_spec("nncf") is None, reason="the package nncf is not installed")
INT8 = [pytest.param(*kind.values, marks=[*kind.marks, _NNCF, pytest.mark.slow]) for kind in KINDS]


@pytest.fixture
def block(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[..., EmbeddingBlock]:
    def of(engine: str, precision: str = "fp32", architecture: str = "bert", **more: Any) -> EmbeddingBlock:
        folder = str(tiny_checkpoint(architecture))
        params = EncoderParams(
            model=folder, engine=engine, precision=precision, device="cpu", max_tokens=128, models_dir=tmp_path
        )
        return EmbeddingBlock(resolve(folder, None, tmp_path), params, threads=2, **more)

    return of


@pytest.fixture(autouse=True)
def _libraries_warn_of_themselves() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.mark.parametrize("engine", KINDS)
@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "albert", "deberta-v2", "modernbert"])
def test_a_converted_copy_gives_torch_s_rows_whatever_the_length(block, engine: str, architecture: str):
    reference = block("torch", architecture=architecture).compute(TEXTS)
    np.testing.assert_allclose(block(engine, architecture=architecture).compute(TEXTS), reference, rtol=0, atol=2e-6)


def test_lengths_are_few_and_what_fills_them_up_is_masked():
    assert {inputs_of([7] * tokens, 100)[INPUT].shape for tokens in range(1, 101)} == {
        (1, tokens) for tokens in (16, 32, 48, 64, 80, 96, 100)
    }
    inputs = inputs_of([5, 6, 7], 100)
    ids, mask = inputs[INPUT], inputs[MASK]
    assert ids.dtype == mask.dtype == np.int64
    assert ids[0, :3].tolist() == [5, 6, 7] and mask[0].tolist() == [1] * 3 + [0] * 13


def test_texts_of_a_batch_are_filled_up_each_under_its_own_mask():
    ids, mask = filled([[5, 6, 7], [8]], 4, padding=1)
    assert ids.tolist() == [[5, 6, 7, 1], [8, 1, 1, 1]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]


@pytest.mark.parametrize("engine", KINDS[:1])
def test_a_copy_of_an_older_judge_that_takes_no_mask_is_read(block, engine: str, tmp_path: Path):
    reference = block("torch")
    ids = reference.token_ids(TEXTS)
    ov = openvino()
    example = {INPUT: torch.tensor([max(ids, key=len)])}
    with torch.no_grad(), undisturbed():
        older = ov.convert_model(
            _row_of(reference._model), example_input=example, input=[(INPUT, [1, -1], ov.Type.i64)]
        )
    ov.save_model(older, tmp_path / "model.xml", compress_to_fp16=False)
    rows = OpenVino().open(tmp_path, 1, 128).embed(ids)
    np.testing.assert_allclose(rows, reference.compute(TEXTS), rtol=0, atol=2e-6)


@pytest.mark.parametrize("engine", KINDS[:1])
@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "albert", "deberta-v2", "modernbert"])
def test_the_tokenizer_saved_with_a_copy_gives_the_same_ids(block, engine: str, architecture: str):
    texts = [*TEXTS, "[SEP] [CLS] <s> </s> <mask> [MASK]", "a lone \ud83d surrogate", "Ünïcödé  \t two\n\nlines"]
    own = block(engine, architecture=architecture)
    own.compute(["one"])  # makes the copy
    saved = block(engine, architecture=architecture)
    assert isinstance(own._tokens, OwnTokens) and isinstance(saved._tokens, SavedTokens)
    assert saved.token_ids(texts) == own.token_ids(texts)


def test_a_tokenizer_of_tokens_that_the_model_does_not_know_is_refused(tiny_checkpoint, tmp_path: Path):
    tokens = (tiny_checkpoint("bert") / "tokenizer.json").read_bytes()
    (tmp_path / "tokenizer.json").write_bytes(tokens)
    count = 1 + max(SavedTokens(tmp_path).tokenizer.get_vocab().values())
    assert SavedTokens(tmp_path, count).ids(["no"])
    with pytest.raises(UserError, match="names tokens beyond the"):
        SavedTokens(tmp_path, count - 1)


@pytest.mark.slow
@pytest.mark.parametrize("engine", KINDS)
def test_a_copy_is_tried_in_a_process_of_its_own(block, engine: str, tmp_path: Path):
    whole = block(engine)
    whole.compute(["one"])
    (folder,) = whole.copies.folders()
    probe(engine, folder, 128, vocabulary_of(whole.encoder.folder))
    model = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    model.write_bytes(model.read_bytes()[:-1000])
    with pytest.raises(UserError, match="its copy of the encoder does not run"):
        probe(engine, folder, 128, vocabulary_of(whole.encoder.folder))


@pytest.mark.parametrize("engine", KINDS[:1])
def test_only_a_copy_that_was_not_made_here_is_tried(block, engine: str, tmp_path: Path, monkeypatch):
    whole = block(engine)
    whole.compute(["one"])
    (here,) = whole.copies.folders()
    brought = Path(shutil.copytree(here, tmp_path / "brought"))
    report = {"texts": "ab12", "learnt": 1, "checked": 1, "mean_cosine": 1.0, "lowest_cosine": 1.0}
    (brought / "int8.json").write_text(json.dumps(report), encoding="utf-8")
    tried: list[Path] = []
    monkeypatch.setattr(copies, "probe", lambda kind, folder, *_: tried.append(folder))
    block(engine, "int8", copy=brought).compute(["one"])
    assert tried == [brought]
    shutil.copytree(brought, here.with_name("int8-ab12"))
    block(engine, "int8", copy=brought).compute(["one"])
    assert tried == [brought]


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"texts": "../..", "learnt": 1}', '{"texts": NaN}'])
def test_a_report_that_is_none_is_named(tmp_path: Path, report: str):
    (tmp_path / "int8.json").write_text(report, encoding="utf-8")
    with pytest.raises(UserError, match="int8.json: "):
        read_report(tmp_path)


def test_a_damaged_tokenizer_of_a_copy_is_named(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"tokenizer\.json: cannot be read .*make the judge again"):
        SavedTokens(tmp_path)


@pytest.mark.parametrize("engine", KINDS)
def test_a_row_is_the_same_to_the_bit_in_any_company(block, engine: str):
    opened = block(engine)
    whole = opened.compute(TEXTS)
    assert opened.compute(TEXTS[::-1])[::-1].tobytes() == whole.tobytes()
    for place in (0, 1, 3, 4, len(TEXTS) - 1):
        assert opened.compute([TEXTS[place]]).tobytes() == whole[place].tobytes()
    single = block(engine)
    single.copies.threads = 1
    assert single.compute(TEXTS).tobytes() == whole.tobytes()


@pytest.mark.parametrize("engine", KINDS)
def test_a_copy_is_made_once_and_without_torch_from_then_on(block, engine: str, tmp_path: Path, monkeypatch):
    first = block(engine)
    rows = first.compute(TEXTS)
    assert [path.name.partition("-")[0] for path in (tmp_path / FOLDER).iterdir()] == [engine]

    def never(*arguments: Any) -> None:
        raise AssertionError("something of transformers is loaded again")

    monkeypatch.setattr("features.encoder.embedding.load_sentence_model", never)
    monkeypatch.setattr("features.encoder.embedding.load_tokenizer", never)
    assert block(engine).compute(TEXTS).tobytes() == rows.tobytes()
    assert first.version == block(engine).version != block("torch").version


@pytest.mark.parametrize("engine", KINDS)
def test_an_engine_at_rest_is_let_go_and_wakes_with_the_same_rows(block, engine: str):
    opened = block(engine)
    rows = opened.compute(TEXTS)
    awake = weakref.ref(opened._engine)
    opened.rest()
    assert awake() is None
    assert opened.compute(TEXTS).tobytes() == rows.tobytes()


@pytest.mark.parametrize("engine", KINDS)
def test_a_copy_opened_ahead_is_opened_once_and_its_fault_is_told_at_the_first_text(
    block, engine: str, monkeypatch, counted_calls
):
    rows = block(engine).compute(TEXTS)
    kind = type(block(engine).copies.kind)
    opened = counted_calls(kind, "open")
    ahead = block(engine)
    ahead.open_ahead()
    ahead.open_ahead()
    assert ahead.compute(TEXTS).tobytes() == rows.tobytes() and len(opened) == 1

    def damaged(*arguments: Any) -> None:
        raise UserError("the copy is damaged.")

    monkeypatch.setattr(kind, "open", damaged)
    faulty = block(engine)
    faulty.open_ahead()
    with pytest.raises(UserError, match="the copy is damaged"):
        faulty.compute(TEXTS)


@pytest.mark.parametrize("engine", KINDS)
def test_a_copy_that_must_first_be_made_is_not_opened_ahead(block, engine: str, tmp_path: Path):
    ahead = block(engine)
    ahead.open_ahead()
    assert not (tmp_path / FOLDER).exists()
    assert ahead.compute(["no"]).shape == (1, len(ahead.columns))


@pytest.mark.parametrize("engine", INT8)
def test_int8_is_calibrated_checked_kept_and_brought_along(block, engine: str, tmp_path: Path, counted_calls):
    made = block(engine, "int8")
    before = made.version
    made.calibrate(TEXTS)
    assert made.version != before and made.copies.report["checked"] > 10
    rows = made.compute(TEXTS)
    assert made.compute(TEXTS[::-1])[::-1].tobytes() == rows.tobytes()
    # The same texts in another order find the same copy; other texts do not.
    again = block(engine, "int8")
    made_again = counted_calls(type(made.copies.kind), "quantise")
    again.calibrate(TEXTS[::-1])
    assert not made_again
    assert again.version == made.version
    assert again.compute(TEXTS).tobytes() == rows.tobytes()
    other = block(engine, "int8")
    other.calibrate(TEXTS[:10])
    assert other.version != made.version and len(made_again) == 1
    # A judge takes the copy with it; calibrating on other battles leaves it as it is.
    made.copies.save(tmp_path / "judge")
    brought = block(engine, "int8", copy=tmp_path / "judge")
    brought.calibrate(TEXTS[:10])
    assert brought.version == made.version
    assert brought.compute(TEXTS).tobytes() == rows.tobytes()


@pytest.mark.parametrize("engine", INT8)
def test_int8_that_strays_is_refused_with_the_figure(block, engine: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("features.encoder.engines.conversion.LEAST_COSINE", 1.1)
    with pytest.raises(UserError, match=r"mean cosine to fp32 is [01]\.\d{4} \(lowest .*set encoder.precision"):
        block(engine, "int8").calibrate(TEXTS)
    assert not list((tmp_path / FOLDER).glob("*/int8*"))


@pytest.mark.parametrize("engine", KINDS)
def test_a_model_that_does_not_convert_exactly_is_refused(block, engine: str, monkeypatch):
    monkeypatch.setattr("features.encoder.engines.conversion.LEAST_CONVERTED_COSINE", 1.1)
    with pytest.raises(UserError, match="does not convert exactly .*set encoder.engine to torch"):
        block(engine).compute(TEXTS[:1])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"engine": "torch", "precision": "int8"}, "int8: torch has none here"),
        ({"engine": "openvino", "precision": "bf16"}, "bf16: openvino has fp32 and int8"),
        ({"engine": "onnx", "device": "cuda"}, "onnx: runs on a CPU"),
    ],
)
def test_settings_that_do_not_go_together_are_named(settings, said: str):
    with pytest.raises(UserError, match=said):
        EmbeddingBlock(resolve("builtin"), EncoderParams(model="builtin", **settings))


def test_a_missing_extra_is_named_with_the_command_that_gets_it(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("features.encoder.engines.conversion.version_of", missing)
    kind_of.cache_clear()
    with pytest.raises(
        UserError, match=r'openvino is not installed; run `pip install "preference-stacker\[openvino\]"`'
    ):
        kind_of("openvino")


def test_int8_without_calibration_is_a_mistake_of_the_caller(block):
    if find_spec("openvino") is None:
        pytest.skip("the extra openvino is not installed")
    with pytest.raises(RuntimeError, match="calibrated first"):
        block("openvino", "int8").compute(["x"])


def test_texts_to_calibrate_by_are_chosen_by_content():
    texts = [f"text {place}" for place in range(1000)]
    learnt, checked = calibration_texts(texts)
    assert calibration_texts([*texts[::-1], "", "  ", *texts]) == (learnt, checked)
    assert len(learnt) == len(checked) == CALIBRATION_TEXTS // 2 and not {*learnt} & {*checked}
    assert calibration_texts(["one"]) == (["one"], ["one"])
    assert calibration_texts([""])[0]
    assert 0.99 < LEAST_COSINE < 1


@pytest.mark.skipif(find_spec("openvino") is None, reason="the extra openvino is not installed")
def test_openvino_s_telemetry_stays_out():
    """In a process of its own: here another test's library may have imported it by itself."""
    code = (
        "import socket, sys\n"
        "from features.encoder.engines.conversion import openvino\n"
        "socket.getaddrinfo = lambda *a, **k: sys.exit('asks for a host')\n"
        "assert openvino().convert_model\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_every_engine_of_the_settings_is_registered():
    assert set(get_args(EngineName)) == {"torch", *copies.KINDS}
