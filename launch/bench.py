"""`usergpt bench compare`: two runs on the same benchmark users, side by side."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from hprbench.metrics import Difference, paired_interval
from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.bench import (
    generations_path,
    load_benchmark,
    summary_scores,
    table_models,
    tag_scores,
)
from records.errors import UserError

TRACKS = ("Avg@k", "Acc_Ex")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A model of each run: the score of each by track, and B − A paired by user; None where there is none."""

    model_a: str
    model_b: str
    users: int
    scores: dict[str, tuple[float | None, float | None]]
    differences: dict[str, Difference | None]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "a": self.model_a,
            "b": self.model_b,
            "users": self.users,
            "tracks": {
                track: {
                    "a": self.scores[track][0],
                    "b": self.scores[track][1],
                    "difference": None if found is None else found.mean,
                    "interval": None if found is None else list(found.interval),
                }
                for track, found in self.differences.items()
            },
        }


def compare(run_a: Path, run_b: Path, models: tuple[str, str] | None, *, as_json: bool) -> int:
    """Print the paired differences of two finished runs; `models` names one of each, else all that both have.

    Raises:
        UserError: a directory is no finished run, or the runs are not of the same benchmark users.
    """
    a, b = _finished(run_a), _finished(run_b)
    rows = [_compared(a, b, *pair) for pair in _pairs(a, b, models)]
    if as_json:
        print(json.dumps([row.to_json() for row in rows]))
        return 0
    table = Table(title=Text(f"B − A: {run_b} − {run_a}, {rows[0].users:,} users, 95 % intervals"))
    table.add_column("model")
    for track in TRACKS:
        for side in ("A", "B", "B − A"):
            table.add_column(f"{track} {side}", justify="right")
    for row in rows:
        name = row.model_a if row.model_a == row.model_b else f"{row.model_b} − {row.model_a}"
        cells = []
        for track in TRACKS:
            cells += [*map(_number, row.scores[track]), _told(row.differences[track])]
        table.add_row(Text(name), *cells)
    Reporter().console.print(table)
    return 0


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


def _compared(a: Run, b: Run, model_a: str, model_b: str) -> Compared:
    benchmarks = [load_benchmark(run)[0] for run in (a, b)]
    if len({(one.users, str(sorted(one.gold.items()))) for one in benchmarks}) > 1:
        raise UserError(
            f"{a.directory} and {b.directory} are of other benchmark users; compare runs of one simulation, "
            "seed and bench.users"
        )
    both = list(zip((a, b), (model_a, model_b), benchmarks, strict=True))
    tags = [tag_scores(*one) for one in both]
    summaries = [summary_scores(*one) for one in both]
    by_user = {
        "Avg@k": [one.per_user for one in tags],
        "Acc_Ex": [one.acc_ex_per_user for one in summaries],
    }
    return Compared(
        model_a=model_a,
        model_b=model_b,
        users=len(benchmarks[0].users),
        scores={
            "Avg@k": (tags[0].avg_at_k, tags[1].avg_at_k),
            "Acc_Ex": (summaries[0].acc_ex, summaries[1].acc_ex),
        },
        differences={
            track: paired_interval(theirs, ours, a.recipe.seed) if ours else None
            for track, (ours, theirs) in by_user.items()
        },
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _told(found: Difference | None) -> str:
    if found is None:
        return "-"
    low, high = found.interval
    return f"{found.mean:+.3f} [{low:+.3f}, {high:+.3f}]"
