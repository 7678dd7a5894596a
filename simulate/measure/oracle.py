"""What a careful reader can know: tags read off the observed log by rules, with public knowledge only.

The reader sees events (EVENT_SCHEMA), the world (which item a title stands for, which value an item shows)
and nothing hidden. It measures whether the gold labels can be had from the log at all.

    events ─► items, without gifts ─► sessions, without slips ─► a housemate's hours ─► time ─► value or NA

Time is a hidden Markov model a tag: a value holds until it changes, and an event shows it with a few
exceptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.simulation import SimulateConfig
from records.tags import TAG, TAG_NAMES
from simulate.environment import DAY_MS
from simulate.titles import Titles
from simulate.world import World

PAUSE_MINUTES = 30
"""A longer silence ends a session."""

CHANGES_A_YEAR = 0.25
"""How often a value changes, a year."""
EXCEPTION = 0.08
"""Share of evidence that shows another value than the one that holds."""
SLIP = 0.03
"""Share of clicks that mean nothing."""
WEEK_AWAY = 0.12
"""Share of weeks mostly spent away from home."""

BAND_HOURS = 3
"""A housemate uses the account within so many hours of the day."""
BAND_EVIDENCE = 7.0
"""Log odds against chance from which a housemate is believed in."""

Values = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Public knowledge: content → item, whether it is a gift; by item the tag and the values shown.

    `slips`: (source, action) pairs that may mean nothing; `slip_share`: share of the shop's items that show a
    tag; `cities`: how many there are.
    """

    contents: pl.DataFrame
    tags: tuple[str, ...]
    values: tuple[Values, ...]
    slips: frozenset[tuple[str, str]]
    slip_share: dict[str, float]
    cities: int


def public_knowledge(world: World, titles: Titles, config: SimulateConfig) -> Knowledge:
    """What the catalogue says, as a reader needs it."""
    plain = titles.gift_offset
    contents = pl.DataFrame(
        {
            "content": titles.texts,
            "item": np.concatenate([titles.item_T, titles.item_T]).astype(np.int64),
            "gift": np.arange(2 * plain) >= plain,
        }
    ).unique("content", keep="first", maintain_order=True)
    desires = [world.desire[item.desire] for item in world.items]
    shops = [item.platform == config.noise.gift_platform for item in world.items]
    return Knowledge(
        contents=contents,
        tags=tuple(desire.tag for desire in desires),
        values=tuple(desire.values for desire in desires),
        slips=frozenset(
            (source, action)
            for source, platform in config.platforms.items()
            for action, entry in platform.actions.items()
            if entry.slips
        ),
        slip_share={
            tag: sum(shop and desire.tag == tag for shop, desire in zip(shops, desires, strict=True))
            / sum(shops)
            for tag in TAG_NAMES
        },
        cities=len(world.city_names),
    )


def read_tags(events: pl.DataFrame, knowledge: Knowledge) -> dict[str, dict[str, Values]]:
    """User → tag → values (empty: NA) for the users of `events`, sorted by user and time."""
    frame = (
        events.select("user_id", "timestamp", "source", "action", "content", "location")
        .join(knowledge.contents, on="content", how="left", maintain_order="left")
        .with_columns(pl.col("item").fill_null(-1), pl.col("gift").fill_null(value=False))
    )
    return {
        str(user): _read_user(mine, knowledge)
        for (user,), mine in frame.group_by(["user_id"], maintain_order=True)
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """Units of evidence of one tag, in time order: when (ms), at which hour, and the values shown."""

    time: list[int]
    hour: list[int]
    values: list[Values]


def _read_user(frame: pl.DataFrame, knowledge: Knowledge) -> dict[str, Values]:
    time = frame["timestamp"].dt.epoch("ms").to_numpy()
    hour = frame["timestamp"].dt.hour().to_numpy()
    evidence, clicks, hours = _evidence(frame, time, hour, knowledge)
    band = _housemate(evidence, hours)
    found = {tag: _without(one, band) for tag, one in evidence.items()}
    expected = max(1.0, float(np.mean([float(len(one.time)) for one in found.values()] or [0.0])))
    answer: dict[str, Values] = {}
    for tag in TAG_NAMES:
        if tag == "home_city":
            answer[tag] = _home(frame, time, knowledge.cities)
            continue
        one = found.get(tag)
        slips = SLIP * clicks * knowledge.slip_share[tag]
        if one is None or not _is_shown(len(one.time), expected, slips):
            answer[tag] = ()
        elif tag == "interests":
            answer[tag] = _hobbies(one, slips)
        elif not _is_decided(one):
            answer[tag] = ()
        else:
            answer[tag] = (_value_at_end(one, TAG[tag].values),)
    return answer


def _evidence(
    frame: pl.DataFrame, time: NDArray[np.int64], hour: NDArray[np.int8], knowledge: Knowledge
) -> tuple[dict[str, _Evidence], int, NDArray[np.int64]]:
    """Evidence by tag, number of clicks, and sessions by hour of day.

    A session gives one unit of each (tag, values) it is about. A single click beside other things is a slip.
    """
    items, gifts = frame["item"].to_list(), frame["gift"].to_list()
    sources = frame["source"].to_list()
    slips = [pair in knowledge.slips for pair in zip(sources, frame["action"].to_list(), strict=True)]
    found: dict[str, _Evidence] = {}
    hours = np.zeros(24, dtype=np.int64)
    start = 0
    for place in range(1, len(items) + 1):
        if (
            place < len(items)
            and sources[place] == sources[start]
            and time[place] - time[place - 1] < PAUSE_MINUTES * 60_000
        ):
            continue
        hours[hour[start]] += 1
        about: dict[tuple[str, Values], int] = {}
        clicks_only: dict[tuple[str, Values], bool] = {}
        for i in range(start, place):
            if items[i] < 0 or gifts[i]:
                continue
            key = (knowledge.tags[items[i]], knowledge.values[items[i]])
            about[key] = about.get(key, 0) + 1
            clicks_only[key] = clicks_only.get(key, True) and slips[i]
        for (tag, values), count in about.items():
            slip = count == 1 and clicks_only[tag, values] and place - start > 1 and len(about) > 1
            if tag and not slip:
                one = found.setdefault(tag, _Evidence(time=[], hour=[], values=[]))
                one.time.append(int(time[start]))
                one.hour.append(int(hour[start]))
                one.values.append(values)
        start = place
    return found, sum(slips), hours


def _housemate(evidence: Mapping[str, _Evidence], hours: NDArray[np.int64]) -> set[int]:
    """Hours in which values appear that never appear outside: those of somebody else; empty if none do."""
    best, best_score = set[int](), BAND_EVIDENCE
    total = hours.sum()
    counts: dict[str, dict[str, NDArray[np.int64]]] = {}
    for tag, one in evidence.items():
        if tag != "interests":
            for at, values in zip(one.hour, one.values, strict=True):
                if len(values) == 1:
                    by_value = counts.setdefault(tag, {})
                    by_value.setdefault(values[0], np.zeros(24, dtype=np.int64))[at] += 1
    for first in range(24):
        band = {(first + i) % 24 for i in range(BAND_HOURS)}
        inside = list(band)
        chance = np.log(max(1, int(hours[inside].sum())) / total + 0.02)
        score = 0.0
        for by_value in counts.values():
            for one_value in by_value.values():
                within = int(one_value[inside].sum())
                if within == one_value.sum() and within >= 2 and len(by_value) > 1:
                    score -= within * chance
        if score > best_score:
            best, best_score = band, score
    return best


def _without(one: _Evidence, band: set[int]) -> _Evidence:
    """The evidence without what only the housemate shows."""
    if not band:
        return one
    units = list(zip(one.hour, one.values, strict=True))
    outside = {value for at, values in units if at not in band for value in values}
    kept = [i for i, (at, values) in enumerate(units) if at not in band or set(values) & outside]
    return _Evidence(
        time=[one.time[i] for i in kept],
        hour=[one.hour[i] for i in kept],
        values=[one.values[i] for i in kept],
    )


def _is_shown(units: int, expected: float, slips: float) -> bool:
    """Whether so many units are more like a tag that is shown than like slips.

    Log odds of a negative binomial (shape 5, mean `expected`) and a Poisson (mean `slips`), 4 to 1 before.
    """
    if units == 0:
        return False
    shape = 5.0
    grown = sum(np.log(shape + i) for i in range(units))
    shown = grown + units * np.log(expected / (expected + shape)) + shape * np.log(shape / (expected + shape))
    hidden = units * np.log(slips + 1e-3) - slips
    return bool(shown + np.log(4.0) > hidden)


def _is_decided(one: _Evidence) -> bool:
    """Whether there is a clear sign, or different ambiguous ones."""
    return len(set(one.values)) > 1 or len(one.values[0]) == 1


def _hobbies(one: _Evidence, slips: float) -> Values:
    counts: dict[str, int] = {}
    for values in one.values:
        for value in values:
            counts[value] = counts.get(value, 0) + 1
    least = max(1.0, 0.12 * sum(counts.values()), 0.5 * slips)
    ranked = sorted(counts, key=lambda value: (-counts[value], value))[: TAG["interests"].max_values]
    return tuple(value for value in ranked if counts[value] >= least)


def _value_at_end(one: _Evidence, values: Values) -> str:
    """The most probable value after the last sign (forward filter)."""
    size = len(values)
    belief = np.full(size, 1.0 / size)
    before = one.time[0]
    for at, shown in zip(one.time, one.values, strict=True):
        moved = 1.0 - np.exp(-CHANGES_A_YEAR * (at - before) / (365 * DAY_MS))
        belief = (1.0 - moved) * belief + moved / size
        shown_V = np.array([value in shown for value in values])
        likelihood = np.where(shown_V, (1.0 - EXCEPTION) / len(shown), EXCEPTION / size)
        belief = belief * likelihood
        belief /= belief.sum()
        before = at
    return values[int(belief.argmax())]


def _home(frame: pl.DataFrame, time: NDArray[np.int64], cities: int) -> Values:
    """The city of most weeks lately; weeks away are exceptions."""
    located = frame["location"].to_numpy() != ""
    if not located.any():
        return ()
    city = frame["location"].to_numpy()[located]
    week = (time[located] - time[0]) // (7 * DAY_MS)
    names = sorted(set(city.tolist()))
    belief = np.full(len(names), 1.0 / len(names))
    before = int(week[0])
    for number in np.unique(week).tolist():
        moved = 1.0 - np.exp(-CHANGES_A_YEAR * (number - before + 1) / 52)
        belief = (1.0 - moved) * belief + moved / cities
        here, counts = np.unique(city[week == number], return_counts=True)
        share = dict(zip(here.tolist(), (counts / counts.sum()).tolist(), strict=True))
        belief = belief * np.array([WEEK_AWAY + (1 - WEEK_AWAY) * share.get(name, 0.0) for name in names])
        belief /= belief.sum()
        before = number
    return (names[int(belief.argmax())],)
