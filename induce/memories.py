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


def memories_frame(events: pl.DataFrame, config: MemoryConfig) -> pl.DataFrame:
    """The memories (MEMORY_SCHEMA) of `events` (EVENT_SCHEMA, `entity`, `gift`; any order).

    What a user did in one session and source about one topic (`topics.with_topics`) is one memory, apart
    from noise among it. Every event is in exactly one. They are numbered by their first events.

    `wants` are the entities with most events (ties by name), `wants` of the config at most. `action` is the
    most frequent (ties by name) high-impact one, else the most frequent. `value` adds up over high-impact
    events, less what was given back.

    Raises:
        UserError: `events` lack a column, or a pattern of `config` is no regular expression.
    """
    coded = coded_events(events, config)
    if coded.frame.is_empty():
        return pl.DataFrame(schema=MEMORY_SCHEMA)
    frame = _in_memories(with_topics(coded).with_columns(noise=event_noise(coded.frame, config)))
    frame = frame.with_columns(slip=slips(frame, config))
    table = _table(frame, coded)
    return table.with_columns(
        action=_actions(frame, coded),
        wants=_wants(frame, coded.entities, config.wants),
        number=pl.int_range(1, pl.len() + 1).over("user_id"),
    ).select(pl.col(name).cast(dtype) for name, dtype in MEMORY_SCHEMA.items())


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


def _actions(frame: pl.DataFrame, coded: CodedEvents) -> pl.Series:
    """The strongest action of every memory."""
    counts = frame.group_by("memory", "low", "action").len()
    best = counts.sort("memory", "low", "len", "action", descending=[False, False, True, False])
    strongest = best.unique("memory", keep="first", maintain_order=True)["action"]
    return pl.Series(coded.actions, dtype=pl.String).gather(strongest)


def _wants(frame: pl.DataFrame, entities: list[str], most: int) -> pl.Series:
    """The names of what every memory is about."""
    counts = frame.filter(pl.col("entity") != BLANK).group_by("memory", "entity").len()
    best = counts.sort("memory", "len", "entity", descending=[False, True, False])
    kept = best.filter(pl.int_range(pl.len()).over("memory") < most)
    named = kept.select("memory", name=pl.Series(entities, dtype=pl.String).gather(kept["entity"]))
    lists = named.group_by("memory", maintain_order=True).agg("name")
    memories = frame.select(pl.col("memory").unique().sort())
    joined = memories.join(lists, on="memory", how="left", maintain_order="left")["name"]
    return joined.fill_null(pl.Series([[]], dtype=pl.List(pl.String)))
