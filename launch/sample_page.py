"""A page of simulated users for a human to check: who they are, what they did, why each label is what it is.

Hidden state is drawn again from the settings, since nothing of it is in the log.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from records.errors import UserError
from records.files import write_text
from records.simulation import SimulateConfig
from records.tags import NA, TAG_NAMES, TAGS
from records.templates import rendered
from simulate.author.protocol import PersonaFacts, facts_of
from simulate.block import BLOCK, Block, Simulator
from simulate.engine import SHARD_BLOCKS, check_complete, check_config, table_path
from simulate.evolution import MONTH_DAYS
from simulate.frames import Tables, observe, user_id
from simulate.gold import DIFFICULTIES, Gold, gold_of
from simulate.population import COLUMN
from simulate.sessions import Role
from simulate.world import TRAITS
from simulate.world_reader import load_world

MOST_EVENTS = 12
"""Events shown for one label, and against it."""

_OTHERS = {
    Role.FORMER: "former value",
    Role.GIFT: "bought for somebody else",
    Role.SHARED: "a housemate's",
}


def write_sample(
    directory: Path,
    config: SimulateConfig,
    seed: int,
    users: int,
    page: Path,
    describe: Callable[[Sequence[PersonaFacts]], list[str]],
) -> int:
    """Write the page for up to `users` users, evenly spread; returns how many.

    `describe` gives a paragraph a persona, of facts some of which are hidden.

    Raises:
        UserError: `users` is not positive.
    """
    if users < 1:
        raise UserError(f"--users: {users} users; give at least 1")
    check_complete(directory)
    chosen = np.unique(np.linspace(0, config.users - 1, min(users, config.users)).astype(int)).tolist()
    simulator = Simulator(config, load_world(config), seed, check_config(config, seed))
    tables = Tables(simulator)
    views = []
    facts = []
    for number in sorted({user // BLOCK for user in chosen}):
        block = simulator.draw(number)
        gold = gold_of(block)
        held = min(BLOCK, config.users - number * BLOCK)
        events = tables.events(observe(block, held), tables.user_ids(number))
        _check_same(directory, number, events)
        rows = events.select(
            "timestamp", "source", "action", "content", "location", "value", "event_id"
        ).rows()
        for user in chosen:
            if user // BLOCK == number:
                views.append(_view(block, gold, tables, rows, user % BLOCK, user_id(user)))
                facts.append(_facts(block, user % BLOCK, f"{seed}/{user_id(user)}"))
    for view, description in zip(views, describe(facts), strict=True):
        view["description"] = description
    write_text(
        page,
        rendered(
            "launch", "sample.html.j2", users=views, total=config.users, seed=seed, directory=str(directory)
        ),
    )
    return len(views)


def _check_same(directory: Path, block: int, events: pl.DataFrame) -> None:
    """Refuse a log that is not what its settings give here: roles could be shown that are not its own."""
    written = pl.scan_parquet(table_path(directory, "events", block // SHARD_BLOCKS))
    mine = pl.col("user_id").is_between(pl.lit(events["user_id"][0]), pl.lit(events["user_id"][-1]))
    if not written.filter(mine).collect().equals(events):
        raise UserError(f"{directory}: was made by another version of the simulator; simulate again")


def _view(
    block: Block, gold: Gold, tables: Tables, rows: list[tuple[Any, ...]], place: int, user_id: str
) -> dict[str, Any]:
    """All that the page says of one user."""
    world = block.simulator.world
    mine = np.flatnonzero(block.events.user_E == place)
    preferences = sorted(
        zip(block.personas.preference_BP[place].tolist(), world.preferences, strict=True),
        key=lambda pair: -abs(pair[0] - 0.5),
    )
    return {
        "user_id": user_id,
        "days": int(block.users.days_B[place]),
        "events": len(mine),
        "traits": list(zip(TRAITS, block.personas.trait_B5[place].round(1).tolist(), strict=True)),
        "preferences": [
            (p.doc or p.name, "strong" if value > 0.5 else "weak") for value, p in preferences[:10]
        ],
        "changes": _changes(block, tables, place),
        "shared": float(block.users.shared_share_B[place]),
        "shared_hour": int(block.users.shared_hour_B[place]),
        "tags": [_label(block, gold, tables, rows, place, mine, tag) for tag in TAG_NAMES],
        "recent": [_event(rows[i]) for i in mine[-30:].tolist()],
    }


def _facts(block: Block, place: int, key: str) -> PersonaFacts:
    """Who the user is at the end of the history."""
    personas, simulator = block.personas, block.simulator
    # The age of the last month in which anything can change, which the tag of the age goes by too.
    months = max(0, int(block.users.days_B[place]) - simulator.config.evolution.settled_days) // MONTH_DAYS
    return facts_of(
        simulator.world,
        key,
        float(personas.age_B[place]) + months * MONTH_DAYS / 365.25,
        block.life.final()[place].tolist(),
        personas.hobby_BH[place].tolist(),
        personas.preference_BP[place].tolist(),
    )


def _changes(block: Block, tables: Tables, place: int) -> list[str]:
    state_MT = block.life.state_MBT[:, place]
    found = []
    for month, column in zip(*np.nonzero(state_MT[1:] != state_MT[:-1]), strict=True):
        before, after = (tables.values[column][state_MT[month + step, column]] for step in (0, 1))
        found.append(f"day {(month + 1) * MONTH_DAYS}: {TAG_NAMES[column]} {before} → {after}")
    return found


def _label(
    block: Block,
    gold: Gold,
    tables: Tables,
    rows: list[tuple[Any, ...]],
    place: int,
    mine: np.ndarray,
    tag: str,
) -> dict[str, Any]:
    """One tag: its label, the true value behind it, and the events for and against."""
    column = COLUMN[tag]
    row = place * len(TAG_NAMES) + column
    values = tables.values[column]
    if tag == "home_city":
        role = block.events.home_role_E[mine]
    else:
        role = np.where(block.events.tag_E[mine] == column, block.events.role_E[mine], Role.NOTHING)
    events = []
    intents = block.simulator.intents
    clear = intents.clear_Q[intents.desire_N[block.events.item_E[mine]]] | (tag == "home_city")
    for name, among in (
        ("shows it", (role == Role.SHOWS) & clear),
        ("may also show another value", (role == Role.SHOWS) & ~clear),
        *((text, role == kind) for kind, text in _OTHERS.items()),
    ):
        found = mine[among]
        events.append((name, len(found), [_event(rows[i]) for i in found[-MOST_EVENTS:].tolist()]))
    label = [values[v] for v in gold.value_RV[row].tolist() if v >= 0]
    if tag == "interests":
        truth = [values[h] for h in block.personas.hobby_BH[place].tolist() if h >= 0]
    else:
        truth = [values[int(block.life.final()[place, column])]]
    return {
        "name": tag,
        "dimension": TAGS[column].dimension,
        "label": ", ".join(label) or NA,
        "truth": ", ".join(truth),
        "difficulty": DIFFICULTIES[gold.difficulty_R[row]],
        "shown": bool(block.users.shown_BT[place, column]),
        "events": [one for one in events if one[1]],
    }


def _event(row: tuple[Any, ...]) -> str:
    time, source, action, content, location, value, event_id = row
    where = f" in {location}" if location else ""
    price = f" for {value:.2f}" if value is not None else ""
    return f"{time:%Y-%m-%d %H:%M} {source} {action}: {content}{where}{price} ({event_id})"
