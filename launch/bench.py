"""`usergpt bench compare`: two runs on the same benchmark users, side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hprbench.breakdown import BY_TAG, masks_of
from hprbench.build import Benchmark
from hprbench.intervals import Difference, Tally, difference_of, share_of
from hprbench.report import columns
from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.bench import generations_path, load_benchmark, table_models
from launch.stages.scores import model_tallies, readers
from records.errors import UserError

SHOWN_PARTS = (("avg_at_k", "difficulty"), ("acc_ex", "difficulty"))
"""Parts that stand in the table; all are in the JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One number of both sides, each over its own users, and B − A over those of both; None where there are
    none."""

    a: float | None
    b: float | None
    difference: Difference | None

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        found = self.difference
        return {
            "a": self.a,
            "b": self.b,
            "difference": None if found is None else found.mean,
            "interval": None if found is None else list(found.interval),
            "users": 0 if found is None else found.users,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A model of each run: by metric the pair of scores, and by metric, by what and part those of parts."""

    model_a: str
    model_b: str
    users: int
    metrics: dict[str, Pair]
    parts: dict[str, dict[str, dict[str, Pair]]]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "a": self.model_a,
            "b": self.model_b,
            "users": self.users,
            "metrics": {metric: pair.to_json() for metric, pair in self.metrics.items()},
            "parts": {
                metric: {
                    by: {part: pair.to_json() for part, pair in pairs.items()} for by, pairs in groups.items()
                }
                for metric, groups in self.parts.items()
            },
        }


def compare(run_a: Path, run_b: Path, models: tuple[str, str] | None, *, as_json: bool) -> int:
    """Print the paired differences of two finished runs; `models` names one of each, else all that both have.

    Raises:
        UserError: a directory is no finished run, or the runs are not of the same benchmark users.
    """
    a, b = _finished(run_a), _finished(run_b)
    pairs = _pairs(a, b, models)
    # Beside the table: that may be read by a program.
    progress = Reporter(Console(stderr=True, soft_wrap=True))
    with progress.stage("compare"):
        rows = _rows(a, b, pairs, progress)
    if as_json:
        print(json.dumps([row.to_json() for row in rows]))
        return 0
    for row in rows:
        Reporter().console.print(_table(row, run_a, run_b, a.recipe.bench.k))
    return 0


def _rows(a: Run, b: Run, pairs: Sequence[tuple[str, str]], progress: Reporter) -> list[Compared]:
    progress.doing("benchmark and readers of summaries are loaded")
    benchmarks = _same_benchmark(a, b)
    read = readers(a)  # the same for both sides: what differs shall be the answers

    def tallies(run: Run, model: str, benchmark: Benchmark) -> dict[str, Tally]:
        return model_tallies(run, model, benchmark, read)

    rows = []
    for done, (one, other) in enumerate(pairs):
        progress.update(done, len(pairs), f"models compared, {one} next")
        ours, theirs = tallies(a, one, benchmarks[0]), tallies(b, other, benchmarks[1])
        rows.append(_compared(ours, theirs, a, benchmarks[0], one, other))
    return rows


def _table(row: Compared, run_a: Path, run_b: Path, k: int) -> Table:
    name = row.model_a if row.model_a == row.model_b else f"{row.model_b} − {row.model_a}"
    table = Table(title=Text(f"{name}: {run_b} − {run_a}, {row.users:,} users, 95 % intervals"))
    for heading in ("", "A", "B", "B − A", "users"):
        table.add_column(heading, justify="right" if heading else "left")
    for column in columns(k):
        if column.key in row.metrics:
            lines = [(column.heading, row.metrics[column.key])]
            for metric, by in SHOWN_PARTS:
                if metric == column.key:
                    lines += [(f"  {part}", pair) for part, pair in row.parts[metric][by].items()]
            for label, pair in lines:
                users = str(pair.difference.users) if pair.difference else "-"
                table.add_row(label, _number(pair.a), _number(pair.b), _told(pair.difference), users)
    return table


def _finished(directory: Path) -> Run:
    config = directory / "config.yaml"
    if not config.is_file() or not (directory / "bench" / "users.json").is_file():
        raise UserError(f"{directory}: no run with a benchmark there; finish one with `usergpt run`")
    return Run(recipe=load_recipe(config), directory=directory, reporter=Reporter())


def _pairs(a: Run, b: Run, models: tuple[str, str] | None) -> list[tuple[str, str]]:
    have_a, have_b = (
        [name for name in table_models(run) if generations_path(run, name).exists()] for run in (a, b)
    )
    if models is not None:
        for name, have, run in zip(models, (have_a, have_b), (a, b), strict=True):
            if name not in have:
                raise UserError(f"{run.directory}: no model {name!r}; there are {', '.join(have) or 'none'}")
        return [models]
    both = [(name, name) for name in have_a if name in have_b]
    if not both:
        raise UserError("the runs have no model of the same name; name one of each with --models A B")
    return both


def _same_benchmark(a: Run, b: Run) -> list[Benchmark]:
    benchmarks = [load_benchmark(run) for run in (a, b)]
    if len({(one.users, str(sorted(one.gold.items()))) for one in benchmarks}) > 1:
        raise UserError(
            f"{a.directory} and {b.directory} are of other benchmark users or labels; compare runs of one "
            "simulation, seed and bench.users, and review both"
        )
    return benchmarks


def _compared(
    ours: Mapping[str, Tally],
    theirs: Mapping[str, Tally],
    run: Run,
    benchmark: Benchmark,
    model_a: str,
    model_b: str,
) -> Compared:
    seed = run.recipe.seed

    def pair(a: Tally, b: Tally) -> Pair:
        shares = [share_of(tally, seed=seed) for tally in (a, b)]
        values = [None if found is None else found.value for found in shares]
        return Pair(a=values[0], b=values[1], difference=difference_of(b, a, seed=seed))

    both = [metric for metric in ours if metric in theirs]
    parts = {
        metric: {
            by: {
                part: pair(ours[metric].where(mask), theirs[metric].where(mask))
                for part, mask in masks.items()
            }
            for by, masks in masks_of(
                ours[metric], benchmark.gold, benchmark.strata, by_tag=metric in BY_TAG
            ).items()
        }
        for metric in both
    }
    return Compared(
        model_a=model_a,
        model_b=model_b,
        users=len(benchmark.users),
        metrics={metric: pair(ours[metric], theirs[metric]) for metric in both},
        parts=parts,
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _told(found: Difference | None) -> str:
    if found is None:
        return "-"
    low, high = found.interval
    return f"{found.mean:+.3f} [{low:+.3f}, {high:+.3f}]"
