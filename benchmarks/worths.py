"""`induce.clusters.worth`: what personas are like, and what is found again of known sides, fine to coarse.

    python -m benchmarks.worths --vectors runs/vectors --seed 12 --online-retail online_retail.parquet --json

Made-up users of one to five topics, of whom the number of personas is known; simulated users, with their
truth; and customers of Online Retail. For simulated users also whether the total tells which of a user's sets
is nearer to the truth: Spearman's correlation over the worths, within a user.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.inducers import Users, memories_in, retail_events
from hprbench.intervals import paired_interval
from hprbench.recovery.partitions import adjusted_rand
from hprbench.recovery.sides import persona_of, side_scores
from hprbench.recovery.table import read_truth
from hprbench.recovery.truth import LEVELS, truth_of_memories
from induce.embedding import Embedder, SentenceEmbedder
from induce.inducers import ClusterInducer
from induce.population import Population, population_of
from records.induction import ClusterConfig, QualityConfig
from records.persona import IntentMemory, PersonaSet
from records.simulation import SimulateConfig
from rewards.agreement import spearman
from rewards.personas.subject import Subject, background_of
from rewards.personas.total import quality
from simulate.engine import scan, simulate
from simulate.world import World
from simulate.world_reader import load_world

WORTHS = (0.2, 0.35, 0.5, 0.6, 0.75, 0.9, 1.1)
TOPIC_TAGS = ("interests", "pet", "children", "occupation")
MADE_UP = 40
"""Made-up users of each number of topics."""

Measures = dict[str, dict[str, float]]
"""Measure → user → value."""


def at_worths(
    users: Users, population: Population, embedder: Embedder, config: ClusterConfig
) -> dict[float, list[PersonaSet]]:
    """The sets of the same users, by worth."""
    return {
        worth: ClusterInducer(replace(config, worth=worth), embedder, population)(users) for worth in WORTHS
    }


def totals(sets: Sequence[PersonaSet], users: Users, population: Population, embedder: Embedder) -> Measures:
    """Number of personas, and the total by rules, of users who have any."""
    background_D = background_of(embedder(population.texts))
    found: Measures = {"personas": {}, "total": {}}
    for one in sets:
        if not one.error:
            memories = users[one.user_id]
            vectors = embedder([memory.text for memory in memories])
            subject = Subject(memories, vectors, background_D=background_D)
            found["personas"][one.user_id] = float(len(one.personas))
            found["total"][one.user_id] = quality(one, subject, QualityConfig()).total
    return found


def recovered(sets: Sequence[PersonaSet], truth: Mapping[str, Sequence[Any]]) -> Measures:
    """Adjusted Rand and F1 (sides by their memories) on every level of sides."""
    found: Measures = {f"{level} {metric}": {} for level in LEVELS for metric in ("rand", "f1_by_size")}
    for one in sets:
        placed = persona_of(one, truth[one.user_id])
        for level in LEVELS:
            scores = side_scores(placed, truth[one.user_id], level)
            for metric in ("rand", "f1_by_size"):
                value = getattr(scores, metric)
                if value is not None:
                    found[f"{level} {metric}"][one.user_id] = value
    return found


def told_by_total(by_worth: Mapping[float, Measures], measure: str) -> tuple[float, int]:
    """Mean of Spearman's correlation of total and `measure` over the worths, and of how many users it is:
    those of whom both move."""
    kept = []
    for user in by_worth[WORTHS[0]]["total"]:
        pairs = [
            (one["total"][user], one[measure][user])
            for one in by_worth.values()
            if user in one["total"] and user in one[measure]
        ]
        known = spearman(*map(list, zip(*pairs, strict=True))) if len(pairs) == len(by_worth) else None
        if known is not None:
            kept.append(known)
    return float(np.mean(kept)), len(kept)


def simulated(seed: int, users: int, embedder: Embedder, config: ClusterConfig) -> dict[str, Any]:
    """Rows by worth of simulated users, and what the total tells of recovery."""
    with tempfile.TemporaryDirectory() as place:
        simulate(SimulateConfig(users=users, truth=True), seed, Path(place))
        memories = memories_in(scan(Path(place), "events").collect())
        truth = truth_of_memories(read_truth(Path(place), memories), memories)
    population = population_of(memories.values())
    by_worth = {
        worth: totals(sets, memories, population, embedder) | recovered(sets, truth)
        for worth, sets in at_worths(memories, population, embedder, config).items()
    }
    measures = [name for name in by_worth[WORTHS[0]] if name not in ("personas", "total")]
    return _rows(by_worth, seed) | {"told": {name: told_by_total(by_worth, name) for name in measures}}


def retail(path: Path, seed: int, users: int, embedder: Embedder, config: ClusterConfig) -> dict[str, Any]:
    """Rows by worth of customers drawn by chance."""
    everybody = memories_in(retail_events(path))
    drawn = np.random.default_rng(seed).permutation(sorted(everybody))[:users].tolist()
    some, population = {user: everybody[user] for user in sorted(drawn)}, population_of(everybody.values())
    found = at_worths(some, population, embedder, config)
    by_worth = {worth: totals(sets, some, population, embedder) for worth, sets in found.items()}
    return _rows(by_worth, seed)


def _rows(by_worth: Mapping[float, Measures], seed: int) -> dict[str, Any]:
    """Means by worth, and in pairs what .6 has over .75."""
    means = {
        worth: {name: float(np.mean(list(values.values()))) for name, values in one.items()}
        for worth, one in by_worth.items()
    }
    pairs = {}
    for name, values in by_worth[0.6].items():
        other = by_worth[0.75][name]
        both = values.keys() & other.keys()
        less = paired_interval({u: values[u] for u in both}, {u: other[u] for u in both}, seed)
        pairs[name] = [less.mean, *less.interval]
    return {"means": means, ".6 less .75": pairs}


def made_up_user(world: World, topics: int, rng: np.random.Generator) -> tuple[list[IntentMemory], list[int]]:
    """Memories of `topics` values of TOPIC_TAGS, 6 to 39 of each, and the topic of each memory.

    A memory has one to three items of its topic. Half of the users have no categories.
    """
    offers: dict[tuple[str, str], list[Any]] = {}
    for item in world.items:
        desire = world.desire[item.desire]
        if desire.tag in TOPIC_TAGS and len(desire.values) == 1:
            offers.setdefault((desire.tag, desire.values[0]), []).append(item)
    known = sorted(key for key, items in offers.items() if len(items) >= 3)
    chosen = [known[place] for place in rng.permutation(len(known))[:topics]]
    topic_N = np.repeat(np.arange(topics), rng.integers(6, 40, topics))
    rng.shuffle(topic_N)
    has_category, memories, start = rng.random() < 0.5, [], datetime(2026, 1, 1, 12, tzinfo=UTC)
    for number, topic in enumerate(topic_N.tolist(), start=1):
        items = offers[chosen[topic]]
        some = [items[place] for place in rng.permutation(len(items))[: rng.integers(1, 4)]]
        begin = start + timedelta(days=number)
        memories.append(
            IntentMemory(
                user_id="", number=number, start=begin, end=begin, source=some[0].platform, action="Order",
                wants=tuple(dict.fromkeys(item.name for item in some)),
                category=some[0].category if has_category else "", event_ids=(str(number),),
            )
        )  # fmt: skip
    return memories, topic_N.tolist()


def made_up(seed: int, embedder: Embedder, config: ClusterConfig) -> dict[float, list[dict[str, float]]]:
    """By worth, for one to five topics: personas, share of users with the right number, adjusted Rand (a
    memory in no persona is a group by itself)."""
    world, rng = load_world(SimulateConfig()), np.random.default_rng(seed)
    users: dict[str, list[IntentMemory]] = {}
    topics_of: dict[str, list[int]] = {}
    for topics in range(1, 6):
        for place in range(MADE_UP):
            user = f"{topics}-{place}"
            users[user], topics_of[user] = made_up_user(world, topics, rng)
    rows = {}
    for worth, sets in at_worths(users, population_of(users.values()), embedder, config).items():
        told: dict[int, list[tuple[float, bool, float]]] = {topics: [] for topics in range(1, 6)}
        for one in sets:
            group = {n: place for place, persona in enumerate(one.personas) for n in persona.memories}
            placed = [group.get(memory.number, -memory.number) for memory in users[one.user_id]]
            topics = int(one.user_id[0])
            rand = adjusted_rand(placed, topics_of[one.user_id])
            told[topics].append((len(one.personas), len(one.personas) == topics, rand))
        rows[worth] = [
            dict(zip(("personas", "right", "rand"), np.mean(each, axis=0).tolist(), strict=True))
            for each in told.values()
        ]
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--online-retail", type=Path, metavar="FILE", help="Parquet file of it")
    parser.add_argument("--users", type=int, default=150, help="of each log (default: 150)")
    parser.add_argument("--seed", type=int, default=12, help="of the users and the simulation")
    parser.add_argument("--most-personas", type=int, default=ClusterConfig().most_personas)
    parser.add_argument("--method", default=ClusterConfig().method, help="ward or hdbscan")
    parser.add_argument("--vectors", type=Path, metavar="FOLDER", help="where embeddings are kept")
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args()
    embedder = SentenceEmbedder(cache=words.vectors)
    config = ClusterConfig(most_personas=words.most_personas, method=words.method)
    console, found = Console(width=200), {"made_up": made_up(words.seed, embedder, config)}
    table = Table("worth", *(f"{topics} topics: personas, right, Rand" for topics in range(1, 6)))
    for worth, rows in found["made_up"].items():
        table.add_row(f"{worth:g}", *(" ".join(f"{value:.2f}" for value in row.values()) for row in rows))
    console.print(table)
    found["simulated"] = simulated(words.seed, words.users, embedder, config)
    if words.online_retail:
        found["online_retail"] = retail(words.online_retail, words.seed, words.users, embedder, config)
    for name in ("simulated", "online_retail"):
        if name in found:
            _show(name, found[name], console)
    if words.json:
        print(json.dumps(found))


def _show(name: str, found: dict[str, Any], console: Console) -> None:
    table = Table(*(name, *found[".6 less .75"]), title_justify="left")
    for worth, row in found["means"].items():
        table.add_row(f"{worth:g}", *(f"{value:.3f}" for value in row.values()))
    pairs = found[".6 less .75"].values()
    table.add_row(".6 − .75", *(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]" for mean, low, high in pairs))
    console.print(table)
    for measure, (value, users) in found.get("told", {}).items():
        console.print(f"total and {measure}: Spearman {value:+.2f} within {users} users")


if __name__ == "__main__":
    main()
