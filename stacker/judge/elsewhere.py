"""What a judge needs from elsewhere to predict: files of predictions, language models to ask, or neither."""

import argparse
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pipelines.errors import UserError, shown
from pipelines.files.object_storage import AnyFolder, local_folder
from pipelines.terminal.command_line import Screen
from stacker.judge.members import Member

if TYPE_CHECKING:
    from stacker.learners.judges.language_judge import LanguageJudge
    from stacker.learners.judges.outside import OutsideLearner
    from stacker.learners.judges.outside_file import OutsideFile


def add_elsewhere_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser `--outside` and `--without`, lists of str."""
    parser.add_argument(
        "--outside",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="predictions of the judge's learner NAME from outside for these battles, by id; may be repeated",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="go without the judge's learner NAME from elsewhere; may be repeated",
    )
    parser.add_argument(
        "--cascade",
        action="store_true",
        help="ask the judge's language models only where its other learners are unsure, by the threshold of its run",
    )
    parser.add_argument(
        "--ask-server",
        action="append",
        default=[],
        metavar="HOST",
        help="a host that the judge's language models may send the battles to; may be repeated",
    )


def named_files(texts: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """Return names and files written NAME=FILE; a `UserError` for anything else."""
    found = []
    for text in texts:
        name, _, path = text.partition("=")
        if not name or not path:
            raise UserError(f"--outside {shown(text)}: names no file; write NAME=FILE.")
        found.append((name, Path(path)))
    return tuple(found)


@dataclass(frozen=True)
class Elsewhere:
    """The learners from outside of a judge, with their files for the battles to predict, and those that are asked.

    A file that is None goes without.
    """

    learners: Sequence[tuple["OutsideLearner", "OutsideFile | None"]] = ()
    asked: Sequence["LanguageJudge"] = ()
    counts: Counter[int | str] = field(default_factory=Counter)

    @classmethod
    def of_run(cls, members: Sequence[Member], files: Mapping[str, "OutsideFile | None"]) -> "Elsewhere":
        """Return it for learners by name, of which each is gone without where its file has nothing."""
        asked = _language_judges(members)
        for name in [name for name, file in files.items() if file is None and name in asked]:
            asked[name].goes_without, asked[name].asks = True, False
        from_files = {name: file for name, file in files.items() if name not in asked}
        found = [(_outside_learner(members, name), file) for name, file in from_files.items()]
        for learner, file in found:
            learner.goes_without = True
            if file is not None:
                learner.check_ties(file)
        return cls(found, list(asked.values()))

    def asking(
        self, cache: AnyFolder | None, screen: Screen | None = None, hosts: Collection[str] | None = None
    ) -> "Elsewhere":
        """Have language models keep their replies below a folder, tell a screen, and be allowed to be asked.

        Parameters
        ----------
        cache : Path, RemoteFolder or None
            None is the folder that runs keep theirs in by default.
        hosts : collection of str or None
            To which battles may be sent, besides this machine; None is all, where the settings are one's own.
        """
        for each in self.asked:
            each.trusted = hosts is None or each.host in hosts
            if cache is not None:
                each.folder = local_folder(cache / "judges" / each.name)
            if screen is not None:
                each.progress, each.note = screen.progress, screen.note
        return self

    @classmethod
    def opened(
        cls, members: Sequence[Member], files: Sequence[tuple[str, Path]], without: Sequence[str]
    ) -> "Elsewhere":
        """Read the files; a `UserError` where one cannot be read or the judge has no such learner."""
        from stacker.learners.judges.outside_file import read_outside

        for name, _ in files:
            _outside_learner(members, name)
        known = [*_outside_learners(members), *_language_judges(members)]
        for name in without:
            if name not in known:
                have = f"those that it can go without are {', '.join(known)}" if known else "it has none"
                raise UserError(f"--without {shown(name)}: the judge has no such learner from elsewhere; {have}.")
        named = {name: read_outside(path) for name, path in files}
        return cls.of_run(members, {**dict.fromkeys(without), **named})

    def look_up(self, battles: pd.DataFrame) -> None:
        """Have the learners know what their files say of battles with ids, and count those without anything."""
        self.counts.update(battles=len(battles))
        for place, (learner, file) in enumerate(self.learners):
            if file is not None:
                learner.attach(file, battles)
            self.counts.update({place: len(battles) - learner.count_known(battles)})

    def sentences(self) -> list[str]:
        """Return a sentence on each learner that had nothing on some of the battles looked up."""
        return [
            f"{learner.name}: {self.counts[place]:,} of {self.counts['battles']:,} battles to predict have no "
            "prediction from outside; their verdicts go by the other learners."
            for place, (learner, _) in enumerate(self.learners)
            if self.counts[place]
        ]


def _language_judges(members: Sequence[Member]) -> dict[str, "LanguageJudge"]:
    if all(member.kind != "language_judge" for member in members):
        return {}
    from stacker.learners.judges.language_judge import LanguageJudge

    return {member.name: member.learner for member in members if isinstance(member.learner, LanguageJudge)}


def _outside_learners(members: Sequence[Member]) -> dict[str, "OutsideLearner"]:
    from stacker.learners.judges.outside import OutsideLearner

    return {member.name: member.learner for member in members if isinstance(member.learner, OutsideLearner)}


def _outside_learner(members: Sequence[Member], name: str) -> "OutsideLearner":
    """Return the learner of predictions from outside that has a name; a `UserError` where there is none."""
    found = _outside_learners(members)
    if name not in found:
        have = f"its learners from outside are {', '.join(found)}" if found else "it has none"
        raise UserError(f"{shown(name)}: the judge has no learner from outside of this name; {have}.")
    return found[name]
