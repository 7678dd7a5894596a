"""How fast a log becomes histories: ours on all cores, pandas programs of the same rules, and a further log.

    python -m benchmarks.semantize --json

Ours is timed from Parquet to the written folder by Ray actors, with workers that are up, on a log by user and
on the same events by time. Then a hundredth of the events is folded into a finished folder: the last days of
a tenth of the users, and of all. The peers (benchmarks/pandas_plain.py and pandas_histories.py) get a process
each, with the cores that pandas uses, and the events of the log's first users; ours reads the same files in
the same run. All must tell the same histories. Partitions are cut so that every worker has two at least.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from actors.cluster import ray_cluster
from benchmarks.semantize_logs import by_time, by_user, first_users, parted
from benchmarks.semantize_runs import PEERS, Engine, Run, run_peer, trained_tokenizer
from records.config import ClusterConfig, SemantizeConfig
from semantize.store import live_table

SETTINGS = {
    "tight": SemantizeConfig(
        token_budget=320, top_k=5, long_low_impact=0, entity_notes=False, drop_implied=False
    ),
    "default": SemantizeConfig(),
}
FOLDED = ((10, 110), (1, 11))
"""About a hundredth of the events: of one in so many users the last so many days."""
TOLD = ("user_id", "line", "text", "event_ids")

Results = list[dict[str, Any]]


def time_engine(engine: Engine, logs: dict[str, Path], out: Path) -> Results:
    """Ours on the events in each order, by each of the settings; folders in `out` are of the last order."""
    results = []
    for name, config in SETTINGS.items():
        for order, log in logs.items():
            run = engine.run(log, config, out / name)
            _tell(f"{order}, {name}", run)
            results.append({"order": order, "settings": name, **asdict(run)})
    return results


def time_folding(engine: Engine, log: Path, whole: Path, scratch_s: float, out: Path) -> Results:
    """A hundredth of `log` folded in; from scratch all of it took `scratch_s` seconds, into `whole`."""
    told = _told(live_table(whole, "histories"))
    results = []
    for every, days in FOLDED:
        before, after = parted(log, every, days, engine.workers)
        engine.run(before, SETTINGS["default"], out)
        run = engine.fold(after, out)
        ratio = round(run.seconds / scratch_s, 3)
        same = told.equals(_told(live_table(out, "histories")))
        _tell(f"folded in, of 1 in {every} users", run)
        _tell_ratio("of all from scratch", ratio, same)
        results.append({"one_user_in": every, "days": days, "ratio": ratio, "same": same, **asdict(run)})
    return results


def time_peers(engine: Engine, log: Path, out: Path) -> Results:
    """Each peer on `log` by each of the settings, with its ratio to ours on the same."""
    results = []
    for name, config in SETTINGS.items():
        ours = engine.run(log, config, out / "ours")
        _tell(f"first users, {name}", ours)
        told = _told(live_table(out / "ours", "histories"))
        for peer in PEERS:
            path = out / "peer.parquet"
            seconds, peak_gib = run_peer(peer, log, config, engine.tokenizer, path)
            ratio = round(seconds / ours.seconds, 2)
            same = told.equals(_told(pl.scan_parquet(path)))
            print(f"{peer:32} {seconds:7.2f} s, {peak_gib:.2f} GiB")
            _tell_ratio("of ours", ratio, same)
            times = {"seconds": round(seconds, 3), "ours_s": ours.seconds, "peak_gib": round(peak_gib, 3)}
            results.append({"peer": peer, "settings": name, "ratio": ratio, "same": same, **times})
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; the last line printed is JSON with `--json`. Returns 1 if histories differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.semantize", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the log, about")
    parser.add_argument("--peer-events", type=int, default=1_000_000, help="events for the peers, about")
    parser.add_argument("--workdir", type=Path, help="where logs are kept for the next run")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="semantization actors")
    parser.add_argument("--timeout", type=float, default=1800.0, help="longest wait, seconds")
    arguments = parser.parse_args(argv)
    workers, timeout_s = arguments.workers, arguments.timeout
    if arguments.workdir:
        arguments.workdir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=arguments.workdir) as scratch, ray_cluster(ClusterConfig()):
        out = Path(scratch)
        log = by_user(arguments.workdir or out, arguments.events, workers, timeout_s)
        logs = {"by user": log, "by time": by_time(log, workers)}
        tokenizer = trained_tokenizer(logs["by time"], out / "tokenizer")
        engine = Engine(workers=workers, timeout_s=timeout_s, tokenizer=tokenizer)
        ours = time_engine(engine, logs, out)
        folded = time_folding(engine, log, out / "default", ours[-1]["seconds"], out / "folded")
        peers = time_peers(engine, first_users(log, arguments.peer_events, workers), out)
    if arguments.json:
        print(json.dumps({"workers": workers, "ours": ours, "folded": folded, "peers": peers}))
    return 0 if all(one["same"] for one in [*folded, *peers]) else 1


def _told(histories: pl.LazyFrame) -> pl.DataFrame:
    return histories.select(TOLD).collect().sort("user_id", "line")


def _tell(what: str, run: Run) -> None:
    print(
        f"{what:32} {run.seconds:7.2f} s (read {run.read_s:.2f}, build {run.build_s:.2f}) for {run.events:,} "
        f"events, {run.events_per_s:,} events/s, {run.peak_gib:.2f} GiB a worker",
        flush=True,
    )


def _tell_ratio(of: str, ratio: float, same: bool) -> None:
    print(f"{'':32} {ratio:7.2f} {of}, {'the same' if same else 'OTHER'} histories", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
