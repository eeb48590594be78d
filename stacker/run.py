"""The main job: `python -m stacker.run params.yaml` turns battles into a judge, its scores and a submission."""

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import FLIP, Floats
from pipelines.battles.folds import fold_hash
from pipelines.battles.sources import Loaded
from pipelines.files.atomic_files import STALE_S, atomic_write, remove_stale_temp_files, write_json, write_text
from pipelines.kaggle.submission import write_submission
from pipelines.terminal.command_line import Screen, add_params_arguments, run_command
from stacker.evaluate import metrics, results
from stacker.evaluate.intervals import in_words
from stacker.judge.elsewhere import Elsewhere
from stacker.judge.judge import Judge
from stacker.judge.provenance import KEY, trained_on, versions
from stacker.learners.judges.outside import OutsidePredictions
from stacker.learners.stacking.cascade import told_cascade
from stacker.learners.stacking.stack import cross_fitted
from stacker.learners.starter_prior import KIND as STARTER
from stacker.learners.transformer.network.structure import share_read
from stacker.training.cross_fitting import BASELINES, out_of_fold_baselines
from stacker.training.data_set import Prepared, read_data
from stacker.training.params import Params, described_keys, dump_params, read_params
from stacker.training.reporting.analysis.analyses import analyse
from stacker.training.reporting.report import write_report
from stacker.training.run_folder import RunFolder
from stacker.training.train import Trained, train

SWAP_ROWS = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.run",
        description="Learn from battles, save a judge, score it out of fold, and predict the test battles.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Parameters, with their defaults:\n{described_keys()}",
    )
    add_params_arguments(parser, "data.dir=kaggle")
    chosen = parser.parse_args(arguments)
    run_command(lambda: run(read_params(chosen.params, chosen.overrides), Screen()))


def run(params: Params, screen: Screen) -> dict[str, Any]:
    """Run everything that the parameters ask for, and return what results.json holds.

    Parameters
    ----------
    screen : Screen
        Shows progress, notes, the results table and the paths of what was written.

    Raises
    ------
    UserError
        For what the user can fix; what had been computed stays in the cache.
    """
    folder = RunFolder(params.run.folder)
    begun = time.perf_counter()
    with folder.writing() as new:
        remove_stale_temp_files(params.run.cache / "fits", STALE_S)
        loaded = read_data(params, new.set_aside, screen)
        with screen.working():
            trained = train(loaded.train, params, _about(params, loaded), screen.progress, screen.note)
            predictions = out_of_fold_of_all(trained, params)
        found = _results(params, loaded, trained, predictions)
        trained.judge.about["scores"] = {results.STACK: found["scores"][results.STACK]}
        trained.judge.save(new.judge)
        _write_tables(new, params, trained.prepared, predictions)
        if loaded.test is not None:
            with screen.working():
                _predict(new, loaded, loaded.test, trained, screen)
        if params.report.enabled:
            since = time.perf_counter()
            with screen.working():
                found["report"] = analyse(
                    params, trained.prepared, trained.level, predictions, trained.judge, screen.progress
                )
            trained.seconds["report"] = time.perf_counter() - since
        found["seconds"] = {**trained.seconds, "whole run": time.perf_counter() - begun}
        if params.report.enabled:
            write_report(new.report, found, trained.prepared.battles, params)
        write_json(new.results, found)
    _show(screen, found, folder, loaded.test is not None)
    return found


def swap_error(judge: Judge, prepared: Prepared) -> float:
    """Return the largest change of the judge's probabilities on some battles when their sides are swapped."""
    rows = np.arange(0, len(prepared.data), max(len(prepared.data) // SWAP_ROWS, 1))
    data = prepared.data.take(rows)
    straight, swapped = (judge.verdicts(each, judge.member_probabilities(each)) for each in (data, data.flip()))
    return float(np.abs(straight - swapped[:, FLIP]).max())


def out_of_fold_of_all(trained: Trained, params: Params) -> dict[str, Floats]:
    """Return the (n, 3) out-of-fold probabilities of every learner, the stack and the baselines by name."""
    prepared, level = trained.prepared, trained.level
    stacked = cross_fitted(params.stack, level.probabilities, prepared.fit, prepared.folds)
    rivals = out_of_fold_baselines(prepared.data.texts, prepared.fit, prepared.folds)
    return {**level.filled(rivals["class prior"]).by_name(), results.STACK: stacked, **rivals}


def _about(params: Params, loaded: Loaded) -> dict[str, Any]:
    """Return what the judge keeps of the run next to the number of battles and their prior."""
    return {
        "sources": loaded.train["source"].value_counts().sort_index().to_dict(),
        KEY: trained_on(loaded.bayes_log_loss is not None, datetime.now(UTC).date().isoformat()),
        "seed": params.run.seed,
        "versions": versions(),
    }


def _results(params: Params, loaded: Loaded, trained: Trained, predictions: dict[str, Floats]) -> dict[str, Any]:
    prepared, names = trained.prepared, list(trained.level.names)
    battles, fit, folds = prepared.battles, prepared.fit, prepared.folds
    scored = results.score_all(predictions, battles)
    best = results.best_learner(scored, names)
    rivals = {"length only": "length only", "best learner": best}
    if STARTER in names and best != STARTER:
        rivals["starter judge"] = STARTER  # before and after: it was trained on none of these votes
    losses = metrics.losses(predictions[results.STACK], fit.outcome)
    return {
        "format": 1,
        "battles": len(battles),
        "prompts": int(fit.group.max()) + 1,
        "set_aside": loaded.set_aside,
        "class_shares": np.bincount(fit.outcome, minlength=3).tolist(),
        "folds": {"count": params.folds.count, "sha256": fold_hash(battles["id"], folds)},
        "encoder": None if prepared.encoder is None else prepared.encoder.described(),
        "learners": names,
        "baselines": list(BASELINES),
        "scores": scored,
        "stack_log_loss_by_fold": [float(losses[folds == fold].mean()) for fold in np.unique(folds)],
        "intervals": results.intervals(predictions, rivals, fit.outcome, fit.group),
        "bayes_log_loss": loaded.bayes_log_loss,
        "seed": params.run.seed,
        "versions": versions(),
        "transformers": trained.transformers,
        "outside": [each.told for each in trained.outside],
        "cascade": list(trained.cascade),
        "stack": trained.judge.pool.to_dict(),
        "swap_error": {**trained.level.swap_errors, results.STACK: swap_error(trained.judge, prepared)},
    }


def _write_tables(folder: RunFolder, params: Params, prepared: Prepared, predictions: dict[str, Floats]) -> None:
    write_text(folder.params, dump_params(params))
    order = np.argsort(prepared.place)  # back to the order of the sources
    battles = prepared.battles.iloc[order]
    with atomic_write(folder.folds) as part:
        pd.DataFrame({"id": battles["id"].to_numpy(), "fold": prepared.folds[order]}).to_parquet(part, index=False)
    ordered = {name: probabilities[order] for name, probabilities in predictions.items()}
    results.write_out_of_fold(folder.out_of_fold, battles, prepared.folds[order], ordered)


def _predict(folder: RunFolder, loaded: Loaded, test: pd.DataFrame, trained: Trained, screen: Screen) -> None:
    """Predict the test battles with the judge as it was saved."""
    judge, prepared = Judge.load(folder.judge), trained.prepared
    files = {each.params.name: each.test for each in trained.outside if isinstance(each, OutsidePredictions)}
    elsewhere = Elsewhere.of_run(judge.members, files).asking(prepared.store.folder.parent, screen)
    for sentence in elsewhere.look_up(test):
        screen.note(sentence)
    probabilities = judge.predict_proba(
        test, cache=prepared.cache, threads=prepared.fit.threads, progress=screen.progress
    )
    names = test["id"].tolist()
    ids = names if loaded.sample_ids is None else loaded.sample_ids
    write_submission(folder.submission, ids, names, probabilities, judge.about["prior"])


def _show(screen: Screen, found: dict[str, Any], folder: RunFolder, predicted: bool) -> None:
    screen.table(
        f"\nOut of fold, {found['battles']:,} battles, {found['folds']['count']} folds:", results.table(found["scores"])
    )
    for gap in found["intervals"].values():
        screen.note(f"Stack against {gap['against']}: log loss {in_words(gap)}.")
    if found["bayes_log_loss"] is not None:
        away = found["scores"][results.STACK]["log_loss"] - found["bayes_log_loss"]
        screen.note(
            f"Best possible log loss on these built-in battles: {found['bayes_log_loss']:.4f}; the stack is "
            f"{away:.4f} away. They teach nothing about real answers: name your own by --set data.dir=FOLDER."
        )
    chosen = found["stack"].get("cascade")
    if chosen is not None:
        screen.note(told_cascade(chosen["share"], chosen["keep"]))
    for each in found["transformers"]:
        cut = each["fit"]["cut"]
        screen.note(
            f"{each['name']} read {share_read(cut['prompt']):.0%} of the prompts' tokens and "
            f"{share_read(cut['answer']):.0%} of the answers'."
        )
    screen.note(f"Swap error of the judge: {found['swap_error'][results.STACK]:.1e}.")
    if found["set_aside"]:
        screen.note(
            f"Set aside: {found['set_aside']:,} rows that cannot be used, with their reasons, in {folder.set_aside}."
        )
    screen.note(f"Judge: {folder.judge}")
    if predicted:
        screen.note(f"Submission: {folder.submission}")
    if "report" in found:
        screen.note(f"Report: {folder.report}")
    screen.note(f"Results: {folder.results}")


if __name__ == "__main__":
    main(sys.argv[1:])
