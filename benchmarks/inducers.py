"""Two inducers without a language model side by side: quality by every offline version, and their agreement.

    python -m benchmarks.inducers --online-retail online_retail.parquet --vectors runs/vectors --json

The same users for both, drawn by chance from the whole log, and simulated ones. Numbers are means over users
with personas, differences paired, intervals of 2,000 resamples of users.
"""

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from hprbench.intervals import paired_interval
from induce.coded_events import with_entities
from induce.embedding import Embedder, SentenceEmbedder
from induce.inducers import ClusterInducer, Inducer
from induce.memories import memories_frame
from induce.plain import PlainInducer
from induce.population import Population, population_of
from records.events import EVENT_SCHEMA
from records.induction import ClusterConfig, MemoryConfig, QualityConfig
from records.persona import IntentMemory, PersonaSet, memories_of
from records.simulation import SimulateConfig
from rewards.personas.judge import Agreement, agreements
from rewards.personas.subject import Subject, background_of
from rewards.personas.total import quality
from rewards.personas.versions import versions
from semantize.reading.mapping import load_mapping
from semantize.reading.readers import LogReader
from semantize.refining.refine import RuleRefiner
from semantize.timeline import as_rows, timelines
from simulate.engine import scan, simulate

SEED = 7
MEASURES = ("count", "cohesion", "alignment", "truthfulness", "coverage", "overlap", "total")
EMBEDDED, PURITY = "alignment by embedding", "cohesion by category"
VERSIONS = {"alignment": EMBEDDED, "cohesion": PURITY}
"""Number by rules or embeddings → its other version."""

Users = Mapping[str, Sequence[IntentMemory]]
Scores = dict[str, dict[str, float]]
"""Measure → user → value, nan where a version says nothing."""


def retail_events(path: Path) -> pl.DataFrame:
    """All customers of UCI Online Retail, cancellations included."""
    reader = LogReader(path, load_mapping("online_retail"))
    batches = [as_rows(batch.events) for file, piece in reader.pieces() for batch in reader.read(file, piece)]
    return timelines(pl.concat(batches))[0]


def simulated_events(users: int, seed: int) -> pl.DataFrame:
    """Simulated users."""
    with tempfile.TemporaryDirectory() as place:
        simulate(SimulateConfig(users=users), seed, Path(place))
        return scan(Path(place), "events").collect()


def memories_in(timeline: pl.DataFrame, config: MemoryConfig | None = None) -> Users:
    """The memories of a log, titles refined by rules."""
    events = with_entities(timeline.select(list(EVENT_SCHEMA)), RuleRefiner())
    return memories_of(memories_frame(events, config or MemoryConfig()))


def subjects_of(users: Users, population: Population, embedder: Embedder) -> dict[str, Subject]:
    """What the persona sets of each user are scored by."""
    background_D = background_of(embedder(population.texts))
    return {
        user: Subject(memories, embedder([one.text for one in memories]), background_D=background_D)
        for user, memories in users.items()
    }


def compared(users: Users, population: Population, embedder: Embedder, seed: int) -> dict[str, Any]:
    """Both inducers on the same users: `rows` by inducer, `difference` (plain less cluster), `agreement`."""
    config = ClusterConfig()
    inducers: dict[str, Inducer] = {
        "cluster": ClusterInducer(config, embedder, population),
        "plain": PlainInducer(config, embedder),
    }
    subjects = subjects_of(users, population, embedder)
    scores = {name: scored(inducer(users), subjects, embedder) for name, inducer in inducers.items()}
    both = [user for user in users if all(user in one["total"] for one in scores.values())]
    rows = {
        name: {measure: _mean([values[user] for user in both]) for measure, values in one.items()}
        for name, one in scores.items()
    }
    return {
        "users": len(both),
        "rows": rows,
        "difference": {measure: _paired(scores, measure, both, seed) for measure in scores["plain"]},
        "agreement": {
            f"{measure}, {part}": asdict(_agreement(scores, names, measure, other, both))
            for measure, other in VERSIONS.items()
            for part, names in {"both": list(scores), **{name: [name] for name in scores}}.items()
        },
    }


def scored(sets: Sequence[PersonaSet], subjects: Mapping[str, Subject], embedder: Embedder) -> Scores:
    """All measures of all users with personas."""
    config = QualityConfig()
    cases = [(one, subjects[one.user_id]) for one in sets if not one.error]
    users = [one.user_id for one, _ in cases]
    rated = {user: asdict(quality(*case, config)) for user, case in zip(users, cases, strict=True)}
    other = versions(cases, embedder, config).values
    return {
        **{name: {user: float(one[name]) for user, one in rated.items()} for name in MEASURES},
        EMBEDDED: dict(zip(users, other["alignment"]["embedding"], strict=True)),
        PURITY: dict(zip(users, other["cohesion"]["category"], strict=True)),
    }


def _agreement(
    scores: Mapping[str, Scores], names: Sequence[str], measure: str, other: str, users: Sequence[str]
) -> Agreement:
    versions = {
        version: [scores[name][version][user] for name in names for user in users]
        for version in (measure, other)
    }
    return agreements(versions)[measure, other]


def _paired(scores: Mapping[str, Scores], measure: str, users: Sequence[str], seed: int) -> Any:
    plain, cluster = ({user: scores[name][measure][user] for user in users} for name in ("plain", "cluster"))
    told = {user for user in users if not np.isnan(plain[user] + cluster[user])}
    if not told:
        return None
    less = paired_interval({u: plain[u] for u in told}, {u: cluster[u] for u in told}, seed)
    return {"value": round(less.mean, 4), "interval": [round(end, 4) for end in less.interval]}


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if value == value]
    return round(sum(known) / len(known), 4) if known else None


def show(name: str, found: dict[str, Any], console: Console) -> None:
    """Print the table of one log."""
    table = Table(title=f"{name}: {found['users']} users", title_justify="left")
    for heading in ("", *found["difference"]):
        table.add_column(heading, justify="right")
    for inducer, row in found["rows"].items():
        table.add_row(inducer, *("–" if value is None else f"{value:.3f}" for value in row.values()))
    less = found["difference"].values()
    table.add_row("plain − cluster", *("–" if one is None else f"{one['value']:+.3f}" for one in less))
    console.print(table)
    for versions_of, one in found["agreement"].items():
        told = ("–" if one[key] is None else f"{one[key]:.2f}" for key in ("spearman", "same_order"))
        console.print(
            f"agreement of versions, {versions_of}: Spearman {', pairs in the same order '.join(told)}"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--online-retail", type=Path, metavar="FILE", help="Parquet file of it")
    parser.add_argument("--users", type=int, default=300, help="of each log (default: 300)")
    parser.add_argument("--seed", type=int, default=SEED, help="of the users and the simulation")
    parser.add_argument("--vectors", type=Path, metavar="FOLDER", help="where embeddings are kept")
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args()
    logs = {"simulated": memories_in(simulated_events(words.users, words.seed))}
    if words.online_retail:
        logs["online_retail"] = memories_in(retail_events(words.online_retail))
    embedder, console, found = SentenceEmbedder(cache=words.vectors), Console(width=200), {}
    for name, users in logs.items():
        drawn = np.random.default_rng(words.seed).permutation(sorted(users))[: words.users]
        some = {user: users[user] for user in sorted(drawn.tolist())}
        found[name] = compared(some, population_of(users.values()), embedder, words.seed)
        show(name, found[name], console)
    if words.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
