"""Tokens of slices, added up from their pieces: a piece is counted once, however many lines hold it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl

from semantize.coding import counted
from semantize.greedy import Ints
from semantize.slices import Slices

CountTokens = Callable[[Sequence[str]], list[int]]

_REMEMBERED = 1_000_000
"""Pieces remembered at most; a search log has no end of them."""


class PieceCounter:
    """Counts tokens of pieces and remembers them."""

    def __init__(self, count_tokens: CountTokens) -> None:
        self.count_tokens = count_tokens
        self._known: dict[str, int] = {}

    def __call__(self, pieces: Sequence[str]) -> list[int]:
        """Tokens of each piece."""
        new = [piece for piece in dict.fromkeys(pieces) if piece not in self._known]
        if len(self._known) + len(new) > _REMEMBERED:
            self._known.clear()
            new = list(dict.fromkeys(pieces))
        self._known.update(zip(new, self.count_tokens(new), strict=True))
        return [self._known[piece] for piece in pieces]


_FIELDS = (("source", "Source"), ("time", "TIME"), ("action", "TYPE"), ("count", "COUNT"))


def _head_tokens(table: pl.DataFrame, count: PieceCounter) -> Ints:
    """Tokens of the bracketed part of every line, from the blank before it to the bar that ends it.

    A field is counted with the beginning of the next, which is then taken off: a tokenizer may join the
    bracket that ends the one with that which begins the other, or with what stands before it.
    """
    total = np.full(len(table), count([" |"])[0], dtype=np.int64)
    for (name, label), (_, following) in pairwise(_FIELDS):
        total += counted(table[name], _field_counter(label, f" [{following}: ", count))
    placed = (table["place"] != "").to_numpy()
    for rows, following in ((~placed, " |"), (placed, " [PLACE: ")):
        total[rows] += counted(table["count"].filter(rows), _field_counter("COUNT", following, count))
    total[placed] += counted(table["place"].filter(placed), _field_counter("PLACE", " |", count))
    return total


def _field_counter(label: str, following: str, count: PieceCounter) -> CountTokens:
    (after,) = count([following])
    return lambda texts: [tokens - after for tokens in count([f" [{label}: {t}]{following}" for t in texts])]


def line_head() -> pl.Expr:
    """The bracketed part of a line, with the bar that ends it, from the columns of `Slices.table`."""
    place = pl.when(pl.col("place") == "").then(pl.lit("")).otherwise(pl.format(" [PLACE: {}]", "place"))
    return pl.format(
        "[Source: {}] [TIME: {}] [TYPE: {}] [COUNT: {}]{} |", "source", "time", "action", "count", place
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Tokens of every slice's line without its number, with its line end.

    `last` is what a line takes more (mostly: less) without its line end; `numbers[k]` are the tokens of the
    numbers #1 … #k; `pieces` is how many pieces a line has, its number included.
    """

    lines: Ints
    last: Ints
    numbers: Ints
    pieces: Ints


def measure(slices: Slices, budget: int, count: PieceCounter) -> Sizes:
    """The sizes of all slices; numbers as far as lines may fit `budget` tokens.

    Lines are cut into number, fields, entities and their notes, each before the blank that begins the next:
    the pre-tokenizers of byte-level BPE end a piece there as well, so that tokens of pieces add up to those
    of the text.
    """
    table, shown = slices.table, slices.shown
    lines = _head_tokens(table, count)
    used = shown["entity"].unique().to_numpy()
    names = [slices.entities[number] for number in used.tolist()]
    place = np.zeros(len(slices.entities), dtype=np.int64)
    place[used] = np.arange(len(used))
    entity = place[shown["entity"].to_numpy()]
    note = shown["note"].to_numpy()
    inner, ending, bare = (
        _shown_tokens(names, entity, slices.notes, note, end, count) for end in (",", "\n", "")
    )
    of_slice = shown["slice"].to_numpy()
    is_noted = np.array([note != "" for note in slices.notes])[note]
    ends = np.append(of_slice[1:] != of_slice[:-1], True) if len(of_slice) else np.zeros(0, dtype=bool)
    np.add.at(lines, of_slice, np.where(ends, ending, inner))
    last = np.zeros(len(table), dtype=np.int64)
    last[of_slice[ends]] = (bare - ending)[ends]

    shortest = int(lines.min(initial=budget + 1))
    most = min(len(table), budget // max(1, shortest) + 1)
    numbers = np.cumsum([0, *count([f"#{k}" for k in range(1, most + 1)])])
    return Sizes(
        lines=lines,
        last=last,
        numbers=numbers,
        pieces=2 + np.bincount(of_slice, 1 + is_noted, minlength=len(table)).astype(np.int64),
    )


def _shown_tokens(
    names: Sequence[str], entity: Ints, notes: Sequence[str], note: Ints, end: str, count: PieceCounter
) -> Ints:
    """Tokens of everything shown, with the `end` after it; `entity` and `note` are places in the lists."""
    # A tokenizer may look back at the comma or bar before an entity, so it is counted with one.
    comma = count([","])[0]
    ended, bare = (
        np.array(count([f", {name}{after}" for name in names]), dtype=np.int64)[entity] - comma
        for after in (end, "")
    )
    noted = np.array(count([f"{text}{end}" for text in notes]), dtype=np.int64)[note]
    is_noted = np.array([text != "" for text in notes])[note]
    return np.where(is_noted, bare + noted, ended)
