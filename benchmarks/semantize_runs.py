"""One timed run of semantization: ours by Ray actors, or a pandas program in a process of its own."""

import shutil
import time
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from actors.semantizers import semantizer_pool
from benchmarks.semantize_logs import rows_of
from lm.plain import PlainTokenizer
from records.config import SemantizeConfig
from semantize.folder import Generation, Job, open_log, open_update
from semantize.pipeline import LocalRunner, semantize, settle_tokenizer
from semantize.refining.refine import RuleRefiner
from semantize.store import TOKENIZER
from semantize.worker import Semantizer

PEERS = {"plain pandas": "benchmarks.pandas_plain", "tuned pandas": "benchmarks.pandas_histories"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A log read and built: seconds of all and of both phases; the largest memory of a worker, in GiB."""

    events: int
    seconds: float
    events_per_s: int
    read_s: float
    build_s: float
    peak_gib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Ours: its workers, the longest wait for one of their tasks, and the tokenizer whose tokens count."""

    workers: int
    timeout_s: float
    tokenizer: Path

    def run(self, log: Path, config: SemantizeConfig, out: Path) -> Run:
        """Semantize `log` into `out`, which is emptied before."""
        shutil.rmtree(out, ignore_errors=True)
        partition = max(1_000, min(config.partition_events, rows_of(log) // (2 * self.workers)))
        return self._timed(
            log, open_log(str(log), Job(config=replace(config, partition_events=partition)), out)
        )

    def fold(self, log: Path, out: Path) -> Run:
        """Fold a further `log` into the finished `out`."""
        return self._timed(log, open_update(str(log), out, None))

    def _timed(self, log: Path, generation: Generation) -> Run:
        semantizer = Semantizer(generation.out, generation.number, None)
        limit = semantizer.job.config.max_quarantine_share
        ends: dict[str, float] = {}
        pool = semantizer_pool(generation, None, self.workers, self.timeout_s)
        try:
            pool.wait_until_up()
            started = time.perf_counter()

            def progress(phase: str, done: int, total: int) -> None:
                ends[phase] = time.perf_counter() - started

            semantize(generation, semantizer, pool, self.tokenizer, limit, progress, timeout_s=self.timeout_s)
            seconds = time.perf_counter() - started
            peak = max(pool.peak_bytes())
        finally:
            pool.close()
        events = rows_of(log)
        return Run(
            events=events,
            seconds=round(seconds, 3),
            events_per_s=round(events / seconds),
            read_s=round(ends["read"], 3),
            build_s=round(seconds - ends["read"], 3),
            peak_gib=round(peak / 2**30, 3),
        )


def trained_tokenizer(log: Path, out: Path) -> Path:
    """The tokenizer that is trained where none is given, here on the first file of `log`."""
    generation = open_log(str(min(log.glob("events-*.parquet"))), Job(config=SemantizeConfig()), out)
    semantizer = Semantizer(out, generation.number, None)
    LocalRunner(semantizer).run("partition", generation.pieces, lambda done: None, task_name="piece")
    settle_tokenizer(semantizer, None)
    return out / TOKENIZER


def run_peer(
    peer: str, log: Path, config: SemantizeConfig, tokenizer: Path, out: Path
) -> tuple[float, float]:
    """Seconds of a peer from the Parquet files of `log` to the written `out`, and its peak memory in GiB."""
    with get_context("spawn").Pool(1) as process:
        return process.apply(_timed_peer, (peer, log, config, tokenizer, out))


def _timed_peer(
    peer: str, log: Path, config: SemantizeConfig, tokenizer: Path, out: Path
) -> tuple[float, float]:
    module = import_module(PEERS[peer])
    paths = sorted(log.glob("events-*.parquet"))
    started = time.perf_counter()
    count_tokens = PlainTokenizer.load(tokenizer).count
    module.write_histories(paths, out, config, RuleRefiner(config.max_attributes), count_tokens)
    return time.perf_counter() - started, _peak_gib()


def _peak_gib() -> float:
    """Largest resident memory of this process; getrusage would count that of the process which started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 2**20
