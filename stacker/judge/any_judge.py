"""Any judge there is: one that was saved, or a file of verdicts that another judge gave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd

from features.build import FeatureParams
from features.carried_rows import CarriedRows, Rows, keep_rows, known_rows
from features.encoder.choice import ResolvedEncoder
from features.encoder.embedding import EmbeddingBlock
from features.encoder.travelling_model import TravellingModel, travelling_model
from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from pipelines.models.model_files import is_hub_name
from pipelines.terminal.cluster.tasks import Shared, Task, Tasks
from pipelines.terminal.processes import usable_cores
from stacker.evaluate.verdicts.verdict_columns import PROBABILITIES
from stacker.evaluate.verdicts.verdict_table import VerdictTable, read_verdicts
from stacker.judge.input_texts import battles_of
from stacker.judge.provenance import read_provenance
from stacker.judge.verdict_control import HELD_EQUAL, Control, even_style_for, with_checks
from stacker.judge.verdict_files import Options
from stacker.learners.judges.judge_record import FILE
from stacker.learners.judges.starter_prior import starter_folder
from stacker.learners.learner_registry import may_be_silent

if TYPE_CHECKING:
    from features.cache import BlockCache
    from stacker.judge.judge import Judge

STARTER = "starter"
"""What stands for the starter judge where no folder of that name is there."""


class AnyJudge(Protocol):
    """What gives verdicts on battles.

    Attributes
    ----------
    name : str
        The last part of its path.
    about : str
        What it is, as the end of a sentence.
    kind : str
        What the verdicts are: `probabilities`, or `winners` or `scores`, which are no probabilities and have no log
        loss.
    ties : bool
        Whether it can say tie.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def about(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def ties(self) -> bool: ...  # noqa: D102

    def probabilities(self, battles: pd.DataFrame) -> Floats:
        """Return (n, 3) probabilities of A, B and tie for a battles table of n rows; NaN where there is no verdict."""
        ...

    def margins(self, battles: pd.DataFrame, probabilities: Floats) -> Floats:
        """Return (n,): how far A is ahead, in the judge's own measure; its sign turns when the sides are swapped."""
        ...


@dataclass(frozen=True)
class SavedJudge:
    """A judge of this project, asked for each battle."""

    name: str
    about: str
    judge: "Judge"
    threads: int = 0
    cache: "BlockCache | None" = None
    kind: str = PROBABILITIES
    ties: bool = True
    control: Control = None

    def probabilities(self, battles: pd.DataFrame) -> Floats:
        """Return (n, 3) probabilities; every battle has some."""
        threads = self.threads or usable_cores()
        return self.judge.predict_proba(battles, cache=self.cache, threads=threads, control=self.control)

    def margins(self, battles: pd.DataFrame, probabilities: Floats) -> Floats:
        """Return (n,) p(A) - p(B)."""
        return np.asarray(probabilities[:, 0] - probabilities[:, 1])

    def task(self, battles: pd.DataFrame) -> Task:
        """Return the work of `probabilities`, in this process."""
        return Task(self.probabilities, (battles,))


@dataclass(frozen=True)
class TravellingJudge:
    """A judge of this project, as it is asked on the nodes of a cluster; it gives the verdicts that it gives here.

    Attributes
    ----------
    folder : Shared of Path
        The judge.
    models : tuple of TravellingModel
        What it reads by.
    options : Options
        Of how it is asked.
    """

    folder: Shared[Path]
    models: tuple[TravellingModel, ...]
    options: Options

    def opened(self) -> "Judge":
        """Return the judge, where a task runs; a process opens it once."""
        from stacker.judge.judge import Judge

        folder, options = self.folder.get(), self.options
        key = (folder, options.device, options.votes_only, options.cascade)
        if key not in _ON_NODE:
            for model in self.models:
                model.here()
            loaded = Judge.load(folder, device=options.device)
            loaded = with_checks(loaded, None) if options.votes_only else loaded
            loaded.cascades = options.cascade
            _ON_NODE.clear()
            _ON_NODE[key] = loaded
        return _ON_NODE[key]


_ON_NODE: dict[tuple[object, ...], "Judge"] = {}
"""The judge that this process, on a node of a cluster, has asked last."""
NewRows = Mapping[str, Sequence[Rows]]


def _verdicts(
    sent: Shared[TravellingJudge], battles: pd.DataFrame, known: Mapping[str, Rows] | None
) -> tuple[Floats, NewRows]:
    judge = sent.get()
    cache, options = None if known is None else CarriedRows(known), judge.options
    found = judge.opened().predict_proba(battles, cache=cache, threads=options.threads, control=options.control)
    return found, {} if cache is None else cache.new


@dataclass(frozen=True)
class AskedElsewhere:
    """A judge that is asked on the nodes of a cluster, and the cache that this machine keeps of what they compute."""

    judge: "Judge"
    sent: Shared[TravellingJudge]
    threads: int
    cache: "BlockCache | None" = None

    def task(self, battles: pd.DataFrame) -> Task:
        """Return the work of giving (n, 3) probabilities for n battles; `received` takes its result."""
        known = None if self.cache is None else known_rows(battles_of(battles), *self._features, self.cache)
        return Task(_verdicts, (self.sent, battles, known), self.threads)

    def received(self, result: tuple[Floats, NewRows]) -> Floats:
        """Return the probabilities, and keep the rows that came with them."""
        if self.cache is not None:
            keep_rows(result[1], *self._features, self.cache)
        return result[0]

    @property
    def _features(self) -> tuple[FeatureParams, EmbeddingBlock | None]:
        encoder = self.judge.encoder
        return self.judge.seen_features, None if encoder is None else encoder.block


def asked_elsewhere(
    tasks: Tasks, folder: Path, judge: "Judge", options: Options, cache: "BlockCache | None" = None
) -> AskedElsewhere:
    """Return a judge as it is asked by `tasks`.

    Parameters
    ----------
    folder : Path
        The judge's folder, from which `judge` was loaded.
    options : Options
        Of how it is asked; its cache is opened as `cache`.

    Raises
    ------
    UserError
        When the judge has learners that only this machine can ask.
    """
    here = [member.name for member in judge.members if may_be_silent(member.kind)]
    if here:
        raise UserError(
            f"--cluster: the judge's learner {here[0]} has its verdicts from files or servers that this machine "
            "knows; leave out --cluster."
        )
    if judge.encoder is not None:
        _ = judge.encoder.block.copies  # made here where they are missing, once and not by each node
    readers = [judge.encoder, *(member.learner for member in judge.members)]
    found = [getattr(reader, "resolved", getattr(reader, "encoder", None)) for reader in readers]
    models = {each.name: each for each in found if isinstance(each, ResolvedEncoder) and is_hub_name(each.name)}
    shared = tuple(travelling_model(tasks, each, "int8") for each in models.values())
    threads = options.threads or usable_cores()
    travels = TravellingJudge(tasks.share_folder(folder), shared, replace(options, threads=threads, cache=None))
    return AskedElsewhere(judge, tasks.share(travels), threads, cache)


@dataclass(frozen=True)
class VerdictFile:
    """A file of another judge's verdicts, looked up by the battles' ids."""

    name: str
    table: VerdictTable

    @property
    def about(self) -> str:
        """How many verdicts of which kind it holds."""
        count = len(self.table.place)
        return f"verdicts on {count:,} battle{'s' if count != 1 else ''}, given as {self.table.kind}"

    @property
    def kind(self) -> str:
        """What the verdicts are."""
        return self.table.kind

    @property
    def ties(self) -> bool:
        """Whether the file can say tie."""
        return self.table.ties

    def probabilities(self, battles: pd.DataFrame) -> Floats:
        """Return (n, 3): probabilities as the file gives them, or the share of askings that named each outcome."""
        return self._looked_up(self.table.probabilities, battles)

    def task(self, battles: pd.DataFrame) -> Task:
        """Return the work of `probabilities`, in this process."""
        return Task(self.probabilities, (battles,))

    def margins(self, battles: pd.DataFrame, probabilities: Floats) -> Floats:
        """Return (n,) p(A) - p(B), or the difference of the scores; NaN where there is no verdict."""
        return self._looked_up(self.table.margin, battles)

    def _looked_up(self, values: Floats, battles: pd.DataFrame) -> Floats:
        rows = self.table.rows_of(battles["id"])
        found = np.array(values[rows], dtype=np.float64)
        found[rows < 0] = np.nan
        return found


def open_judge(
    path: Path | str,
    *,
    device: Literal["cpu", "cuda"] | None = None,
    threads: int = 0,
    cache: "BlockCache | None" = None,
    judge: str = "",
    control: Control = None,
) -> SavedJudge | VerdictFile:
    """Open a saved judge, or a file of another judge's verdicts.

    Parameters
    ----------
    path : Path or str
        A judge's folder, that of a run (whose judge is taken), "starter" for the judge in this package, or a file as
        `stacker.evaluate.verdicts.verdict_table.read_verdicts` reads it.
    device, threads, cache
        For a saved judge: where its encoder runs, processes for features of texts (0 for every core), and where
        numbers of texts are kept.
    judge : str
        Which judge's verdicts, where a file holds those of several.
    control : "style" or None
        Which verdicts of a saved judge, as `stacker.judge.judge.Judge.compare` has them.

    Raises
    ------
    UserError
        When there is neither, or it cannot be read.
    """
    path = Path(path)
    if path.is_file():
        if control is not None:
            raise UserError(f"{path}: is a file of verdicts, which has none {HELD_EQUAL}; leave out --control.")
        return VerdictFile(judge or path.name, read_verdicts(path, judge))
    if not path.exists() and str(path) != STARTER:
        raise UserError(f"{path}: there is no such judge; name its folder, a file of verdicts, or {STARTER}.")
    folder = folder_of(path)
    from stacker.judge.judge import Judge

    loaded = Judge.load(folder, device=device)
    even_style_for(loaded.even_style, control)
    about = f"{read_provenance(folder)}{'' if control is None else f'; {HELD_EQUAL}'}"
    return SavedJudge(path.name or str(path), about, loaded, threads, cache, control=control)


def folder_of(path: Path) -> Path:
    """Return the folder of a saved judge, named by itself, by the run that made it, or as "starter".

    Raises
    ------
    UserError
        When there is none.
    """
    if not path.exists():
        if str(path) != STARTER:
            raise UserError(f"{path}: there is no such judge; name its folder, or {STARTER}.")
        return starter_folder()
    return path / "judge" if not (path / FILE).exists() and (path / "judge" / FILE).exists() else path
