"""The real battles beside the checkout all load, with the counts that their own README tells."""

from pathlib import Path

import numpy as np
import pytest

from pipelines.battles.folds import prompt_groups
from pipelines.battles.sources import DataParams, load
from pipelines.formats.reading import iter_battles, read_battles

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real battles (../shared/data) are not here"),
]
FILES = {
    "arena33k_samples": (566, 555, (0.38, 0.35, 0.27)),
    "fastchat_arena2024": (99, 99, (0.35, 0.24, 0.40)),
    "autoj_test": (1373, 1174, (0.38, 0.36, 0.27)),
    "tulu1_human": (1144, 332, (0.37, 0.31, 0.33)),
    "cohere_hf_paper": (6649, 573, (0.43, 0.44, 0.13)),
    "vicuna80_human": (7040, 80, (0.46, 0.43, 0.11)),
    "pandalm_test": (2702, 170, (0.43, 0.48, 0.09)),
    "llmeval_squared": (2502, 2260, (0.41, 0.40, 0.18)),
    "hh_rlhf_test": (8474, 8471, (0.50, 0.50, 0.0)),
    "llmeval2_zh_derived": (5752, 636, (0.27, 0.28, 0.44)),
}


def shares(table):
    return np.bincount(table["outcome"], minlength=3) / len(table)


@pytest.mark.parametrize("name", FILES)
def test_a_parquet_file_loads_whole(name):
    rows, prompts, expected = FILES[name]
    table, bad = read_battles(DATA / "battles" / f"{name}.parquet", labelled=True)
    assert (len(table), bad) == (rows, [])
    np.testing.assert_allclose(shares(table), expected, atol=0.006)
    # The README counts prompts as they stand; normalised, some fall together.
    assert table["prompt"].nunique() == prompts
    assert len(np.unique(prompt_groups(table["prompt"]))) <= prompts


@pytest.mark.slow
def test_the_large_file_loads_in_pieces():
    rows, votes = 0, np.zeros(3, dtype=np.int64)
    for table, bad in iter_battles(DATA / "battles" / "alpaca_eval_llm.parquet", 2000, labelled=True):
        assert bad == [] and len(table) <= 2000
        rows += len(table)
        votes += np.bincount(table["outcome"], minlength=3)
    assert rows == 102_854
    np.testing.assert_allclose(votes / rows, (0.49, 0.49, 0.02), atol=0.0051)


def test_kaggles_folder_loads_whole(tmp_path):
    loaded = load(DataParams(dir=DATA / "kaggle"), tmp_path / "aside.jsonl")
    assert len(loaded.train) == 1466
    np.testing.assert_allclose(shares(loaded.train), (0.356, 0.341, 0.303), atol=0.0006)
    assert loaded.test is not None and len(loaded.test) == 120
    assert loaded.sample_ids is not None and sorted(loaded.sample_ids) == sorted(loaded.test["id"])
    assert (loaded.set_aside, loaded.notes) == (0, [])
    # Five rows of the training file hold a JSON null among their turns.
    columns = (loaded.train[column] for column in ("prompt", "response_a", "response_b"))
    assert sum(any("" in turns for turns in row) for row in zip(*columns, strict=True)) >= 5


def test_all_sources_at_once_keep_ids_apart(tmp_path):
    names = ["arena33k_samples", "fastchat_arena2024", "tulu1_human"]
    sources = [{"path": DATA / "battles" / f"{name}.parquet", "weight": 0.5} for name in names]
    loaded = load(DataParams.model_validate({"dir": DATA / "kaggle", "sources": sources}), tmp_path / "aside.jsonl")
    assert len(loaded.train) == 1466 + 566 + 99 + 1144
    assert loaded.train["id"].is_unique
    assert loaded.train["weight"].value_counts().to_dict() == {1.0: 1466, 0.5: 566 + 99 + 1144}
