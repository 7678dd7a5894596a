"""Parquet schemas of behaviour events, gold labels and histories."""

import polars as pl

EVENT_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "timestamp": pl.Datetime("ms", "UTC"),
    "source": pl.String(),
    "action": pl.String(),
    "content": pl.String(),
    "category": pl.String(),
    "location": pl.String(),
    "count": pl.Int64(),
    "value": pl.Float64(),
    "event_id": pl.String(),
}
"""Columns of `events.parquet`, one row an event, sorted by user and time; all after `action` may be empty."""

GOLD_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "tag": pl.String(),
    "values": pl.List(pl.String()),
    "event_ids": pl.List(pl.String()),
    "event_values": pl.List(pl.Int64()),
    "difficulty": pl.String(),
}
"""Columns of `gold.parquet`, one row a user and tag; an empty list of values is NA. `event_values[i]` is the
place in `values` of the value that `event_ids[i]` shows."""

HISTORY_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "line": pl.Int64(),
    "text": pl.String(),
    "event_ids": pl.List(pl.String()),
    "entities": pl.List(pl.String()),
    "entity_events": pl.List(pl.Int64()),
}
"""Columns of `histories.parquet`, one row a numbered line; `entity_events[i]` of the event ids, in order,
stand behind `entities[i]`."""
