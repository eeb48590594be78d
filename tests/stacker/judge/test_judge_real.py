"""The judge on real battles: explanations add up and files give what the judge gives."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_judges import small_judge

from pipelines.battles.table import OUTCOMES
from pipelines.formats.reading import read_battles
from pipelines.terminal.command_line import Screen
from stacker.predict import Options, predict_files

KAGGLE = Path(__file__).parents[3].parent / "shared" / "data" / "kaggle"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not KAGGLE.is_dir(), reason="the real battles are not beside the checkout"),
]


def test_real_battles_are_explained_and_predicted(tmp_path):
    judge = small_judge(False)
    frame, _ = read_battles(KAGGLE / "test.csv", labelled=False)
    for row in range(0, len(frame), 20):
        texts = frame.iloc[row][["prompt", "response_a", "response_b"]].tolist()
        here, there = judge.explain(*texts), judge.explain(texts[0], texts[2], texts[1])
        assert sum(part.margin for part in here.groups) == pytest.approx(here.verdict.margin, abs=1e-9)
        assert here.base_tie + sum(p.tie for p in here.groups) == pytest.approx(here.verdict.tie_log_odds, abs=1e-9)
        assert [part.margin for part in there.groups] == [-part.margin for part in here.groups]
    judge.save(tmp_path / "judge")
    options = Options(rows_at_once=50, threads=1)
    done = predict_files(tmp_path / "judge", [KAGGLE / "test.csv"], tmp_path / "out.csv", options, Screen())
    assert done.battles + done.bad == 120
    written = pd.read_csv(tmp_path / "out.csv", dtype={"id": str})
    assert written["id"].tolist() == frame["id"].tolist()
    np.testing.assert_allclose(written[list(OUTCOMES)], judge.predict_proba(frame), rtol=0, atol=1e-12)
