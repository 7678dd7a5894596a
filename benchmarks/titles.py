"""Titles whose entity is known: labelled by hand, or written by the simulator.

Halves are parted by a hash of the title (of the entity, where titles share one): rules and word lists were
written with the development half in view, the held-out half is for measuring alone.
"""

import csv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from records.errors import UserError
from semantize.refining.entity import Entity

LABELS = Path(__file__).parent / "labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A title, what it should become, and the kind of title it is ("" where all are of one)."""

    title: str
    entity: Entity
    kind: str = ""


def is_held_out(name: str) -> bool:
    """Whether a title or entity belongs to the half that is for measuring alone."""
    return zlib.crc32(name.encode()) % 2 == 1


def read_labels() -> dict[str, Entity]:
    """Stock code of Online Retail → what its title should become."""
    return {row["stock_code"]: _entity(row) for row in _rows(LABELS / "online_retail_titles.tsv")}


def read_titles(log: Path, codes: Sequence[str]) -> dict[str, str]:
    """Stock code → its most frequent title among rows that name a customer (ties: the first by alphabet)."""
    try:
        rows = pl.read_parquet(log, columns=["StockCode", "Description", "CustomerID"])
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{log}: no readable copy of Online Retail ({reason}); give the Parquet file"
        ) from None
    counts = (
        rows.drop_nulls()
        .filter(pl.col("StockCode").is_in(list(codes)))
        .group_by("StockCode", "Description")
        .len()
        .sort("len", "Description", descending=[True, False])
        .unique("StockCode", keep="first", maintain_order=True)
    )
    titles = dict(counts.select("StockCode", "Description").iter_rows())
    if missing := [code for code in codes if code not in titles]:
        raise UserError(f"{log}: holds no product {missing[0]}; give a full copy of Online Retail")
    return titles


def online_retail(log: Path) -> list[Labelled]:
    """The 200 labelled titles, from the user's own copy of the log."""
    labels = read_labels()
    titles = read_titles(log, list(labels))
    return [Labelled(title=titles[code], entity=entity) for code, entity in labels.items()]


def chinese(*, held_out: bool) -> list[Labelled]:
    """One half of the labelled titles in Chinese."""
    rows = _rows(LABELS / "chinese_titles.tsv")
    return [
        Labelled(title=row["title"], entity=_entity(row))
        for row in rows
        if is_held_out(row["title"]) is held_out
    ]


def simulated(run: Path, *, held_out: bool) -> list[Labelled]:
    """The titles of one half of a simulation's entities (`usergpt simulate run … --out RUN`)."""
    try:
        frame = pl.read_parquet(run / "titles.parquet")
        rows = frame.select("content", "kind", "gift", "entity", "attributes").rows(named=True)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{run}: no titles of a simulation ({reason}); run usergpt simulate run") from None
    return [
        Labelled(
            title=row["content"],
            kind=row["kind"],
            entity=Entity(core=row["entity"], attributes=tuple(row["attributes"]), gift=row["gift"]),
        )
        for row in rows
        if is_held_out(row["entity"]) is held_out
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return list(csv.DictReader(lines, delimiter="\t"))


def _entity(row: dict[str, str]) -> Entity:
    attributes = tuple(filter(None, row["attributes"].split("; ")))
    return Entity(core=row["entity"], attributes=attributes, gift=row.get("gift") == "1")
