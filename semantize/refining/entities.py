"""Entities of titles, settled once and kept in a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from records.files import written_whole
from semantize.refining.entity import Entity
from semantize.refining.refine import Refiner

ENTITIES_SCHEMA: dict[str, pl.DataType] = {
    "title": pl.String(),
    "core": pl.String(),
    "attributes": pl.List(pl.String()),
    "gift": pl.Boolean(),
}
"""Columns of the file, a row a title; the others are the fields of its Entity."""


def write_entities(path: Path, titles: Sequence[str], entities: Sequence[Entity]) -> None:
    """Write the entities of distinct `titles`, whole or not at all."""
    rows = [
        (title, one.core, list(one.attributes), one.gift) for title, one in zip(titles, entities, strict=True)
    ]
    with written_whole(path) as aside:
        pl.DataFrame(rows, schema=ENTITIES_SCHEMA, orient="row").write_parquet(aside)


def read_entities(path: Path) -> dict[str, Entity]:
    """Entities by title."""
    return {
        title: Entity(core=core, attributes=tuple(attributes), gift=gift)
        for title, core, attributes, gift in pl.read_parquet(path).select(list(ENTITIES_SCHEMA)).iter_rows()
    }


class SettledRefiner:
    """Gives the entities that were settled; other titles go to `inner`."""

    def __init__(self, entities: Mapping[str, Entity], inner: Refiner) -> None:
        self.entities = entities
        self.inner = inner

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        """Entities of `titles`, in order."""
        new = [title for title in titles if title not in self.entities]
        found = dict(zip(new, self.inner.refine(new), strict=True))
        return [self.entities.get(title) or found[title] for title in titles]
