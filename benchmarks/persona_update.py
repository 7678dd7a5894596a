"""How far personas brought up to date with new events agree with personas of the whole log made at once.

    python -m benchmarks.persona_update --online-retail online_retail.parquet --vectors runs/vectors --json

Users drawn by chance from a log and simulated ones; each one's log is cut in two at a share of its own time.
Personas of the first part are brought up to date with the second (`induce.updating`), and made anew of the
whole, with the gap and the population of the first part for both, so that only the update tells them apart.
Told are the quality of both, by the memories of the whole, and the adjusted Rand index between them, over the
intents that stand in a persona of both. Users without personas of the first part, or without anything after
it, are left out.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from benchmarks.inducers import (
    MEASURES,
    SEED,
    Users,
    memories_in,
    retail_events,
    scored,
    simulated_events,
    subjects_of,
)
from benchmarks.profile_update import NEW, OLD, WHOLE, cut
from hprbench.intervals import paired_interval
from hprbench.recovery.partitions import adjusted_rand
from induce.embedding import Embedder, SentenceEmbedder
from induce.inducers import ClusterInducer
from induce.population import Population, population_of
from induce.sessions import gap_of, pause_histogram
from induce.updating import Updater
from records.induction import ClusterConfig, MemoryConfig
from records.persona import PersonaSet


def parts_of(timeline: pl.DataFrame, share: float) -> tuple[Users, Users]:
    """Memories of the first part and of the whole log; sessions end after the gap that the first part has."""
    parts = cut(timeline, share)
    config = MemoryConfig(gap_minutes=gap_of(pause_histogram(parts[OLD])).minutes)
    told = parts[NEW]["user_id"].unique().implode()
    return (
        memories_in(parts[OLD].filter(pl.col("user_id").is_in(told)), config),
        memories_in(parts[WHOLE], config),
    )


def compared(
    old: Users, whole: Users, population: Population, embedder: Embedder, seed: int
) -> dict[str, Any]:
    """`rows` of means by how the personas were made, `difference` (updated less anew), `rand`, `counts`.

    `population` is that of the whole log's first part, `old` are some of its users.
    """
    inducer = ClusterInducer(ClusterConfig(), embedder, population)
    before = {one.user_id: one for one in inducer(old) if one.personas}
    known = {user: whole[user] for user in before}
    updater = Updater(inducer)
    updates = {user: updater(one, old[user], known[user]) for user, one in before.items()}
    sets = {
        "updated": [one.personas for one in updates.values()],
        "anew": inducer(known),
    }
    subjects = subjects_of(known, population, embedder)
    scores = {name: scored(found, subjects, embedder) for name, found in sets.items()}
    users = [user for user in known if all(user in one["total"] for one in scores.values())]
    differences = {
        measure: paired_interval(*({u: scores[name][measure][u] for u in users} for name in sets), seed)
        for measure in MEASURES
    }
    rands = [agreement(one, other) for one, other in zip(*sets.values(), strict=True)]
    known_rands = [rand for rand in rands if rand is not None]
    return {
        "users": len(users),
        "counts": {
            name: sum(getattr(one, name) for one in updates.values())
            for name in ("kept", "changed", "new", "gone")
        },
        "rows": {
            name: {
                measure: round(float(np.mean([scores[name][measure][user] for user in users])), 4)
                for measure in MEASURES
            }
            for name in sets
        },
        "difference": {
            measure: {"value": round(one.mean, 4), "interval": [round(end, 4) for end in one.interval]}
            for measure, one in differences.items()
        },
        "rand": round(float(np.mean(known_rands)), 4) if known_rands else None,
    }


def agreement(one: PersonaSet, other: PersonaSet) -> float | None:
    """Adjusted Rand of two sets of a user over the memories that both hold; None of fewer than two."""
    places = [
        {number: place for place, persona in enumerate(found.personas) for number in persona.memories}
        for found in (one, other)
    ]
    both = sorted(places[0].keys() & places[1].keys())
    if len(both) < 2:
        return None
    first, second = ([place[number] for number in both] for place in places)
    return adjusted_rand(first, second)


def show(name: str, found: Mapping[str, Any], console: Console) -> None:
    """Print the table of one log."""
    table = Table(title=f"{name}: {found['users']} users, {found['counts']}", title_justify="left")
    for heading in ("", *MEASURES):
        table.add_column(heading, justify="right")
    for made, row in found["rows"].items():
        table.add_row(made, *(f"{value:.3f}" for value in row.values()))
    less = found["difference"].values()
    table.add_row(
        "updated − anew",
        *(f"{one['value']:+.3f} [{one['interval'][0]:+.3f}, {one['interval'][1]:+.3f}]" for one in less),
    )
    console.print(table)
    console.print(f"adjusted Rand between them: {found['rand']}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--online-retail", type=Path, metavar="FILE", help="Parquet file of it")
    parser.add_argument("--users", type=int, default=300, help="of each log (default: 300)")
    parser.add_argument("--share", type=float, default=0.7, help="of a user's time before it (default: 0.7)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the users and the simulation")
    parser.add_argument("--vectors", type=Path, metavar="FOLDER", help="where embeddings are kept")
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args(arguments)
    logs = {"simulated": simulated_events(words.users, words.seed)}
    if words.online_retail:
        logs["online_retail"] = retail_events(words.online_retail)
    embedder, console, found = SentenceEmbedder(cache=words.vectors), Console(width=200), {}
    for name, timeline in logs.items():
        old, whole = parts_of(timeline, words.share)
        drawn = np.random.default_rng(words.seed).permutation(sorted(old))[: words.users]
        some = {user: old[user] for user in sorted(drawn.tolist())}
        found[name] = compared(some, whole, population_of(old.values()), embedder, words.seed)
        show(name, found[name], console)
    if words.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
