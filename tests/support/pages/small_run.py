"""A run folder with a real, small judge, made in about a second, and a store with votes."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from dashboard.votes.store import VoteStore
from dashboard.votes.vote_records import CHOICES, Battle, Side
from features.build import FeatureParams
from pipelines.battles.built_in import sample_battles
from pipelines.battles.folds import prompt_groups
from pipelines.files.atomic_files import write_json
from pipelines.terminal.command_line import silent
from stacker.evaluate import results
from stacker.judge.judge import Judge
from stacker.judge.members import Member, learner_data
from stacker.learners.learner_interface import Fit
from stacker.learners.learner_registry import KINDS
from stacker.learners.stacking.pool import Pool
from stacker.learners.trees.boosting import LightGBMParams

BLOCKS_OFF = {"sentiment", "readability", "embedding", "overlap", "turns", "likelihood"}
PARAMS = "data: {sample: {rows: 200, test_rows: 12}}\nfeatures: {embedding: false}\n"
QUESTIONS = (("How do I boil an egg?", "en"), ("為什麼天空是藍色的？", "zh"), ("<img src=x onerror=alert(1)>", "en"))


def make_run(folder: Path, rows: int = 200) -> Path:
    """Fit a judge on built-in battles and write what a run writes; return the run's folder."""
    battles = sample_battles(rows, 0).battles
    battles = battles.assign(lang=["en", "zh"] * (rows // 2))
    params = FeatureParams(**{name: name not in BLOCKS_OFF for name in FeatureParams.model_fields})
    data = learner_data(battles, params, None, None, 1, silent)
    outcome = battles["outcome"].to_numpy(dtype=np.int64)
    fit = Fit(outcome, np.ones(rows), prompt_groups(battles["prompt"]), 0, 1)
    learner = KINDS["lightgbm"](LightGBMParams(n_estimators=15, bags=1)).fit(data, fit)
    probabilities = learner.predict_proba(data)
    pool = Pool().fit(probabilities[:, None], outcome, np.ones(rows))
    about = {"battles": rows, "sources": {"people": rows}, "seed": 0, "versions": {"project": "0"}}
    Judge(params, None, [Member("lightgbm", "lightgbm", learner)], pool, about).save(folder / "judge")
    stack = pool.predict_proba(probabilities[:, None])
    predictions = {"lightgbm": probabilities, "stack": stack, "uniform": np.full((rows, 3), 1 / 3)}
    scores = results.score_all(predictions, battles)
    gap = {"against": "uniform", "difference": -0.1, "low": -0.2, "high": -0.05}
    found = {"scores": scores, "baselines": ["uniform"], "intervals": {"uniform": gap}, "bayes_log_loss": 0.89}
    write_json(folder / "results.json", found)
    results.write_out_of_fold(folder / "out_of_fold.parquet", battles, np.zeros(rows, dtype=np.int64), predictions)
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    return folder


def fill_store(url: str, votes: int = 60) -> pd.DataFrame:
    """Put votes of three people over some days into a store, and return them."""
    draw = random.Random(3)
    moment = [datetime(2026, 3, 1, 9, tzinfo=UTC)]
    store = VoteStore.open(url, clock=lambda: moment[0])
    brief = Side(["Nine minutes, then ice water."], "brief", "small-model")
    thorough = Side(["# Eggs\n\n- **Boil** nine minutes\n- cool\n\n" + "More words. " * 40], "thorough", "large-model")
    for number in range(votes):
        question, lang = QUESTIONS[number % 3]
        sides = (brief, thorough) if draw.random() < 0.5 else (thorough, brief)
        verdict = None if number == 5 else (0.6, 0.3, 0.1)
        store.add_battle(Battle(f"b{number}", f"s{number % 3}", [question], *sides, verdict, "small@1", lang))
        moment[0] += timedelta(hours=draw.randint(1, 9))
        store.vote(f"b{number}", CHOICES[(0, 0, 2, 1, 3)[draw.randrange(5)]], f"s{number % 3}")
    found = store.votes()
    store.close()
    return found
