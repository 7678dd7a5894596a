"""A user's own table of what titles are about; it goes before every other refiner.

match,entity,attributes
airpods,Wireless Earbuds,AirPods        the entity, and what is worth knowing of it
White Hart,Pub,                         a name becomes its kind
Oat Milk,,Dairy Free; Vegan             the entity stays, attributes are added
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from records.errors import UserError
from semantize.reading.chunks import ROW
from semantize.reading.tables import has_column, open_table, read_table
from semantize.refining.entity import MOST_ATTRIBUTES, Entity
from semantize.refining.refine import Refiner
from semantize.text import clean, visible

COLUMNS = ("match", "entity", "attributes")


def key_of(text: str) -> str:
    """What texts are compared by: NFKC, without case, blanks around and what nobody sees."""
    return visible(text).casefold()


def read_knowledge(path: Path) -> pl.DataFrame:
    """A Parquet, CSV or TSV file as a table of COLUMNS (texts), sorted, `match` as `key_of` gives it.

    `match` is a title or the text that the rules make of one; `attributes` are parted by ";".

    Raises:
        UserError: the file cannot be read, lacks a column, holds no rows, or a row is no record, has no match
            or contradicts an earlier one; in one line that names the row.
    """
    table = open_table(path, COLUMNS)
    if not table.fixed:
        raise UserError(f"{path}: JSON lines are not read as knowledge; save it as Parquet, CSV or TSV")
    for name in COLUMNS:
        if not has_column(table, name):
            raise UserError(f"{path}: no column {name!r}; it must have {', '.join(COLUMNS)}")
    chunk = read_table(path, COLUMNS)
    for bad in chunk.bad:
        raise UserError(f"{path}: row {bad.row} is no record ({bad.reason}); mend or remove it")
    texts = chunk.frame.select(ROW, *(pl.col(name).cast(pl.String).fill_null("") for name in COLUMNS))
    known: dict[str, tuple[int, tuple[str, str]]] = {}
    for row, match, entity, attributes in texts.iter_rows():
        key, meaning = key_of(match), (clean(entity), _joined(visible(attributes).split(";")))
        if not key:
            raise UserError(f"{path}: row {row} has no match; give a title, or remove the row")
        before, same = known.setdefault(key, (row, meaning))
        if same != meaning:
            raise UserError(
                f"{path}: row {row}: {clean(match)!r} means something else in row {before}; keep one of them"
            )
    if not known:
        raise UserError(f"{path}: holds no rows; give one a title, or leave semantize.knowledge empty")
    rows = [(key, *meaning) for key, (_, meaning) in sorted(known.items())]
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def fingerprint(knowledge: pl.DataFrame) -> str:
    """SHA-256 (hex) of what a table says, in whatever format and order it was given."""
    return hashlib.sha256(json.dumps(knowledge.select(COLUMNS).rows()).encode()).hexdigest()


class KnowledgeRefiner:
    """Looks a title up in a table as it is, then by the text of `inner`'s entity (mark of a gift aside).

    `table` is as `read_knowledge` gives it. A row with an entity replaces core and attributes; one without
    adds its attributes before those of `inner`, `max_attributes` in all. The mark of a gift stays.

    Example:
        KnowledgeRefiner(table, RuleRefiner()).refine(["[Sale] AirPods"])
        == [Entity(core="Wireless Earbuds", attributes=("AirPods",))]
    """

    def __init__(self, table: pl.DataFrame, inner: Refiner, max_attributes: int = MOST_ATTRIBUTES) -> None:
        self.inner = inner
        self.max_attributes = max_attributes
        self._known: dict[str, tuple[str, tuple[str, ...]]] = {
            key: (entity, tuple(filter(None, attributes.split("; "))))
            for key, entity, attributes in table.select(COLUMNS).iter_rows()
        }

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        """Entities of `titles`, in order."""
        entities = self.inner.refine(titles)
        return [self._enriched(title, entity) for title, entity in zip(titles, entities, strict=True)]

    def _enriched(self, title: str, entity: Entity) -> Entity:
        known = self._known.get(key_of(title))
        known = known or self._known.get(key_of(replace(entity, gift=False).text))
        if known is None:
            return entity
        name, attributes = known
        if not name:
            attributes = _distinct([*attributes, *entity.attributes])
        return replace(entity, core=name or entity.core, attributes=attributes[: self.max_attributes])


def _joined(attributes: Iterable[str]) -> str:
    return "; ".join(_distinct(filter(None, map(clean, attributes)))[:MOST_ATTRIBUTES])


def _distinct(attributes: Iterable[str]) -> tuple[str, ...]:
    """Attributes without those that repeat an earlier one."""
    found: dict[str, str] = {}
    for one in attributes:
        found.setdefault(one.casefold(), one)
    return tuple(found.values())
