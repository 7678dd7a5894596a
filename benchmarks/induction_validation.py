"""Do the numbers of quality fall where true sets of simulated users are spoilt in known ways?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.persona_scorer import persona_scorer
from benchmarks.induction_recovery import MOST
from hprbench.persona_table import METRICS, persona_row, row_json
from hprbench.recovery.controls import one_persona, true_sides
from hprbench.recovery.table import read_truth
from hprbench.recovery.truth import truth_of_memories
from induce.describing import personas_of
from induce.scoring import PersonaCase
from launch.induce_judge import REPLIES
from launch.pipeline import Run
from launch.stages.persona_data import embedder_of, load_cases, load_population, vectors_path
from launch.stages.persona_report import CLUSTERS, offline
from launch.stages.splits import load_splits
from lm.client import ChatClient
from records.induction import QualityConfig
from records.persona import PersonaSet
from rewards.personas.facts import setting_of
from rewards.personas.judge import Case, LLMJudge
from rewards.personas.subject import Subject
from rewards.personas.total import Quality
from rewards.personas.validation import Effect, validation_effects, version_effects

TRUE, INDUCED = "true sides", CLUSTERS


def validation(runs: Mapping[int, Run], judged: int = 0) -> dict[str, Any]:
    """Over the users held out of all seeds:

    `spoilt`: sets → perturbation → its effect (`rewards.personas.validation.Effect` as plain values);
    `versions`: perturbation → version → the same of true sets by other versions of the qualities; `judged`
    what a language model, which `llm.model` names, did for `judged` of them (None where none is asked);
    `unspoilt`: the quality of true sets beside that of others (`hprbench.persona_table.PersonaRow` as plain
    values). Where the total of others is higher, it does not tell the truth from them.

    True sets are the largest true sides of a user and the rest (`hprbench.recovery.controls.true_sides`),
    described by the rules of `induce.describing`. Clusters are spoilt, too, as sets that are no truth.
    """
    pairs: dict[str, list[tuple[PersonaSet, Subject]]] = {TRUE: [], INDUCED: []}
    rivals: dict[str, dict[str, list[Quality]]] = {}
    for seed, run in runs.items():
        cases = load_cases(run, load_splits(run.directory).bench)
        memories = {user: case.memories for user, case in cases.items()}
        scorer = persona_scorer(run.recipe.induce, load_population(run), vectors_path(run))
        sets = {TRUE: list(_true_sets(run, cases))}
        sets |= {name: inducer(memories) for name, inducer in offline(run).items()}
        sets["one persona"] = list(_described(run, cases, one_persona(memories)))
        for name, found in sets.items():
            rivals.setdefault(name, {}).update(
                {f"{seed}/{one.user_id}": [scorer.quality(one, memories[one.user_id])] for one in found}
            )
        for name, mine in pairs.items():
            mine += [(one, scorer.subject(memories[one.user_id])) for one in sets[name] if one.personas]
        quality = run.recipe.induce.quality
    others, tally = _other_versions(next(iter(runs.values())), pairs[TRUE], quality, judged)
    return {
        "spoilt": {name: _plain(validation_effects(some, quality)) for name, some in pairs.items()},
        "versions": {name: _plain(of_versions) for name, of_versions in others.items()},
        "judged": tally,
        "unspoilt": [row_json(persona_row(name, found, 0)) for name, found in rivals.items()],
    }


def _other_versions(
    run: Run, true: Sequence[Case], quality: QualityConfig, judged: int
) -> tuple[dict[str, dict[str, Effect]], dict[str, Any] | None]:
    embedder, llm = embedder_of(run), run.recipe.llm
    found = version_effects(true, embedder, quality)
    if not judged:
        return found, None
    client = ChatClient(llm, run.directory.parent / REPLIES)
    judge = LLMJudge(
        client, quality, progress=lambda done, of: run.reporter.update(done, of, "replies of the judge")
    )
    some = true[:: max(len(true) // judged, 1)][:judged]
    for name, of_versions in version_effects(some, embedder, quality, judge).items():
        if "llm" in of_versions:
            found.setdefault(name, {})["llm"] = of_versions["llm"]  # truthfulness has no other version
    return found, judge.tally.stats()


def _plain(effects: Mapping[str, Effect]) -> dict[str, Any]:
    return {name: asdict(effect) for name, effect in effects.items()}


def _true_sets(run: Run, cases: Mapping[str, PersonaCase]) -> Iterator[PersonaSet]:
    memories = {user: case.memories for user, case in cases.items()}
    known = truth_of_memories(read_truth(run.directory / "events", memories), memories)
    return _described(run, cases, true_sides(known, "sides", most=MOST))


def _described(
    run: Run, cases: Mapping[str, PersonaCase], sets: Sequence[PersonaSet]
) -> Iterator[PersonaSet]:
    """`sets` with labels and descriptions."""
    population, most = load_population(run), run.recipe.induce.clusters.citations
    for one in sets:
        memories = cases[one.user_id].memories
        everything = [memory for memory in memories if not memory.noise]
        parts = [set(persona.memories) for persona in one.personas]
        groups = [[memory for memory in everything if memory.number in part] for part in parts]
        personas = personas_of(
            [group for group in groups if group], everything, setting_of(memories), population, most
        )
        yield replace(one, personas=personas)


def show_validation(found: Mapping[str, Any], console: Console) -> None:
    """Print tables of each kind of sets that is spoilt, of other versions, and of sets that are not."""
    for name, effects in found["spoilt"].items():
        _show_effects(f"validation: sets of {name}, spoilt", effects, console)
    others = {
        f"{spoilt}: {version}": one
        for spoilt, of_versions in found["versions"].items()
        for version, one in of_versions.items()
    }
    _show_effects(f"other versions: sets of {TRUE}, spoilt", others, console)
    if found["judged"]:
        console.print(f"language model: {found['judged']}")
    table = Table(title="unspoilt sets of the same users, all memories")
    for heading in ("sets", *METRICS):
        table.add_column(heading)
    for row in found["unspoilt"]:
        table.add_row(row["model"], *(_value(row[metric]) for metric in METRICS))
    console.print(table)


def _show_effects(title: str, effects: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    table = Table(title=title)
    for heading in ("spoilt by", "lowers", "users", "before", "after", "change", "Cohen's d", "falls for"):
        table.add_column(heading)
    for spoilt, one in effects.items():
        size = "–" if one["cohens_d"] is None else f"{one['cohens_d']:.1f}"
        table.add_row(
            spoilt,
            one["measure"],
            str(one["users"]),
            f"{one['before']:.3f}",
            f"{one['after']:.3f}",
            f"{one['change']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]",
            size,
            f"{one['lowered']:.0%}",
        )
    console.print(table)


def _value(share: Mapping[str, Any] | None) -> str:
    return "–" if share is None else f"{share['value']:.3f}"
