"""Fine-tuning of a tiny random generator on battles, with TRL where it is installed."""

import json
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkpoints import make_generator

from pipelines.dpo import DPOSettings, fine_tune, main
from pipelines.errors import UserError

TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}"


def battles_file(path: Path, n: int = 100) -> Path:
    """Write n battles in which the answer with the kind word wins, on either side."""
    rows = []
    for place in range(n):
        kind, rude = f"gladly, {place % 7} it is", f"no, find {place % 5} alone"
        a_wins = place % 2 == 0
        rows.append(
            {
                "id": str(place),
                "prompt": json.dumps([f"how many are {place}?"]),
                "response_a": json.dumps([kind if a_wins else rude]),
                "response_b": json.dumps([rude if a_wins else kind]),
                "winner_model_a": int(a_wins),
                "winner_model_b": int(not a_wins),
                "winner_tie": 0,
            }
        )
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module", params=[None, TEMPLATE], ids=["plain", "chat"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("generator") / "tiny", request.param)


@pytest.mark.filterwarnings("ignore")  # of TRL, datasets and transformers among themselves
def test_the_loss_falls_on_a_hundred_pairs(generator: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="TRL is an extra: pip install 'preference-stacker[dpo]'", exc_type=ImportError)
    source = battles_file(tmp_path / "votes.csv")
    lora = 4 if (generator / "chat_template.jinja").exists() else 0
    settings = DPOSettings(learning_rate=3e-2 if lora else 1e-2, batch=20, longest=96, lora=lora)
    done = fine_tune(generator, [source], tmp_path / "out", settings)
    assert done["pairs"] == 100
    assert done["loss_before"] == pytest.approx(math.log(2), abs=1e-3)
    assert done["loss_after"] < 0.9 * done["loss_before"]
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out", local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out", local_files_only=True)
    old = AutoModelForCausalLM.from_pretrained(generator, local_files_only=True)
    assert set(model.state_dict()) == set(old.state_dict())
    written = model.generate(**tokenizer("how many are 3?", return_tensors="pt"), max_new_tokens=3, do_sample=False)
    assert written.shape[1] > len("how many are 3?")
    assert json.loads((tmp_path / "out" / "dpo.json").read_text(encoding="utf-8"))["pairs"] == 100
    assert not list((tmp_path / "out").rglob("*.bin"))


def test_a_folder_without_a_model_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("trl")  # what is missing first is said first
    source = battles_file(tmp_path / "votes.csv", 4)
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), str(source), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "holds no model" in capsys.readouterr().err


def test_without_the_library_its_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = battles_file(tmp_path / "votes.csv", 4)
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(UserError, match="needs TRL"):
        fine_tune(tmp_path, [source], tmp_path / "out", DPOSettings())
