"""The questions of an audit as a file, for a judge that is asked elsewhere, and how its verdicts are read back.

The id of a question is a hash of its texts in their order. So no key has to be kept: the same battles and seed give the
same questions, whoever judged them, and ids say nothing of how a question was made.
"""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.battles.texts import storable
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_write
from pipelines.terminal.command_line import output_suffix
from stacker.audit.asking import Answers, ask_all, blocks
from stacker.audit.audit import Audit, audit_of, chosen_probes
from stacker.audit.effects import DRAWS, share
from stacker.audit.probe_interface import Probe
from stacker.audit.questions import ORIGINAL, AnswerPool, Chosen, digest_of, frame_of, question_id
from stacker.evaluate.intervals import Interval
from stacker.judge.any_judge import VerdictFile

ROWS = 200
"""Battles that are exported where it is not said how many: about 50 questions each."""
EXPORT, SUFFIXES = "--export", (".csv", ".jsonl")
COLUMNS = ("id", *TEXT_COLUMNS)


def export(
    battles: pd.DataFrame, out: Path, seed: int = 0, *, rows: int | None = ROWS, probes: Sequence[str] | None = None
) -> tuple[int, int]:
    """Write every question of an audit in both orders, each once, sorted by ids and so in no order that tells anything.

    Parameters
    ----------
    battles : DataFrame
        A battles table.
    out : Path
        Ends in .csv (texts as JSON lists of turns, as Kaggle has them) or .jsonl (lists of turns).
    seed, rows, probes
        As in `stacker.audit.audit.audit`.

    Returns
    -------
    int, int
        Battles and questions written.

    Raises
    ------
    UserError
        When `out` ends in something else, there is no such probe, or no battle.
    """
    suffix = output_suffix(out, EXPORT, SUFFIXES)
    chosen, picked = Chosen.of(battles, rows, seed), chosen_probes(probes)
    if len(chosen.rows) == 0:
        raise UserError("audit: there is no battle to ask about; give a table of battles.")
    found: dict[str, list[Any]] = {}
    for questions in blocks(chosen, AnswerPool(chosen), picked, chosen.rows):
        for turned in (False, True):
            frame = frame_of(questions, [turned] * len(questions))
            for name, *texts in zip(*(frame[column] for column in COLUMNS), strict=True):
                found.setdefault(name, texts)
    with atomic_write(out) as part, part.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".csv":
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows((name, *(json.dumps(turns) for turns in texts)) for name, texts in sorted(found.items()))
        else:
            for name, texts in sorted(found.items()):
                row = {"id": name} | {
                    column: list(map(storable, turns)) for column, turns in zip(TEXT_COLUMNS, texts, strict=True)
                }
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return len(chosen.rows), len(found)


def audit_verdicts(
    verdicts: VerdictFile,
    battles: pd.DataFrame,
    seed: int = 0,
    *,
    rows: int | None = None,
    probes: Sequence[str] | None = None,
    judge_model: str = "",
    rivals: Sequence[VerdictFile] = (),
    allow_missing: bool = False,
    draws: int = DRAWS,
) -> Audit:
    """Audit a judge by a file of its verdicts: on the questions of `export`, or on the battles themselves.

    Parameters
    ----------
    verdicts : VerdictFile
        By the ids of exported questions, for the whole audit; or by the battles' own ids: then what the file tells of
        failures, flips and unsteady verdicts, and what the judge prefers oftener than people do.
    battles, seed, rows, probes, judge_model, draws
        As in `stacker.audit.audit.audit`, and as they were exported; rows may be left out.
    rivals : sequence of VerdictFile
        Other judges' verdicts on the same battles, which a preference for an own family is compared with.
    allow_missing : bool
        Whether to go on where most questions have no verdict.

    Raises
    ------
    UserError
        When no id of the file is known, or most questions have no verdict.
    """
    everything, picked = Chosen.of(battles, None, seed), chosen_probes(probes)
    judged = _rows_judged(everything, verdicts)
    if len(judged) == 0:
        return _audit_battles(verdicts, battles, seed, rows, judge_model, rivals, allow_missing, draws)
    if rows is not None:
        judged = np.intersect1d(judged, Chosen.of(battles, rows, seed).rows)
    chosen = everything.limited(judged)
    answers = _only_judged(ask_all(verdicts.probabilities, chosen, picked, both_orders=True), picked)
    _check_missing(verdicts, answers.missing, answers.questions, allow_missing)
    return audit_of(
        verdicts.name,
        chosen,
        answers,
        picked,
        judge_model=judge_model,
        draws=draws,
        asked=_silence(answers, chosen.group[chosen.rows]),
    )


def _rows_judged(chosen: Chosen, verdicts: VerdictFile) -> np.ndarray:
    """Return the rows of the battles that the file has verdicts on, in either order, as exported questions."""
    found = []
    for row in chosen.rows.tolist():
        prompt, focus, other = map(digest_of, chosen.texts(row))
        if any(question_id(prompt, *pair) in verdicts.table.place for pair in ((focus, other), (other, focus))):
            found.append(row)
    return np.array(found, dtype=np.int64)


def _only_judged(answers: Answers, probes: Sequence[Probe]) -> Answers:
    """Return answers without the kinds of questions, in either order, that the file has no verdict on at all."""
    asked = {kind: each & ~np.isnan(answers.said[kind][..., 0]).all(axis=0) for kind, each in answers.asked.items()}
    kept = [kind for kind, each in asked.items() if each.any()]
    return Answers({kind: answers.said[kind] for kind in kept}, {kind: asked[kind] for kind in kept}, True)


def _silence(answers: Answers, group: Any) -> dict[str, Any]:
    """Return the share of the questions without a verdict, battle by battle."""
    put = sum(asked.sum(axis=1) for asked in answers.asked.values())
    silent = sum((asked & np.isnan(answers.said[kind][..., 0])).sum(axis=1) for kind, asked in answers.asked.items())
    return {"no_verdict": share(np.asarray(silent / np.maximum(put, 1)), group)}


def _check_missing(verdicts: VerdictFile, missing: int, questions: int, allow_missing: bool) -> None:
    if missing * 2 > questions and not allow_missing:
        first = f" {verdicts.table.first_failure}." if verdicts.table.first_failure else ""
        raise UserError(
            f"{verdicts.name}: has no verdict on {missing:,} of {questions:,} questions; name the file of all of them, "
            f"or add --allow-missing.{first}"
        )


def _audit_battles(
    verdicts: VerdictFile,
    battles: pd.DataFrame,
    seed: int,
    rows: int | None,
    judge_model: str,
    rivals: Sequence[VerdictFile],
    allow_missing: bool,
    draws: int,
) -> Audit:
    """Audit verdicts on the battles themselves."""
    chosen = Chosen.of(battles, rows, seed)
    inside = chosen.battles.iloc[chosen.rows]
    place = verdicts.table.rows_of(inside["id"])
    if (place < 0).all():
        raise UserError(
            f"{verdicts.name}: has none of the battles' ids, and none of the ids that --export gives their questions; "
            f"name the battles, and the --seed, that were judged."
        )
    said = verdicts.probabilities(inside)
    _check_missing(verdicts, int(np.isnan(said[:, 0]).sum()), len(said), allow_missing)
    answers = _as_answers(said, chosen)
    table, group, known = verdicts.table, chosen.group[chosen.rows], place >= 0
    at = np.maximum(place, 0)
    asked: dict[str, Interval] = {"no_verdict": share(np.isnan(said[:, 0]), group)}
    for name, hits, among in (
        ("failed", table.failed[at] / np.maximum(table.asked[at], 1), known),
        ("flipped", table.flipped[at], known & table.both[at]),
        ("unsteady", table.unsteady[at], known & table.repeated[at]),
    ):
        asked[name] = share(hits[among].astype(float), group[among])
    others = [_as_answers(rival.probabilities(inside), chosen).said[ORIGINAL, ""] for rival in rivals]
    return audit_of(
        verdicts.name,
        chosen,
        answers,
        (),
        judge_model=judge_model,
        draws=draws,
        asked=asked,
        one_order=~(known & table.both[at]),
        rivals=others,
    )


def _as_answers(said: Floats, chosen: Chosen) -> Answers:
    """Return verdicts on battles as they stand, in one order, as answers about the answer in focus."""
    turned = chosen.focus_is_b[chosen.rows]
    found = np.full((len(said), 2, 3), np.nan)
    found[~turned, 0], found[turned, 1] = said[~turned], said[turned][:, [1, 0, 2]]
    kind = (ORIGINAL, "")
    put = np.stack([~turned, turned], axis=1)
    return Answers({kind: found}, {kind: put}, False)


def files_by_judge(path: Path, names: Sequence[str]) -> Iterator[VerdictFile]:
    """Yield the verdicts of each judge that a file names."""
    from stacker.evaluate.verdicts.verdict_table import read_verdicts

    for name in names:
        yield VerdictFile(name, read_verdicts(path, judge=name))
