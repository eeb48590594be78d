"""The benchmark: `python -m stacker.bench` times every stage of a run, and the plain way to the same."""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from features.encoder.embedding import open_encoder
from pipelines.battles.built_in import sample_battles
from pipelines.battles.sources import DataParams, SourceParams, load
from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.terminal.command_line import Screen, run_command
from pipelines.terminal.machine import total_memory, usable_cores
from stacker.bench.measure import growth_exponent, measured, time_verdicts
from stacker.bench.picture import draw, table
from stacker.bench.stages import STAGES, Bench, Stage
from stacker.judge.provenance import versions
from stacker.training.params import Params, parse_params

SIZES = (1000, 5000, 20000)
NAMES = tuple(stage.name for stage in STAGES)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m stacker.bench",
        description="Rows per second, peak memory and growth of each stage, and how much faster it is than calling "
        "the same libraries plainly. Writes bench.json and bench.svg.",
        epilog="There is no --cluster: figures are those of one processor, against plain calls in the same process. "
        "What a cluster takes, a run tells itself (run.cluster), and stacker.bench.scale what more battles would.",
    )
    parser.add_argument("--data", type=Path, help="battles to measure on, any format (default: the built-in ones)")
    sizes = ", ".join(map(str, SIZES))
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES), help=f"numbers of battles ({sizes})")
    parser.add_argument(
        "--stages", nargs="+", choices=NAMES, default=list(NAMES), metavar="STAGE", help=f"of {', '.join(NAMES)} (all)"
    )
    parser.add_argument("--plain-rows", type=int, help="most battles for the plain way (by stage, 200 to 20,000)")
    parser.add_argument("--engine", default="auto", help="encoder.engine (%(default)s)")
    parser.add_argument("--precision", default="auto", help="encoder.precision (%(default)s)")
    parser.add_argument("--model", default="builtin", help="encoder.model (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="cores to use (all)")
    parser.add_argument("--judge", type=Path, help="also time the start and the verdicts of this judge")
    parser.add_argument("--to", type=Path, default=Path("bench"), help="folder for the results (%(default)s)")
    chosen = parser.parse_args(arguments)
    run_command(lambda: _bench(chosen, Screen()))


def _bench(chosen: argparse.Namespace, screen: Screen) -> None:
    encoder = {"model": chosen.model, "engine": chosen.engine, "precision": chosen.precision}
    params = parse_params({"encoder": encoder}, "the command line")
    if min(chosen.rows) < 100:
        raise UserError(f"--rows {min(chosen.rows)}: says too little; give at least 100.")
    sizes = sorted(set(chosen.rows))
    battles = _battles(chosen.data, sizes[-1])
    if len(battles) < sizes[-1]:
        told = f"{chosen.data} has {len(battles):,} battles"
        sizes = sorted({min(rows, len(battles)) for rows in sizes})
        screen.note(f"{told}: measured at {', '.join(f'{rows:,}' for rows in sizes)}.")
    stages = [stage for stage in STAGES if stage.name in chosen.stages]
    result = benchmark(battles, params, sizes, stages, chosen.threads, chosen.plain_rows, screen)
    if chosen.judge is not None:
        result["verdicts"] = time_verdicts(chosen.judge, battles)
    write_json(chosen.to / "bench.json", result)
    draw(chosen.to / "bench.svg", result)
    screen.table(f"\n{result['machine']['told']}", table(result))
    if chosen.judge is not None:
        spent = result["verdicts"]
        screen.note(
            f"Judge: first verdict {spent['start_s']:.2f} s after the start of its process; one verdict "
            f"{spent['p50_ms']:.0f} ms (p50), {spent['p95_ms']:.0f} ms (p95), {spent['processor_p50_ms']:.0f} ms of "
            "processor time (p50)."
        )
    screen.note(f"Results: {chosen.to / 'bench.json'}, {chosen.to / 'bench.svg'}")


def benchmark(
    battles: pd.DataFrame,
    params: Params,
    sizes: Sequence[int],
    stages: Sequence[Stage],
    threads: int,
    plain_rows: int | None,
    screen: Screen,
) -> dict[str, Any]:
    """Measure stages on the first battles.

    Parameters
    ----------
    battles : DataFrame
        With votes; at least as many as the largest of `sizes`.
    params : Params
        Settings of encoder, learners and stack.
    sizes : sequence of int
        Numbers of battles, in rising order.
    threads : int
        Cores to use; 0 means all.
    plain_rows : int or None
        Most battles for the plain way; None leaves it to each stage.

    Returns
    -------
    dict
        What bench.json holds: the machine, the versions, and by stage its measurements, the exponent of growth and
        the ratio to the plain way, both timed on the same battles one after the other; where the plain way does only a
        part of a stage, to that part.
    """
    threads = threads or usable_cores()
    encoder = open_encoder(params.encoder, threads)
    bench = Bench(battles, params, encoder, threads)
    found = []
    for stage in stages:
        screen.note(f"{stage.name} ...")
        measurements = []
        for rows in sizes:
            ours, _ = stage.prepare(bench, rows)
            measurements.append(measured(ours, rows))
        few = min(plain_rows or stage.plain_rows, sizes[-1])
        ours, plain = (stage.alike or stage.prepare)(bench, few)
        our_time, plain_time = measured(ours, few), measured(plain, few)
        found.append(
            {
                "name": stage.name,
                "measured": [each.to_dict() for each in measurements],
                "growth": growth_exponent(sizes, [each.seconds for each in measurements]),
                "against_plain": {
                    "rows": few,
                    "times": plain_time.seconds / our_time.seconds,
                    "times_cpu": plain_time.cpu_seconds / max(our_time.cpu_seconds, 1e-9),
                    "ours": our_time.to_dict(),
                    "plain": plain_time.to_dict(),
                },
            }
        )
    machine = _machine(threads, encoder.name, encoder.block.chosen.told)
    return {"machine": machine, "versions": versions(), "rows": list(sizes), "stages": found}


def _battles(path: Path | None, rows: int) -> pd.DataFrame:
    if path is None:
        return sample_battles(rows).battles
    with tempfile.TemporaryDirectory() as aside:
        params = DataParams(sources=(SourceParams(path=path),), max_rows=rows)
        return load(params, Path(aside) / "set_aside.csv").train


def _machine(threads: int, encoder: str, how: str) -> dict[str, Any]:
    processor = _processor()
    memory = total_memory() / 2**30
    return {
        "processor": processor,
        "threads": threads,
        "memory_gb": round(memory, 1),
        "system": platform.system(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "encoder": f"{encoder}, {how}",
        "told": f"{processor}, {threads} threads; {encoder.rpartition('/')[2]} by {how}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main(sys.argv[1:])
