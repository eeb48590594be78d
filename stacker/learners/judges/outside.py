"""Anybody's predictions as a learner of the stack: out-of-fold ones to learn from, others for battles to predict."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field

from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.files.saved_files import Name, read_model
from stacker.learners.balance import class_shares
from stacker.learners.judges.known_battles import KnownBattles
from stacker.learners.judges.leak_signs import leak_signs
from stacker.learners.judges.outside_file import OutsideFile, read_outside
from stacker.learners.judges.params import Missing, OutsideParams
from stacker.learners.learner_interface import SETTINGS, Fit, LearnerData, LearnerFile, write_settings
from stacker.learners.learner_registry import Configured
from stacker.learners.stacking.pool import margins_and_ties, probabilities_of

KIND = "outside"


class OutsideRecord(LearnerFile):
    """What learner.json of such a learner holds."""

    name: Name
    ties: bool
    tie: float = Field(ge=0, le=1, strict=True)
    on_missing: Missing


class OutsideLearner:
    """What a file says of a battle, whichever side an answer stands on; nothing (NaN) of battles that it has not.

    Parameters
    ----------
    known : KnownBattles
        Margin (odd) and tie log-odds (even) of each battle.
    ties : bool
        Whether the file says how likely a tie is; else it is as likely as among the votes it is fitted to.
    on_missing : str
        As in `OutsideParams`.
    """

    def __init__(self, name: str, known: KnownBattles, ties: bool, on_missing: Missing = "refuse") -> None:
        self.name, self.known, self.ties, self.on_missing = name, known, ties, on_missing
        self.attached_: KnownBattles | None = None
        self.goes_without = on_missing == "go_without"

    @property
    def refusal(self) -> str:
        """Why battles of which nothing is known are refused; "" where the judge goes without."""
        if self.goes_without or self.attached_ is not None:
            return ""
        return (
            f"this judge: its learner {self.name} is predictions from outside, which are missing for these battles; "
            f"give them by `--outside {self.name}=FILE` of stacker.predict, or go without by `--without {self.name}`."
        )

    def fit(self, data: LearnerData, fit: Fit) -> Self:
        """Learn how often there are ties, where the file does not say it; its predictions stay as they are."""
        self.tie_ = float(class_shares(fit.outcome, fit.weight)[2])
        return self

    def predict_proba(self, data: LearnerData) -> Floats:
        """Return (n, 3) probabilities, NaN where it has none; exact under swapping of the sides."""
        odd, even = self._known_now().look_up(data.texts)
        if self.ties:
            return probabilities_of(odd[:, 0], even[:, 0])
        decided = probabilities_of(odd[:, 0], np.full(len(odd), -np.inf)) * (1 - self.tie_)
        decided[:, 2] = np.where(np.isnan(odd[:, 0]), np.nan, self.tie_)
        return decided

    def attach(self, file: OutsideFile, battles: pd.DataFrame) -> None:
        """Know what a file says of further battles with ids, in place of those attached before."""
        self.attached_ = known_of(battles, file.of(battles["id"]))

    def count_known(self, battles: pd.DataFrame) -> int:
        """Return of how many battles it knows something."""
        return int(np.isfinite(self._known_now().look_up(battles)[0]).sum())

    def _known_now(self) -> KnownBattles:
        return self.known if self.attached_ is None else self.known.joined(self.attached_)

    def check_ties(self, file: OutsideFile) -> None:
        """Raise a `UserError` where a file says of ties what that which it was made from does not, or the reverse."""
        if file.table.ties != self.ties:
            has, lacks = ("has", "has none") if file.table.ties else ("has none", "has")
            raise UserError(
                f"{file.path}: {has} probabilities of ties, and what learner {self.name} was made from {lacks}; give "
                f"predictions of the same kind."
            )

    def save(self, folder: Path) -> None:
        """Write it into an empty folder."""
        content = {"name": self.name, "ties": self.ties, "tie": self.tie_, "on_missing": self.on_missing}
        write_settings(folder, content)
        self.known.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        record = read_model(folder / SETTINGS, OutsideRecord)
        found = cls(record.name, KnownBattles.load(folder, 1, 1), record.ties, record.on_missing)
        found.tie_ = record.tie
        return found


def known_of(battles: pd.DataFrame, probabilities: Floats) -> KnownBattles:
    """Return what (n, 3) probabilities say of n battles, as margins and tie log-odds."""
    margin, tie = margins_and_ties(probabilities)
    return KnownBattles.of(battles[list(TEXT_COLUMNS)].reset_index(drop=True), margin[:, None], tie[:, None])


@dataclass(frozen=True)
class OutsidePredictions:
    """A learner's files as they were read, next to the battles of a run.

    Attributes
    ----------
    learner : callable
        Makes the unfitted learner.
    told : dict
        What was found, as JSON values: `name`, `values`, `battles`, `missing`, `repeated`, `unread`, `strangers`.
    """

    params: OutsideParams
    identity: str
    learner: Callable[[], OutsideLearner]
    told: dict[str, Any]
    test: OutsideFile | None

    def configured(self) -> Configured:
        """Return it as a learner of the stack."""
        return Configured(self.params.name, KIND, self.identity, self.learner)

    def signs(self, said: Floats, fit: Fit, folds: Ints) -> str:
        """Return a sentence on what looks as if (n, 3) predictions were not out of fold; "" where nothing does."""
        told: Floats | None = None
        if self.test is not None:
            told = np.array(self.test.table.probabilities)
        found = leak_signs(said, fit.outcome, fit.group, folds, told)
        if not found:
            return ""
        return (
            f"Warning: {self.params.name} looks as if it was trained on the battles that it predicts: "
            f"{'; '.join(found)}. Predict each battle by a model trained without it, or the stack trusts it too far."
        )

    def sentence(self) -> str:
        """Return what the user should know."""
        told = self.told
        found = f"{told['name']}: {told['battles'] - told['missing']:,} of {told['battles']:,} battles have predictions"
        found += f" from outside ({told['values']})"
        if told["missing"]:
            found += f"; the verdicts on the other {told['missing']:,} go by the other learners"
        for key, what in (
            ("unread", "rows say nothing that can be read"),
            ("strangers", "ids are of no battle here"),
            ("repeated", "ids come more than once and are averaged"),
        ):
            found += f"; {told[key]:,} {what}" if told[key] else ""
        return found + "."


def open_outside(params: OutsideParams, battles: pd.DataFrame) -> OutsidePredictions:
    """Read the files of one learner.

    Parameters
    ----------
    battles : DataFrame, n rows
        Those to learn from, with their `id` and texts.

    Raises
    ------
    UserError
        When a file cannot be read or is of other battles, or too many battles have no prediction.
    """
    key = f"learners.outside {params.name}"
    if "id" not in battles:
        raise UserError(f"{key}: these battles have no ids, by which predictions are found; give battles with ids.")
    file = read_outside(params.out_of_fold, params.values)
    file.check_ids(battles["id"])
    test = None if params.test is None else read_outside(params.test, params.values)
    probabilities = file.of(battles["id"])
    missing = int(np.isnan(probabilities[:, 0]).sum())
    if missing > params.max_missing * len(battles):
        raise UserError(
            f"{key}: {params.out_of_fold} has no prediction for {missing:,} of {len(battles):,} battles; give one for "
            f"each, or set its max_missing above {missing / len(battles):.2f}."
        )
    known, ties = known_of(battles, probabilities), file.table.ties
    told = {
        "name": params.name,
        "values": file.values,
        "battles": len(battles),
        "missing": missing,
        "repeated": file.repeated,
        "unread": file.unread,
        "strangers": file.strangers(battles["id"]),
    }

    def learner() -> OutsideLearner:
        return OutsideLearner(params.name, known, ties, params.on_missing)

    found = OutsidePredictions(params, f"{known.digest()} {ties} {params.on_missing}", learner, told, test)
    if test is not None:
        learner().check_ties(test)
    return found
