"""The tuned peer of our engine: it stands for the best that an expert gets out of pandas for the same rules.

    files ── read_events ──> rows ── timelines ──> in order ── build_slices ──> slices ── fit ──> histories

It shares the refiner, the cleaning of distinct texts and the tokenizer with the engine, and none of its code
over columns. Texts that repeat are read as categories, so that all up to the finished lines is done on
integers; rows are sorted once, grouped by one integer key and reduced by built-in reducers. A whole log is
held in memory.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.pandas_columns import Array, take
from benchmarks.pandas_histories_fit import CountTokens, Slices, fit
from records.config import SemantizeConfig
from records.errors import UserError
from records.files import written_whole
from semantize.refining.refine import Refiner
from semantize.text import clean, entity_text

_REPEATING = ["user_id", "source", "action", "content", "category", "location"]
_PARTS = ["morning", "daytime", "night"]
_DAY_MS, _HOUR_MS, _MINUTE_MS = 86_400_000, 3_600_000, 60_000


def write_histories(
    paths: Sequence[Path], out: Path, config: SemantizeConfig, refiner: Refiner, count_tokens: CountTokens
) -> None:
    """Histories (HISTORY_SCHEMA) of the events in `paths` (Parquet, EVENT_SCHEMA; one at least), in `out`.

    Raises:
        UserError: ids of the log repeat in a way that row numbers do not mend, or the budget is too small.
    """
    events = timelines(read_events(paths))
    slices = build_slices(events, config, refiner)
    histories = fit(slices, events, config.token_budget, count_tokens)
    with written_whole(out) as aside:
        pq.write_table(histories, aside)


def read_events(paths: Sequence[Path]) -> pd.DataFrame:
    """Rows of a log, numbered over all files from 1 (the index); missing texts, ids apart, are ""."""
    events = pd.read_parquet([str(path) for path in paths], read_dictionary=_REPEATING)
    for name in _REPEATING:
        column = events[name].astype("category")
        if column.hasnans:
            column = column.cat.set_categories(column.cat.categories.union([""])).fillna("")
        events[name] = column
    return events.set_index(pd.RangeIndex(1, len(events) + 1, name="row"))


def timelines(events: pd.DataFrame) -> pd.DataFrame:
    """Rows by user, time and row, without duplicates, each with an id that no other event of its user has."""
    users = events["user_id"].cat
    events = events.assign(user_id=users.reorder_categories(sorted(users.categories)))
    user, time = events["user_id"].cat.codes.to_numpy(), _ms(events["timestamp"])
    order = np.lexsort((time, user))
    events = events.iloc[order]
    follows = _as_before(user[order], time[order])
    crowded = follows | np.append(follows[1:], False)[: len(follows)]  # others have no duplicates
    duplicate = np.zeros(len(events), dtype=bool)
    duplicate[crowded] = events[crowded].duplicated()
    if duplicate.any():
        events = events[~duplicate]
    return events.assign(event_id=_event_ids(events))


def _event_ids(events: pd.DataFrame) -> pd.Series:
    ids = events["event_id"].astype("str")
    row = events.index.to_series().astype("str")
    if ids.hasnans:
        ids = ids.fillna("e" + row.str.zfill(8))
    if ids.is_unique:
        return ids
    owned = pd.DataFrame({"user": events["user_id"].cat.codes, "id": ids})
    again = owned.sort_index().duplicated().reindex(events.index)
    owned["id"] = ids.mask(again, ids + "." + row)
    if (clash := owned.duplicated()).any():
        raise UserError(
            f"event ids of user {events['user_id'][clash.idxmax()]!r} repeat; leave event_id out of the "
            "mapping to have rows numbered"
        )
    return owned["id"]


def build_slices(events: pd.DataFrame, config: SemantizeConfig, refiner: Refiner) -> Slices:
    """Slices of timelines: one for every user, source, action and day, or month in the long horizon."""
    told, sources, actions, is_low = _told(events, config)
    entity, entities = _entities(events.iloc[told["event"]], told["action"].to_numpy(), actions, refiner)
    first_day = told["start"].min()
    days = told["start"] - first_day
    key = [told["user"], days, told["is_long"], told["source"], told["action"]]
    shape = (told["user"].max() + 1, days.max() + 1, 2, len(sources), len(actions))
    keys = np.ravel_multi_index([part.to_numpy(np.int64) for part in key], shape)
    if config.drop_implied:
        implied = _implied(keys // len(actions) * len(entities) + entity, told["is_low"].to_numpy())
        told, keys, entity = told[~implied], keys[~implied], entity[~implied]
    slices, keys = _by_first_event(keys, len(sources) * len(actions))
    user, day, is_long, source, action = np.unravel_index(keys, shape)
    part = _parts_of_day(told["hour"].to_numpy(), config)
    parts = _by_part(slices, part, len(keys))
    count, parts = parts.sum(axis=1), parts[:, :3]
    part_of_line = np.where(parts.any(axis=1), parts.argmax(axis=1), 3)

    head = "[Source: " + take(sources, source) + "] [TIME: " + _times(first_day + day, is_long == 1)
    head += take([*(f" {name}" for name in _PARTS), ""], part_of_line) + "] [TYPE: " + take(actions, action)
    head += "] [COUNT: " + pd.Series(count).astype("str") + "]"
    head += _places(slices, events["location"].iloc[told["event"]], len(keys)) + " |"
    age = told["age_days"].groupby(slices).min().to_numpy()
    weight = np.where(is_low[action], 1.0, config.high_impact_weight)
    # Halvings apart from the rest of the age, so that what is as salient by the rule is so as a float.
    halvings, rest = np.divmod(age, config.half_life_days)
    recency = 0.5**halvings * 0.5 ** (rest / config.half_life_days)

    ranked, place = _ranked(slices, entity)
    is_shown = (ranked.groupby("slice").cumcount() < config.top_k).to_numpy()
    shown = ranked[is_shown].rename(columns={"code": "entity"})
    shown["note"], notes = 0, [""]
    if config.entity_notes:
        of_line = shown["slice"].to_numpy()
        of_entity = _by_part(place, part, len(ranked))[is_shown]
        is_alone = np.bincount(of_line, minlength=len(keys))[of_line] == 1
        shown["note"], notes = _notes(of_entity, count[of_line], part_of_line[of_line], is_alone)
    by_place = np.argsort(place, kind="stable")
    return Slices(
        table=pd.DataFrame({"user": user, "head": head, "salience": count * weight * recency}),
        shown=shown,
        behind=told["event"].to_numpy()[by_place][is_shown[place[by_place]]],
        entities=pd.Series(entities, dtype="str"),
        notes=pd.Series(notes, dtype="str"),
    )


def _told(events: pd.DataFrame, config: SemantizeConfig) -> tuple[pd.DataFrame, list[str], list[str], Array]:
    """Events that are told, names of sources and of actions, and which actions are low-impact."""
    source, sources = _coded(events["source"], _named)
    action, actions = _coded(events["action"], _named)
    is_low = np.array([re.search(config.low_impact, name) is not None for name in actions], dtype=bool)
    time = _ms(events["timestamp"])
    local = _ms(events["timestamp"].dt.tz_convert(config.timezone or "UTC").dt.tz_localize(None))
    frame = pd.DataFrame(
        {
            "event": np.arange(len(events)),
            "user": events["user_id"].cat.codes.to_numpy(),
            "source": source,
            "action": action,
            "content": events["content"].cat.codes.to_numpy(),
            "is_low": is_low[action],
            "time": time,
            "day": local // _DAY_MS,
            "hour": np.where(local % _DAY_MS == 0, -1, local % _DAY_MS // _HOUR_MS),
        }
    )
    if config.repeat_minutes:
        same = _as_before(*[frame[name].to_numpy() for name in ("user", "source", "action", "content")])
        soon = np.diff(time, prepend=time[:1]) <= config.repeat_minutes * _MINUTE_MS
        frame = frame[~(frame["is_low"].to_numpy() & same & soon)]

    last = frame.groupby("user")[["time", "day"]].transform("last")
    frame["age_days"] = (last["time"] - frame["time"]) // _DAY_MS
    frame["is_long"] = frame["day"] <= last["day"] - config.short_term_days
    days = frame["day"].to_numpy().astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    frame["start"] = frame["day"].where(~frame["is_long"], month)
    old = frame["is_long"] & frame["is_low"]
    old &= ~frame.groupby(["user", "source"])["is_low"].transform("all")
    if config.long_low_impact:
        alike = frame.groupby(["user", "start", "source", "action", "content"])["event"].transform("size")
        old &= alike < config.long_low_impact
    return frame[~old], sources, actions, is_low


def _entities(
    events: pd.DataFrame, action: Array, actions: list[str], refiner: Refiner
) -> tuple[Array, list[str]]:
    """What each event is about: its refined content, else its refined category, else its action."""

    def refined(titles: list[str]) -> list[str]:
        return [entity_text(entity.text) for entity in refiner.refine(titles)]

    content, contents = _coded(events["content"], refined)
    category, categories = _coded(events["category"], refined)
    actions = [entity_text(name) for name in actions]
    entities = sorted({*contents, *categories, *actions})
    number = pd.Series(range(len(entities)), index=entities)
    content, category, action = (
        number[names].to_numpy()[codes]
        for codes, names in ((content, contents), (category, categories), (action, actions))
    )
    blank = number.get("", -1)
    return np.where(content != blank, content, np.where(category != blank, category, action)), entities


def _by_first_event(keys: Array, alike: int) -> tuple[Array, Array]:
    """The slice of each event, and the keys of slices: by user and period (keys of `alike` slots), in these
    by their first events."""
    found, distinct = pd.factorize(keys)  # in the order of first events
    order = np.argsort(distinct // alike, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[found], distinct[order]


def _implied(keys: Array, is_low: Array) -> Array:
    """Whether each low-impact event has the key (of user, period, source and entity) of a high-impact one."""
    implied = is_low.copy()
    implied[is_low] = pd.Series(keys[is_low]).isin(keys[~is_low])
    return implied


def _parts_of_day(hour: Array, config: SemantizeConfig) -> Array:
    """The place in _PARTS of each hour; of none (-1) the place after them."""
    hours = np.arange(24)
    day, night = hours >= config.day_hour, (hours < config.morning_hour) | (hours >= config.night_hour)
    return np.append(np.where(night, 2, np.where(day, 1, 0)), 3)[hour]


def _by_part(groups: Array, part: Array, number: int) -> Array:
    """Events of each of `number` groups, a column a part of day and one for those at no hour."""
    return np.bincount(groups * 4 + part, minlength=4 * number).reshape(-1, 4)


def _notes(parts: Array, count: Array, part_of_line: Array, is_alone: Array) -> tuple[Array, list[str]]:
    """Notes as codes into texts: how often each entity was, if not always, nor once beside others, and when
    mostly, if not when its line says.

    `parts` are its events a part of day; its line has `count`, names `part_of_line`, and may show it alone.
    """
    events = parts.sum(axis=1)
    parts[:, 3] = 0  # a line that names no part is looked up there
    times = np.where(((events > 1) | is_alone) & (events < count), events, 0)
    elsewhere = parts.max(axis=1) > parts[np.arange(len(parts)), part_of_line]
    part = np.where(elsewhere, 1 + parts.argmax(axis=1), 0)
    codes, distinct = pd.factorize(times * 4 + part)
    when = ["", *[f" ~{name}" for name in _PARTS]]
    return codes, [(f" ×{key // 4}" if key >= 4 else "") + when[key % 4] for key in distinct.tolist()]


def _times(day: Array, is_long: Array) -> pd.Series:
    """Days, and months where `is_long`, as lines name them."""
    codes, distinct = pd.factorize(day * 2 + is_long)
    days = (distinct // 2).astype("datetime64[D]")
    months = np.datetime_as_string(days, unit="M")
    return take(np.where(distinct % 2, months, np.datetime_as_string(days, unit="D")), codes)


def _places(slices: Array, location: pd.Series, number: int) -> pd.Series:
    """Of each of `number` slices the field of its most frequent location, "" where it has none."""
    is_given = (location != "").to_numpy()
    codes, names = _coded(location[is_given], _named)
    best = _ranked(slices[is_given], codes)[0].drop_duplicates("slice")
    code = np.zeros(number, dtype=np.int64)
    code[best["slice"]] = best["code"] + 1
    return take(["", *[f" [PLACE: {name}]" for name in names]], code)


def _named(texts: list[str]) -> list[str]:
    """Names of sources, actions and places, bounded in characters and in bytes."""
    return [clean(text, 40).encode()[:64].decode(errors="ignore").strip() or "Unknown" for text in texts]


def _coded(column: pd.Series, function: Callable[[list[str]], list[str]]) -> tuple[Array, list[str]]:
    """`function` of a column of categories as codes into its sorted distinct results."""
    values = column.cat.remove_unused_categories().cat
    results = pd.Categorical(function(values.categories.to_list()))
    texts = sorted(results.categories)
    return results.reorder_categories(texts).codes.astype(np.int64)[values.codes], texts


def _ranked(slices: Array, codes: Array) -> tuple[pd.DataFrame, Array]:
    """Pairs of `slice` and `code` with their `events`, most frequent first in each slice (ties: lower code).

    The array tells the row there of every pair given.
    """
    width = codes.max(initial=0) + 1
    pair, distinct = pd.factorize(slices * width + codes)
    pairs = pd.DataFrame({"slice": distinct // width, "code": distinct % width, "events": np.bincount(pair)})
    order = np.lexsort((pairs["code"], -pairs["events"], pairs["slice"]))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return pairs.iloc[order].reset_index(drop=True), place[pair]


def _as_before(*columns: Array) -> Array:
    """Whether each row equals the one before it in all `columns`."""
    same = np.zeros(len(columns[0]), dtype=bool)
    same[1:] = np.logical_and.reduce([column[1:] == column[:-1] for column in columns])
    return same


def _ms(times: pd.Series) -> Array:
    milliseconds: Array = times.dt.as_unit("ms").to_numpy("datetime64[ms]").astype(np.int64)
    return milliseconds
