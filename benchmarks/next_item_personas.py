"""Personas for next-item prediction: induced from what was before the cut, or out of finished files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hprbench.next_item.personas import Members, earlier_members, members_of
from hprbench.next_item.split import Split, before_cuts
from induce.coded_events import with_entities
from induce.embedding import Embedder
from induce.inducers import ClusterInducer
from induce.memories import memories_frame
from induce.population import population_of
from induce.sessions import choose_gap
from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.files import written_whole
from records.induction import ClusterConfig, MemoryConfig
from records.persona import (
    MEMORY_SCHEMA,
    PERSONA_SCHEMA,
    IntentMemory,
    PersonaSet,
    memories_of,
    persona_sets,
)
from semantize.refining.refine import RuleRefiner


@dataclass(frozen=True, slots=True, kw_only=True)
class Induced:
    """Users' memories, and the persona sets that stand on them."""

    memories: Mapping[str, Sequence[IntentMemory]]
    sets: Sequence[PersonaSet]

    def members(self, split: Split) -> list[Members]:
        """Which events of the split's histories are of which persona.

        Raises:
            UserError: nobody in the split has personas, or as `members_of`.
        """
        if not {one.user_id for one in self.sets if one.personas} & set(split.users):
            raise UserError("personas: of no user of this log; give those that were induced from it")
        return members_of(split, self.sets, self.memories)


def induced(log: pl.DataFrame, split: Split, embedder: Embedder, memory: MemoryConfig) -> Induced:
    """Personas by `ClusterInducer` of the split's own histories and of nothing else.

    `log` has the columns of EVENT_SCHEMA besides those of the split; of it the events in `split.histories`
    are read. Gap of sessions, population and background are of these events, too.
    """
    before = pl.DataFrame({"event_id": [event for one in split.histories for event in one.event_ids]})
    rows = before_cuts(log).join(before, on="event_id", how="semi", maintain_order="left")
    events = with_entities(rows.select(list(EVENT_SCHEMA)), RuleRefiner())
    config = replace(memory, gap_minutes=memory.gap_minutes or choose_gap(events).minutes)
    memories = memories_of(memories_frame(events, config))
    inducer = ClusterInducer(ClusterConfig(), embedder, population_of(memories.values()))
    return Induced(memories=memories, sets=inducer(memories))


def induced_members(
    log: pl.DataFrame, split: Split, earlier: Split, embedder: Embedder, memory: MemoryConfig
) -> tuple[list[Members], list[Members]]:
    """Members for the test, and for the fit one event earlier, there induced anew: the event that is the
    fit's target has no part in sessions, population or clusters."""
    whole, shorter = (induced(log, one, embedder, memory).members(one) for one in (split, earlier))
    return whole, shorter


def events_before(log: pl.DataFrame, path: Path) -> None:
    """Write what personas may be of, the events before the cuts, by EVENT_SCHEMA."""
    with written_whole(path) as aside:
        before_cuts(log).select(list(EVENT_SCHEMA)).write_parquet(aside)


def members_in_files(
    split: Split, earlier: Split, memories: Path, personas: Path
) -> tuple[list[Members], list[Members]]:
    """Members by what any inducer wrote, a file or a pattern each; for the fit they are the same without each
    user's newest event.

    Raises:
        UserError: a file cannot be read or lacks a column; or as `Induced.members`.
    """
    found = Induced(
        memories=memories_of(_table(memories, MEMORY_SCHEMA)),
        sets=persona_sets(_table(personas, PERSONA_SCHEMA)),
    )
    whole = found.members(split)
    return whole, earlier_members(split, whole, earlier)


def told(members: Sequence[Members]) -> dict[str, Any]:
    """Personas a user, the share of users with one alone, and that of events that are in a persona."""
    counts_U = np.array([len(one) for one in members])
    held = sum(int(one.any(axis=0).sum()) for one in members)
    return {
        "a_user": round(float(counts_U.mean()), 3),
        "one_alone": round(float((counts_U == 1).mean()), 4),
        "events_held": round(held / sum(one.shape[1] for one in members), 4),
    }


def _table(path: Path, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path}: not readable ({reason}); give the Parquet file") from None
    if missing := [name for name in schema if name not in frame.columns]:
        raise UserError(f"{path}: no column {', '.join(missing)}; give the file that induction wrote")
    return frame
