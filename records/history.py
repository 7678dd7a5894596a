"""Semantic histories: what the model reads of a user."""

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from records.events import GOLD_SCHEMA, HISTORY_SCHEMA
from records.tags import GoldTag


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One numbered line (`text` begins with `#number`) and the ids of the events behind it.

    `entities` are what the line shows, each with how many of `event_ids` (in order) stand behind it.
    """

    number: int
    text: str
    event_ids: tuple[str, ...]
    entities: tuple[tuple[str, int], ...] = ()

    def shown_for(self, event_ids: frozenset[str]) -> dict[str, int]:
        """Entities of the line → how many of `event_ids` stand behind each (only those with any)."""
        found, place = {}, 0
        for entity, count in self.entities:
            behind = event_ids.intersection(self.event_ids[place : place + count])
            place += count
            if behind:
                found[entity] = len(behind)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticHistory:
    """A user's behaviour as dense lines, in the order the model reads them."""

    user_id: str
    lines: tuple[HistoryLine, ...]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def window(self, first: int, count: int) -> "SemanticHistory":
        """The `count` lines from number `first` on, which keep their numbers."""
        return replace(self, lines=self.lines[first - 1 : first - 1 + count])

    def lines_citing(self, event_ids: tuple[str, ...]) -> tuple[int, ...]:
        """Numbers of the lines that stand on at least one of `event_ids`."""
        wanted = set(event_ids)
        return tuple(line.number for line in self.lines if wanted.intersection(line.event_ids))

    def best_lines(self, event_ids: tuple[str, ...], limit: int) -> tuple[int, ...]:
        """At most `limit` lines, those that stand on most of `event_ids` (ties: the later), in order."""
        wanted = set(event_ids)
        weighed = [(len(wanted.intersection(line.event_ids)), line.number) for line in self.lines]
        best = sorted((pair for pair in weighed if pair[0]), reverse=True)[:limit]
        return tuple(sorted(number for _, number in best))


def histories_of(frame: pl.DataFrame) -> list[SemanticHistory]:
    """Histories out of rows of HISTORY_SCHEMA, in the order of their users there."""
    lines_of: dict[str, list[HistoryLine]] = {}
    for user_id, number, text, event_ids, entities, counts in frame.select(list(HISTORY_SCHEMA)).iter_rows():
        line = HistoryLine(
            number=number,
            text=text,
            event_ids=tuple(event_ids),
            entities=tuple(zip(entities, counts, strict=True)),
        )
        lines_of.setdefault(user_id, []).append(line)
    return [SemanticHistory(user_id=user, lines=tuple(lines)) for user, lines in lines_of.items()]


def read_gold(path: Path) -> dict[str, dict[str, GoldTag]]:
    """Read a file of GOLD_SCHEMA, or all that a path with `*` matches, as user → tag → GoldTag."""
    return gold_tags(pl.read_parquet(path))


def gold_tags(frame: pl.DataFrame) -> dict[str, dict[str, GoldTag]]:
    """Rows of GOLD_SCHEMA as user → tag → GoldTag."""
    gold: dict[str, dict[str, GoldTag]] = {}
    for user_id, tag, values, event_ids, event_values, difficulty in frame.select(
        list(GOLD_SCHEMA)
    ).iter_rows():
        gold.setdefault(user_id, {})[tag] = GoldTag(
            user_id=user_id,
            tag=tag,
            values=tuple(values),
            event_ids=tuple(event_ids),
            event_values=tuple(event_values),
            difficulty=difficulty,
        )
    return gold
