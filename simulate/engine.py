"""The simulation engine: a config and a seed to shards of events and gold labels.

    world ──► titles.parquet
    users in shards ──► worker: draw blocks ─► {events,gold,personas}-00000.parquet, truth if asked for
                                            └► shard-00000.json, last: the shard is done

What a shard holds depends on the settings, the seed and its number alone, so that any number of workers, in
any order, killed and started again, write the same bytes.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from records.errors import UserError
from records.files import read_json, remove_leftovers, write_json, written_whole
from records.options import exactly, first_difference
from records.simulation import SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.block import BLOCK, Simulator
from simulate.environment import EPOCH, check_environment, make_calendar
from simulate.evolution import check_evolution
from simulate.frames import USER_DIGITS, Tables, observe, titles_table, user_id
from simulate.gold import gold_of
from simulate.population import Population, check_population
from simulate.titles import write_titles
from simulate.world_files import read_world_files
from simulate.world_reader import load_world

SHARD_BLOCKS = 2
"""Blocks a shard."""
SHARD_USERS = SHARD_BLOCKS * BLOCK

MAX_USERS = 10**USER_DIGITS

VERSION = 1
"""To be raised whenever the same settings come to give other bytes: shards of two versions do not mix."""

TABLES = ("events", "gold", "personas")
TRUTH = "truth"
"""One table more, with `simulate.truth`."""
SETTINGS = "settings.json"
TITLES = "titles.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationSummary:
    """What a simulation wrote: users, events, the share of users with NA by tag, and counts by rule.

    Counts are those of whole blocks, of which the last one may hold more users than were asked for.
    """

    users: int
    events: int
    na_share: dict[str, float]
    counts: dict[str, int]


class ShardWriter:
    """Writes shards of one simulation into a directory; a process makes one and keeps it."""

    def __init__(self, config: SimulateConfig, seed: int, out: Path) -> None:
        end = check_config(config, seed)
        self.config = config
        self.out = out
        self.simulator = Simulator(config, load_world(config), seed, end)
        self.tables = Tables(self.simulator)

    def write(self, shard: int) -> None:
        """Draw and write shard number `shard`, each file whole, the note that it is done last."""
        frames: dict[str, list[pl.DataFrame]] = {name: [] for name in tables_of(self.config)}
        counts: Counter[str] = Counter()
        na: Counter[str] = Counter()
        first = shard * SHARD_BLOCKS
        left = min(SHARD_USERS, self.config.users - shard * SHARD_USERS)
        for number in range(first, first + SHARD_BLOCKS):
            users = min(BLOCK, left - (number - first) * BLOCK)
            if users <= 0:
                break
            block = self.simulator.draw(number)
            ids = self.tables.user_ids(number)
            log = self.tables.events(observe(block, users), ids)
            labels = gold_of(block)
            frames["events"].append(log)
            frames["gold"].append(self.tables.gold(labels, log["event_id"], ids, users))
            frames["personas"].append(self.tables.personas(block, ids, users))
            if TRUTH in frames:
                frames[TRUTH].append(self.tables.truth(block, log["event_id"], ids))
            counts.update(block.counts)
            missing = (labels.pieces_R[: users * len(TAG_NAMES)].reshape(users, -1) == 0).sum(axis=0)
            na.update(dict(zip(TAG_NAMES, missing.tolist(), strict=True)))
        for name, blocks in frames.items():
            path = table_path(self.out, name, shard)
            remove_leftovers(path)
            with written_whole(path) as aside:
                pl.concat(blocks).write_parquet(aside, compression_level=1)
        size = sum(map(len, frames["events"]))
        note = {"users": left, "events": size, "na": dict(na), "counts": dict(counts)}
        write_json(_note_path(self.out, shard), note)


def simulate(
    config: SimulateConfig, seed: int, out: Path, progress: Callable[[int], None] | None = None
) -> SimulationSummary:
    """Simulate `config.users` users into `out`, in this process; a rerun goes on where it stopped.

    `progress` is called with the number of users done so far.
    Raises UserError, in one line, for a config or world that makes no sense, and for a directory that
    holds a simulation with other settings.

    Example:
        summary = simulate(SimulateConfig(users=100), seed=7, out=Path("runs/demo/events"))
    """
    todo = open_simulation(config, seed, out)
    if todo:
        writer = ShardWriter(config, seed, out)
        for shard in todo:
            writer.write(shard)
            if progress:
                progress(min(config.users, (shard + 1) * SHARD_USERS))
    return summary_of(config, out)


def open_simulation(config: SimulateConfig, seed: int, out: Path) -> list[int]:
    """Numbers of the shards that are still to be written into `out`; settles its settings.

    Raises:
        UserError: the settings make no sense, or `out` holds a simulation with others.
    """
    end = check_config(config, seed)
    # Refused here, before anything is written or started.
    world = load_world(config)
    Population(config.population, config.quality, world.city_names, world.hobbies)
    settings = _settings(config, seed, end)
    path = out / SETTINGS
    if path.exists():
        if (key := first_difference(_read_settings(out), settings)) is not None:
            raise UserError(
                f"{out}: holds a simulation with other settings ({key} differs, see {path.name} there); "
                "choose another directory, or delete this one"
            )
    else:
        # A hidden file may be what a killed run left aside of its settings.
        if out.exists() and any(not one.name.startswith(".") for one in out.iterdir()):
            raise UserError(f"{out}: is not empty and holds no simulation; choose another directory")
        write_json(path, settings)
    if not (out / TITLES).exists():
        with written_whole(out / TITLES) as aside:
            titles_table(world, write_titles(world, config)).write_parquet(aside)
    return [shard for shard in shards(config) if not _is_written(out, shard, tables_of(config))]


def tables_of(config: SimulateConfig) -> tuple[str, ...]:
    """The tables that a shard consists of."""
    return (*TABLES, TRUTH) if config.truth else TABLES


def table_path(directory: Path, table: str, shard: int) -> Path:
    """Where a shard of a table (one of TABLES, or TRUTH) lies."""
    return directory / f"{table}-{shard:05d}.parquet"


def _note_path(directory: Path, shard: int) -> Path:
    return directory / f"shard-{shard:05d}.json"


def _is_written(out: Path, shard: int, tables: tuple[str, ...]) -> bool:
    paths = (table_path(out, name, shard) for name in tables)
    return _note_path(out, shard).exists() and all(path.exists() for path in paths)


def check_complete(directory: Path, table: str = "") -> None:
    """Refuse a simulation that is not finished: what is measured would be part of it.

    Raises:
        UserError: `directory` holds some shards, and not all; or some lack `table`.
    """
    if _is_simulation(directory):
        config, _ = settings_of(directory)
        tables = (*TABLES, table) if table else TABLES
        missing = [shard for shard in shards(config) if not _is_written(directory, shard, tables)]
        if missing:
            more = " and simulate.truth=true" if table == TRUTH else ""
            raise UserError(
                f"{directory}: {len(missing)} of {len(shards(config))} shards are missing; "
                f"run the simulation again with the same settings{more}, it goes on"
            )


def _is_simulation(directory: Path) -> bool:
    """Whether a simulation was begun there; other logs may come with festivals in a file of that name."""
    try:
        return "world_sha256" in read_json(directory / SETTINGS)
    except (OSError, ValueError, TypeError):
        return next(directory.glob("shard-*.json"), None) is not None


def settings_of(directory: Path) -> tuple[SimulateConfig, int]:
    """Config and seed that a directory was simulated with.

    Raises:
        UserError: it holds no simulation, or the world files have changed since.
    """
    settings = _read_settings(directory)
    try:
        if settings["version"] != VERSION:
            raise ValueError(f"version {settings['version']}")
        config, seed = exactly(SimulateConfig, settings["config"]), int(settings["seed"])
        world = settings["world_sha256"]
    except (ValueError, KeyError, TypeError, OmegaConfBaseException) as error:
        raise _unread(directory, error) from None
    if _world_hash(config) != world:
        raise UserError(f"{directory}: the files of simulate.world have changed since; simulate again")
    return config, seed


def _read_settings(directory: Path) -> Any:
    path = directory / SETTINGS
    if not path.exists():
        raise UserError(f"{directory}: holds no simulation ({SETTINGS} is missing); simulate into it first")
    try:
        return read_json(path)
    except ValueError as error:
        raise _unread(directory, error) from None


def _unread(directory: Path, error: Exception) -> UserError:
    reason = str(error).partition("\n")[0]
    path = directory / SETTINGS
    return UserError(f"{path}: not the settings of this version ({reason}); simulate again")


def _world_hash(config: SimulateConfig) -> str:
    world = json.dumps(read_world_files(config.world), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(world.encode()).hexdigest()


def shards(config: SimulateConfig) -> range:
    """Numbers of all shards."""
    return range(-(-config.users // SHARD_USERS))


def summary_of(config: SimulateConfig, out: Path) -> SimulationSummary:
    """What the shards of a finished simulation hold."""
    counts: Counter[str] = Counter()
    na: Counter[str] = Counter(dict.fromkeys(TAG_NAMES, 0))
    events = 0
    for shard in shards(config):
        note = read_json(_note_path(out, shard))
        events += note["events"]
        counts.update(note["counts"])
        na.update(note["na"])
    return SimulationSummary(
        users=config.users,
        events=events,
        na_share={tag: na[tag] / config.users for tag in TAG_NAMES},
        counts=dict(sorted(counts.items())),
    )


def scan(directory: Path, table: str, users: int = MAX_USERS) -> pl.LazyFrame:
    """Rows of a table (one of TABLES, or TRUTH) of a simulation, those of its first `users` users.

    Only shards that hold some of them are read.

    Raises:
        UserError: the directory holds no shard of it, or not all.
    """
    check_complete(directory, table)
    found = sorted(directory.glob(f"{table}-*.parquet"))[: -(-users // SHARD_USERS)]
    if not found:
        raise UserError(f"{directory}: no {table}-*.parquet; simulate into it first")
    last = user_id(min(users, MAX_USERS) - 1)
    return pl.scan_parquet(found).filter(pl.col("user_id") <= last)


def _settings(config: SimulateConfig, seed: int, end: date) -> dict[str, Any]:
    """What the bytes depend on, and what a reader of the log may want to know of its calendar."""
    periods: dict[str, list[list[str]]] = {}
    for name, kind, first, last in make_calendar(config, seed, end).periods:
        if kind == "festival":
            periods.setdefault(name, []).append([first.isoformat(), last.isoformat()])
    # By way of the schema: 1 and 1.0 are the same setting.
    plain = OmegaConf.to_container(OmegaConf.structured(config))
    assert isinstance(plain, dict)
    # No byte of the other tables depends on it: it can be had later, by a rerun.
    del plain["truth"]
    return {
        "version": VERSION,
        "seed": seed,
        "world_sha256": _world_hash(config),
        "config": plain,
        "festivals": [{"name": name, "days": days} for name, days in periods.items()],
    }


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
    try:
        end = date.fromisoformat(config.end_date)
    except ValueError:
        raise UserError(
            f"simulate.end_date: {config.end_date!r} is no date; write it as YYYY-MM-DD, such as 2026-06-30"
        ) from None
    if config.max_days > (end - EPOCH).days:
        raise UserError(f"simulate.max_days: {config.max_days} days before {end} reach past 1970; lower it")
    check_environment(config)
    check_population(config.population, config.quality)
    check_evolution(config.evolution)
    _check_ranges(config)
    return end


def _check_ranges(config: SimulateConfig) -> None:
    behaviour, noise = config.behaviour, config.noise
    pairs: Iterable[tuple[str, list[float] | list[int], float, float]] = (
        ("behaviour.ramp", behaviour.ramp, 0.0, math.inf),
        ("noise.shared_share", noise.shared_share, 0.0, 1.0),
        ("noise.loop_length", noise.loop_length, 1, 1000),
        ("noise.loop_gap_s", noise.loop_gap_s, 0.001, 3600),
        ("noise.shared_from", noise.shared_from, 0, 23),
        ("behaviour.trip_days", behaviour.trip_days, 1, 365),
        *((f"behaviour.hours_of.{name}", hours, 0, 48) for name, hours in behaviour.hours_of.items()),
        *((f"follow_ups.{name}.days", edge.days, 0, 3650) for name, edge in config.follow_ups.items()),
    )
    for key, pair, low, high in pairs:
        if len(pair) != 2 or not all(low <= number <= high for number in pair):
            raise UserError(f"simulate.{key}: give two numbers from {low:g} to {high:g}")
        if key != "behaviour.ramp" and pair[0] > pair[1]:
            raise UserError(f"simulate.{key}: {pair[0]:g} is above {pair[1]:g}; the smaller comes first")
    if set(behaviour.hours_of) != set(TAG["chronotype"].values) or any(
        not 0 < end - first <= 24 for first, end in behaviour.hours_of.values()
    ):
        raise UserError(
            "simulate.behaviour.hours_of: give 1 to 24 hours, as [first, one after the last], for each of "
            + ", ".join(TAG["chronotype"].values)
        )
    if set(behaviour.trips_per_year) != set(TAG["mobility"].values) or not all(
        0 <= rate < 1000 for rate in behaviour.trips_per_year.values()
    ):
        raise UserError(
            "simulate.behaviour.trips_per_year: give a number of at least 0 for each of "
            + ", ".join(TAG["mobility"].values)
        )
    if noise.gift_platform not in config.platforms:
        raise UserError(
            f"simulate.noise.gift_platform: {noise.gift_platform!r} is no platform; "
            f"there are {', '.join(config.platforms)}"
        )
    for tag in noise.shared_tags:
        if tag not in TAG_NAMES:
            raise UserError(f"simulate.noise.shared_tags: {tag!r} is no tag")
    for name, edge in config.follow_ups.items():
        platform, _, action = edge.after.partition("/")
        if platform not in config.platforms or action not in config.platforms[platform].actions:
            raise UserError(
                f"simulate.follow_ups.{name}.after: {edge.after!r} is no PLATFORM/ACTION; such as Travel/Book"
            )
        if edge.platform not in config.platforms:
            raise UserError(f"simulate.follow_ups.{name}.platform: {edge.platform!r} is no platform")
