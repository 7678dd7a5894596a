"""What ablations share: arms of a seed, each a run of its own, and tables of means and of paired differences.

Arms of a seed share what the recipe's first stages make (`OUT/seedN/base`); each is a run of its own
(`OUT/seedN/ARM`) with curves and responses to look at. A rerun goes on with what is missing.
"""

import argparse
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.cluster import ray_cluster
from hprbench.intervals import paired_interval, share_of
from hprbench.metrics import Tallies
from launch.pipeline import Run, open_run, run_stages
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.all import STAGES
from records.files import read_json, write_json

ByUser = Mapping[str, float]
"""A share or a mean by user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What was measured of one arm with one seed: numbers, and what users are compared in, by track."""

    numbers: Mapping[str, float | None]
    tracks: Mapping[str, ByUser]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """What is run and what is compared with what.

    `arms` are overrides of `recipe` by arm; `stages` the stages an arm goes through, the first of them up to
    `shared` done once a seed. `of_base` and `of_arm` measure a finished run: the one gives results by name.
    `questions` name a better and a worse arm, `columns` the numbers of the table, `tracks` the headings of
    what users are compared in.
    """

    recipe: Path
    arms: Mapping[str, Sequence[str]]
    stages: Sequence[str]
    shared: str
    of_base: Callable[[Run], Mapping[str, Result]]
    of_arm: Callable[[Run], Result]
    questions: Mapping[str, tuple[str, str]]
    columns: Sequence[str]
    tracks: Mapping[str, str]

    def run_seed(
        self, out: Path, seed: int, arms: Sequence[str], words: Sequence[str], reporter: Reporter
    ) -> dict[str, Result]:
        """Run what is missing of a seed, and read the rest; `words` override the recipe in every arm."""
        folder = out / f"seed{seed}"
        stages = [stage for stage in STAGES if stage.name in self.stages]
        results: dict[str, Result] = {}
        for arm in ("base", *arms):
            done = folder / arm / "result.json"
            if not done.exists():
                reporter.say(f"seed {seed}, {arm}")
                run = open_run(
                    load_recipe(
                        self.recipe,
                        [
                            f"seed={seed}",
                            f"name={arm}",
                            f"runs_dir={folder}",
                            *words,
                            *self.arms.get(arm, ()),
                        ],
                    ),
                    reporter,
                )
                if arm != "base" and not run.directory.exists():
                    begin_from(folder / "base", run.directory)
                with ray_cluster(run.recipe.cluster):
                    run_stages(run, stages, until=self.shared if arm == "base" else "")
                found = self.of_base(run) if arm == "base" else {arm: self.of_arm(run)}
                write_json(done, {name: asdict(result) for name, result in found.items()})
            results |= {name: Result(**result) for name, result in read_json(done).items()}
        return results

    def compare(self, seeds: Mapping[int, Mapping[str, Result]]) -> dict[str, Any]:
        """Means over seeds by arm, and every question that can be answered with its paired interval."""
        arms = list(dict.fromkeys(arm for results in seeds.values() for arm in results))
        table = {arm: _means([results[arm] for results in seeds.values() if arm in results]) for arm in arms}
        answers: dict[str, Any] = {}
        for question, (better, worse) in self.questions.items():
            both = {seed: results for seed, results in seeds.items() if {better, worse} <= results.keys()}
            answers[question] = {
                track: _difference(
                    {seed: results[better].tracks.get(track, {}) for seed, results in both.items()},
                    {seed: results[worse].tracks.get(track, {}) for seed, results in both.items()},
                )
                for track in self.tracks
            }
        return {"seeds": sorted(seeds), "arms": table, "questions": answers}

    def show(self, found: Mapping[str, Any], console: Console) -> None:
        """Print both tables."""
        table = Table(title=f"means over seeds {', '.join(map(str, found['seeds']))}")
        for heading in ("arm", *self.columns):
            table.add_column(heading, justify="left" if heading == "arm" else "right")
        for arm, means in found["arms"].items():
            values = [means.get(name) for name in self.columns]
            table.add_row(arm, *["-" if value is None else f"{value:.3f}" for value in values])
        console.print(table)
        table = Table(title="differences, paired by user, with 95 % intervals; in brackets seed by seed")
        for heading in ("", *self.tracks.values()):
            table.add_column(heading)
        for question, tracks in found["questions"].items():
            table.add_row(question, *[_told(tracks[track]) for track in self.tracks])
        console.print(table)


def arguments_of(ablation: Ablation, description: str, out: Path) -> argparse.ArgumentParser:
    """The command line that ablations share."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=list(ablation.arms), choices=list(ablation.arms))
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="overrides of the recipe")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    return parser


def run_all(ablation: Ablation, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run and compare all seeds; the comparison is written as well."""
    reporter = Reporter(Console(stderr=True))
    found = ablation.compare(
        {
            seed: ablation.run_seed(arguments.out, seed, arguments.arms, arguments.set, reporter)
            for seed in arguments.seeds
        }
    )
    write_json(arguments.out / "ablation.json", found)
    return found


def tell(ablation: Ablation, found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what was found."""
    if as_json:
        print(json.dumps(found))
    else:
        ablation.show(found, Console(width=200))


def shares_of(tallies: Tallies, names: Mapping[str, str]) -> dict[str, float | None]:
    """Shares of all users together; `names` are metrics by the name that they shall have."""
    shares = {name: share_of(tallies[metric], seed=0) for name, metric in names.items() if metric in tallies}
    return {name: None if found is None else found.value for name, found in shares.items()}


def begin_from(base: Path, directory: Path) -> None:
    """Give an arm all that the base has made, by links; its lock and its results are its own."""
    aside = directory.with_name(f".{directory.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    own = shutil.ignore_patterns(".lock", "result.json")  # one lock of two names would hold both
    shutil.copytree(base, aside, copy_function=os.link, ignore=own)
    aside.rename(directory)


def _means(results: Sequence[Result]) -> dict[str, float | None]:
    names = dict.fromkeys(name for one in results for name in one.numbers)
    means = {}
    for name in names:
        known = [value for one in results if (value := one.numbers.get(name)) is not None]
        means[name] = round(sum(known) / len(known), 4) if known else None
    return means


def _difference(a: Mapping[int, ByUser], b: Mapping[int, ByUser]) -> dict[str, Any] | None:
    ours, theirs = (
        {f"{seed}/{user}": value for seed, users in one.items() for user, value in users.items()}
        for one in (a, b)
    )
    if not ours or ours.keys() != theirs.keys():
        return None
    found = paired_interval(ours, theirs, 0)
    by_seed = [
        round(sum(a[seed].values()) / len(a[seed]) - sum(b[seed].values()) / len(b[seed]), 4) for seed in a
    ]
    return {
        "mean": round(found.mean, 4),
        "interval": [round(end, 4) for end in found.interval],
        "by_seed": by_seed,
    }


def _told(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    low, high = found["interval"]
    seeds = ", ".join(f"{value:+.3f}" for value in found["by_seed"])
    return f"{found['mean']:+.3f} [{low:+.3f}, {high:+.3f}] ({seeds})"
