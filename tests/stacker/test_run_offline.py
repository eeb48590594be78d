"""A run with the Hub switched off and one with no route at all give the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clean_python import network_namespace
from small_runs import small_params

from stacker.training.params import dump_params

HERE = Path(__file__).parents[2]


@pytest.mark.slow
def test_without_hub_and_without_network_a_run_is_the_same(tmp_path: Path):
    """The encoder and the transformer that are asked for are not on this disk, so both fall back."""
    off = {"enabled": False}
    namespace = network_namespace()
    if not namespace:
        pytest.skip("no network namespace may be made here")
    found = []
    for name, before, more in (("hub off", (), {"HF_HUB_OFFLINE": "1"}), ("no route", namespace, {})):
        folder = tmp_path / name
        params = small_params(
            folder,
            data={"sample": {"rows": 24, "test_rows": 3}},
            folds={"count": 2},
            features={"embedding": True, "sentiment": False, "readability": False},
            learners={"lightgbm": off, "xgboost": off, "sparse": off},
            transformer={"enabled": True, "C": [0.01], "prompt_tokens": 16, "answer_tokens": 24},
            encoder={"models_dir": str(tmp_path / "models")},
        )
        folder.mkdir()
        (folder / "params.yaml").write_text(dump_params(params), encoding="utf-8")
        # No cache of the Hub that this machine may have.
        environment = {**os.environ, "HF_HOME": str(folder / "hub"), "PYTHONPATH": str(HERE), **more}
        command = [*before, sys.executable, "-m", "stacker.run", folder / "params.yaml"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        assert "ENCODER distilbert-base-uncased IS NOT ON THIS DISK" in done.stdout
        results = json.loads((folder / "run" / "results.json").read_text(encoding="utf-8"))
        for part in ("seconds", "report"):
            results.pop(part, None)
        for each in results["transformers"]:
            each["fit"].pop("seconds")
        submission = (folder / "run" / "submission.csv").read_bytes()
        found.append((results, submission, yaml.safe_load((folder / "run" / "params.yaml").read_text())["features"]))
    assert found[0] == found[1]
