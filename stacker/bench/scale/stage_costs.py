"""Core hours, bytes and money of each stage for any number of battles, from `rates.yaml`."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field

from pipelines.settings import Section
from stacker.bench.scale.node_simulation import Cluster, Stage

RATES = Path(__file__).with_name("rates.yaml")
FOLDS = 5
FITTED = 0.8 * FOLDS + 1
"""How often a battle is trained on: in four of five folds, five times, and once with all."""


class StageRate(Section):
    """What one battle costs in a stage; see rates.yaml."""

    name: str
    kind: Literal["map", "fit", "once"]
    ms: float = Field(gt=0)
    rows: int = Field(ge=1)
    exponent: float
    reads: float = Field(ge=0)
    writes: float = Field(ge=0)
    kept: float = Field(0.0, ge=0)
    chunk: int = Field(1, ge=1)
    cores: int = Field(1, ge=1)
    most: int | None = Field(None, ge=1)

    def core_seconds(self, battles: int) -> float:
        """Return seconds of one core; growth below linear is not carried beyond the sizes that were measured."""
        return self.ms / 1000 * battles * (battles / self.rows) ** max(self.exponent - 1, 0.0)


class NodeKind(Section):
    """The nodes: how many, and what one has."""

    count: int = Field(ge=1)
    cores: int = Field(ge=1)
    memory_gb: float = Field(gt=0)
    gigabits: float = Field(gt=0)


class Failures(Section):
    """How nodes, processes and the driver fail."""

    hours_between: float = Field(gt=0)
    driver_hours_between: float = Field(gt=0)
    seconds_until_replaced: float = Field(ge=0)
    seconds_until_resumed: float = Field(ge=0)
    process_deaths: float = Field(ge=0, lt=1)
    slow_nodes: float = Field(ge=0, le=1)
    slowness: float = Field(ge=1)
    spread: float = Field(ge=0, le=3)


class Prices(Section):
    """US dollars."""

    core_hour: float = Field(ge=0)
    gb_month: float = Field(ge=0)
    thousand_puts: float = Field(ge=0)
    thousand_gets: float = Field(ge=0)


class Rates(Section):
    """All of rates.yaml."""

    measured_on: str
    text_bytes: float = Field(gt=0)
    memory_bytes: float = Field(gt=0)
    columns: int = Field(ge=1)
    cache_bytes: float = Field(gt=0)
    embedding_bytes: float = Field(gt=0)
    stages: tuple[StageRate, ...]
    remedies: tuple[StageRate, ...]
    shard: int = Field(ge=1)
    nodes: NodeKind
    failures: Failures
    prices: Prices


@dataclass(frozen=True)
class StageCost:
    """What a stage takes for all battles.

    Attributes
    ----------
    tasks : int
        Pieces that need nothing from each other.
    seconds : float
        Length of one of them, on its cores.
    core_hours, read_gb, written_gb, kept_gb : float
        Of all of them together; GB of 10^9 bytes.
    """

    name: str
    tasks: int
    seconds: float
    cores: int
    core_hours: float
    read_gb: float
    written_gb: float
    kept_gb: float


def read_rates(path: Path = RATES) -> Rates:
    """Return the rates of a file."""
    return Rates.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def stage_costs(rates: Rates, battles: int, *, remedied: bool) -> list[StageCost]:
    """Return what each stage takes, in the order of the stages; `remedied`, with the remedies of rates.yaml.

    A learner is fitted to shards of the battles: those of each fold, and of all, each shard by one task.
    """
    instead = {stage.name: stage for stage in rates.remedies} if remedied else {}
    return [_cost(instead.get(stage.name, stage), rates, battles) for stage in rates.stages]


def _cost(stage: StageRate, rates: Rates, battles: int) -> StageCost:
    battles = min(battles, stage.most or battles)
    if stage.kind == "fit":
        # The rate is of five folds and all battles together; a shard is as many battles at a time.
        shards = ceil(battles / rates.shard)
        whole = stage.core_seconds(min(battles, rates.shard)) * battles / min(battles, rates.shard)
        tasks = ceil(FITTED * shards)
    else:
        whole = stage.core_seconds(battles)
        tasks = 1 if stage.kind == "once" else ceil(battles / stage.chunk)
    # A task has its share of its node's network.
    gigabits = 8e-9 * (stage.reads + stage.writes) * battles / tasks
    return StageCost(
        stage.name,
        tasks,
        whole / tasks / stage.cores + gigabits / (rates.nodes.gigabits * stage.cores / rates.nodes.cores),
        stage.cores,
        whole / 3600,
        stage.reads * battles / 1e9,
        stage.writes * battles / 1e9,
        stage.kept * battles / 1e9,
    )


def stages_of(costs: list[StageCost], rates: Rates) -> list[Stage]:
    """Return the stages as the simulation takes them: each after the one before it, learners side by side."""
    found: list[Stage] = []
    fits = {stage.name for stage in rates.stages if stage.kind == "fit"}
    for cost in costs:
        before = [stage.name for stage in found]
        if cost.name in fits:
            after = tuple(name for name in before if name not in fits)[-1:]
        else:
            after = tuple(name for name in before if name in fits) or tuple(before[-1:])
        spread = rates.failures.spread if cost.tasks > 1 else 0.0
        found.append(Stage(cost.name, cost.tasks, cost.seconds, spread, cost.cores, after))
    return found


def cluster_of(rates: Rates, *, failing: bool = True, dispatch: float = 0.0) -> Cluster:
    """Return the nodes as the simulation takes them; `dispatch` is the scheduler's time for a task."""
    nodes, told = rates.nodes, rates.failures
    if not failing:
        return Cluster(nodes.count, nodes.cores, dispatch=dispatch)
    return Cluster(
        nodes.count,
        nodes.cores,
        between_failures=told.hours_between * 3600,
        until_replaced=told.seconds_until_replaced,
        between_driver_failures=told.driver_hours_between * 3600,
        until_resumed=told.seconds_until_resumed,
        process_deaths=told.process_deaths,
        slow_nodes=told.slow_nodes,
        slowness=told.slowness,
        dispatch=dispatch,
    )


def bill(costs: list[StageCost], rates: Rates, seconds: float) -> dict[str, float]:
    """Return US dollars for nodes that are held for so many seconds, for requests, and for a month of what is kept."""
    prices, nodes = rates.prices, rates.nodes
    tasks = sum(cost.tasks for cost in costs)
    return {
        "nodes": seconds / 3600 * nodes.count * nodes.cores * prices.core_hour,
        "requests": tasks / 1000 * (prices.thousand_puts + prices.thousand_gets),
        "storage, a month": sum(cost.kept_gb for cost in costs) * prices.gb_month,
    }
