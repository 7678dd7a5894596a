"""The simulation engine: a config and a seed to `events.parquet` and `gold.parquet`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from records.config import SimulateConfig
from records.errors import UserError
from records.events import EVENT_SCHEMA, GOLD_SCHEMA
from records.files import written_whole
from records.tags import TAG_NAMES
from simulate.behaviour import ACTIONS, Role, UserLog, draw_user
from simulate.catalogue import Catalogue, load_catalogue
from simulate.environment import EPOCH, make_calendar
from simulate.gold import GoldRow, gold_rows
from simulate.titles import render

CHUNK = 500
"""Users turned into a table at a time."""
MAX_USERS = 1_000_000
"""User ids have six digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSummary:
    """What a simulation wrote: how many users and events, and for each tag the share of users with NA."""

    users: int
    events: int
    na_share: dict[str, float]


def simulate(
    config: SimulateConfig, seed: int, out: Path, progress: Callable[[int], None] | None = None
) -> SimulationSummary:
    """Simulate `config.users` users into `out/events.parquet` and `out/gold.parquet`.

    User i draws from `SeedSequence(seed, spawn_key=(i,))` alone: the same config and seed give the same
    bytes, and more users leave the first ones as they were. `progress` is called with the number of users
    done so far.
    Raises UserError, in one line, for a config that makes no sense.

    Example:
        summary = simulate(SimulateConfig(users=100), seed=7, out=Path("runs/demo/events"))
    """
    end = check_config(config, seed)
    catalogue = load_catalogue()
    calendar = make_calendar(end, config.max_days)
    na_count = dict.fromkeys(TAG_NAMES, 0)
    event_frames, gold_frames = [], []
    for first in range(0, config.users, CHUNK):
        logs: dict[str, UserLog] = {}
        gold: dict[str, list[GoldRow]] = {}
        for index in range(first, min(first + CHUNK, config.users)):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
            persona, log = draw_user(rng, config, catalogue, calendar)
            user_id = f"u{index:06d}"
            logs[user_id], gold[user_id] = log, gold_rows(persona, log, catalogue)
            for row in gold[user_id]:
                na_count[row.tag] += not row.values
        event_frames.append(_event_frame(logs, catalogue))
        gold_frames.append(_gold_frame(gold))
        if progress:
            progress(first + len(logs))
    events = pl.concat(event_frames)
    with written_whole(out / "events.parquet") as aside:
        events.write_parquet(aside)
    with written_whole(out / "gold.parquet") as aside:
        pl.concat(gold_frames).write_parquet(aside)
    return SimulationSummary(
        users=config.users,
        events=events.height,
        na_share={tag: count / config.users for tag, count in na_count.items()},
    )


def check_config(config: SimulateConfig, seed: int) -> date:
    """The last day of every history; raises UserError that names the field and the mend."""
    if seed < 0:
        raise UserError(f"seed: {seed} is negative; give a whole number from 0 on")
    if not 1 <= config.users <= MAX_USERS:
        raise UserError(f"simulate.users: {config.users} users; give 1 to {MAX_USERS}")
    if config.min_days < 1:
        raise UserError(f"simulate.min_days: {config.min_days} days; give at least 1")
    if config.min_days > config.max_days:
        raise UserError(
            f"simulate.min_days: {config.min_days} is more than simulate.max_days ({config.max_days}); "
            "lower the one or raise the other"
        )
    if not (math.isfinite(config.events_per_day) and config.events_per_day > 0):
        raise UserError(f"simulate.events_per_day: {config.events_per_day}; give a number above 0")
    for name in ("na_rate", "gift_rate", "misclick_rate"):
        rate = getattr(config, name)
        if not 0 <= rate <= 1:
            raise UserError(f"simulate.{name}: {rate} is no share; give a number from 0 to 1")
    if config.gift_rate + config.misclick_rate > 1:
        raise UserError("simulate.gift_rate: with simulate.misclick_rate it passes 1; lower one of them")
    try:
        end = date.fromisoformat(config.end_date)
    except ValueError:
        raise UserError(
            f"simulate.end_date: {config.end_date!r} is no date; write it as YYYY-MM-DD, such as 2026-06-30"
        ) from None
    if config.max_days > (end - EPOCH).days:
        raise UserError(f"simulate.max_days: {config.max_days} days before {end} reach past 1970; lower it")
    return end


def _event_frame(logs: dict[str, UserLog], catalogue: Catalogue) -> pl.DataFrame:
    """The observed part of the logs as rows of EVENT_SCHEMA, in the given order of users."""
    entity = np.concatenate([log.entity_E for log in logs.values()])
    action = np.concatenate([log.action_E for log in logs.values()])
    city = np.concatenate([log.city_E for log in logs.values()])
    gift = np.concatenate([log.role_E == Role.GIFT for log in logs.values()])
    noise = np.concatenate([log.noise for log in logs.values()])
    sizes = [len(log.entity_E) for log in logs.values()]
    user = pl.Series(list(logs)).gather(np.repeat(np.arange(len(sizes)), sizes))
    place = pl.Series(np.concatenate([np.arange(size) for size in sizes])).cast(pl.String).str.zfill(5)
    titles = tuple(entity.title for entity in catalogue.entities)
    is_query = np.array([kind == "query" for _, _, kind in ACTIONS])
    columns = {
        "user_id": user,
        "timestamp": pl.Series(np.concatenate([log.time_ms_E for log in logs.values()]))
        .cast(pl.Datetime("ms"))
        .dt.replace_time_zone("UTC"),
        "source": pl.Series([source for source, _, _ in ACTIONS]).gather(action),
        "action": pl.Series([name for _, name, _ in ACTIONS]).gather(action),
        "content": render(titles, entity, is_query[action], gift, noise),
        "category": pl.Series([entity.category for entity in catalogue.entities]).gather(entity),
        "location": pl.Series(["", *catalogue.city_names]).gather(city + 1),
        "count": np.concatenate([log.count_E for log in logs.values()]),
        "value": pl.Series(np.concatenate([log.price_E for log in logs.values()])).fill_nan(None),
        "event_id": user + "-" + place,
    }
    return pl.DataFrame(columns, schema=EVENT_SCHEMA)


def _gold_frame(gold: dict[str, list[GoldRow]]) -> pl.DataFrame:
    """Rows of GOLD_SCHEMA; positions become event ids."""
    rows = [
        (
            user,
            row.tag,
            list(row.values),
            [f"{user}-{i:05d}" for i in row.positions],
            list(row.position_values),
            row.difficulty,
        )
        for user, found in gold.items()
        for row in found
    ]
    return pl.DataFrame(rows, schema=GOLD_SCHEMA, orient="row")
