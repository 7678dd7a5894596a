"""Do the numbers of quality fall where true sets of simulated users are spoilt in known ways?"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.persona_scorer import persona_scorer
from benchmarks.induction_recovery import MOST
from hprbench.recovery.controls import true_sides
from hprbench.recovery.table import read_truth
from hprbench.recovery.truth import truth_of_memories
from induce.describing import personas_of
from induce.inducers import ClusterInducer
from induce.scoring import PersonaCase
from launch.pipeline import Run
from launch.stages.persona_data import embedder_of, load_cases, load_population, vectors_path
from launch.stages.splits import load_splits
from records.persona import PersonaSet
from rewards.personas.facts import setting_of
from rewards.personas.subject import Subject
from rewards.personas.validation import validation_effects

TRUE, INDUCED = "true sides", "clusters"


def validation(runs: Mapping[int, Run]) -> dict[str, dict[str, Any]]:
    """Sets that are spoilt → perturbation → its effect (`rewards.personas.validation.Effect` as plain
    values), over the users held out of all seeds.

    True sets are the largest true sides of a user and the rest (`hprbench.recovery.controls.true_sides`),
    described by the rules of `induce.describing`. Clusters are there, too, as a set that is no truth.
    """
    pairs: dict[str, list[tuple[PersonaSet, Subject]]] = {TRUE: [], INDUCED: []}
    for run in runs.values():
        cases = load_cases(run, load_splits(run.directory).bench)
        scorer = persona_scorer(run.recipe.induce, load_population(run), vectors_path(run))
        inducer = ClusterInducer(run.recipe.induce.clusters, embedder_of(run), load_population(run))
        induced = inducer({user: case.memories for user, case in cases.items()})
        for name, sets in ((TRUE, _true_sets(run, cases)), (INDUCED, induced)):
            pairs[name] += [
                (one, scorer.subject(cases[one.user_id].memories)) for one in sets if one.personas
            ]
        quality = run.recipe.induce.quality
    return {
        name: {spoilt: asdict(effect) for spoilt, effect in validation_effects(some, quality).items()}
        for name, some in pairs.items()
    }


def _true_sets(run: Run, cases: Mapping[str, PersonaCase]) -> Iterator[PersonaSet]:
    memories = {user: case.memories for user, case in cases.items()}
    known = truth_of_memories(read_truth(run.directory / "events", memories), memories)
    population, most = load_population(run), run.recipe.induce.clusters.citations
    for one in true_sides(known, "sides", most=MOST):
        everything = [memory for memory in memories[one.user_id] if not memory.noise]
        parts = [set(persona.memories) for persona in one.personas]
        groups = [[memory for memory in everything if memory.number in part] for part in parts]
        personas = personas_of(
            [group for group in groups if group],
            everything,
            setting_of(memories[one.user_id]),
            population,
            most,
        )
        yield PersonaSet(user_id=one.user_id, personas=personas)


def show_validation(found: Mapping[str, Mapping[str, Any]], console: Console) -> None:
    """Print a table of each kind of sets."""
    for name, effects in found.items():
        table = Table(title=f"validation: sets of {name}, spoilt")
        for heading in (
            "spoilt by",
            "lowers",
            "users",
            "before",
            "after",
            "change",
            "Cohen's d",
            "falls for",
        ):
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
