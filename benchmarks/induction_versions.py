"""Persona sets by other versions of the qualities than those that models are trained on.

Groupwise DPO ranks by the rules' numbers, and the table of quality is in the same numbers. These are two that
nobody was trained on: alignment by embedding, and cohesion by the log's own categories where it has any.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from actors.persona_scorer import persona_scorer
from benchmarks.induction_quality import QUESTIONS, Runs, user_key
from hprbench.intervals import paired_interval
from induce.answers import PersonaAnswer, parse_personas
from induce.scoring import PersonaCase
from induce.teaching import teachers_of
from launch.pipeline import Run
from launch.stages.persona_bench import answers_path, induced_path, persona_models
from launch.stages.persona_data import load_cases, load_population, vectors_path
from launch.stages.persona_report import INDUCED, rival_sets
from launch.stages.splits import load_splits
from records.persona import PersonaSet, persona_sets
from rewards.personas.versions import versions

OTHERS = {
    "alignment by embedding": ("alignment", "embedding"),
    "cohesion by category": ("cohesion", "category"),
}
"""Heading → quality and version."""


def versions_table(runs: Runs) -> dict[str, Any]:
    """By log: `rows` (inducer → heading → mean over users) and `questions` (heading → paired difference)."""
    return {log: _of_log(of_seeds) for log, of_seeds in runs.items()}


def _of_log(runs: Mapping[int, Run]) -> dict[str, Any]:
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for seed, run in runs.items():
        for name, of_users in _of_run(run).items():
            for user, told in of_users.items():
                for heading, some in told.items():
                    mine = values.setdefault(name, {}).setdefault(heading, {})
                    mine.setdefault(user_key(run, seed, user), []).extend(some)
    means = {
        name: {
            heading: {user: sum(some) / len(some) for user, some in by_user.items()}
            for heading, by_user in of_name.items()
        }
        for name, of_name in values.items()
    }
    return {
        "rows": {
            name: {heading: sum(by_user.values()) / len(by_user) for heading, by_user in told.items()}
            for name, told in means.items()
        },
        "questions": {
            question: {
                heading: asdict(_difference(means[better][heading], means[worse][heading]))
                for heading in means[better].keys() & means[worse].keys()
                if means[better][heading].keys() & means[worse][heading].keys()
            }
            for question, (better, worse) in QUESTIONS.items()
            if better in means and worse in means
        },
    }


def _difference(a: Mapping[str, float], b: Mapping[str, float]) -> Any:
    both = a.keys() & b.keys()
    return paired_interval({user: a[user] for user in both}, {user: b[user] for user in both}, 0)


def _of_run(run: Run) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Inducer → user → heading → a number for each of its sets that the version can tell of."""
    cases = load_cases(run, load_splits(run.directory).bench)
    cases = {user: case for user, case in cases.items() if case.lines.lines}
    scorer = persona_scorer(run.recipe.induce, load_population(run), vectors_path(run))
    sets = _sets(run, cases)
    sets |= {f"teacher, {name}": teacher(cases) for name, teacher in teachers_of([], scorer).items()}
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for name, some in sets.items():
        told = [one for one in some if one.personas and one.user_id in cases]
        pairs = [(one, scorer.subject(cases[one.user_id].memories)) for one in told]
        values = versions(pairs, scorer.embedder, run.recipe.induce.quality).values
        for heading, (quality, version) in OTHERS.items():
            for one, value in zip(told, values[quality][version], strict=True):
                if value == value:
                    mine = found.setdefault(name, {}).setdefault(one.user_id, {})
                    mine.setdefault(heading, []).append(value)
    return found


def _sets(run: Run, cases: Mapping[str, PersonaCase]) -> dict[str, list[PersonaSet]]:
    found = rival_sets(run, cases)
    for model in persona_models(run):
        answers = pl.read_parquet(answers_path(run, model), glob=False).select("user_id", "text")
        parsed = [parse_personas(text, cases[user].lines) for user, text in answers.iter_rows()]
        found[model] = [one.personas for one in parsed if isinstance(one, PersonaAnswer)]
        found[f"{model}{INDUCED}"] = persona_sets(pl.read_parquet(induced_path(run, model), glob=False))
    return found


def show_versions(found: Mapping[str, Any], console: Console) -> None:
    """Print the tables of each log."""
    for log, one in found.items():
        headings = [name for name in OTHERS if any(name in told for told in one["rows"].values())]
        for title, rows in (("means", one["rows"]), ("differences, paired by user", one["questions"])):
            table = Table(title=f"{log}: by versions that nobody was trained on, {title}")
            for heading in ("", *headings):
                table.add_column(heading, justify="right" if heading else "left")
            for name, told in rows.items():
                table.add_row(name, *(_told(told.get(heading)) for heading in headings))
            console.print(table)


def _told(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    low, high = value["interval"]
    return f"{value['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"
