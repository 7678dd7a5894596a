"""Memories and personas as records and as Parquet rows."""

from datetime import UTC, datetime

import polars as pl

from records.persona import (
    MEMORY_SCHEMA,
    IntentMemory,
    Persona,
    PersonaSet,
    Statement,
    memories_of,
    persona_sets,
    personas_frame,
)


def test_a_memory_says_what_was_wanted() -> None:
    row = {
        "user_id": "u", "number": 1, "start": datetime(2026, 1, 1, tzinfo=UTC),
        "end": datetime(2026, 1, 1, 1, tzinfo=UTC), "source": "Shop", "action": "Order",
        "wants": ["Wet Wipes", "Milk Powder"], "category": "Baby", "event_ids": ["a", "b"],
        "value": None, "noise": "", "only_seen": ["Milk Powder"],
    }  # fmt: skip
    found = memories_of(pl.DataFrame([row], schema=MEMORY_SCHEMA))
    (memory,) = found["u"]
    assert isinstance(memory, IntentMemory)
    assert memory.text == "Wet Wipes, Milk Powder (Baby)"
    assert memory.event_ids == ("a", "b")
    assert memory.value != memory.value


def test_personas_come_back_out_of_their_rows() -> None:
    sets = [
        PersonaSet(
            user_id="u",
            personas=(
                Persona(
                    label="Young parent",
                    description=(Statement(text="Buys Wet Wipes.", memories=(1, 3)),),
                    memories=(1, 2, 3),
                ),
                Persona(label="Cyclist", description=(), memories=(4,)),
            ),
        ),
        PersonaSet(user_id="v", personas=(), error="one event"),
    ]
    assert persona_sets(personas_frame(sets)) == sets
    assert persona_sets(personas_frame([])) == []
