"""Events in sessions → intent memories: what was wanted, by which events, or why it is noise.

    events ── gap ──> sessions ── source, topic ──> memory ── noise rules ──> intent | noise

A memory depends on its user's events and on the gap alone: settle the gap first (`sessions.pause_histogram`),
and any split of users over workers gives the same.
"""

import polars as pl

from induce.coded_events import BLANK, CodedEvents, coded_events
from induce.noise import CANCELLED, MIS_CLICK, event_noise, slips
from induce.topics import CATEGORY, with_topics
from records.induction import MemoryConfig
from records.persona import MEMORY_SCHEMA
from rewards.personas.claims import family

MEMORY_VERSION = 3
"""Raised when the same events become other memories."""


def memories_frame(events: pl.DataFrame, config: MemoryConfig) -> pl.DataFrame:
    """The memories (MEMORY_SCHEMA) of `events` (EVENT_SCHEMA, `entity`, `gift`; any order).

    What a user did in one session and source about one topic (`topics.with_topics`) is one memory, apart
    from noise among it. Every event is in exactly one. They are numbered by their first events.

    `action` is the most frequent (ties by name) of those that buy, else of other high-impact ones, else of
    all; what gives something back comes last. `wants` are the entities that an action of its family was done
    to (`rewards.personas.claims.family`), then the others (`only_seen`, where that family is not looking;
    with them discounts, and those of which no more was taken than given back), each with most events first
    (ties by name), `wants` of the config at most. `value` adds up over high-impact events, less what was
    given back.

    Raises:
        UserError: `events` lack a column, or a pattern of `config` is no regular expression.
    """
    coded = coded_events(events, config)
    if coded.frame.is_empty():
        return pl.DataFrame(schema=MEMORY_SCHEMA)
    frame = _in_memories(with_topics(coded).with_columns(noise=event_noise(coded.frame, config)))
    frame = frame.with_columns(slip=slips(frame, config))
    table = _table(frame, coded)
    families = pl.Series([family(action) for action in coded.actions], dtype=pl.String)
    strongest = _strongest(frame, families)
    return (
        table.with_columns(
            action=pl.Series(coded.actions, dtype=pl.String).gather(strongest),
            number=pl.int_range(1, pl.len() + 1).over("user_id"),
        )
        .with_columns(_wants(frame, coded.entities, families, strongest, config.wants))
        .select(pl.col(name).cast(dtype) for name, dtype in MEMORY_SCHEMA.items())
    )


def in_wall_time(memories: pl.DataFrame, zone: str) -> pl.DataFrame:
    """`memories` with `start` and `end` as clocks in `zone` show them, written as if in UTC: what is said of
    days, months and hours is of these. (Sessions end by pauses, which no change of clocks moves.)"""
    clocks = pl.col("start", "end").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return memories.with_columns(clocks.dt.replace_time_zone("UTC").cast(MEMORY_SCHEMA["start"]))


def _in_memories(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with `memory`: numbers from 0 over all users, in the order of first events."""
    rows = frame.with_row_index("row")
    first = rows.select(pl.col("row").min().over("place", "kind", "topic", "noise")).to_series()
    begins = first == rows["row"]
    return frame.with_columns(memory=(begins.cast(pl.Int64).cum_sum() - 1).gather(first))


def _table(frame: pl.DataFrame, coded: CodedEvents) -> pl.DataFrame:
    """A row a memory, in order: all but its number, action and wants."""
    high = ~pl.col("low")
    back = high & (pl.col("pieces") < 0)
    value = pl.col("value").filter(high)
    # A memory's events need not stand together: another topic of the session may lie between.
    memories = (
        frame.sort("memory", maintain_order=True)
        .group_by("memory", maintain_order=True)
        .agg(
            pl.col("user_id", "source", "kind", "topic", "noise").first(),
            pl.col("timestamp").first().alias("start"),
            pl.col("timestamp").last().alias("end"),
            pl.col("event_id").alias("event_ids"),
            pl.when(value.count() > 0).then(value.sum()).alias("value"),
            (back.any() & (pl.col("pieces").filter(high).sum() <= 0)).alias("given_back"),
            pl.col("slip").any().alias("slipped"),
        )
    )
    category = pl.Series(coded.categories, dtype=pl.String).gather(
        memories.select(pl.when(pl.col("kind") == CATEGORY).then("topic")).to_series()
    )
    return memories.with_columns(
        source=pl.Series(coded.sources, dtype=pl.String).gather(memories["source"]),
        category=category.fill_null(""),
        noise=pl.when(pl.col("noise") != "")
        .then("noise")
        .when("given_back")
        .then(pl.lit(CANCELLED))
        .when("slipped")
        .then(pl.lit(MIS_CLICK))
        .otherwise(pl.lit("")),
    )


def _strongest(frame: pl.DataFrame, families: pl.Series) -> pl.Series:
    """The code of every memory's strongest action."""
    counts = frame.group_by("memory", "low", "action", back=pl.col("pieces") < 0).len()
    counts = counts.with_columns(buys=families.gather(counts["action"]) == "buys")
    order = {"memory": False, "back": False, "low": False, "buys": True, "len": True, "action": False}
    best = counts.sort(list(order), descending=list(order.values()))
    return best.unique("memory", keep="first", maintain_order=True)["action"]


def _wants(
    frame: pl.DataFrame, entities: list[str], families: pl.Series, strongest_M: pl.Series, most: int
) -> pl.DataFrame:
    """`wants` and `only_seen` of every memory."""
    strongest = families.gather(strongest_M.gather(frame["memory"]))
    named = frame.select(
        "memory",
        "entity",
        # Who buys or searches has looked as well.
        seen=(families.gather(frame["action"]) != strongest) & (strongest != "looks"),
        taken=pl.when(~pl.col("low")).then("pieces"),
        paid=pl.when(~pl.col("low")).then("value"),
    ).filter(pl.col("entity") != BLANK)
    given_back = (pl.col("taken") < 0).any() & (pl.col("taken").sum() <= 0)
    discount = pl.col("paid").sum() < 0
    counts = named.group_by("memory", "entity").agg(
        pl.len(), seen=pl.col("seen").all() | given_back.fill_null(value=False) | discount
    )
    best = counts.sort("memory", "seen", "len", "entity", descending=[False, False, True, False])
    kept = best.filter(pl.int_range(pl.len()).over("memory") < most)
    name = pl.Series("name", entities, dtype=pl.String).gather(kept["entity"])
    lists = (
        kept.with_columns(name)
        .group_by("memory", maintain_order=True)
        .agg(wants=pl.col("name"), only_seen=pl.col("name").filter("seen"))
    )
    memories = frame.select(pl.col("memory").unique().sort())
    joined = memories.join(lists, on="memory", how="left", maintain_order="left")
    nothing = pl.Series([[]], dtype=pl.List(pl.String))
    return joined.select(pl.col("wants", "only_seen").fill_null(nothing))
