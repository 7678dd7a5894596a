"""The tuned peer of our engine: it stands for the best that an expert gets out of pandas for the same rules.

    files ── read_events ──> rows ── timelines ──> in order ── build_slices ──> slices ── fit ──> histories

It shares the refiner, the cleaning of distinct texts and the tokenizer with the engine, and none of its code
over columns. Texts that repeat are read as categories, so that all up to the finished lines is done on
integers; rows are sorted once, grouped by one integer key and reduced by built-in reducers. A whole log is
held in memory.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from records.config import SemantizeConfig
from records.errors import UserError
from records.files import written_whole
from semantize.refining.refine import Refiner
from semantize.text import clean, entity_text

Array = NDArray[Any]
CountTokens = Callable[[Sequence[str]], list[int]]

_REPEATING = ["user_id", "source", "action", "content", "category", "location"]
_PARTS = ["morning", "daytime", "night"]
_ENDS = [",", "\n", ""]
_TEXT = pa.large_string()
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices of users and what they show.

    `table`: a row a slice by user and time; `user` (code), `head` (bracketed part of its line), `salience`.
    `shown`: `slice`, `entity` (row of `entities`), `events` and `note` (row of `notes`), best first in each
    slice.
    `behind`: `event` (row of the timelines), sorted by the row of `shown` that it stands behind, and by time.
    """

    table: pd.DataFrame
    shown: pd.DataFrame
    behind: Array
    entities: pd.Series
    notes: pd.Series


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

    head = "[Source: " + _take(sources, source) + "] [TIME: " + _times(first_day + day, is_long == 1)
    head += _take([*(f" {name}" for name in _PARTS), ""], part_of_line) + "] [TYPE: " + _take(actions, action)
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
        shown["note"], notes = _notes(of_entity, count[of_line], part_of_line[of_line])
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


def _notes(parts: Array, count: Array, part_of_line: Array) -> tuple[Array, list[str]]:
    """Notes as codes into texts: how often each entity was, if not once or always, and when mostly, if not
    when its line says.

    `parts` are its events a part of day; its line has `count` and names `part_of_line`.
    """
    events = parts.sum(axis=1)
    parts[:, 3] = 0  # a line that names no part is looked up there
    times = np.where((events > 1) & (events < count), events, 0)
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
    return _take(np.where(distinct % 2, months, np.datetime_as_string(days, unit="D")), codes)


def _places(slices: Array, location: pd.Series, number: int) -> pd.Series:
    """Of each of `number` slices the field of its most frequent location, "" where it has none."""
    is_given = (location != "").to_numpy()
    codes, names = _coded(location[is_given], _named)
    best = _ranked(slices[is_given], codes)[0].drop_duplicates("slice")
    code = np.zeros(number, dtype=np.int64)
    code[best["slice"]] = best["code"] + 1
    return _take(["", *[f" [PLACE: {name}]" for name in names]], code)


def fit(slices: Slices, events: pd.DataFrame, budget: int, count_tokens: CountTokens) -> pa.Table:
    """Histories: of every user the slices by falling salience (ties: the later first) that fit the budget.

    Finished texts are counted; where pieces did not add up, the user's slices are tried by whole texts. A
    user none of whose slices fits gets the most salient, cut.

    Raises:
        UserError: the budget is too small for the bracketed part of a line.
    """
    sizes = _measured(slices, budget, count_tokens)
    user = slices.table["user"].to_numpy()
    ranked = np.lexsort((-np.arange(len(user)), -slices.table["salience"].to_numpy(), user))
    slices_of = np.bincount(user)
    first = np.cumsum(slices_of) - slices_of
    kept = _filled(sizes, ranked, first, slices_of, budget)

    told = slices.shown["slice"].to_numpy()
    names = _arrow(slices.entities.take(slices.shown["entity"]))
    texts = _together(names, _arrow(slices.notes.take(slices.shown["note"])))
    lines = _lines(slices, kept, kept[told], texts)
    tokens = _history_tokens(lines, user[kept], len(first), count_tokens)
    wrong = np.flatnonzero(tokens != sizes.added_up(kept, user))
    for one in wrong:
        mine = ranked[first[one] : first[one] + slices_of[one]]
        kept[mine] = False
        kept[_fitting(mine, slices, texts, sizes, budget, count_tokens)] = True
    is_told = kept[told]
    lone = ranked[first[np.bincount(user, kept) == 0]]
    for one in lone:
        begin, end = np.searchsorted(told, [one, one + 1])
        head = slices.table["head"].iloc[one]
        cut = _cut(head, names[begin:end].to_pylist(), budget, count_tokens)
        if cut is None:
            owner = events["user_id"].cat.categories[user[one]]
            raise UserError(
                f"semantize.token_budget={budget} is too small for a line of user {owner!r}; raise it"
            )
        is_told[begin : begin + len(cut)] = True
        names, texts = (
            pa.concat_arrays([shown[:begin], pa.array(cut, _TEXT), shown[begin + len(cut) :]])
            for shown in (names, texts)
        )
    if len(wrong) or len(lone):
        kept[lone] = True
        lines = _lines(slices, kept, is_told, texts)

    events_behind = slices.shown["events"].to_numpy()
    behind = slices.behind[np.repeat(is_told, events_behind)]
    lengths, users = np.bincount(told[is_told], minlength=len(user))[kept], slices.table["user"][kept]
    of_line = np.bincount(told[is_told], events_behind[is_told], minlength=len(user))[kept].astype(np.int64)
    return pa.table(
        {
            "user_id": _take(events["user_id"].cat.categories, users),
            "line": users.groupby(users).cumcount() + 1,
            "text": lines,
            "event_ids": _lists(_arrow(events["event_id"].take(behind)), of_line),
            "entities": _lists(names.filter(pa.array(is_told)), lengths),
            "entity_events": _lists(pa.array(events_behind[is_told]), lengths),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Tokens of each slice's line, without its number and with its line end.

    `last` is what a line takes more without its line end, `numbers[k]` what #1 … #k take together, `pieces`
    how many pieces a line has.
    """

    lines: Array
    last: Array
    numbers: Array
    pieces: Array

    def added_up(self, kept: Array, user: Array) -> Array:
        """Tokens of every user's history by its pieces; 0 where it has no line."""
        count = np.bincount(user, kept).astype(np.int64)
        last = pd.Series(self.last[kept]).groupby(user[kept]).last().reindex(range(len(count)), fill_value=0)
        total = np.bincount(user, np.where(kept, self.lines, 0)).astype(np.int64)
        added: Array = total + self.numbers[count] + last.to_numpy()
        return added


def _measured(slices: Slices, budget: int, count_tokens: CountTokens) -> _Sizes:
    """Sizes by pieces, each counted once: bracketed parts, entities with the comma before them, notes."""
    heads = slices.table["head"].astype("category").cat
    lines = np.array(count_tokens([f" {head}" for head in heads.categories]))[heads.codes]
    told, entity, note = (slices.shown[name].to_numpy() for name in ("slice", "entity", "note"))
    place, used = pd.factorize(entity)
    names = slices.entities.iloc[used].to_list()
    (comma,) = count_tokens([","])
    unnoted = [np.array(count_tokens([f", {name}{end}" for name in names]))[place] - comma for end in _ENDS]
    noted = [
        unnoted[-1] + np.array(count_tokens([f"{text}{end}" for text in slices.notes]))[note] for end in _ENDS
    ]
    is_noted = (slices.notes != "").to_numpy()[note]
    inner, ending, bare = np.where(is_noted, noted, unnoted)
    is_end = np.append(told[1:] != told[:-1], True)
    lines = lines + np.bincount(told, np.where(is_end, ending, inner)).astype(np.int64)
    most = min(len(lines), budget // max(1, lines.min()) + 1)
    return _Sizes(
        lines=lines,
        last=(bare - ending)[is_end],
        numbers=np.cumsum([0, *count_tokens([f"#{number}" for number in range(1, most + 1)])]),
        pieces=2 + np.bincount(told, 1 + is_noted).astype(np.int64),
    )


def _filled(sizes: _Sizes, ranked: Array, first: Array, slices_of: Array, budget: int) -> Array:
    """Which slices are kept. One step a rank: each user's slice of that rank is taken if all then fits.

    `ranked` are the slices by user and rank; user u has `slices_of[u]` of them from `first[u]` on.
    """
    kept = np.zeros(len(ranked), dtype=bool)
    used, count, last = np.zeros((3, len(first)), dtype=np.int64)
    latest = np.full(len(first), -1)
    for rank in range(slices_of.max()):
        users = np.flatnonzero(slices_of > rank)
        row = ranked[first[users] + rank]
        ends = np.where(row > latest[users], sizes.last[row], last[users])
        numbers = sizes.numbers[np.minimum(count[users] + 1, len(sizes.numbers) - 1)]
        fits = used[users] + sizes.lines[row] + numbers + ends <= budget
        users, row = users[fits], row[fits]
        kept[row] = True
        used[users] += sizes.lines[row]
        count[users] += 1
        last[users] = ends[fits]
        latest[users] = np.maximum(latest[users], row)
    return kept


def _lines(slices: Slices, kept: Array, is_told: Array, texts: pa.Array) -> pa.Array:
    """Finished lines of the slices `kept`, numbered in each user; they show the `texts` that `is_told`."""
    told = slices.shown["slice"].to_numpy()[is_told]
    shown = _joined(texts.filter(pa.array(is_told)), np.bincount(told, minlength=len(kept))[kept], ", ")
    table = slices.table[kept]
    number = (table.groupby("user").cumcount() + 1).astype("str")
    return _together(_arrow("#" + number + " " + table["head"] + " "), shown)


def _history_tokens(lines: pa.Array, user: Array, users: int, count_tokens: CountTokens) -> Array:
    """Tokens of every user's history, counted as it reads; 0 where it has no line."""
    count = np.bincount(user, minlength=users)
    tokens = np.zeros(users, dtype=np.int64)
    tokens[count > 0] = count_tokens(_joined(lines, count[count > 0], "\n").to_pylist())
    return tokens


def _fitting(
    ranked: Array, slices: Slices, texts: pa.Array, sizes: _Sizes, budget: int, count_tokens: CountTokens
) -> list[int]:
    """The slices of one user that fit, `ranked` by falling salience, each try counted as it reads.

    A slice is not tried where its pieces exceed the room by more than a token each.
    """
    mine = np.zeros(len(slices.table), dtype=bool)
    mine[ranked] = True
    numbered = _lines(slices, mine, mine[slices.shown["slice"].to_numpy()], texts).to_pylist()
    bodies = {row: text.partition(" ")[2] for row, text in zip(np.flatnonzero(mine), numbered, strict=True)}
    chosen: list[int] = []
    tokens = 0
    for row in ranked:
        if tokens + sizes.lines[row] - sizes.pieces[row] <= budget:
            tried = sorted([*chosen, row])
            text = "\n".join(f"#{number} {bodies[one]}" for number, one in enumerate(tried, start=1))
            if (total := count_tokens([text])[0]) <= budget:
                chosen, tokens = tried, total
    return chosen


def _cut(head: str, names: list[str], budget: int, count_tokens: CountTokens) -> list[str] | None:
    """What a history's only line shows to fit, without notes: all names, fewer, half, … of the first."""
    choices = [names[:number] for number in range(len(names), 0, -1)]
    halvings = range(1, len(names[0]).bit_length())
    choices += [[names[0][: len(names[0]) >> halving].strip()] for halving in halvings]
    tokens = count_tokens([f"#1 {head} {', '.join(choice)}" for choice in choices])
    return next((choice for choice, size in zip(choices, tokens, strict=True) if size <= budget), None)


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


def _take(texts: Sequence[str] | Array | pd.Index, codes: Array) -> pd.Series:
    return pd.Series(texts, dtype="str").take(codes).reset_index(drop=True)


def _arrow(texts: pd.Series) -> pa.Array:
    return pa.chunked_array(pa.array(texts, _TEXT)).combine_chunks()


def _together(beginnings: pa.Array, ends: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(beginnings, ends, pa.scalar("", _TEXT))


def _lists(values: pa.Array, lengths: Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(np.append(0, np.cumsum(lengths)), values)


def _joined(texts: pa.Array, lengths: Array, separator: str) -> pa.Array:
    """Runs of `lengths` texts each, joined."""
    return pc.binary_join(_lists(texts, lengths), pa.scalar(separator, _TEXT))
