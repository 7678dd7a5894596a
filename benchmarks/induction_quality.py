"""How good persona sets about users held out are: runs of the recipe by log and seed, and their table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from actors.cluster import ray_cluster
from hprbench.persona_table import METRICS, Sets, by_user, differences, persona_row, row_json
from induce.teaching import BEST_CUT
from launch.pipeline import Run, open_run, run_stages
from launch.preflight import preflight
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.persona_bench import DPO_MODEL, SFT_MODEL
from launch.stages.persona_report import (
    CHECKED,
    CLUSTERS,
    INDUCED,
    PLAIN,
    SCORES,
    SHOWN,
    WHOLE_LOG,
    read_scores,
)
from launch.stages.personas import PERSONA_STAGES
from rewards.personas.total import Quality

RECIPE = Path("recipes/induction.yaml")

SFT_INDUCES, DPO_INDUCES = f"{SFT_MODEL}{INDUCED}", f"{DPO_MODEL}{INDUCED}"

RIVALS = (
    f"{PLAIN}, {WHOLE_LOG}",
    f"{CHECKED}, {WHOLE_LOG}",
    f"{PLAIN}, {SHOWN}",
    f"{CHECKED}, {SHOWN}",
    f"{CLUSTERS}, {WHOLE_LOG}",
    f"{CLUSTERS}, {SHOWN}",
    f"teacher, {BEST_CUT}",
)
"""Who needs no model."""

QUESTIONS = {
    "groupwise DPO − SFT": (DPO_MODEL, SFT_MODEL),
    "the same, as they induce": (DPO_INDUCES, SFT_INDUCES),
    f"DPO, sampled − {RIVALS[0]}": (DPO_MODEL, RIVALS[0]),
    **{f"DPO as it induces − {rival}": (DPO_INDUCES, rival) for rival in RIVALS},
}
"""What is compared with what."""

COMPARED = METRICS[:4]
"""Metrics of which differences are printed; those of all are in the JSON."""

Runs: TypeAlias = Mapping[str, Mapping[int, Run]]
"""Log → seed → its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """Logs that models are trained and measured on: simulated users, and Online Retail where its file is
    given; `overrides` are of the recipe, for all."""

    online_retail: Path | None
    overrides: Sequence[str]

    @property
    def words(self) -> dict[str, list[str]]:
        """Overrides by log."""
        found = {"simulated": [*self.overrides, "simulate.truth=true"]}
        if self.online_retail is not None:
            log = [f"log.input={self.online_retail.absolute()}", "log.mapping=online_retail"]
            found["online_retail"] = [*log, "semantize.max_quarantine_share=0.5", *self.overrides]
        return found


def train(
    logs: Logs, seeds: Sequence[int], out: Path, reporter: Reporter, until: str = ""
) -> dict[str, dict[int, Run]]:
    """A finished run a log and seed, or one up to the stage `until`; what is there stays."""
    runs: dict[str, dict[int, Run]] = {}
    for log, words in logs.words.items():
        for seed in seeds:
            own = [f"seed={seed}", f"name=seed{seed}", f"runs_dir={out / log}"]
            run = open_run(load_recipe(RECIPE, [*own, *words]), reporter)
            runs.setdefault(log, {})[seed] = run
            reporter.say(f"{log}, seed {seed}")
            preflight(run.recipe)
            with ray_cluster(run.recipe.cluster):
                run_stages(run, PERSONA_STAGES, until=until)
    return runs


def quality_table(runs: Runs) -> dict[str, Any]:
    """By log: the rows of all inducers, and every question with its paired differences.

    `over_users` has intervals over the users of all seeds together: of these trained models. `over_seeds` has
    Student's interval of the mean over seeds, which holds what training anew changes (None for one seed).
    """
    return {log: _of_log(of_seeds) for log, of_seeds in runs.items()}


def _of_log(runs: Mapping[int, Run]) -> dict[str, Any]:
    scores = {seed: read_scores(run.directory / SCORES) for seed, run in runs.items()}
    names = list(dict.fromkeys(name for of_seed in scores.values() for name in of_seed))
    pooled: dict[str, Sets] = {name: _pooled(runs, scores, name) for name in names}
    return {
        "seeds": sorted(runs),
        "rows": [row_json(persona_row(name, pooled[name], 0)) for name in names],
        "questions": {
            question: {
                "over_users": {
                    metric: None if one is None else asdict(one)
                    for metric, one in differences(pooled[better], pooled[worse], 0).items()
                },
                "by_seed": (
                    by_seed := {
                        metric: [
                            _less(of_seed[better], of_seed[worse], metric) for of_seed in scores.values()
                        ]
                        for metric in METRICS
                    }
                ),
                "over_seeds": {metric: over_seeds(by_seed[metric]) for metric in METRICS},
            }
            for question, (better, worse) in QUESTIONS.items()
            if better in pooled and worse in pooled
        },
    }


def over_seeds(values: Sequence[float | None]) -> dict[str, Any] | None:
    """The mean of a number that seeds have, and Student's 95 % interval; None for fewer than two.

    Example:
        over_seeds([0.1, 0.2, 0.3])["interval"] == [-0.0484, 0.4484]  # 0.2 ± 4.3027 × 0.1 / √3
    """
    known = np.array([value for value in values if value is not None])
    if len(known) < 2:
        return None
    half = float(stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1) / len(known) ** 0.5)
    mean = float(known.mean())
    return {"mean": round(mean, 4), "interval": [round(mean - half, 4), round(mean + half, 4)]}


def user_key(run: Run, seed: int, user: str) -> str:
    """Tells users of all seeds apart: simulated ones are others with every seed, those of a log the same."""
    return user if run.recipe.log.input else f"{seed}/{user}"


def _pooled(runs: Mapping[int, Run], scores: Mapping[int, Mapping[str, Sets]], name: str) -> Sets:
    found: dict[str, list[Quality]] = {}
    for seed, of_seed in scores.items():
        for user, mine in of_seed.get(name, {}).items():
            found.setdefault(user_key(runs[seed], seed, user), []).extend(mine)
    return found


def _less(better: Sets, worse: Sets, metric: str) -> float | None:
    ours, theirs = by_user(better, metric), by_user(worse, metric)
    both = ours.keys() & theirs.keys()
    return round(sum(ours[user] - theirs[user] for user in both) / len(both), 4) if both else None


def show_quality(found: Mapping[str, Any], console: Console) -> None:
    """Print the tables of each log."""
    for log, one in found.items():
        seeds = ", ".join(map(str, one["seeds"]))
        table = Table(
            title=f"{log}: means over users held out (of total and valid), over their valid sets (of all "
            f"others); seeds {seeds}"
        )
        for heading in ("inducer", *METRICS):
            table.add_column(heading, justify="left" if heading == "inducer" else "right")
        for row in one["rows"]:
            table.add_row(row["model"], *(_share(row[metric]) for metric in METRICS))
        console.print(table)
        table = Table(
            title="differences, paired by user, with 95 % intervals over users; by seed; over seeds"
        )
        for heading in ("", *COMPARED):
            table.add_column(heading)
        for question, answer in one["questions"].items():
            table.add_row(question, *(_told(answer, metric) for metric in COMPARED))
        console.print(table)


def _share(share: Mapping[str, Any] | None) -> str:
    return "–" if share is None else f"{share['value']:.3f}"


def _told(answer: Mapping[str, Any], metric: str) -> str:
    found, seeds = answer["over_users"][metric], answer["over_seeds"][metric]
    if found is None:
        return "–"
    by_seed = ", ".join("–" if value is None else f"{value:+.3f}" for value in answer["by_seed"][metric])
    told = f"{found['mean']:+.3f} {_interval(found)} ({by_seed})"
    return told if seeds is None else f"{told}; over seeds {_interval(seeds)}"


def _interval(found: Mapping[str, Any]) -> str:
    low, high = found["interval"]
    return f"[{low:+.3f}, {high:+.3f}]"
