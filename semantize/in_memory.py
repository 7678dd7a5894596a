"""Histories of further users of a folder, made in memory as its own were."""

from pathlib import Path

import polars as pl

from lm.plain import PlainTokenizer
from records.events import EVENT_SCHEMA
from records.history import SemanticHistory, histories_of
from semantize.budget import fit
from semantize.folder import settled_job
from semantize.reading.chunks import ROW
from semantize.reading.fields import event_fields
from semantize.reading.mapping import Mapping
from semantize.refining.refiners import refiner_of
from semantize.sizes import PieceCounter
from semantize.slices import build_slices
from semantize.store import TOKENIZER
from semantize.timeline import timelines
from semantize.worker import private_rows


class InMemorySemantizer:
    """What a folder has settled (settings, entities, tokenizer) for events that are never written.

    What a user's history says depends on that and on the user's events alone: it is as if the user had been
    in the folder's log. User ids stay as they are.
    """

    def __init__(self, out: Path) -> None:
        job = settled_job(out)
        self.config = job.config
        self.mapping = job.mapping or Mapping(columns={name: name for name in EVENT_SCHEMA})
        self.refiner = refiner_of(out, self.config)
        self.counter = PieceCounter(PlainTokenizer.load(out / TOKENIZER).count)

    def histories(self, log: pl.DataFrame) -> list[SemanticHistory]:
        """Histories of the users of `log` (columns as the folder's log has them), in the order of users."""
        rows = log.with_columns(pl.selectors.float().fill_nan(None)).with_row_index(ROW, offset=1)
        fields = event_fields(rows.with_columns(pl.col(ROW).cast(pl.Int64)), self.mapping)
        events, _ = private_rows(fields, self.config, None)
        timeline, _ = timelines(events)
        slices = build_slices(timeline, self.config, self.refiner)
        return histories_of(fit(slices, self.config.token_budget, self.counter).histories)
