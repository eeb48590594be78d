"""Numbers that earlier code gave, stored: judges, files of verdicts and studies must go on giving them."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from study_double import Cheap, study_log

from pipelines.battles.built_in import sample_battles
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.terminal.command_line import Screen
from stacker.judge.judge import Judge
from stacker.learners.judges.starter_prior import starter_folder
from stacker.predict import Options, predict_files
from stacker.study.study_log import work

HERE = Path(__file__).parent
STORED = json.loads((HERE / "stored_numbers.json").read_text(encoding="utf-8"))
WRITTEN = HERE / "judge" / "saved_judges" / "written_by_run"


def test_a_judge_that_a_run_wrote_loads_and_says_and_explains_the_same():
    """Its learners have the names that settings had then: leaves, least_rows, strengths."""
    judge, battles = Judge.load(WRITTEN), sample_battles(12, 3).battles
    np.testing.assert_allclose(judge.predict_proba(battles), STORED["judge"], rtol=0, atol=1e-6)
    explained = judge.explain(*(battles[column][0] for column in TEXT_COLUMNS))
    margins = {each.group: each.margin for each in explained.groups}
    assert margins == pytest.approx(STORED["margins"], abs=1e-6)


def test_the_starter_judge_predicts_a_file_as_before(tmp_path):
    battles = sample_battles(12, 3).battles
    table = pd.DataFrame({"id": battles["id"], **{c: [json.dumps(list(t)) for t in battles[c]] for c in TEXT_COLUMNS}})
    table.to_csv(tmp_path / "battles.csv", index=False)
    done = predict_files(
        starter_folder(),
        [tmp_path / "battles.csv"],
        tmp_path / "out.csv",
        Options(threads=1),
        Screen(Console(quiet=True)),
    )
    assert (done.battles, done.bad) == (12, 0)
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["id"].tolist() == battles["id"].tolist()
    np.testing.assert_allclose(found[list(OUTCOMES)], STORED["starter"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_study_proposes_the_same_points(sampler, tmp_path):
    with closing(study_log(tmp_path, sampler=sampler, trials=6)) as study:
        work(study, Cheap(), lambda: False)
        trials = study.finished()
    for trial, stored in zip(trials, STORED["proposals"][sampler], strict=True):
        assert list(trial.params.values()) == pytest.approx(stored["params"])
        assert trial.values == pytest.approx([stored["value"]])


@pytest.mark.parametrize(
    "code",
    [
        "from stacker import Judge; Judge.load().compare('Why?', 'So it is.', 'No.')",
        "from stacker.predict import main; main(['{file}', '--out', '{out}', '--threads', '1'])",
    ],
)
def test_a_judge_of_trees_is_asked_without_the_libraries_of_training(code, tmp_path):
    file = tmp_path / "battles.csv"
    cells = {column: ['["Why?"]'] for column in TEXT_COLUMNS}
    pd.DataFrame({"id": ["1"], **cells}).to_csv(file, index=False)
    heavy = ("torch", "transformers", "sentence_transformers", "optuna", "panel", "xgboost", "imblearn", "sqlalchemy")
    asked = code.format(file=file.as_posix(), out=(tmp_path / "out.csv").as_posix())
    told = f"{asked}\nimport sys; print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.strip()) == (0, "[]"), ended.stderr
