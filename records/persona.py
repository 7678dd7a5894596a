"""What is induced from a user's log: intent memories, and the personas that stand on them.

Suffixes: none; memories are numbered from 1 in the order of their time, user by user, as history lines are.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentMemory:
    """What a user wanted in one stretch of a session, and the events that say so.

    `start` and `end` are what clocks in the zone of the log show, written as if in UTC. `wants` are the names
    of the things it was about; `action` is the strongest taken (an order over a click), and `only_seen` those
    of `wants` to which that was not done, but something weaker, or which were given back; `value` the money
    of its orders, nan where none is known. `noise` says why it is no intent of the user's own
    (mis_click, dead_loop, gift, …), "" where it is one.
    """

    user_id: str
    number: int
    start: datetime
    end: datetime
    source: str
    action: str
    wants: tuple[str, ...]
    category: str
    event_ids: tuple[str, ...]
    value: float = float("nan")
    noise: str = ""
    only_seen: tuple[str, ...] = ()

    @property
    def acted_on(self) -> tuple[str, ...]:
        """Names to which `action` was done."""
        return tuple(name for name in self.wants if name not in self.only_seen)

    @property
    def text(self) -> str:
        """What was wanted, in words: the names, then the category."""
        named = ", ".join(self.wants)
        return f"{named} ({self.category})" if self.category and named else named or self.category


MEMORY_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "number": pl.Int64(),
    "start": pl.Datetime("ms", "UTC"),
    "end": pl.Datetime("ms", "UTC"),
    "source": pl.String(),
    "action": pl.String(),
    "wants": pl.List(pl.String()),
    "category": pl.String(),
    "event_ids": pl.List(pl.String()),
    "value": pl.Float64(),
    "noise": pl.String(),
    "only_seen": pl.List(pl.String()),
}
"""Columns of `memories.parquet`, one row a memory, sorted by user and number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence of a description and the numbers of the memories that it rests on."""

    text: str
    memories: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One side of a user: a short name, what is said of it, and the memories that belong to it."""

    label: str
    description: tuple[Statement, ...]
    memories: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaSet:
    """All personas of one user, at least one; or none and the reason in `error`."""

    user_id: str
    personas: tuple[Persona, ...]
    error: str = ""


PERSONA_SCHEMA: dict[str, pl.DataType] = {
    "user_id": pl.String(),
    "persona": pl.Int64(),
    "label": pl.String(),
    "sentences": pl.List(pl.String()),
    "rests_on": pl.List(pl.List(pl.Int64())),
    "memories": pl.List(pl.Int64()),
    "error": pl.String(),
}
"""Columns of `personas.parquet`, one row a persona, numbered from 1 by user; a user without any has one row
whose `persona` is 0 and whose `error` is the reason."""


def memories_of(frame: pl.DataFrame) -> dict[str, tuple[IntentMemory, ...]]:
    """Rows of MEMORY_SCHEMA as memories by user, in order."""
    found: dict[str, list[IntentMemory]] = {}
    for row in frame.select(list(MEMORY_SCHEMA)).iter_rows(named=True):
        value = float("nan") if row["value"] is None else row["value"]
        texts = {name: tuple(row[name]) for name in ("wants", "only_seen", "event_ids")} | {"value": value}
        found.setdefault(row["user_id"], []).append(IntentMemory(**{**row, **texts}))
    return {user: tuple(memories) for user, memories in found.items()}


def personas_frame(sets: list[PersonaSet]) -> pl.DataFrame:
    """Persona sets as rows of PERSONA_SCHEMA."""
    rows = []
    for one in sets:
        for number, persona in enumerate(one.personas, start=1):
            sentences = [statement.text for statement in persona.description]
            rests_on = [list(statement.memories) for statement in persona.description]
            rows.append((one.user_id, number, persona.label, sentences, rests_on, list(persona.memories), ""))
        if not one.personas:
            rows.append((one.user_id, 0, "", [], [], [], one.error))
    return pl.DataFrame(rows, schema=PERSONA_SCHEMA, orient="row")


def persona_sets(frame: pl.DataFrame) -> list[PersonaSet]:
    """Rows of PERSONA_SCHEMA as persona sets, in the order of users there."""
    personas: dict[str, list[Persona]] = {}
    errors: dict[str, str] = {}
    for user, number, label, sentences, rests_on, memories, error in frame.select(
        list(PERSONA_SCHEMA)
    ).iter_rows():
        mine = personas.setdefault(user, [])
        errors[user] = error
        if number:
            said = zip(sentences, rests_on, strict=True)
            description = tuple(Statement(text=text, memories=tuple(on)) for text, on in said)
            mine.append(Persona(label=label, description=description, memories=tuple(memories)))
    return [
        PersonaSet(user_id=user, personas=tuple(mine), error=errors[user]) for user, mine in personas.items()
    ]
