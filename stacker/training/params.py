"""params.yaml as typed objects: one section a stage, an unknown key refused by name, `--set` overrides."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from features.blocks.registry import BLOCKS
from features.build import FeatureParams
from features.encoder.choice import EncoderParams
from pipelines.battles.folds import FoldParams
from pipelines.battles.sources import DataParams
from pipelines.errors import UserError, shown
from pipelines.files.object_storage import CacheFolder
from pipelines.files.plain_yaml import DEEPEST, RefusedYamlError, plain_yaml, yaml_fault
from pipelines.settings import MOST_FOLDS, LocalPath, Section, fault_sentence, todays_name, todays_sections
from pipelines.terminal.cluster.tasks import ClusterAddress
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_registry import KINDS, SWITCHED, LearnersParams
from stacker.learners.stacking.stack import StackParams
from stacker.learners.transformer.params import TransformersParams
from stacker.training.made.params import TrainingParams

LARGEST_SEED = 2**31 - 1 - MOST_FOLDS
"""Learners add the number of a fold to the seed, and their libraries take 32 bits."""
Objective = Literal[
    "log_loss",
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "bradley_terry_loss",
    "win_rate",
    "brier",
    "ece",
    "tie_recall",
]
Direction = Literal["minimize", "maximize"]
RISING = {"accuracy", "balanced_accuracy", "macro_f1", "win_rate", "tie_recall"}
"""Objectives of which more is better."""
DEFAULT_SPACE: dict[str, Any] = {
    "learners.lightgbm.learning_rate": {"low": 0.03, "high": 0.2, "log": True},
    "learners.lightgbm.num_leaves": {"low": 4, "high": 24},
    "learners.lightgbm.min_child_samples": {"low": 10.0, "high": 80.0, "log": True},
    "learners.lightgbm.colsample_bytree": {"low": 0.1, "high": 0.6},
    "learners.xgboost.learning_rate": {"low": 0.03, "high": 0.2, "log": True},
    "learners.xgboost.max_depth": {"low": 2, "high": 5},
    "learners.xgboost.colsample_bytree": {"low": 0.1, "high": 0.6},
    **{f"features.{block.switch}": [True, False] for block in BLOCKS.values() if block.library},
}
_FEW: dict[str, Any] = {
    **{kind: {"enabled": False} for kind in SWITCHED},
    "lightgbm": {
        "n_estimators": 150,
        "early_stopping_rounds": 20,
        "bags": 2,
        "learning_rate": 0.08,
        "min_child_samples": 15,
    },
    "linear": {"C": (0.0003, 0.003, 0.03), "inner_folds": 3},
}
FEW_VOTES_LEARNERS = LearnersParams.model_validate(_FEW)
"""What a hundred to a thousand votes can feed, next to the starter judge; `stacker.starter.gain` measures these."""


_ON_PAIRS = tuple(kind.name for kind in KINDS.values() if kind.settings is not None and "pairs" in kind.sees)


class ReportParams(Section):
    """The page for people.

    `ablation` and `learning_curve` refit: the level-1 model without each learner, and a `refit` learner without each
    block and on fewer battles, on at most `battles` of them. The linear learner takes seconds; trees, with the settings
    of the run, take as long as the run itself, several times. `listed` battles of each list are shown with
    `characters` of each text.
    """

    enabled: bool = True
    ablation: bool = True
    learning_curve: bool = True
    refit: Literal[*_ON_PAIRS] = "linear"  # type: ignore[valid-type]
    battles: int = Field(6000, ge=100)
    listed: int = Field(10, ge=0, le=10_000)
    characters: int = Field(700, ge=50)


class RunParams(Section):
    """Where a run writes, and what it may use; `threads` 0 means every core.

    `cluster` is where texts are counted and embedded and learners are fitted: null or local, on this machine; auto, on
    the Ray cluster that this machine is a node of; ray://HOST:PORT, on any other. The numbers are the same; `threads`
    are then those of one fit on one node.

    `cache` may be a URL of object storage, such as `s3://bucket/folder` or `gs://bucket/folder`: what one machine has
    computed the others find there, and each works on a copy on its own disk.
    """

    folder: LocalPath = Path("runs/latest")
    cache: CacheFolder = Path("cache")
    seed: int = Field(0, ge=0, le=LARGEST_SEED)
    threads: int = Field(0, ge=0, le=1024)
    cluster: ClusterAddress = None

    @model_validator(mode="before")
    @classmethod
    def _without_draws(cls, content: Any) -> Any:
        """Leave out `bootstrap_draws`, which files of earlier versions hold: intervals are computed, not drawn."""
        if not isinstance(content, Mapping):
            return content
        return {key: value for key, value in content.items() if key != "bootstrap_draws"}


class StudyParams(Section):
    """A study.

    `space` names what is tuned: a dotted key of this file with `{low, high}` and, where wanted, `step` or `log: true`,
    or with a list of choices. `target` is stack or the name of one learner; the objectives are its cross-fitted scores,
    and several give a Pareto front. `pruner` ends a trial after a fold when it is worse than the median of the others
    so far (median), or than the best by Wilcoxon's test over the folds (wilcoxon); a front is never pruned. `storage`
    null is a journal file in `folder`; else the URL of an SQLite file or a PostgreSQL database. `trials` counts those
    of earlier commands too; `timeout`, in seconds, is of one command: no trial begins after it, 0 means no limit.
    `outer_folds` folds compare the default with the tuned parameters on battles that their tuning never saw, each by a
    study of its own with as many trials; 0 leaves the comparison out.
    """

    name: str = Field("study", min_length=1, max_length=200)
    folder: LocalPath = Path("runs/study")
    storage: str | None = Field(None, min_length=1)
    sampler: Literal["tpe", "gp", "random", "grid"] = "tpe"
    pruner: Literal["median", "wilcoxon", "none"] = "median"
    target: str = Field("stack", min_length=1)
    objectives: tuple[Objective, ...] = Field(("log_loss",), min_length=1)
    trials: int = Field(40, ge=1)
    timeout: float = Field(0.0, ge=0, le=1e8)
    workers: int = Field(1, ge=1, le=1024)
    outer_folds: int = Field(3, ge=0, le=20)
    space: dict[str, Any] = DEFAULT_SPACE

    @property
    def directions(self) -> list[Direction]:
        """Return `minimize` or `maximize` for each objective."""
        return ["maximize" if name in RISING else "minimize" for name in self.objectives]


class Params(Section):
    """The whole of params.yaml."""

    data: DataParams = DataParams()
    folds: FoldParams = FoldParams()
    features: FeatureParams = FeatureParams()
    encoder: EncoderParams = EncoderParams()
    learners: LearnersParams = LearnersParams()
    balance: BalanceParams = BalanceParams()
    transformer: TransformersParams = TransformersParams()
    stack: StackParams = StackParams()
    training: TrainingParams = TrainingParams()
    report: ReportParams = ReportParams()
    run: RunParams = RunParams()
    study: StudyParams = StudyParams()
    dashboard: dict[str, Any] = Field(default_factory=dict)
    """Read by the dashboard, which checks it; nothing here depends on it."""


def read_params(path: Path, overrides: Sequence[str] = ()) -> Params:
    """Read params.yaml and apply `section.key=value` overrides.

    Parameters
    ----------
    path : Path
        A YAML mapping of sections; a section left out has its defaults.
    overrides : sequence of str
        `section.key=value`, the value written as YAML.

    Raises
    ------
    UserError
        When the file cannot be read, or a key or value is not allowed; the sentence names the key.
    """
    try:
        content = plain_yaml(path.read_text(encoding="utf-8")) or {}
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}); name an existing params.yaml.") from fault
    except UnicodeDecodeError as fault:
        raise UserError(f"{path}: is not UTF-8 text; save it as UTF-8.") from fault
    except yaml.YAMLError as fault:
        raise UserError(yaml_fault(fault, str(path))) from fault
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}, not sections; write `section:` and keys under it.")
    content = _todays(content, str(path))
    for override in overrides:
        _override(content, override)
    return parse_params(content, str(path))


def parse_params(content: Mapping[str, Any], origin: str = "parameters") -> Params:
    """Check a mapping of sections and return it typed; `origin` is named in the error.

    Keys are also read under the names that they had in earlier versions; a line on standard error tells today's.
    """
    try:
        return Params.model_validate(_todays(content, origin))
    except ValidationError as fault:
        names = [name for name, _ in key_names()]
        raise UserError(fault_sentence(fault, origin, [*names, *_names_in_lists()])) from fault


def _todays(content: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return all sections, and the space of a study in them, under the names of today, and tell of those renamed."""
    found, said = todays_sections(Params, content, origin)
    study = found.get("study")
    if isinstance(study, Mapping) and isinstance(study.get("space"), Mapping):
        space, more = todays_sections(Params, study["space"], f"{origin}: study.space")
        found["study"] = {**study, "space": space}
        said += [f"study.space: {each}" for each in more]
    _tell(origin, said)
    return dict(found)


def _tell(origin: str, said: Sequence[str]) -> None:
    if said:
        sys.stderr.write(f"{origin}: {', '.join(said)}; the former names are still read.\n")


def dump_params(params: Params) -> str:
    """Return the resolved parameters as YAML that `read_params` reads back to the same."""
    return yaml.safe_dump(params.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def key_names(model: type[BaseModel] = Params, prefix: str = "") -> list[tuple[str, Any]]:
    """Return every key as a dotted name with its default, in the order of the file."""
    found: list[tuple[str, Any]] = []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            found += key_names(type(default), f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", default))
    return found


def _names_in_lists(model: type[BaseModel] = Params, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of what stands in lists of sections, without places in them: data.sources.path."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in get_args(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)]
        for kind in kinds if get_origin(field.annotation) is tuple else ():
            yield from (f"{prefix}{name}.{inner}" for inner, _ in key_names(kind))
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            yield from _names_in_lists(type(default), f"{prefix}{name}.")


def described_keys() -> str:
    """Return one line per key with its default, for a command's help."""
    rows = [
        (name, yaml.safe_dump(_plain(default), default_flow_style=True, width=10**6)) for name, default in key_names()
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:<{width}}  {default.replace('...', '').strip()}" for name, default in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return str(value) if isinstance(value, Path) else value


def _override(content: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    override = shown(override, 80)
    if not equals or not name.strip():
        raise UserError(f"--set {override}: has no `=`; write --set section.key=value.")
    try:
        value = plain_yaml(text)
    except RefusedYamlError as fault:
        raise UserError(f"--set {shown(override)}: {fault.what}.") from fault
    except yaml.YAMLError as fault:
        raise UserError(f"--set {override}: the value is not valid YAML; put it in quotes.") from fault
    today, _ = todays_name(Params, name.strip())
    _tell(f"--set {override}", [f"{name.strip()} is now called {today}"] if today != name.strip() else [])
    *sections, key = today.split(".")
    if len(sections) >= DEEPEST:
        raise UserError(f"--set {shown(override)}: names {len(sections):,} sections inside one another; correct it.")
    if not all((*sections, key)):
        raise UserError(f"--set {override}: names a key with an empty part; write --set section.key=value.")
    place: Any = content
    for depth, section in enumerate(sections):
        if isinstance(place, list):
            place = _item(place, section, override)
            continue
        place[section] = {} if place.get(section) is None else place[section]
        place = place[section]
        if not isinstance(place, dict | list):
            raise UserError(f"--set {override}: {'.'.join(sections[: depth + 1])} is a value, not a section.")
    if isinstance(place, list):
        _item(place, key, override)
        place[int(key)] = value
    else:
        place[key] = value


def _item(items: list[Any], number: str, override: str) -> Any:
    if not number.isdigit() or int(number) >= len(items):
        raise UserError(f"--set {override}: the list has items 0 to {len(items) - 1}; {number} is none of them.")
    return items[int(number)]
