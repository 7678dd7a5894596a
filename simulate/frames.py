"""Tables of a block: what is observed, gold labels, hidden personas and truth; of a world: its titles.

`Observation` is the only way from a block to the log: it has no field for anything hidden.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from records.events import EVENT_SCHEMA, GOLD_SCHEMA
from records.tags import TAG_NAMES
from simulate.block import BLOCK, Block, Simulator
from simulate.environment import DAY_MS
from simulate.events import Noise
from simulate.gold import DIFFICULTIES, Gold
from simulate.population import COLUMN
from simulate.titles import Titles
from simulate.world import World

USER_DIGITS, EVENT_DIGITS = 7, 6
"""Digits of a user's number in its id, and of an event's within its user's log."""

PERSONA_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "days": pl.Int64(),
    "events_per_day": pl.Float64(),
    "traits": pl.List(pl.Float64()),
    "preferences": pl.List(pl.Float64()),
    "hobbies": pl.List(pl.String()),
    "changes": pl.List(pl.String()),
}
"""Columns of `personas-*.parquet`, hidden state for checks by humans: Big Five in the order OCEAN,
preferences in the order of preferences.yaml, and changes as `month tag value`, month 0 the start."""

TRUTH_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "event_id": pl.String(),
    "session": pl.Int64(),
    "desire": pl.String(),
    "tag": pl.String(),
    "value": pl.String(),
    "actor": pl.String(),
    "noise": pl.String(),
}
"""Columns of `truth-*.parquet`, a row an event in the order of the events: hidden state to measure with.

`session` numbers the user's sessions from 0. `desire` is what was wanted, `tag` and `value` what that shows
of whom it was wanted for (empty: everyday life; `desire` too: a slip); `actor` is OWN or HOUSEMATE, `noise`
one of NOISE_NAMES."""

OWN, HOUSEMATE = "own", "housemate"
NOISE_NAMES = ("", *(kind.name.lower() for kind in Noise if kind))
"""By the numbers of Noise, named as the noise of memories is."""

TITLE_SCHEMA: dict[str, pl.DataType] = {
    "content": pl.String(),
    "source": pl.String(),
    "kind": pl.String(),
    "gift": pl.Boolean(),
    "entity": pl.String(),
    "attributes": pl.List(pl.String()),
    "category": pl.String(),
}
"""Columns of `titles.parquet`, public knowledge: what each title in the log stands for, and what it names."""


def user_id(number: int) -> str:
    """Id of user `number`."""
    return f"u{number:0{USER_DIGITS}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a log shows of E events; arrays as in Block, times in epoch milliseconds."""

    user_E: NDArray[np.int32]
    number_E: NDArray[np.int64]
    time_ms_E: NDArray[np.int64]
    action_E: NDArray[np.int64]
    item_E: NDArray[np.int64]
    title_E: NDArray[np.int64]
    city_E: NDArray[np.int64]
    pieces_E: NDArray[np.int64]
    price_E: NDArray[np.float64]


def observe(block: Block, users: int) -> Observation:
    """The observed part of the block's first `users` users."""
    kept = slice(0, int(np.searchsorted(block.events.user_E, users)))
    user_E = block.events.user_E[kept]
    days_B = block.users.days_B
    calendar = block.simulator.calendar
    first_ms_B = calendar.day_ms(0) + (len(calendar.month_C) - days_B) * DAY_MS
    head_B = np.searchsorted(user_E, np.arange(len(days_B)))
    return Observation(
        user_E=user_E,
        number_E=np.arange(len(user_E)) - head_B[user_E],
        time_ms_E=first_ms_B[user_E] + block.events.time_E[kept],
        action_E=block.events.action_E[kept],
        item_E=block.events.item_E[kept],
        title_E=block.events.title_E[kept],
        city_E=block.events.city_E[kept],
        pieces_E=block.events.pieces_E[kept],
        price_E=block.events.price_E[kept],
    )


class Tables:
    """Turns blocks into tables; holds the world's texts once."""

    def __init__(self, simulator: Simulator) -> None:
        world = simulator.world
        self.world = world
        self.titles = pl.Series(simulator.titles.texts)
        self.categories = pl.Series(world.categories).gather(simulator.intents.category_N)
        self.sources = pl.Series([platform for platform, _ in simulator.actions.names])
        self.actions = pl.Series([action for _, action in simulator.actions.names])
        self.cities = pl.Series(["", *world.city_names])
        self.values = [world.values_of(tag) for tag in TAG_NAMES]
        # Everyday life is the first entry, then all values of all tags.
        self.first_value_T = np.cumsum([1, *map(len, self.values)])
        self.all_values = pl.Series(["", *(value for values in self.values for value in values)])
        self.tags = pl.Series(["", *TAG_NAMES])
        self.desires = pl.Series(["", *(desire.name for desire in world.desires)])
        self.numbers = pl.Series(np.arange(1000)).cast(pl.String).str.zfill(EVENT_DIGITS)

    def user_ids(self, block: int) -> pl.Series:
        """Ids of a block's users."""
        return pl.Series([user_id(block * BLOCK + place) for place in range(BLOCK)])

    def events(self, seen: Observation, ids: pl.Series) -> pl.DataFrame:
        """Rows of EVENT_SCHEMA."""
        if len(seen.number_E) and (most := int(seen.number_E.max())) >= len(self.numbers):
            self.numbers = pl.Series(np.arange(2 * most)).cast(pl.String).str.zfill(EVENT_DIGITS)
        user = ids.gather(seen.user_E)
        columns = {
            "user_id": user,
            "timestamp": pl.Series(seen.time_ms_E).cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"),
            "source": self.sources.gather(seen.action_E),
            "action": self.actions.gather(seen.action_E),
            "content": self.titles.gather(seen.title_E),
            "category": self.categories.gather(seen.item_E),
            "location": self.cities.gather(seen.city_E + 1),
            "count": seen.pieces_E,
            "value": pl.Series(seen.price_E).fill_nan(None),
            "event_id": (ids + "-").gather(seen.user_E) + self.numbers.gather(seen.number_E),
        }
        return pl.DataFrame(columns, schema=EVENT_SCHEMA)

    def gold(self, gold: Gold, event_ids: pl.Series, ids: pl.Series, users: int) -> pl.DataFrame:
        """Rows of GOLD_SCHEMA of the first `users` users."""
        rows = users * len(TAG_NAMES)
        pieces_R = gold.pieces_R[:rows]
        pieces = int(pieces_R.sum())
        value_RV = gold.value_RV[:rows]
        held_RV = value_RV >= 0
        row, place = np.nonzero(held_RV)
        texts = [
            self.values[tag][value]
            for tag, value in zip((row % len(TAG_NAMES)).tolist(), value_RV[row, place].tolist(), strict=True)
        ]
        columns = {
            "user_id": ids.gather(np.repeat(np.arange(users), len(TAG_NAMES))),
            "tag": pl.Series(TAG_NAMES * users),
            "values": _lists(pl.Series(texts, dtype=pl.String), held_RV.sum(axis=1)),
            "event_ids": _lists(event_ids.gather(gold.event_P[:pieces]), pieces_R),
            "event_values": _lists(pl.Series(gold.place_P[:pieces]), pieces_R),
            "difficulty": pl.Series(DIFFICULTIES).gather(gold.difficulty_R[:rows]),
        }
        return pl.DataFrame(columns, schema=GOLD_SCHEMA)

    def truth(self, block: Block, event_ids: pl.Series, ids: pl.Series) -> pl.DataFrame:
        """Rows of TRUTH_SCHEMA of the block's first events, those of `event_ids`."""
        events, kept = block.events, slice(0, len(event_ids))
        user_E, session_E, tag_E = events.user_E[kept], events.session_E[kept], events.tag_E[kept]
        noise_E = events.noise_E[kept]
        head_B = np.searchsorted(user_E, np.arange(len(block.users.days_B)))
        first_B = session_E[np.minimum(head_B, max(len(session_E) - 1, 0))]
        shown_E = np.where(tag_E >= 0, self.first_value_T[tag_E] + events.value_E[kept], 0)
        wanted_E = np.where(noise_E == Noise.MIS_CLICK, 0, events.desire_E[kept] + 1)
        columns = {
            "user_id": ids.gather(user_E),
            "event_id": event_ids,
            "session": session_E - first_B[user_E],
            "desire": self.desires.gather(wanted_E),
            "tag": self.tags.gather(tag_E.astype(np.int64) + 1),
            "value": self.all_values.gather(shown_E),
            "actor": pl.Series([OWN, HOUSEMATE]).gather(events.housemate_E[kept].astype(np.int64)),
            "noise": pl.Series(NOISE_NAMES).gather(noise_E.astype(np.int64)),
        }
        return pl.DataFrame(columns, schema=TRUTH_SCHEMA)

    def personas(self, block: Block, ids: pl.Series, users: int) -> pl.DataFrame:
        """Rows of PERSONA_SCHEMA of the first `users` users."""
        who = block.personas
        hobby_BH = who.hobby_BH[:users]
        hobbies = pl.Series(self.world.hobbies).gather(hobby_BH[hobby_BH >= 0])
        changes, count_B = self._changes(block, users)
        columns = {
            "user_id": ids[:users],
            "days": block.users.days_B[:users],
            "events_per_day": block.users.rate_B[:users],
            "traits": _rows(who.trait_B5[:users].round(3)),
            "preferences": _rows(who.preference_BP[:users].round(3)),
            "hobbies": _lists(hobbies, (hobby_BH >= 0).sum(axis=1)),
            "changes": _lists(changes, count_B),
        }
        return pl.DataFrame(columns, schema=PERSONA_SCHEMA)

    def _changes(self, block: Block, users: int) -> tuple[pl.Series, NDArray[np.int64]]:
        """What users were at the start and became, user by user, and how many entries each has."""
        state_BMT = block.life.state_MBT[:, :users].swapaxes(0, 1)
        changed_BMT = np.ones(state_BMT.shape, dtype=np.bool_)
        changed_BMT[:, 1:] = state_BMT[:, 1:] != state_BMT[:, :-1]
        changed_BMT[:, :, COLUMN["interests"]] = False
        _, month, tag = np.nonzero(changed_BMT)
        value = state_BMT[changed_BMT]
        texts = [
            f"{m} {TAG_NAMES[t]} {self.values[t][v]}"
            for m, t, v in zip(month.tolist(), tag.tolist(), value.tolist(), strict=True)
        ]
        return pl.Series(texts, dtype=pl.String), changed_BMT.sum(axis=(1, 2))


def titles_table(world: World, titles: Titles) -> pl.DataFrame:
    """Rows of TITLE_SCHEMA: every title of the world, then the same as gifts."""
    count_K = titles.count_NK.ravel()
    kinds = list(world.kinds)
    kind_T = np.repeat(np.tile(np.arange(len(kinds)), len(world.items)), count_K)
    items = [world.items[number] for number in titles.item_T.tolist()]
    plain = {
        "source": [item.platform for item in items],
        "kind": [kinds[number] for number in kind_T.tolist()],
        "entity": [item.name for item in items],
        "attributes": [list(named) for named in titles.attributes],
        "category": [item.category for item in items],
    }
    gift = [False] * len(items) + [True] * len(items)
    columns = {"content": titles.texts, "gift": gift, **{name: rows * 2 for name, rows in plain.items()}}
    return pl.DataFrame(columns, schema_overrides=TITLE_SCHEMA).select(list(TITLE_SCHEMA))


def _rows(matrix: NDArray[np.float64]) -> pl.Series:
    """The rows of a matrix as lists."""
    return _lists(pl.Series(matrix.ravel()), np.full(len(matrix), matrix.shape[1]))


def _lists(flat: pl.Series, size_R: NDArray[np.int64]) -> pl.Series:
    """Cut `flat` into consecutive lists of the given sizes."""
    offsets = pa.array(np.concatenate([[0], np.cumsum(size_R)]), type=pa.int64())
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(offsets, flat.to_arrow())))
