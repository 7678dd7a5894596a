"""A log → events, histories and quarantine on disk."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from records.config import SemantizeConfig
from records.files import written_whole
from records.history import write_histories
from semantize.corpus import build_slices, fit
from semantize.mapping import Mapping
from semantize.readers import read_log
from semantize.refine import Refiner


@dataclass(frozen=True, slots=True, kw_only=True)
class SemantizeReport:
    """What became of a log; `mean_tokens` is a history's, `dropped_slices` those past the budget."""

    rows: int
    quarantined: dict[str, int]
    duplicates: int
    events: int
    users: int
    lines: int
    dropped_slices: int
    mean_tokens: float


def semantize_log(
    log: Path,
    mapping: Mapping | None,
    config: SemantizeConfig,
    refiner: Refiner,
    count_tokens: Callable[[Sequence[str]], list[int]],
    out: Path,
) -> SemantizeReport:
    """Write `out`/events.parquet, histories.parquet and quarantine.parquet, each whole.

    The events are kept beside the histories because a line cites them by id. Raises UserError as
    `read_log` and `fit` do.
    """
    read = read_log(
        log,
        mapping,
        quarantine=out / "quarantine.parquet",
        max_quarantine_share=config.max_quarantine_share,
    )
    with written_whole(out / "events.parquet") as aside:
        read.events.write_parquet(aside)
    slices = build_slices(read.events, config, refiner)
    histories = fit(slices, config, count_tokens)
    write_histories(out / "histories.parquet", iter(histories))
    lines = sum(len(history.lines) for history in histories)
    tokens = count_tokens([history.text for history in histories])
    return SemantizeReport(
        rows=read.rows,
        quarantined=read.quarantined,
        duplicates=read.duplicates,
        events=len(read.events),
        users=len(histories),
        lines=lines,
        dropped_slices=len(slices) - lines,
        mean_tokens=sum(tokens) / len(tokens),
    )
