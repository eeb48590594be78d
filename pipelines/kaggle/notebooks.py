"""The notebooks of the Kaggle bundle: one that predicts with the judge, and one that trains there first."""

from collections.abc import Sequence
from typing import Any

INTRODUCTION = """\
# {title}

{what} Made by `python -m pipelines.kaggle`; nothing is fetched from the network. Attach the dataset of the bundle and
the competition's data, then run all."""
PREDICTS = "Installs the attached wheels, predicts `test.csv` with the attached judge and writes `submission.csv`."
TRAINS = "Installs the attached wheels, learns a judge from `train.csv` here, and writes `submission.csv`."
FIND = """\
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INPUT = Path(os.environ.get("KAGGLE_INPUT", "/kaggle/input"))
BUNDLE = next(INPUT.rglob("bundle.json")).parent
TEST = next(path for path in sorted(INPUT.rglob("test.csv")) if BUNDLE not in path.parents)
ABOUT = json.loads((BUNDLE / "bundle.json").read_text(encoding="utf-8"))
WORK = Path(tempfile.mkdtemp())
OUT = Path.cwd() / "submission.csv"
print(BUNDLE, TEST, sep="\\n")"""
INSTALL = """\
# Into a folder of their own, which stands before the image's packages and leaves them as they are.
PACKAGES = WORK / "packages"
WHEELS = next(BUNDLE.rglob("*.whl")).parent
install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--find-links", str(WHEELS)]
subprocess.run([*install, "--target", str(PACKAGES), *ABOUT["requirements"]], check=True)
for models in BUNDLE.rglob("models"):
    (WORK / "models").symlink_to(models, target_is_directory=True)
    break
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PACKAGES), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


def run(module, *arguments):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    subprocess.run(command, check=True, cwd=WORK, env=ENVIRONMENT)"""
PREDICT = """\
JUDGE = next(BUNDLE.rglob("judge.json")).parent
run("stacker.predict", JUDGE, TEST, "--rescue", "--out", WORK / "predicted.csv")"""
FILL = """\
SAMPLE = TEST.with_name("sample_submission.csv")
fallback = ["--fallback", *ABOUT["prior"]]
sample = ["--sample", SAMPLE] if SAMPLE.exists() else []
run("pipelines.kaggle_submission", WORK / "predicted.csv", OUT, *sample, *fallback)"""
TRAIN = """\
PARAMS = next(BUNDLE.rglob("params.yaml"))
places = [f"data.dir={TEST.parent}", f"run.folder={WORK / 'run'}", f"run.cache={WORK / 'cache'}"]
run("stacker.run", PARAMS, *(part for place in places for part in ("--set", place)))
shutil.copy(WORK / "run" / "submission.csv", OUT)
shutil.copytree(WORK / "run" / "judge", OUT.with_name("judge"), dirs_exist_ok=True)
if (WORK / "run" / "report.html").exists():
    shutil.copy(WORK / "run" / "report.html", OUT.with_name("report.html"))"""
CLEAN = """\
shutil.rmtree(WORK)
print(*OUT.read_text(encoding="utf-8").splitlines()[:4], sep="\\n")"""


def predict_notebook(title: str) -> dict[str, Any]:
    """Return the notebook that predicts with the bundle's judge, as nbformat 4."""
    return _notebook(INTRODUCTION.format(title=title, what=PREDICTS), [FIND, INSTALL, PREDICT, FILL, CLEAN])


def train_notebook(title: str) -> dict[str, Any]:
    """Return the notebook that learns a judge there, as nbformat 4."""
    return _notebook(INTRODUCTION.format(title=title, what=TRAINS), [FIND, INSTALL, TRAIN, CLEAN])


def code_of(notebook: dict[str, Any]) -> str:
    """Return the code of a notebook's cells, in their order."""
    cells = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return "\n\n".join(cells) + "\n"


def _notebook(text: str, codes: Sequence[str]) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "about", "metadata": {}, "source": _lines(text)}]
    for number, code in enumerate(codes):
        cell = {"cell_type": "code", "id": f"step-{number}", "metadata": {}, "source": _lines(code)}
        cells.append({**cell, "execution_count": None, "outputs": []})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
