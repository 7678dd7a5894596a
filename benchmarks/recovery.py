"""What inducers without a language model find of what simulated users want, on logs as long as real ones.

    python -m benchmarks.recovery --seed 12 --vectors runs/vectors --json

Users of the default simulation with its truth, titles refined by rule, against controls that know nothing,
the log's categories, or the truth (`hprbench.recovery`). Intervals are of 2,000 resamples of users,
differences are paired by user.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.inducers import memories_in
from benchmarks.induction_recovery import BY_CATEGORY, SHUFFLED, controls, recovery_of, show_recovery
from hprbench.recovery.table import read_truth
from hprbench.recovery.truth import truth_of_memories
from induce.embedding import Embedder, SentenceEmbedder
from induce.inducers import ClusterInducer
from induce.plain import PlainInducer
from induce.population import population_of
from launch.stages.persona_report import CLUSTERS, PLAIN
from records.induction import ClusterConfig
from records.simulation import SimulateConfig
from simulate.engine import scan, simulate

COMPARED = ((CLUSTERS, PLAIN), (CLUSTERS, SHUFFLED), (PLAIN, BY_CATEGORY))
"""Who is compared with whom."""


def recovered(users: int, seed: int, embedder: Embedder) -> dict[str, Any]:
    """The table (`benchmarks.induction_recovery.recovery_of`), and how many `memories` it is of."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        simulate(SimulateConfig(users=users, truth=True), seed, folder)
        memories = memories_in(scan(folder, "events").collect())
        truth = truth_of_memories(read_truth(folder, memories), memories)
    config = ClusterConfig()
    clusters = ClusterInducer(config, embedder, population_of(memories.values()))(memories)
    sets = {CLUSTERS: clusters, PLAIN: PlainInducer(config, embedder)(memories)}
    sets |= controls(clusters, memories, truth, seed)
    return recovery_of(sets, truth, COMPARED) | {"memories": sum(map(len, memories.values()))}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--vectors", type=Path, metavar="FOLDER", help="where embeddings are kept")
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args()
    found = recovered(words.users, words.seed, SentenceEmbedder(cache=words.vectors))
    show_recovery(found, Console(width=200))
    if words.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
