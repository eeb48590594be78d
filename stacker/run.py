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
from pipelines.files.object_storage import local_folder
from pipelines.kaggle.submission import write_submission
from pipelines.terminal.command_line import HelpByParagraphs, Screen, add_params_arguments, run_command, silent
from stacker.evaluate import metrics, results
from stacker.evaluate.intervals import in_words
from stacker.judge.elsewhere import Elsewhere
from stacker.judge.judge import Judge
from stacker.judge.provenance import KEY, trained_on, versions
from stacker.judge.verdict_control import with_checks
from stacker.learners.judges.outside import OutsidePredictions
from stacker.learners.judges.starter_prior import KIND as STARTER
from stacker.learners.stacking.cascade import told_cascade
from stacker.learners.stacking.stack import cross_fitted
from stacker.learners.transformer.network.structure import share_read
from stacker.training.counterfactuals import checked_out_of_fold, price
from stacker.training.cross_fitting import BASELINES, out_of_fold_baselines
from stacker.training.data_set import Prepared, read_data
from stacker.training.params import Params, described_keys, dump_params, read_params
from stacker.training.reporting.analysis.analyses import analyse
from stacker.training.reporting.analysis.tricks import tricks
from stacker.training.reporting.report import write_report
from stacker.training.run_folder import RunFolder
from stacker.training.stage_times import time_table
from stacker.training.train import Trained, train

SWAP_ROWS = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.run",
        description="Learn from battles, save a judge, score it out of fold, and predict the test battles.",
        formatter_class=HelpByParagraphs,
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
        remove_stale_temp_files(local_folder(params.run.cache / "fits"), STALE_S)
        loaded = read_data(params, new.set_aside, screen)
        reading = time.perf_counter() - begun
        with screen.working():
            trained = train(loaded.train, params, _about(params, loaded), screen.progress, screen.note)
            predictions = out_of_fold_of_all(trained, params)
            trained.times.add("reading", reading)
            checked = _checks(trained, predictions[results.STACK], screen)
        found = {**_results(params, loaded, trained, predictions), **checked}
        trained.judge.about.update(checked)
        trained.judge.about["scores"] = {results.STACK: found["scores"][results.STACK]}
        trained.judge.save(new.judge)
        _write_tables(new, params, trained.prepared, predictions)
        if loaded.test is not None:
            with screen.working(), trained.times.of("test battles"):
                _predict(new, params, loaded, loaded.test, trained, screen)
        if params.report.enabled:
            with screen.working(), trained.times.of("report"):
                found["report"] = analyse(
                    params, trained.prepared, trained.level, predictions, trained.judge, screen.progress
                )
                if trained.counterfactuals is not None:
                    found["tricks"] = tricks(trained.judge, trained.counterfactuals, screen.progress)
        found["seconds"] = trained.times.whole(time.perf_counter() - begun)
        if params.report.enabled:
            write_report(new.report, found, trained.prepared.battles, params)
        write_json(new.results, found)
    _show(screen, found, folder, loaded.test is not None)
    return found


def _checks(trained: Trained, stack: Floats, screen: Screen) -> dict[str, Any]:
    """Return what checks cost on real votes that nothing fitted saw, with how they were fitted, or nothing."""
    fitted = trained.counterfactuals
    if fitted is None:
        return {}
    fit = trained.prepared.fit
    with trained.times.of("checks"):
        after = checked_out_of_fold(fitted, stack, screen.progress)
    about = {
        "made": int((~fitted.data.made["family"].isin(fitted.params.held_out)).sum()),
        "families": list(fitted.params.trained_on),
        "held_out": list(fitted.params.held_out),
        "style_held_equal": fitted.parts.even_style is not None,
    }
    cost = price(stack[fitted.rows], after, fit.outcome[fitted.rows], fit.group[fitted.rows])
    return {"checks": {**about, "price": cost}}


def swap_error(judge: Judge, prepared: Prepared) -> float:
    """Return the largest change of the judge's probabilities on some battles when their sides are swapped."""
    rows = np.arange(0, len(prepared.data), max(len(prepared.data) // SWAP_ROWS, 1))
    data = prepared.data.take(rows)
    seen = data
    if judge.checks is not None:  # they see features that the learners may not
        battles = prepared.battles.iloc[rows].reset_index(drop=True)
        seen = judge.data(battles, cache=prepared.cache, threads=prepared.fit.threads, progress=silent)
        prepared.cache.close()
    both = ((data, seen), (data.flip(), seen.flip()))
    straight, swapped = (judge.verdicts(each, judge.member_probabilities(said)) for said, each in both)
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


def _predict(
    folder: RunFolder, params: Params, loaded: Loaded, test: pd.DataFrame, trained: Trained, screen: Screen
) -> None:
    """Predict the test battles with the judge as it was saved, without its checks where the parameters say so."""
    judge, prepared = Judge.load(folder.judge), trained.prepared
    if not params.training.counterfactuals.submission:
        judge = with_checks(judge, None)
    files = {each.params.name: each.test for each in trained.outside if isinstance(each, OutsidePredictions)}
    elsewhere = Elsewhere.of_run(judge.members, files).asking(prepared.store.folder.parent, screen)
    elsewhere.look_up(test)
    for sentence in elsewhere.sentences():
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
    if "checks" in found:
        screen.note(f"Checks of answers: log loss {in_words(found['checks']['price'])}, with them less without.")
    if found.get("tricks"):
        shares = [np.mean([row[key]["share"] for row in found["tricks"]]) for key in ("before", "checked")]
        screen.note(
            f"Answers made worse that win against those they were made of: {shares[0]:.0%} before the checks, "
            f"{shares[1]:.0%} with them (mean over {len(found['tricks'])} kinds)."
        )
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
        cut = each["fit"].get("cut")
        if cut is None:
            screen.note(f"{each['name']} is a head on the encoder's embeddings, which read each text once.")
            continue
        screen.note(
            f"{each['name']} read {share_read(cut['prompt']):.0%} of the prompts' tokens and "
            f"{share_read(cut['answer']):.0%} of the answers'."
        )
    screen.table("Where the time went:", time_table(found["seconds"]))
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
