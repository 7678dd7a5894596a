"""The plain peer of our engine: it stands for what a competent pandas user writes first, and tunes nothing.

    files ── read_events ──> timelines ── told_events ──> events ── build_slices ──> slices ── fit ──> texts

Each rule of semantization is a few vectorised calls as pandas' user guide teaches them, texts are texts, and
only the greedy fit of a user's slices is a loop. Refiner, cleaning of distinct texts and tokenizer are shared
with the engine. A whole log is held in memory.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.pandas_plain_fit import CountTokens, fit
from records.config import SemantizeConfig
from records.errors import UserError
from records.files import written_whole
from semantize.refining.refine import Refiner
from semantize.text import clean, entity_text

_TEXTS = ["source", "action", "content", "category", "location"]
_PERIOD = ["user_id", "start", "is_long", "source"]
_SLICE = [*_PERIOD, "action"]
_PARTS = ["morning", "daytime", "night"]


def write_histories(
    paths: Sequence[Path], out: Path, config: SemantizeConfig, refiner: Refiner, count_tokens: CountTokens
) -> None:
    """Histories (HISTORY_SCHEMA) of the events in `paths` (Parquet, EVENT_SCHEMA; one at least), in `out`.

    Raises:
        UserError: ids of the log repeat in a way that row numbers do not mend, or the budget is too small.
    """
    events = told_events(read_events(paths), config, refiner)
    events["slice"] = _slice_numbers(events)
    pairs = count_entities(events)
    slices = build_slices(events, pairs, config)
    shown = shown_entities(pairs, slices, config)
    histories = fit(slices, shown, events, config.token_budget, count_tokens)
    with written_whole(out) as aside:
        histories.to_parquet(aside, index=False)


def read_events(paths: Sequence[Path]) -> pd.DataFrame:
    """Rows by user, time and row, without duplicates, each with an id that no other event of its user has."""
    events = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    events[_TEXTS] = events[_TEXTS].fillna("")
    events = events.set_index(pd.RangeIndex(1, len(events) + 1, name="row")).drop_duplicates()
    row = events.index.to_series().astype("str")
    events["event_id"] = events["event_id"].fillna("e" + row.str.zfill(8))
    again = events.duplicated(["user_id", "event_id"])
    events.loc[again, "event_id"] += "." + row
    clash = events.duplicated(["user_id", "event_id"])
    if clash.any():
        raise UserError(
            f"event ids of user {events.loc[clash, 'user_id'].iloc[0]!r} repeat; leave event_id out of the "
            "mapping to have rows numbered"
        )
    return events.sort_values(["user_id", "timestamp", "row"])


def told_events(events: pd.DataFrame, config: SemantizeConfig, refiner: Refiner) -> pd.DataFrame:
    """Events that are told, with their part of day, first day of their slice (`start`), age and entity."""
    events["source"] = _mapped(events["source"], _named)
    events["action"] = _mapped(events["action"], _named)
    events["is_low"] = _mapped(
        events["action"], lambda names: [re.search(config.low_impact, name) is not None for name in names]
    )
    local = events["timestamp"].dt.tz_convert(config.timezone or "UTC").dt.tz_localize(None)
    events["day"], events["part"] = local.dt.normalize(), _part_of_day(local, config)
    if config.repeat_minutes:
        same = ["user_id", "source", "action", "content"]
        repeats = events["is_low"] & (events[same] == events[same].shift()).all(axis=1)
        repeats &= events["timestamp"].diff() <= pd.Timedelta(minutes=config.repeat_minutes)
        events = events[~repeats]

    last = events.groupby("user_id")[["timestamp", "day"]].transform("last")
    events["age_days"] = (last["timestamp"] - events["timestamp"]).dt.days
    events["is_long"] = events["day"] <= last["day"] - pd.Timedelta(days=config.short_term_days)
    month = events["day"].dt.to_period("M").dt.to_timestamp()
    events["start"] = events["day"].where(~events["is_long"], month)
    old = events["is_long"] & events["is_low"]
    old &= ~events.groupby(["user_id", "source"])["is_low"].transform("all")
    if config.long_low_impact:
        alike = events.groupby(["user_id", "start", "source", "action", "content"])["day"].transform("size")
        old &= alike < config.long_low_impact
    events = events[~old]
    events = events.assign(entity=_entities(events, refiner), location=_mapped(events["location"], _placed))
    if config.drop_implied:
        all_low = events.groupby([*_PERIOD, "entity"])["is_low"].transform("all")
        events = events[all_low | ~events["is_low"]]
    return events


def _part_of_day(local: pd.Series, config: SemantizeConfig) -> pd.Series:
    """ "" at midnight sharp: what has no time of day is written so."""
    hour = local.dt.hour
    is_morning = hour.between(config.morning_hour, config.day_hour, inclusive="left")
    is_day = hour.between(config.day_hour, config.night_hour, inclusive="left")
    part = pd.Series("night", index=hour.index).mask(is_morning, "morning").mask(is_day, "daytime")
    return part.mask(local == local.dt.normalize(), "")


def _slice_numbers(events: pd.DataFrame) -> pd.Series:
    """The slice of each event, numbered by user and period, in these by their first events."""
    placed = events.assign(place=range(len(events)))
    first = placed.groupby(_SLICE)["place"].transform("first")
    return placed.assign(first=first).groupby(["user_id", "start", "is_long", "first"]).ngroup()


def _entities(events: pd.DataFrame, refiner: Refiner) -> pd.Series:
    """What each event is about: its refined content, else its refined category, else its action."""

    def refined(titles: list[str]) -> list[str]:
        return [entity_text(entity.text) for entity in refiner.refine(titles)]

    content, category = _mapped(events["content"], refined), _mapped(events["category"], refined)
    action = _mapped(events["action"], lambda names: [entity_text(name) for name in names])
    return content.where(content != "", category.where(category != "", action))


def count_entities(events: pd.DataFrame) -> pd.DataFrame:
    """Pairs of `slice` and `entity` with their `events`, and how many of these are in each part of day."""
    parts = events.groupby(["slice", "entity", "part"]).size().unstack(fill_value=0)
    events_of = parts.sum(axis=1)
    return parts.reindex(columns=_PARTS, fill_value=0).assign(events=events_of).reset_index()


def build_slices(events: pd.DataFrame, pairs: pd.DataFrame, config: SemantizeConfig) -> pd.DataFrame:
    """A row a slice by user and time: `user_id`, `head` (bracketed part of its line), `salience`, and the
    `count` and the `part` of day that its line names."""
    groups = events.groupby("slice")
    slices = (
        groups[[*_SLICE, "is_low"]].first().assign(count=groups.size(), age_days=groups["age_days"].min())
    )
    parts = pairs.groupby("slice")[_PARTS].sum()
    slices["part"] = parts.idxmax(axis=1).where(parts.any(axis=1), "")
    date = slices["start"].dt.strftime("%Y-%m-%d")
    time = date.mask(slices["is_long"], date.str[:7]) + (" " + slices["part"]).str.rstrip()
    head = "[Source: " + slices["source"] + "] [TIME: " + time + "] [TYPE: " + slices["action"]
    head += "] [COUNT: " + slices["count"].astype("str") + "]" + _places(events, slices) + " |"
    weight = (~slices["is_low"]).map({True: config.high_impact_weight, False: 1.0})
    # Halvings apart from the rest of the age, so that what is as salient by the rule is so as a float.
    halvings, rest = slices["age_days"] // config.half_life_days, slices["age_days"] % config.half_life_days
    salience = slices["count"] * weight * (0.5**halvings * 0.5 ** (rest / config.half_life_days))
    return slices[["user_id", "count", "part"]].assign(head=head, salience=salience)


def _places(events: pd.DataFrame, slices: pd.DataFrame) -> pd.Series:
    """Of each slice the field of its most frequent location (ties by name), "" where it has none."""
    counts = events[events["location"] != ""].groupby(["slice", "location"]).size().reset_index(name="events")
    best = counts.sort_values(["slice", "events", "location"], ascending=[True, False, True])
    place = best.drop_duplicates("slice").set_index("slice")["location"].reindex(slices.index)
    return (" [PLACE: " + place + "]").fillna("")


def shown_entities(pairs: pd.DataFrame, slices: pd.DataFrame, config: SemantizeConfig) -> pd.DataFrame:
    """The `top_k` entities of each `slice`, most frequent first (ties by name): `events` and `note`."""
    ranked = pairs.sort_values(["slice", "events", "entity"], ascending=[True, False, True])
    shown = ranked.groupby("slice").head(config.top_k).reset_index(drop=True)
    note = _notes(shown, slices) if config.entity_notes else ""
    return shown[["slice", "entity", "events"]].assign(note=note)


def _notes(shown: pd.DataFrame, slices: pd.DataFrame) -> pd.Series:
    """How often each entity was, if not always, nor once beside others, and when mostly, if not when its line
    says."""
    line = slices.loc[shown["slice"]].reset_index(drop=True)
    times = " ×" + shown["events"].astype("str")
    is_alone = ~shown["slice"].duplicated(keep=False)
    times = times.where(((shown["events"] > 1) | is_alone) & (shown["events"] < line["count"]), "")
    parts = shown[_PARTS]
    by_name = parts.assign(none=0).to_numpy()  # a line that names no part is looked up in the last column
    in_part_of_line = by_name[parts.index, parts.columns.get_indexer(line["part"])]
    return times + (" ~" + parts.idxmax(axis=1)).where(parts.max(axis=1) > in_part_of_line, "")


def _mapped(column: pd.Series, function: Callable[[list[str]], list[Any]]) -> pd.Series:
    """`function` of a column, called once with its distinct texts."""
    distinct = column.unique().tolist()
    return column.map(dict(zip(distinct, function(distinct), strict=True)))


def _named(texts: list[str]) -> list[str]:
    """Names of sources and actions, bounded in characters and in bytes."""
    return [clean(text, 40).encode()[:64].decode(errors="ignore").strip() or "Unknown" for text in texts]


def _placed(texts: list[str]) -> list[str]:
    """Names of places, "" where none is given."""
    return [text and name for text, name in zip(texts, _named(texts), strict=True)]
