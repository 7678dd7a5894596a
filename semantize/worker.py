"""The tasks of semantization, as any worker does them.

    piece of the log ─ partition: read, mask, pseudonyms ─► spill ─► build: timelines, slices, histories

What a partition holds depends on the log, the settings and its number alone, so that any number of workers,
in any order, killed and started again, write the same bytes.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lm.plain import PlainTokenizer
from records.config import SemantizeConfig
from records.files import read_json, write_json, written_whole
from semantize.budget import Fitted, bodies, fit
from semantize.coding import TextFunction, as_category, coded
from semantize.folder import job_of, piece_notes
from semantize.privacy.masking import KINDS, mask
from semantize.privacy.pseudonyms import load_key, pseudonyms
from semantize.raw import raw_lines
from semantize.reading.readers import LogReader
from semantize.refining.refine import Refiner
from semantize.refining.refiners import refiner_of
from semantize.sizes import PieceCounter
from semantize.slices import build_slices
from semantize.spill import read_spill, write_spill
from semantize.store import LOG, SPILL, TOKENIZER, generation_path, live_partition, settings_of, table_path
from semantize.timeline import ID_FROM, KEY, REPEATING, ROW, ROW_SCHEMA, as_rows, rows_of, timelines

MASKED_FIELDS = ("source", "action", "content", "category", "location")

_SAMPLE_LENGTH = 500
"""Characters of a raw line that a tokenizer is trained on: to train on a title of megabytes takes hours."""

ROW_GROUP = 50_000
"""Rows a row group: what is read at least to find one user's events."""


class Semantizer:
    """Does the tasks of one generation of the folder `out`; a process makes one and keeps it."""

    def __init__(self, out: Path, generation: int, key_file: Path | None) -> None:
        self.out = out
        self.number = generation
        self.path = generation_path(out, generation)
        self.job = job_of(out, key_file)
        self.partitions = int(settings_of(out)["partitions"])
        self.log: dict[str, Any] = read_json(self.path / LOG)
        self.reader = LogReader(self.log["source"], self.job.mapping)
        self.key = None if key_file is None else load_key(key_file)
        self._count: PieceCounter | None = None

    @cached_property
    def refiner(self) -> Refiner:
        """Refines titles; made when the log has been read, as entities are settled then."""
        return refiner_of(self.out, self.job.config)

    def partition(self, piece: int) -> int:
        """Read a piece of the log into the spill; returns how many rows it holds."""
        spill = self.path / SPILL
        note: dict[str, Any] = {"rows": 0, "filtered": 0}
        masked: Counter[str] = Counter()
        gaps: Counter[str] = Counter()
        file, part_of_file = self.reader.pieces()[piece]
        for number, batch in enumerate(self.reader.read(file, part_of_file)):
            events, found = private_rows(batch.events, self.job.config, self.key)
            write_spill(spill / f"rows-{piece:05d}-{number:05d}.arrow", events, self.partitions)
            masked += found
            gaps += batch.gaps
            note["rows"] += batch.rows
            note["filtered"] += batch.filtered
            if len(batch.quarantine):
                with written_whole(spill / f"quarantine-{piece:05d}-{number:05d}.parquet") as aside:
                    self.private_quarantine(batch.quarantine).write_parquet(aside)
        note |= {"masked": dict(sorted(masked.items())), "gaps": dict(sorted(gaps.items()))}
        write_json(spill / f"piece-{piece:05d}.json", note)
        return int(note["rows"])

    def build(self, part: int) -> int:
        """Write timelines and histories of a partition from the spill; returns how many users it has."""
        rows = self._rows(part)
        note = {"users": 0, "events": 0}
        if len(rows):
            timeline, duplicates = timelines(rows)
            note = self._write(part, timeline) | {"duplicates": duplicates}
        write_json(self.path / f"part-{part:05d}.json", note)
        return int(note["users"])

    def timelines(self) -> Iterator[pl.DataFrame]:
        """The timelines (TIMELINE_SCHEMA) of each partition's users, from the spill; none of empty ones."""
        for part in range(self.partitions):
            if len(rows := self._rows(part)):
                yield timelines(rows)[0]

    def sample_lines(self, limit: int = 20_000) -> Iterator[str]:
        """Lines of histories of the first users and of their raw log, at most `limit` each: what a tokenizer
        is trained on."""
        timeline = next(self.timelines(), None)
        if timeline is None:
            return
        slices = build_slices(timeline, self.job.config, self.refiner)
        first = np.arange(min(limit, len(slices.table)))
        for number, body in enumerate(bodies(slices, first)["body"]):
            yield f"\n#{number % 40 + 1} {body}"
        for line in raw_lines(timeline.head(limit)).str.head(_SAMPLE_LENGTH):
            yield f"\n{line}"

    def _write(self, part: int, timeline: pl.DataFrame) -> dict[str, Any]:
        config = self.job.config
        slices = build_slices(timeline, config, self.refiner)
        fitted = fit(slices, config.token_budget, self._counter())
        # Plain ids, so that a reader of a few users skips the row groups of others.
        self._table(
            "events", part, timeline.with_columns(pl.col("user_id").cast(pl.String), as_category(ID_FROM))
        )
        self._table("histories", part, fitted.histories)
        self._table("users", part, fitted.users)
        return _note(fitted)

    def _table(self, name: str, part: int, frame: pl.DataFrame) -> None:
        path = table_path(self.out, self.number, name, part)
        with written_whole(path) as aside:
            frame.write_parquet(aside, compression_level=1, row_group_size=ROW_GROUP)

    def _counter(self) -> PieceCounter:
        if self._count is None:  # written when the log has been read, where it is trained on it
            self._count = PieceCounter(PlainTokenizer.load(self.out / TOKENIZER).count)
        return self._count

    def _rows(self, part: int) -> pl.DataFrame:
        """Rows of the partition, numbered over all files, after those that its users have from before."""
        rows_of_file = Counter[int]()
        pieces = self.reader.pieces()
        for (file, _), note in zip(pieces, piece_notes(self.path), strict=True):
            rows_of_file[file] += note["rows"]
        before = [self.log["rows_before"]]
        for file in range(len(self.reader.files)):
            before.append(before[-1] + rows_of_file[file])
        empty = pl.DataFrame(schema=ROW_SCHEMA).with_columns(as_category(name) for name in REPEATING)
        frames = [empty]
        for piece, (file, _) in enumerate(pieces):
            found = sorted((self.path / SPILL).glob(f"rows-{piece:05d}-*.arrow"))
            for frame in read_spill(found, part):
                frames.append(frame.with_columns(pl.col(ROW) + before[file]).select(list(ROW_SCHEMA)))
        rows = pl.concat(frames)
        if self.number and len(rows):
            users = rows["user_id"].unique().to_list()
            old = live_partition(self.out, "events", part, range(self.number), users).collect()
            earlier = rows_of(old).with_columns(as_category(name) for name in REPEATING)
            rows = pl.concat([earlier, rows])
        return rows

    def private_quarantine(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows set aside; where user ids are replaced, their text is left out, as it may name the user."""
        if self.key is not None:
            return rows.with_columns(raw=pl.lit(""))
        if self.job.config.mask:
            return rows.with_columns(raw=mask(rows["raw"])["text"])
        return rows


def private_rows(
    events: pl.DataFrame, config: SemantizeConfig, secret: bytes | None
) -> tuple[pl.DataFrame, Counter[str]]:
    """What a reader gives as rows (ROW_SCHEMA) without what shall not leave the log, and what was masked, by
    kind. `secret` is the key of pseudonyms, None keeps user ids."""
    events = as_rows(events).with_columns(as_category(name) for name in REPEATING)
    found: Counter[str] = Counter()
    if config.mask:
        for name in MASKED_FIELDS:
            events, counts = _masked(events, name, secret or b"")
            found += counts
    if secret is not None:
        events = _mapped(events, "user_id", lambda users: pseudonyms(users, secret))
        # Ids of a log may name the user; they go on telling rows apart.
        own = pl.col("event_id").fill_null("")
        events = events.with_columns(
            key=pl.concat_str(pl.col(KEY).cast(pl.String), own, separator="\x1f"),
            event_id=pl.lit(None, pl.String),
        )
    events = _mapped(events, KEY, lambda keys: [_digest(key, secret or b"") for key in keys])
    return events.select(list(ROW_SCHEMA)), found


def _masked(events: pl.DataFrame, name: str, secret: bytes) -> tuple[pl.DataFrame, Counter[str]]:
    """A column masked, and what it held, by kind.

    A byte of the digest goes into KEY, so that rows that differed stay two events; more of it would let
    numbers be found by trying all.
    """
    codes, texts = coded(events[name], list)
    masks = mask(pl.Series(texts, dtype=pl.String))
    if not masks.select(pl.sum_horizontal(KINDS).sum()).item():
        return events, Counter()
    repeats = np.bincount(codes, minlength=len(texts))
    counts = {kind: int((masks[kind].to_numpy() * repeats).sum()) for kind in KINDS}
    is_masked = masks.select(pl.sum_horizontal(KINDS) > 0).to_series().to_list()
    marks = [
        f"\x1f{_digest(text, secret)[:2]}" if changed else ""
        for text, changed in zip(texts, is_masked, strict=True)
    ]
    masked = events.with_columns(
        masks["text"].gather(codes).alias(name),
        pl.concat_str(pl.col(KEY).cast(pl.String), pl.Series(marks).gather(codes)).alias(KEY),
    )
    return masked.with_columns(as_category(name), as_category(KEY)), Counter(counts)


def _mapped(events: pl.DataFrame, name: str, function: TextFunction) -> pl.DataFrame:
    """`function` of every text of a column, as categories."""
    codes, texts = coded(events[name], function)
    return events.with_columns(pl.Series(name, texts, dtype=pl.String).gather(codes)).with_columns(
        as_category(name)
    )


def _digest(text: str, secret: bytes) -> str:
    """What tells texts apart and says nothing of them; empty for an empty one."""
    return hashlib.blake2b(text.encode(), digest_size=8, key=secret[:64]).hexdigest() if text else ""


def _note(fitted: Fitted) -> dict[str, Any]:
    counts = fitted.users.select(pl.selectors.integer().sum()).row(0, named=True)
    return {"users": len(fitted.users), "recounted": fitted.recounted} | counts
