"""Many battles on many nodes, by measured rates and a simulation: `python -m stacker.bench.scale` prints tables."""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.errors import UserError
from pipelines.terminal.cluster.tasks import check_address, tasks_at
from pipelines.terminal.command_line import Screen, run_command
from stacker.bench.scale.node_simulation import Cluster, Outcome, Stage, simulate
from stacker.bench.scale.real_scheduler import sleep_through
from stacker.bench.scale.stage_costs import Rates, bill, cluster_of, read_rates, stage_costs, stages_of

BATTLES = 100_000_000
DISPATCH_S = 0.0027
"""Seconds that Ray takes to begin a task: 600 empty ones of 8 processes, two busy cores."""
TRIAL = (Stage("texts", 60, 4.0, 0.35), Stage("fits", 12, 10.0, 0.35, 2), Stage("verdicts", 60, 2.0, 0.35))
"""What is slept through on a real cluster, in seconds before they are shortened."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and print."""
    parser = argparse.ArgumentParser(prog="python -m stacker.bench.scale", description=__doc__)
    parser.add_argument("--battles", type=int, default=BATTLES, metavar="N", help="(%(default)s)")
    parser.add_argument("--nodes", type=int, metavar="N", help="(those of rates.yaml)")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="simulations of each kind (%(default)s)")
    parser.add_argument("--cluster", metavar="ADDRESS", help="also sleep through a trial on this Ray cluster")
    parser.add_argument("--cores", type=int, default=8, metavar="N", help="cores of that cluster (%(default)s)")
    parser.add_argument("--speed", type=float, default=2.0, metavar="X", help="shortens the trial (%(default)s)")
    parser.add_argument("--deaths", type=float, default=0.05, metavar="SHARE", help="of its processes (%(default)s)")
    run_command(lambda: _command(parser.parse_args(arguments), Screen()))


def _command(chosen: argparse.Namespace, screen: Screen) -> None:
    for name in ("battles", "nodes", "seeds", "cores", "speed"):
        value = getattr(chosen, name)
        if value is not None and value <= 0:
            raise UserError(f"--{name} {value}: is not above 0; give a number above it.")
    if not 0 <= chosen.deaths < 1:
        raise UserError(f"--deaths {chosen.deaths}: is no share; give a number from 0 to below 1.")
    if chosen.cluster is not None:
        try:
            check_address(chosen.cluster)
        except ValueError as fault:
            raise UserError(f"--cluster {chosen.cluster}: {fault}.") from fault
    rates = read_rates()
    if chosen.nodes is not None:
        rates = rates.model_copy(update={"nodes": rates.nodes.model_copy(update={"count": chosen.nodes})})
    for remedied in (False, True):
        screen.note("\nWith the remedies:" if remedied else "As it is:")
        costs = cost_table(rates, chosen.battles, remedied)
        for line in ("", *costs, "", *simulation_table(rates, chosen.battles, chosen.seeds, remedied)):
            screen.note(line)
    if chosen.cluster is not None:
        for line in ("", *trial_table(chosen.cluster, chosen.cores, chosen.speed, chosen.deaths)):
            screen.note(line)


def cost_table(rates: Rates, battles: int, remedied: bool) -> list[str]:
    """Return what each stage takes, as the lines of a table in Markdown."""
    costs = stage_costs(rates, battles, remedied=remedied)
    rows = [
        (
            each.name,
            f"{each.tasks:,} of {_time(each.seconds)} on {each.cores}",
            f"{each.core_hours:,.0f}",
            f"{each.read_gb:,.0f} / {each.written_gb:,.0f}",
            f"{each.kept_gb:,.0f}",
            f"{each.core_hours * rates.prices.core_hour:,.2f}",
        )
        for each in costs
    ]
    total = [sum(getattr(each, name) for each in costs) for name in ("core_hours", "read_gb", "written_gb", "kept_gb")]
    money = total[0] * rates.prices.core_hour
    rows.append(
        ("all", "", f"{total[0]:,.0f}", f"{total[1]:,.0f} / {total[2]:,.0f}", f"{total[3]:,.0f}", f"{money:,.2f}")
    )
    heads = ("stage", "tasks", "core hours", "GB read / written", "GB kept", "US$ of cores in use")
    return _table(heads, rows)


def simulation_table(rates: Rates, battles: int, seeds: int, remedied: bool) -> list[str]:
    """Return what simulations of the nodes give, least and most over the seeds, as the lines of a table."""
    costs = stage_costs(rates, battles, remedied=remedied)
    stages, rows = stages_of(costs, rates), []
    spot = cluster_of(rates, dispatch=DISPATCH_S)
    often = replace(spot, between_failures=spot.between_failures / 8)
    for name, cluster in (
        ("nothing fails", cluster_of(rates, failing=False, dispatch=DISPATCH_S)),
        (f"each node fails every {_hours(spot)} h", spot),
        (f"each node fails every {_hours(often)} h", often),
    ):
        found = [simulate(stages, cluster, seed) for seed in range(seeds)]
        rows.append(
            _simulated(name, found, cluster, [sum(bill(costs, rates, each.seconds).values()) for each in found])
        )
    heads = ("100 nodes" if rates.nodes.count == 100 else f"{rates.nodes.count:,} nodes", "hours", "cores busy",
             "nodes lost", "tasks begun again", "core hours lost", "US$")  # fmt: skip
    return _table(heads, rows)


def _simulated(name: str, found: list[Outcome], cluster: Cluster, money: list[float]) -> tuple[str, ...]:
    return (
        name,
        _range([each.seconds / 3600 for each in found], "{:.1f}"),
        _range([100 * each.busy(cluster) for each in found], "{:.0f} %"),
        _range([each.failures for each in found], "{:,.0f}"),
        _range([each.lost for each in found], "{:,.0f}"),
        _range([each.lost_core_seconds / 3600 for each in found], "{:,.0f}"),
        _range(money, "{:,.0f}"),
    )


def trial_table(address: str, cores: int, speed: float, deaths: float) -> list[str]:
    """Return the seconds of a trial on a real cluster next to those of the simulation, as the lines of a table."""
    tasks, rows = tasks_at(address), []
    stages = [replace(stage, after=tuple(each.name for each in TRIAL[:number])) for number, stage in enumerate(TRIAL)]
    for seed, share in ((0, 0.0), (1, deaths)):
        with tempfile.TemporaryDirectory() as marks:
            real = sleep_through(stages, tasks, seed, speed, share, Path(marks))
        cluster = Cluster(1, cores, process_deaths=share, dispatch=DISPATCH_S * speed)
        made = simulate(stages, cluster, seed)
        rows.append((f"{share:.0%} of the processes die once", f"{real:.1f}", f"{made.seconds:.1f}", f"{made.lost}"))
    return _table((f"{cores} cores", "seconds by Ray", "simulated", "tasks begun again"), rows)


def _hours(cluster: Cluster) -> str:
    return f"{cluster.between_failures / 3600:g}"


def _range(values: Sequence[float], form: str) -> str:
    low, high = form.format(min(values)), form.format(max(values))
    return low if low == high else f"{low} to {high}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---:|' * (len(heads) - 1)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


if __name__ == "__main__":
    main(sys.argv[1:])
