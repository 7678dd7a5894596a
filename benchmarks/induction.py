"""The proof of persona induction: how good induced sets are, what of the truth they find, what they foretell.

    python -m benchmarks.induction --online-retail online_retail.parquet --json
    python -m benchmarks.induction --tables quality --seeds 0 --set sft.personas.examples=400

Five tables:

    validation do the numbers of quality, and other versions of them, fall where true sets of simulated users
               are spoilt in known ways? With --judged 24 --set llm.model=… a language model's, too
    quality    persona sets about users held out, of the clusters, the plain baseline, a model after SFT and
               after groupwise DPO: a run of recipes/induction.yaml a log and seed (OUT/LOG/seedN)
    versions   the same sets by other versions of the qualities, which no model is trained on
    recovery   the same sets against what simulated users are known to want
    future     the next item of a log's users with and without personas (benchmarks.next_item)

Without --online-retail tables are of simulated users alone, that of the next item of Complete Journey alone.
A rerun goes on with what is missing. Intervals are of 2,000 resamples of users, over all seeds together;
differences are paired by user.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.induction_quality import Logs, quality_table, show_quality, train
from benchmarks.induction_recovery import recovery_of_runs, show_recovery
from benchmarks.induction_validation import show_validation, validation
from benchmarks.induction_versions import show_versions, versions_table
from benchmarks.next_item import SEEDS as NEXT_ITEM_SEEDS
from benchmarks.next_item import run as next_item
from benchmarks.next_item import show as show_next_item
from benchmarks.next_item_logs import complete_journey, online_retail
from induce.folder import VERSION as PERSONAS_VERSION
from induce.memories import MEMORY_VERSION
from launch.progress import Reporter
from launch.recipe import file_state, fingerprint
from records.errors import UserError
from records.files import read_json, write_json
from records.induction import ClusterConfig, MemoryConfig

TABLES = ("validation", "quality", "versions", "recovery", "future")

TRAINED = {"quality", "versions", "recovery"}
"""Tables that need trained models."""


def future(words: argparse.Namespace) -> dict[str, Any]:
    """The next-item table of each log; one of the same file, settings and versions that is there already is
    read."""
    logs: dict[str, Any] = {"complete_journey": (complete_journey, MemoryConfig(value_per_piece=False))}
    if words.online_retail:
        logs["online_retail"] = (lambda: online_retail(words.online_retail), MemoryConfig())
    plain = argparse.Namespace(
        personas=None,
        memories=None,
        stand_ins=False,
        vectors=words.out / "vectors",
        seeds=NEXT_ITEM_SEEDS,
    )
    found = {}
    for name, (log, memory) in logs.items():
        file = file_state(str(words.online_retail)) if name == "online_retail" else None
        versions = [MEMORY_VERSION, PERSONAS_VERSION]
        of = fingerprint(file, memory, ClusterConfig(), list(NEXT_ITEM_SEEDS), versions)
        path = words.out / f"next_item-{name}-{of}.json"
        if not path.exists():
            write_json(path, next_item(log(), memory, plain))
        found[name] = read_json(path)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--online-retail", type=Path, metavar="FILE", help="Parquet file of it")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/induction_proof"))
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="overrides of the recipe")
    parser.add_argument(
        "--judged", type=int, default=0, metavar="USERS", help="users whose sets a language model judges"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object last")
    words = parser.parse_args(arguments)
    try:
        _tables(words)
    except UserError as fault:
        sys.exit(f"benchmarks.induction: {fault}")


def _tables(words: argparse.Namespace) -> None:
    """Make and print what is asked for."""
    console, found = Console(width=200), dict[str, Any]()
    logs = Logs(online_retail=words.online_retail, overrides=words.set)
    reporter = Reporter(Console(stderr=True))
    if "validation" in words.tables:
        simulated = Logs(online_retail=None, overrides=words.set)
        found["validation"] = validation(
            train(simulated, words.seeds, words.out, reporter, until="model")["simulated"], words.judged
        )
        show_validation(found["validation"], console)
    if TRAINED & set(words.tables):
        runs = train(logs, words.seeds, words.out, reporter)
        if "quality" in words.tables:
            found["quality"] = quality_table(runs)
            show_quality(found["quality"], console)
        if "versions" in words.tables:
            found["versions"] = versions_table(runs)
            show_versions(found["versions"], console)
        if "recovery" in words.tables:
            found["recovery"] = recovery_of_runs(runs["simulated"])
            show_recovery(found["recovery"], console)
    if "future" in words.tables:
        found["future"] = future(words)
        for name, one in found["future"].items():
            for seed in one["seeds"]:
                show_next_item(name, int(seed), one, console)
    told = words.out / "induction.json"
    write_json(told, (read_json(told) if told.exists() else {}) | found)
    if words.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
