import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.errors import UserError
from pipelines.settings import Section
from stacker.learners.learner_registry import KINDS, SWITCHED, LearnersParams

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_names_a_learner_that_is_there(kind):
    found = kind.load_class()
    assert found.__module__ == kind.module and all(hasattr(found, name) for name in ("fit", "predict_proba", "save"))
    # One that has no features of its own to tell is told as a whole.
    assert kind.group or (hasattr(found, "pairs") and hasattr(found, "predict_pairs"))
    assert kind.sees and (kind.inside == "terms") == hasattr(found, "term_effects")


def test_the_section_of_params_follows_from_the_kinds():
    written = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["learners"]
    assert list(LearnersParams.model_fields) == list(written) == [*SWITCHED, "outside", "judges", "rewards"]
    assert [name for name, kind in KINDS.items() if kind.settings] == list(SWITCHED)
    settings = dict(LearnersParams())
    assert all(isinstance(settings[name], Section) and settings[name].enabled for name in SWITCHED)
    assert settings["outside"] == settings["judges"] == settings["rewards"] == ()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("stacker.learners.learner_registry.find_spec", lambda _: None)
    with pytest.raises(UserError, match="learner xgboost: needs the package xgboost"):
        KINDS["xgboost"].load_class()
    KINDS["linear"].load_class()


def test_a_judge_of_trees_loads_no_torch():
    code = (
        "import sys; from stacker import Judge; from stacker.learners.judges.starter_prior import starter_folder; "
        "Judge.load(starter_folder()); print(*sorted({'torch', 'transformers', 'xgboost'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == ""
