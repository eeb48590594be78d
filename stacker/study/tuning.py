"""The studies behind one command: one over all battles, and one for each outer fold of the comparison."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from optuna.distributions import CategoricalDistribution

from pipelines.files.atomic_files import atomic_write
from pipelines.files.hashes import code_version
from pipelines.terminal.command_line import Screen
from stacker.study.nested import Outer, outer_folds
from stacker.study.objective import CrossFitted, widest
from stacker.study.space import FIXED_SECTIONS, Space, leaves, read_space
from stacker.study.storage import open_storage
from stacker.study.study_log import About, StudyLog
from stacker.training.data_set import Prepared, prepare, read_data
from stacker.training.params import Params

SET_ASIDE = "set_aside.jsonl"
"""In the study's folder: rows of the sources that could not be used, with their reasons."""


@dataclass(frozen=True)
class Job:
    """A study, what scores its points, and what these scores depend on; `outer` is None for the one of all battles."""

    log: StudyLog
    objective: CrossFitted
    outer: Outer | None
    about: About


@dataclass(frozen=True)
class Tuning:
    """Everything that a study and its workers need: the space, the storage, and the studies in their order."""

    params: Params
    space: Space
    whole: CrossFitted
    jobs: list[Job]

    def close(self) -> None:
        """Give every connection back; all studies share one storage and one lock."""
        self.jobs[0].log.close()


def open_tuning(params: Params, screen: Screen, continue_anyway: bool) -> Tuning:
    """Check the space, open the storage, compute the features, and open every study."""
    study = params.study
    space = read_space(params, study.space, study.sampler == "grid")
    choices = {
        name: each.choices for name, each in space.distributions.items() if isinstance(each, CategoricalDistribution)
    }
    with TemporaryDirectory() as scratch:
        rejected = Path(scratch) / SET_ASIDE
        loaded = read_data(params, rejected, screen)

        def prepared(wide: Params) -> Prepared:
            with screen.working():
                return prepare(wide, loaded.train, screen.progress, screen.note)

        whole = CrossFitted(prepared, widest(params.features, choices), study.target, progress=screen.progress)
        whole.learners(params)  # a target that is not there is said before anything is computed or written
        storage, lock = open_storage(study.storage, study.folder, study.name)
        code = code_version("stacker.study.objective", "stacker.study.nested")

        def opened(outer: Outer | None) -> Job:
            objective = whole if outer is None else whole.part(outer.train)
            name = study.name if outer is None else f"{study.name}, outer fold {outer.number + 1}"
            about = About(space.described(), objective.identity(params), _rest(params, space), code)
            log = StudyLog(storage, lock, name, study, space, params.run.seed)
            return Job(log.open(about, continue_anyway), objective, outer, about)

        jobs = [
            opened(outer)
            for outer in (None, *outer_folds(whole.prepared(params).fit, study.outer_folds, params.run.seed))
        ]
        _keep(rejected, study.folder / SET_ASIDE)
    return Tuning(params, space, whole, jobs)


def _keep(rejected: Path, target: Path) -> None:
    """Copy the file of rejected rows to its place, or remove an older one where there is none."""
    if rejected.exists():
        with atomic_write(target) as part:
            shutil.copyfile(rejected, part)
    else:
        target.unlink(missing_ok=True)


def _rest(params: Params, space: Space) -> dict[str, Any]:
    """Return every parameter that a trial's value depends on and the space does not name."""
    content = params.model_dump(mode="json", exclude=set(FIXED_SECTIONS) | {"report"})
    fixed = {"run.seed": params.run.seed, "study.target": params.study.target}
    found = {name: value for name, value in leaves(content) if name not in space.distributions}
    return {**found, **fixed, "study.objectives": list(params.study.objectives)}
