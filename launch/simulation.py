"""`usergpt simulate run`, `leaks` and `sample`; `report` is in `launch.realism`."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hprbench.leaks import Leaks, measure_leaks
from launch.progress import Reporter
from launch.recipe import load_simulation
from launch.sample_page import write_sample
from launch.write_world import CACHE
from lm.client import ChatClient
from records.errors import UserError
from records.files import write_json
from records.tags import TAG_NAMES
from simulate.author.acceptance import described
from simulate.author.llm import LLMAuthor
from simulate.author.protocol import Author, PersonaFacts
from simulate.author.template import TemplateAuthor
from simulate.block import BLOCK
from simulate.engine import SimulationSummary, settings_of


def run_simulation(recipe_path: Path | None, overrides: Sequence[str], out: Path) -> int:
    """Simulate into `out` on a Ray of its own or the cluster of `cluster.address`; a rerun goes on."""
    recipe = load_simulation(recipe_path, overrides)
    from actors.cluster import ray_cluster
    from actors.simulators import simulate_sharded

    reporter = Reporter()
    with ray_cluster(recipe.cluster), reporter.stage("simulate"):
        summary, lost = simulate_sharded(
            recipe.simulate,
            recipe.seed,
            out,
            recipe.cluster,
            lambda done: reporter.update(done, recipe.simulate.users, "users"),
        )
    for name in lost:
        reporter.say(f"lost {name}; written again")
    reporter.say(f"{summary.users:,} users, {summary.events:,} events in {out}")
    _print_counts(summary, reporter.console)
    return 0


def _print_counts(summary: SimulationSummary, console: Console) -> None:
    table = Table(
        title="what was repaired, rejected, injected and lived through",
        caption=f"counted in whole blocks of {BLOCK} users; the last may hold more than were asked for",
    )
    table.add_column("count of")
    table.add_column("", justify="right")
    for name, count in summary.counts.items():
        table.add_row(Text(name.replace("_", " ")), f"{count:,}")
    console.print(table)
    share = ", ".join(f"{tag} {summary.na_share[tag]:.2f}" for tag in TAG_NAMES)
    console.print(f"share of users without evidence (NA): {share}", highlight=False)


def show_leaks(directory: Path, users: int, *, as_json: bool) -> int:
    """Print what three readers make of a simulated log, and write it to `report/leaks.json` there."""
    config, seed = settings_of(directory)
    leaks = measure_leaks(directory, config, seed, users)
    write_json(directory / "report" / "leaks.json", leaks.to_json())
    if as_json:
        print(json.dumps(leaks.to_json()))
    else:
        _print_leaks(leaks, Console())
    return 0


def _number(score: float | None) -> str:
    return "–" if score is None else f"{score:.3f}"


def _print_leaks(leaks: Leaks, console: Console) -> None:
    table = Table(title=f"macro-F1 over the 18 tags, {leaks.users} held-out users")
    table.add_column("reader")
    for name, cases in leaks.cases.items():
        table.add_column(f"{name}\n{cases:,} cases", justify="right")
    for reader, scores in leaks.macro_f1.items():
        table.add_row(reader, *(_number(scores[name]) for name in leaks.cases))
    console.print(table)
    by_tag = Table(title="by tag, all cases")
    for heading in ("tag", "NA share", "TF-IDF + LR", "oracle"):
        by_tag.add_column(heading, justify="left" if heading == "tag" else "right")
    for tag in TAG_NAMES:
        by_tag.add_row(
            tag,
            f"{leaks.na_share[tag]:.2f}",
            _number(leaks.tfidf_by_tag[tag]),
            _number(leaks.oracle_by_tag[tag]),
        )
    console.print(by_tag)


def show_sample(directory: Path, users: int, overrides: Sequence[str]) -> int:
    """Write a page of `users` users, spread over the directory, for a human to check.

    Raises:
        UserError: an override is none of the language model's, which describes users where one is set.
    """
    for override in overrides:
        if not override.startswith("llm."):
            raise UserError(
                f"{override!r}: users are as they were simulated; only keys of llm can be set here"
            )
    llm = load_simulation(None, overrides).llm
    config, seed = settings_of(directory)
    page = directory / "report" / "sample.html"
    cache = page.parent / CACHE
    author: Author = LLMAuthor(ChatClient(llm, cache)) if llm.model else TemplateAuthor()
    rejected: Counter[str] = Counter()

    def describe(personas: Sequence[PersonaFacts]) -> list[str]:
        texts, outcome = described(author, personas)
        rejected.update(outcome.rejected)
        return texts

    count = write_sample(directory, config, seed, users, page, describe)
    print(f"{count} users in {page}")
    if rejected:
        reasons = ", ".join(f"{reason} {number}" for reason, number in rejected.most_common())
        print(f"descriptions rejected, and composed from facts instead: {reasons}")
    return 0
