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
    HIDDEN,
    IDS,
    LEAST_COSINE,
    LOWEST_COSINE,
    MASK,
    check_texts,
    openvino,
    read_report,
    undisturbed,
)
from features.encoder.engines.copies import FOLDER, ORDER, choose_engine, kind_of, probe
from features.encoder.engines.engine import EngineName, filled
from features.encoder.engines.openvino_cpu import OpenVino, inputs_of
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


@pytest.fixture
def block(tiny_checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[..., EmbeddingBlock]:
    def of(engine: str, precision: str = "fp32", architecture: str = "bert", **more: Any) -> EmbeddingBlock:
        folder = str(tiny_checkpoint(architecture))
        params = EncoderParams(
            model=folder, engine=engine, precision=precision, device="cpu", max_tokens=128, models_dir=tmp_path
        )
        return EmbeddingBlock(resolve(folder, None, tmp_path), params, threads=2, **more)

    return of


@pytest.fixture
def torch_runs_encoders() -> None:
    """Take the place of the fixture that keeps converted copies out of other tests."""


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
    assert {inputs_of([7] * tokens, None, 100)[IDS].shape for tokens in range(1, 101)} == {
        (1, tokens) for tokens in (16, 32, 48, 64, 80, 96, 100)
    }
    inputs = inputs_of([5, 6, 7], None, 100)
    ids, mask = inputs[IDS], inputs[MASK]
    assert ids.dtype == mask.dtype == np.int64
    assert ids[0, :3].tolist() == [5, 6, 7] and mask[0].tolist() == [1] * 3 + [0] * 13


def test_texts_of_a_batch_are_filled_up_each_under_its_own_mask():
    ids, mask = filled([[5, 6, 7], [8]], 4, padding=1)
    assert ids.tolist() == [[5, 6, 7, 1], [8, 1, 1, 1]]
    assert mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]


class _Older(torch.nn.Module):
    """What was converted for judges of before: ids, or ids and mask, to one row."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        return self.model({IDS: input_ids, MASK: mask})["sentence_embedding"]


@pytest.mark.parametrize("engine", KINDS[:1])
@pytest.mark.parametrize("inputs", [(IDS,), (IDS, MASK)])
def test_a_copy_of_an_older_judge_is_read(block, engine: str, inputs: tuple[str, ...], tmp_path: Path):
    reference = block("torch")
    ids = reference.token_ids(TEXTS)
    ov = openvino()
    longest = torch.tensor([max(ids, key=len)])
    example = {IDS: longest, MASK: torch.ones_like(longest)}
    with torch.no_grad(), undisturbed():
        older = ov.convert_model(
            _Older(reference._model).eval(),
            example_input={name: example[name] for name in inputs},
            input=[(name, [1, -1], ov.Type.i64) for name in inputs],
        )
    ov.save_model(older, tmp_path / "model.xml", compress_to_fp16=False)
    rows = OpenVino().open(tmp_path, 1, 128).embed(ids)
    np.testing.assert_allclose(rows, reference.compute(TEXTS), rtol=0, atol=2e-6)


@pytest.mark.parametrize("engine", KINDS[:1])
@pytest.mark.parametrize("architecture", ["bert", "distilbert", "roberta", "albert", "deberta-v2", "modernbert"])
def test_the_tokenizer_saved_with_a_copy_gives_the_same_ids(block, engine: str, architecture: str):
    texts = [*TEXTS, "[SEP] [CLS] <s> </s> <mask> [MASK]", "a lone \ud83d surrogate", "Ünïcödé  \t two\n\nlines"]
    own = block("torch", architecture=architecture)
    saved = block(engine, architecture=architecture)
    saved.compute(["one"])  # makes the copy
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
def test_a_copy_that_a_judge_brings_is_tried_first_and_taken_with_it(block, engine: str, tmp_path: Path, monkeypatch):
    whole = block(engine)
    rows = whole.compute(["one"])
    (here,) = whole.copies.folders()
    brought = Path(shutil.copytree(here, tmp_path / "brought"))
    report = {"texts": "ab12", "learnt": 1, "checked": 1, "mean_cosine": 1.0, "lowest_cosine": 1.0}
    (brought / "int8.json").write_text(json.dumps(report), encoding="utf-8")
    tried: list[Path] = []
    monkeypatch.setattr(copies, "probe", lambda kind, folder, *_: tried.append(folder))
    older = block(engine, "int8", copy=brought)
    assert older.compute(["one"]).tobytes() == rows.tobytes()
    assert tried == [brought] and older.version.endswith(f"{engine}-ab12")
    older.copies.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "int8.json").read_text(encoding="utf-8") == json.dumps(report)


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
    assert opened.begin(TEXTS) is None  # too many to begin on while something else is computed
    begun = [opened.begin(TEXTS[start : start + 3]) for start in (0, 3)]
    assert (None in begun) == (engine != "openvino")
    for start, wait in zip((0, 3), begun, strict=True):
        assert wait is None or wait().tobytes() == whole[start : start + 3].tobytes()
    again = opened.begin([TEXTS[1], TEXTS[6], TEXTS[1]])  # a row that it has by now, and a text that it has not
    assert again is None or again().tobytes() == whole[[1, 6, 1]].tobytes()
    single = block(engine)
    single.threads = 1
    assert single.compute(TEXTS).tobytes() == whole.tobytes()


@pytest.mark.parametrize("engine", KINDS)
def test_a_copy_is_made_once_and_without_torch_from_then_on(block, engine: str, tmp_path: Path, monkeypatch):
    first = block(engine)
    rows = first.compute(TEXTS)
    assert [path.name.partition("-")[0] for path in (tmp_path / FOLDER).iterdir()] == [engine]

    def never(*arguments: Any) -> None:
        raise AssertionError("something of transformers is loaded again")

    monkeypatch.setattr("features.encoder.embedding.load_sentence_model", never)
    monkeypatch.setattr("features.encoder.engines.copies.load_tokenizer", never)
    assert block(engine).compute(TEXTS).tobytes() == rows.tobytes()
    assert first.version == block(engine).version != block("torch").version


@pytest.mark.parametrize("engine", KINDS)
def test_an_engine_at_rest_is_let_go_and_wakes_with_the_same_rows(block, engine: str):
    opened = block(engine)
    rows = opened.compute(TEXTS)
    assert block(engine)._engine is opened._engine  # one copy is loaded once
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
    monkeypatch.setattr(copies, "_opened", {})
    ahead = block(engine)
    ahead.open_ahead()
    ahead.open_ahead()
    assert ahead.compute(TEXTS).tobytes() == rows.tobytes() and len(opened) == 1

    def damaged(*arguments: Any) -> None:
        raise UserError("the copy is damaged.")

    monkeypatch.setattr(kind, "open", damaged)
    monkeypatch.setattr(copies, "_opened", {})
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


@pytest.mark.parametrize("engine", KINDS)
def test_int8_is_made_without_texts_checked_and_kept(block, engine: str, tmp_path: Path, counted_calls):
    made = block(engine, "int8")
    rows = made.compute(TEXTS)
    assert made.compute(TEXTS[::-1])[::-1].tobytes() == rows.tobytes()
    reference = block(engine).compute(TEXTS)
    # As near as the check asks for, and nevertheless not fp32.
    assert 0.99 < float((rows * reference).sum(axis=1).min()) and abs(rows - reference).max() > 1e-5
    report = read_report(made.copies.folders()[-1])
    assert report["checked"] == len(check_texts()) and LEAST_COSINE < report["mean_cosine"] <= 1.000001
    quantised = counted_calls(type(made.copies.kind), "quantise")
    again = block(engine, "int8")
    assert again.compute(TEXTS).tobytes() == rows.tobytes() and again.version == made.version
    assert not quantised
    made.copies.save(tmp_path / "judge")
    assert not (tmp_path / "judge").exists()  # anybody can make it again


@pytest.mark.parametrize("engine", KINDS)
def test_int8_that_strays_is_refused_with_the_figure_and_auto_goes_on(block, engine: str, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("features.encoder.engines.conversion.LEAST_COSINE", 1.1)
    for _ in range(2):  # the second time by what was written the first time
        with pytest.raises(UserError, match=r"mean cosine to fp32 is [01]\.\d{4} \(lowest .*set encoder.precision"):
            block(engine, "int8").compute(TEXTS)
    assert not list((tmp_path / FOLDER).glob("*/int8*"))
    chosen = block(engine, "auto").chosen
    assert chosen.told == f"{engine} fp32" and "mean cosine" in chosen.passed_over[0]


@pytest.mark.parametrize("engine", KINDS[:1])
def test_a_script_that_strays_alone_is_enough_to_refuse_int8(block, engine: str, monkeypatch):
    monkeypatch.setattr("features.encoder.engines.conversion.LOWEST_COSINE", 1.1)
    with pytest.raises(UserError, match="mean cosine to fp32"):
        block(engine, "int8").compute(TEXTS)


def test_texts_to_check_by_are_of_many_scripts():
    letters = "".join(check_texts())
    for sign in "a ü П ع ש न ก 안 こ 請 法 Γ გ ሰ வ 🙂".split():
        assert sign in letters
    assert max(map(len, check_texts())) > 1000 > 100 > min(map(len, check_texts()))
    assert 0.99 < LEAST_COSINE < 1 and 0.95 < LOWEST_COSINE < LEAST_COSINE


def test_auto_takes_the_first_that_is_installed_and_says_why_others_were_passed_over(block, monkeypatch):
    here: set[str] = set()
    monkeypatch.setattr(copies, "is_installed", lambda name: name in here)
    assert block("auto", "auto").chosen.told == "torch fp32"
    assert block("auto", "auto").compute(["one"]).tobytes() == block("torch").compute(["one"]).tobytes()
    refused: set[tuple[str, str]] = set()

    class Stub:
        def __init__(self, encoder: Any, engine: str, load: Any, brought: Any) -> None:
            self.engine = engine

        def make(self, precision: str) -> None:
            if (self.engine, precision) in refused:
                raise UserError(f"{self.engine} {precision} strays.")

    monkeypatch.setattr(copies, "EncoderCopies", Stub)
    here |= {"openvino", "onnx"}
    told = []
    for each in ORDER:
        told.append(block("auto", "auto").chosen.told)
        refused.add(each)
    assert told == [f"{engine} {precision}" for engine, precision in ORDER]
    last = block("auto", "auto").chosen
    assert last.told == "torch fp32" and len(last.passed_over) == len(ORDER)
    assert block("auto", "fp32").chosen.told == "torch fp32"
    with pytest.raises(UserError, match=r"int8: .* strays"):
        assert block("auto", "int8").chosen
    assert choose_engine(block("torch").encoder, "auto", "auto", "cuda", lambda: None).told == "torch fp32"


@pytest.mark.parametrize("engine", KINDS)
@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_hidden_states_are_those_of_torch_whatever_stands_beside(block, engine: str, architecture: str):
    reference = block("torch", architecture=architecture)
    ids = reference.token_ids(TEXTS)
    types = [[0] * (len(each) // 2) + [1] * (len(each) - len(each) // 2) for each in ids]
    own = block(engine, architecture=architecture)
    found = own._engine.states(ids, types)
    again = own._engine.states(ids[::-1], types[::-1])[::-1]
    inner = reference._model[0].auto_model
    for place, states in enumerate(found):
        taken = {IDS: torch.tensor([ids[place]])}
        if architecture == "bert":
            taken["token_type_ids"] = torch.tensor([types[place]])
        with torch.no_grad():
            wanted = inner(**taken).last_hidden_state[0].numpy()
        assert states.shape == wanted.shape
        np.testing.assert_allclose(states, wanted, rtol=0, atol=2e-5)
        assert again[place].tobytes() == states.tobytes()
    assert HIDDEN == "hidden"


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
    assert set(get_args(EngineName)) == {"auto", "torch", *copies.KINDS}
    assert {engine for engine, _ in ORDER} == set(copies.KINDS)
