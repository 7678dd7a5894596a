"""Behaviour events, in memory and as a Parquet schema."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviorEvent:
    """One thing a user did. Everything after `action` may be empty; `timestamp` is UTC."""

    user_id: str
    timestamp: datetime
    source: str
    action: str
    content: str = ""
    category: str = ""
    location: str = ""
    count: int = 1
    value: float | None = None
    event_id: str = ""


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
"""Columns of `events.parquet`, one row an event, sorted by user and time."""

GOLD_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "tag": pl.String(),
    "values": pl.List(pl.String()),
    "event_ids": pl.List(pl.String()),
    "difficulty": pl.String(),
}
"""Columns of `gold.parquet`, one row a user and tag; an empty list of values is NA."""

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
