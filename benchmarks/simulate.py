"""How fast the simulation is, how much of that is writing, and whether cost and memory grow as they should.

    python -m benchmarks.simulate --json

Events a second over all cores through Ray actors, Parquet writing included, with workers that are up; the
same rows written again from memory are the floor. The curves say whether cost is linear in users and years.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import polars as pl
import ray

from actors.cluster import ray_cluster
from actors.simulators import simulator_pool
from records.config import ClusterConfig
from records.simulation import SimulateConfig
from simulate.engine import TABLES, open_simulation, shards, summary_of

SEED = 7
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One simulation: `peak_gib` is the largest resident memory of a worker, in GiB."""

    users: int
    days: int
    events: int
    seconds: float
    events_per_s: float
    peak_gib: float


def run_point(config: SimulateConfig, out: Path, workers: int, timeout_s: float) -> Point:
    """Simulate into `out` with `workers` workers; the clock starts when all of them are up."""
    todo = open_simulation(config, SEED, out)
    pool = simulator_pool(config, SEED, out, workers, timeout_s)
    try:
        pool.wait_until_up()
        started = time.perf_counter()
        pool.run("write", todo, lambda done: None, task_name="shard")
        seconds = time.perf_counter() - started
        peak = max(pool.peak_bytes())
    finally:
        pool.close()
    events = summary_of(config, out).events
    return Point(
        users=config.users,
        days=config.max_days,
        events=events,
        seconds=round(seconds, 3),
        events_per_s=round(events / seconds),
        peak_gib=round(peak / 2**30, 3),
    )


@ray.remote(num_cpus=1)
class Writer:
    """Writes what it has read: the floor, with the workers' own number of processes and threads."""

    def __init__(self, source: str, numbers: list[int]) -> None:
        self.frames = [
            (name, number, pl.read_parquet(Path(source) / f"{name}-{number:05d}.parquet"))
            for number in numbers
            for name in TABLES
        ]

    def write(self, out: str) -> int:
        """Write all frames; returns how many events."""
        for name, number, frame in self.frames:
            frame.write_parquet(Path(out) / f"{name}-{number:05d}.parquet", compression_level=1)
        return sum(frame.height for name, _, frame in self.frames if name == "events")


def run_floor(source: Path, out: Path, config: SimulateConfig, workers: int, timeout_s: float) -> float:
    """Events a second when the same rows are only written."""
    out.mkdir()
    environment = {"env_vars": {"POLARS_MAX_THREADS": "1"}}
    numbers = list(shards(config))
    writers = [
        Writer.options(runtime_env=environment).remote(str(source), numbers[place::workers])  # type: ignore[attr-defined]
        for place in range(workers)
    ]
    ray.get([writer.write.remote(str(out)) for writer in writers], timeout=timeout_s)  # reads, and warms up
    started = time.perf_counter()
    events = sum(ray.get([writer.write.remote(str(out)) for writer in writers], timeout=timeout_s))
    seconds = time.perf_counter() - started
    for writer in writers:
        ray.kill(writer)
    return events / seconds


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; the last line printed is JSON with `--json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--users", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="the curve")
    parser.add_argument("--years", type=int, nargs="+", default=[1, 3, 10], help="the curve over years")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="simulation actors")
    parser.add_argument("--timeout", type=float, default=1800.0, help="longest wait, seconds")
    arguments = parser.parse_args(argv)
    base = SimulateConfig()
    curve, by_years, floor = [], [], 0.0
    with tempfile.TemporaryDirectory() as scratch, ray_cluster(ClusterConfig()):
        place = Path(scratch)
        for users in arguments.users:
            config = replace(base, users=users)
            curve.append(run_point(config, place / "log", arguments.workers, arguments.timeout))
            _tell(curve[-1])
            if users == min(arguments.users, key=lambda one: abs(one - 2_000)):
                floor = run_floor(
                    place / "log", place / "floor", config, arguments.workers, arguments.timeout
                )
                print(f"floor (writing alone): {floor:,.0f} events/s")
            shutil.rmtree(place / "log")
        for years in arguments.years:
            config = replace(base, users=1_000, min_days=years * YEAR_DAYS, max_days=years * YEAR_DAYS)
            by_years.append(run_point(config, place / "log", arguments.workers, arguments.timeout))
            _tell(by_years[-1])
            shutil.rmtree(place / "log")
    speed = curve[-1].events_per_s
    result = {
        "events_per_s": speed,
        "floor_events_per_s": round(floor),
        "share_of_floor": round(speed / floor, 3),
        "workers": arguments.workers,
        "curve": [asdict(point) for point in curve],
        "curve_years": [asdict(point) for point in by_years],
        "driver_peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
    }
    print(f"{speed:,.0f} events/s, {speed / floor:.0%} of writing alone")
    if arguments.json:
        print(json.dumps(result))
    return 0


def _tell(point: Point) -> None:
    print(
        f"{point.users:>7,} users × up to {point.days} days: {point.events:>11,} events in "
        f"{point.seconds:7.2f} s, {point.events_per_s:>9,} events/s, {point.peak_gib:.2f} GiB a worker",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
