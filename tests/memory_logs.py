"""Events as memories are made of, written short."""

from datetime import UTC, datetime
from typing import Any

import polars as pl

from induce.memories import memories_frame
from records.events import EVENT_SCHEMA
from records.induction import MemoryConfig

SCHEMA = {**EVENT_SCHEMA, "entity": pl.String(), "gift": pl.Boolean()}


def log(*rows: tuple[Any, ...], user: str = "u", source: str = "Shop") -> pl.DataFrame:
    """Events from (UTC time, action, entity, {further fields}); ids are e0, e1, … in row order."""
    events = []
    for number, (time, action, entity, *further) in enumerate(rows):
        event = {
            "user_id": user, "timestamp": datetime.fromisoformat(time).replace(tzinfo=UTC), "source": source,
            "action": action, "content": entity.upper(), "category": "", "location": "", "count": 1,
            "value": None, "event_id": f"e{number}", "entity": entity, "gift": False,
        }  # fmt: skip
        events.append({**event, **(further[0] if further else {})})
    return pl.DataFrame(events, schema=SCHEMA)


def memories(events: pl.DataFrame, **config: Any) -> list[dict[str, Any]]:
    """Memories as rows, sessions parted by 30 minutes."""
    return memories_frame(events, MemoryConfig(**{"gap_minutes": 30.0, **config})).to_dicts()


def told(events: pl.DataFrame, **config: Any) -> list[tuple[str, str]]:
    """(event ids, noise) of every memory."""
    return [(" ".join(row["event_ids"]), row["noise"]) for row in memories(events, **config)]
