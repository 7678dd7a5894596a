"""The logs that semantization is timed on: simulated users of three years, by user and by time.

simulate ──> by user ──┬─ sorted ──> by time                  as real logs come: users interleaved
                       ├─ first users, sorted ──> peers
                       └─ parted, sorted ──> before, after    a finished log, and what comes later
"""

import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from actors.simulators import simulator_pool
from records.simulation import SimulateConfig
from simulate.engine import open_simulation, scan

SEED = 7
DAYS = 1095
EVENTS_A_USER = 1_600
"""What a simulated user does in DAYS, about."""
FILE_ROWS = 1_000_000
_SORTED_ROWS = 4 * FILE_ROWS
"""Rows sorted at once; they are held in memory."""


def by_user(place: Path, events: int, workers: int, timeout_s: float) -> Path:
    """A log of about `events` events, user by user."""
    users = max(1, round(events / EVENTS_A_USER))
    out = place / f"by-user-{users}"
    config = replace(SimulateConfig(), users=users, min_days=DAYS, max_days=DAYS)
    todo = open_simulation(config, SEED, out)
    if todo:
        pool = simulator_pool(config, SEED, out, workers, timeout_s)
        try:
            pool.run("write", todo, lambda done: None, task_name="shard")
        finally:
            pool.close()
    return out


def by_time(log: Path, workers: int) -> Path:
    """The same events over all users in the order of their times."""
    return _written(scan(log, "events"), log.with_name(f"{log.name}-by-time"), workers)


def first_users(log: Path, events: int, workers: int) -> Path:
    """About `events` events by time: all those of the log's first users, whose histories are whole."""
    users = max(1, round(events / EVENTS_A_USER))
    return _written(scan(log, "events", users), log.with_name(f"{log.name}-first-{users}"), workers)


def parted(log: Path, every: int, days: int, workers: int) -> tuple[Path, Path]:
    """The log by time without, and only, the last `days` days of one in `every` users."""
    rows = scan(log, "events")
    (end,) = rows.select(pl.col("timestamp").max()).collect().row(0)
    is_new = pl.col("timestamp") > end - datetime.timedelta(days=days)
    is_new &= pl.col("user_id").str.slice(1).cast(pl.Int64) % every == 0
    name = f"{log.name}-{every}-{days}"
    return (
        _written(rows.filter(~is_new), log.with_name(f"{name}-before"), workers),
        _written(rows.filter(is_new), log.with_name(f"{name}-after"), workers),
    )


def rows_of(log: Path) -> int:
    """How many events a log has."""
    return int(pl.scan_parquet(log / "events-*.parquet").select(pl.len()).collect().item())


def _written(rows: pl.LazyFrame, out: Path, workers: int) -> Path:
    """`rows` sorted by time, as Parquet files of FILE_ROWS, or fewer so that every worker has one to read."""
    if out.exists():
        return out
    aside = out.with_name(f".{out.name}")
    aside.mkdir(exist_ok=True)
    times = rows.select("timestamp").collect().to_series().sort()
    file_rows = min(FILE_ROWS, -(-len(times) // workers))
    number = 0
    for frame in _sorted(rows, times):
        for part in frame.iter_slices(file_rows):
            part.write_parquet(aside / f"events-{number:05d}.parquet", compression_level=1)
            number += 1
    aside.rename(out)
    return out


def _sorted(rows: pl.LazyFrame, times: pl.Series) -> Iterator[pl.DataFrame]:
    """`rows` by time in stretches of about _SORTED_ROWS; `times` are theirs, sorted."""
    first = times.gather_every(_SORTED_ROWS).unique(maintain_order=True).to_list()
    for begin, end in zip(first, [*first[1:], None], strict=True):
        within = pl.col("timestamp") >= begin
        if end is not None:
            within &= pl.col("timestamp") < end
        yield rows.filter(within).collect(engine="streaming").sort("timestamp", "user_id", "event_id")
