"""`usergpt simulate write`: a language model writes titles, queries and desires of a world, into a folder."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from launch.progress import Reporter
from launch.recipe import load_simulation
from lm.client import ChatClient, ChatRequest
from records.errors import UserError
from simulate.author.additions import NewDesire, check_folder, write_additions
from simulate.author.expansion import ITEMS, WORKS, Expansion, expand
from simulate.author.llm import TEMPERATURE, LLMAuthor

CACHE = ".cache"
"""Folder of the model's answers, within the one that is written."""

MOST_DESIRES = 10_000


def write_world(
    recipe_path: Path | None, overrides: Sequence[str], out: Path, *, desires: int, items: int | None
) -> int:
    """Write texts of the first `items` items (None: all) and up to `desires` new desires into `out`.

    Raises:
        UserError: no model is set or none answers, `out` holds other files, or numbers make no sense.
    """
    recipe = load_simulation(recipe_path, overrides)
    config, llm = recipe.simulate, recipe.llm
    if not llm.model.strip():
        raise UserError(
            f"simulate write needs a language model: set llm.base_url (now {llm.base_url}) and llm.model"
        )
    if not 0 <= desires <= MOST_DESIRES:
        raise UserError(f"--desires: {desires} desires; give 0 to {MOST_DESIRES}")
    if items is not None and items < 0:
        raise UserError(f"--items: {items} items; give at least 0")
    check_folder(out, config.world)
    client = ChatClient(llm, out / CACHE)
    _greet(client)
    reporter = Reporter()
    sent: Counter[str] = Counter()
    cached: Counter[str] = Counter()

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        sent[name] -= client.stats.asked
        cached[name] -= client.stats.cached
        with reporter.stage(name):
            yield
        sent[name] += client.stats.asked
        cached[name] += client.stats.cached

    author = LLMAuthor(client, reporter.update)
    expansion = expand(config, recipe.seed, author, items=items, desires=desires, stage=stage)
    write_additions(out, expansion.additions, _header(expansion, llm.model, config.world))
    for error in expansion.errors:
        reporter.say(f"left out, since the world would not load: {error}")
    for table in _tables(expansion, sent, cached):
        reporter.console.print(table)
    stats = client.stats
    reporter.say(
        f"tokens: {stats.prompt_tokens:,} of prompts, {stats.completion_tokens:,} of answers; "
        f"{stats.retries} retries"
    )
    world = ",".join([*config.world, str(out)])
    reporter.say(f"use it: usergpt simulate run 'simulate.world=[{world}]' --out DIR")
    return 0


def _greet(client: ChatClient) -> None:
    """One short question before thousands: a server that is not there is found at once."""
    (reply,) = client.complete([ChatRequest(system="", user="Say: ready", max_tokens=64)])
    if reply.error and reply.reason not in ("malformed", "budget"):
        raise UserError(f"llm.base_url {client.config.base_url}: no answer there ({reply.error})")


def _header(expansion: Expansion, model: str, world: Sequence[str]) -> str:
    accepted = {name: outcome.accepted for name, outcome in expansion.outcomes.items()}
    new = [one for one in expansion.additions if isinstance(one, NewDesire)]
    everyday = sum(not one.tag for one in new)
    counts = ", ".join(f"{count} {name}" for name, count in accepted.items())
    return (
        f"by the model {_line(model)} at temperature {TEMPERATURE}, for the world {_line(', '.join(world))}\n"
        f"accepted: {counts}; {everyday} of the desires show nothing"
    )


def _line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _tables(expansion: Expansion, sent: Counter[str], cached: Counter[str]) -> Iterator[Table]:
    table = Table(title="what was asked, and what became of the proposals")
    table.add_column("")
    for heading in ("asks", "sent", "cached", "proposals", "accepted", "rejected"):
        table.add_column(heading, justify="right")
    for name, outcome in expansion.outcomes.items():
        asks = ("", "", "") if name == ITEMS else (expansion.asks[name], sent[name], cached[name])
        counts = (*asks, outcome.proposed, outcome.accepted, outcome.rejected.total())
        table.add_row(name, *(count if isinstance(count, str) else f"{count:,}" for count in counts))
    yield table
    reasons = sum((outcome.rejected for outcome in expansion.outcomes.values()), Counter[str]())
    if not reasons:
        return
    table = Table(title="rejected, by reason")
    table.add_column("reason")
    for name in WORKS:
        table.add_column(name, justify="right")
    for reason, _ in reasons.most_common():
        table.add_row(reason, *(f"{expansion.outcomes[name].rejected[reason]:,}" for name in WORKS))
    yield table
