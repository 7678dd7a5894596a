"""Stage report of personas: what models and clusters write about users held out, told in numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.table import Table

from actors.persona_scorer import persona_scorer
from hprbench.persona_report import PersonaExample, PersonaReport, write_persona_report
from hprbench.persona_table import METRICS, PersonaRow, Sets, differences, persona_row
from induce.answers import lines_of, parse_personas
from induce.checking import checked
from induce.inducers import ClusterInducer, settings_of
from induce.lines import MemoryLines
from induce.plain import PlainInducer
from induce.scoring import PersonaCase, PersonaScorer
from induce.teaching import shown, teachers_of
from launch.curves import read_curves
from launch.pipeline import Run, stage_seconds
from launch.stages.groupwise import FOLDER as GROUPWISE
from launch.stages.persona_bench import DPO_MODEL, SFT_MODEL, answers_path, induced_path, persona_models
from launch.stages.persona_data import embedder_of, load_cases, load_population, vectors_path
from launch.stages.persona_sft import STAGE
from launch.stages.splits import load_splits
from lm.answers import Malformed
from records.files import read_json, written_whole
from records.persona import PersonaSet, persona_sets
from rewards.personas.total import Quality

EXAMPLES = 5
"""Users shown in the report."""

SCORES = "bench/quality.parquet"
"""File of a run with the quality of every set of every inducer, a row a set."""

SCORE_SCHEMA = {
    "inducer": pl.String,
    "user_id": pl.String,
    **{
        name: pl.Float64 for name in ("total", "cohesion", "alignment", "truthfulness", "coverage", "overlap")
    },
    "count": pl.Int64,
    "error": pl.String,
}

INDUCED = ", as it induces"
"""How a model is called that is asked as by `usergpt induce`: greedily, again where the log does not uphold
all of it, and without sentences that the log refutes."""

CLUSTERS, PLAIN = "clusters", "plain clusters"
"""Inducers without a model."""

CHECKED = "plain clusters, checked"
"""The plain one, of whose sentences those are left out that the log refutes, as of a model's."""

SHOWN, WHOLE_LOG = "what lines show", "all memories"
"""What inducers without a model are given: the memories that the model's lines show, or more than a model can
read."""


def run_persona_report(run: Run) -> None:
    """Score everything, write report.json, report.md and report.html, and print the table."""
    recipe, seed = run.recipe, run.recipe.seed
    cases = load_cases(run, load_splits(run.directory).bench)
    cases = {user: case for user, case in cases.items() if case.lines.lines}
    scorer = persona_scorer(recipe.induce, load_population(run), vectors_path(run))
    sets: dict[str, Sets] = {}
    run.reporter.doing("clusters are made")
    for name, teacher in teachers_of(recipe.sft.teacher_cuts, scorer).items():
        sets[f"teacher, {name}"] = _scored(teacher(cases), cases, scorer)
    taught = list(sets)
    for name, found in rival_sets(run, cases).items():
        sets[name] = _scored(found, cases, scorer)
    tokens: dict[str, list[int]] = {}
    for name in persona_models(run):
        run.reporter.doing(f"{name} is scored")
        answers = pl.read_parquet(answers_path(run, name), glob=False)
        sets[name] = answered(answers, cases, scorer)
        induced = persona_sets(pl.read_parquet(induced_path(run, name), glob=False))
        sets[f"{name}{INDUCED}"] = _scored([one for one in induced if one.user_id in cases], cases, scorer)
        tokens[name] = answers["tokens"].to_list()
    write_scores(run.directory / SCORES, sets)
    rows = [persona_row(name, found, seed, tokens.get(name, ())) for name, found in sets.items()]
    best = max(taught, key=lambda name: _total(rows, name))
    stages = stage_seconds(run.directory)
    ours = list(persona_models(run))[-1]
    pairs = [(DPO_MODEL, SFT_MODEL)] if DPO_MODEL in sets else []
    pairs += [(ours, best), *((ours, f"{name}, {SHOWN}") for name in (CLUSTERS, PLAIN))]
    report = PersonaReport(
        title=recipe.name,
        seed=seed,
        users=len(cases),
        k=recipe.bench.k,
        seconds=round(sum(stages.values()), 1),
        stages=stages,
        rows=rows,
        compared={f"{a} − {b}": differences(sets[a], sets[b], seed) for a, b in pairs},
        teachers=read_json(run.directory / "sft" / "teachers" / "counts.json"),
        curves=_curves(run),
        loss=[
            row[name]
            for row in read_curves(run.directory / "sft" / f"{STAGE}.jsonl")
            if (name := f"sft/{STAGE}/answer_loss") in row
        ],
        examples=_examples(run, ours, cases),
    )
    write_persona_report(report, run.directory)
    run.reporter.console.print(_table(rows))
    run.reporter.say(f"report: {run.directory / 'report.html'}")


def write_scores(path: Path, sets: Mapping[str, Sets]) -> None:
    """Write the quality of every set, by SCORE_SCHEMA."""
    fields = list(SCORE_SCHEMA)[2:]
    rows = [
        (name, user, *(getattr(one, field) for field in fields))
        for name, of_users in sets.items()
        for user, mine in of_users.items()
        for one in mine
    ]
    with written_whole(path) as aside:
        pl.DataFrame(rows, schema=SCORE_SCHEMA, orient="row").write_parquet(aside)


def read_scores(path: Path) -> dict[str, dict[str, list[Quality]]]:
    """What `write_scores` wrote: inducer → user → qualities."""
    found: dict[str, dict[str, list[Quality]]] = {}
    for row in pl.read_parquet(path, glob=False).iter_rows(named=True):
        name, user = row.pop("inducer"), row.pop("user_id")
        found.setdefault(name, {}).setdefault(user, []).append(Quality(**row))
    return found


def offline(run: Run) -> dict[str, ClusterInducer | PlainInducer]:
    """Inducers without a model, as `usergpt induce` has them."""
    clusters, embedder = run.recipe.induce.clusters, embedder_of(run)
    return {
        CLUSTERS: ClusterInducer(clusters, embedder, load_population(run)),
        PLAIN: PlainInducer(clusters, embedder),
    }


def offline_sets(run: Run, cases: Mapping[str, PersonaCase]) -> dict[str, list[PersonaSet]]:
    """What these find in what lines show of users, and in all of their memories. Of the whole log they know
    in either case what lines say: which sums are little and much, and where it ends."""
    whole = {user: case.memories for user, case in cases.items()}
    seen, settings = {user: shown(case) for user, case in cases.items()}, settings_of(whole)
    found: dict[str, list[PersonaSet]] = {}
    for given, memories in ((SHOWN, seen), (WHOLE_LOG, whole)):
        for name, inducer in offline(run).items():
            found[f"{name}, {given}"] = inducer(memories, settings)
    return found


def rival_sets(run: Run, cases: Mapping[str, PersonaCase]) -> dict[str, list[PersonaSet]]:
    """The same, and the plain ones CHECKED."""
    found: dict[str, list[PersonaSet]] = {}
    for name, sets in offline_sets(run, cases).items():
        found[name] = sets
        if name.startswith(PLAIN):
            left = [checked(one, cases[one.user_id].memories)[0] for one in sets]
            found[name.replace(PLAIN, CHECKED)] = left
    return found


def _scored(
    found: Sequence[PersonaSet], cases: Mapping[str, PersonaCase], scorer: PersonaScorer
) -> dict[str, list[Quality]]:
    return {one.user_id: [scorer.quality(one, cases[one.user_id].memories)] for one in found}


def answered(
    answers: pl.DataFrame, cases: Mapping[str, PersonaCase], scorer: PersonaScorer
) -> dict[str, list[Quality]]:
    """The quality of a model's answers (`persona_bench.ANSWER_SCHEMA`) by user."""
    found: dict[str, list[Quality]] = {user: [] for user in cases}
    for user, finish_reason, text in answers.select("user_id", "finish_reason", "text").iter_rows():
        truncated = finish_reason == "length"
        one = Quality(error="truncated") if truncated else scorer.answered(text, cases[user])
        found[user].append(one)
    return found


def _total(rows: Sequence[PersonaRow], name: str) -> float:
    share = next(row for row in rows if row.name == name).metrics["total"]
    return 0.0 if share is None else share.value


def _curves(run: Run) -> list[dict[str, Any]]:
    """Scalars of groupwise DPO by step."""
    rows: dict[int, dict[str, Any]] = {}
    for row in read_curves(run.directory / GROUPWISE / "curves.jsonl"):
        rows.setdefault(row["step"], {}).update(row)
    return [row for _, row in sorted(rows.items())]


def _examples(run: Run, model: str, cases: Mapping[str, PersonaCase]) -> list[PersonaExample]:
    first = pl.read_parquet(answers_path(run, model), glob=False).filter(pl.col("run") == 0).head(EXAMPLES)
    return [example_of(cases[user].lines, text) for user, text in first.select("user_id", "text").iter_rows()]


def example_of(lines: MemoryLines, text: str) -> PersonaExample:
    """A user's lines and what a model wrote about them."""
    texts = tuple(line.text for line in lines.lines)
    parsed = parse_personas(text, lines)
    if isinstance(parsed, Malformed):
        return PersonaExample(user_id=lines.user_id, lines=texts, personas=(), error=parsed.reason)
    personas = tuple(
        {
            "label": persona.label,
            "lines": lines_of(persona.memories, lines),
            "said": [
                {"text": one.text, "lines": lines_of(one.memories, lines)} for one in persona.description
            ],
        }
        for persona in parsed.personas.personas
    )
    return PersonaExample(user_id=lines.user_id, lines=texts, personas=personas)


def _table(rows: Sequence[PersonaRow]) -> Table:
    table = Table(box=None)
    for heading in ("", *METRICS, "tokens"):
        table.add_column(heading, justify="right" if heading else "left")
    for row in rows:
        found = (row.metrics[name] for name in METRICS)
        cells = ("–" if share is None else f"{share.value:.3f}" for share in found)
        table.add_row(row.name, *cells, "–" if row.tokens is None else f"{row.tokens:.0f}")
    return table
