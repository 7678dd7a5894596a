"""`usergpt filters sweep`: what other filters would have kept of a recorded run."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from launch.filters.plain import escaped, plain_json
from launch.filters.settings import config_of, recorded_filters
from launch.progress import LOG_WIDTH
from records.config import FilterConfig
from records.errors import UserError
from rl.filters import GROUP_REASONS
from rl.ledger import ledger_of
from rl.recorded import Recording, read_recording
from rl.strictness import parse_strictness
from rl.sweep import Kept, SweepRow, Tally, as_recorded, pairs_of, parse_grid, sweep


def show_sweep(
    path: Path,
    eps_low: str | None,
    eps_high: str | None,
    length_cap: int | None,
    strictness: str | None,
    task: str,
    overrides: Sequence[str],
    plot: Path | None,
    *,
    as_json: bool,
) -> int:
    """Replay the ledger for every format and pair of thresholds; print what each keeps; draw it into `plot`.

    Raises:
        UserError: there is no ledger, or an option cannot be replayed.
    """
    if plot is not None and plot.suffix != ".png":
        raise UserError(f"--plot {plot}: name a file that ends in .png")
    low, high = (None if text is None else parse_grid(text) for text in (eps_low, eps_high))
    _, left_out = pairs_of(low, high)
    levels = None if strictness is None else parse_strictness(strictness)
    ledger = ledger_of(path)
    filters = _filters(ledger, overrides, by_grid=low is not None or high is not None)
    recording = read_recording(ledger, task, texts=levels is not None)
    recorded, rows = as_recorded(recording), sweep(recording, filters, low, high, length_cap, levels)
    if plot is not None:
        from launch.filters.sweep_plot import draw_sweep

        draw_sweep(plot, recording, recorded, rows)
    if as_json:
        print(plain_json(_as_json(ledger, recording, filters, length_cap, recorded, rows, left_out)))
        return 0
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    console.print(_table(ledger, recording, recorded, rows))
    for note in _notes(ledger, recording, recorded, overrides, length_cap, left_out):
        console.print(Text(note), soft_wrap=True)
    if plot is not None:
        console.print(Text(f"picture: {plot}"), soft_wrap=True)
    return 0


def _filters(ledger: Path, overrides: Sequence[str], *, by_grid: bool) -> FilterConfig:
    """The run's filters with `overrides`. A grid switches the group filter on, where the run had none."""
    on = ["rl.filters.group=true"] if by_grid else []
    filters = recorded_filters(ledger, [*on, *overrides])
    if by_grid and not filters.group:
        raise UserError("rl.filters.group=false: no group filter, no thresholds; leave it out, or the grids")
    return filters


def _table(ledger: Path, recording: Recording, recorded: Kept, rows: Sequence[SweepRow]) -> Table:
    table = Table(title=Text(f"{recorded.whole.groups:,} recorded groups of {escaped(str(ledger))}"))
    tasks = recording.tasks if len(recording.tasks) > 1 else ()
    lengths = [_span(bounds) for bounds in recording.buckets.bounds]
    by_format = any(row.strictness for row in rows)
    reasons = _reasons(recorded, rows)
    for heading in (
        *(("format",) if by_format else ()),
        "eps_low", "eps_high", "groups\nkept", *tasks,
        *(("dropped by\n" + " /\n".join(reasons),) if reasons else ()),
        "samples\nkept", "tokens\nkept", "wasted",
        *(f"prompts of\n{span}" for span in lengths),
    ):  # fmt: skip
        table.add_column(Text(heading), justify="right")

    def add(level: str, low: str, high: str, kept: Kept) -> None:
        whole = kept.whole
        table.add_row(
            *((level,) if by_format else ()),
            low,
            high,
            _share(whole),
            *(_share(kept.by_task[task]) for task in tasks),
            *((" / ".join(f"{kept.dropped_by[reason]:,}" for reason in reasons),) if reasons else ()),
            f"{whole.samples_kept:,}",
            f"{whole.tokens_kept:,}",
            f"{whole.tokens_wasted / max(1, whole.tokens):.0%}",
            *(f"{one.share:.0%} / {one.sample_share:.0%}" for one in kept.by_length),
        )

    add(*(("as recorded", "", "") if by_format else ("", "as recorded", "")), recorded)
    table.add_section()
    for row in rows:
        add(row.strictness or "", _threshold(row.eps_low), _threshold(row.eps_high), row.kept)
    return table


def _reasons(recorded: Kept, rows: Sequence[SweepRow]) -> list[str]:
    """Reasons that drop a group in any row."""
    all_kept = (recorded, *(row.kept for row in rows))
    return [reason for reason in GROUP_REASONS if any(kept.dropped_by[reason] for kept in all_kept)]


def _notes(
    ledger: Path,
    recording: Recording,
    recorded: Kept,
    overrides: Sequence[str],
    length_cap: int | None,
    left_out: int,
) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"{left_out:,} pair(s) of thresholds left out, whose eps_low is above eps_high.")
    changes = [*overrides, *([] if length_cap is None else [f"--length-cap {length_cap}"])]
    if changes:
        notes.append(f"Replayed with {', '.join(changes)}; all else as in the run.")
    if config_of(ledger) is None:
        notes.append("There is no config.yaml beside the ledger: all else is by default, with no thresholds.")
    if len(recorded.by_length) > 1:
        (short, few), (long, many) = (
            (f"{tally.share:.0%}", _span(bounds))
            for tally, bounds in (
                (recorded.by_length[0], recording.buckets.bounds[0]),
                (recorded.by_length[-1], recording.buckets.bounds[-1]),
            )
        )
        notes.append(
            "On the right, by length of the prompt in tokens: groups / samples kept. The run kept "
            f"{short} of the groups with the shortest prompts ({few}) and {long} of those with the longest "
            f"({many})."
        )
    return notes


def _as_json(
    ledger: Path,
    recording: Recording,
    filters: FilterConfig,
    length_cap: int | None,
    recorded: Kept,
    rows: Sequence[SweepRow],
    left_out: int,
) -> dict[str, Any]:
    def plain(kept: Kept) -> dict[str, Any]:
        return {
            **_counts(kept.whole),
            "dropped_by": kept.dropped_by,
            "by_task": {task: _counts(tally) for task, tally in kept.by_task.items()},
            "by_prompt_tokens": [_counts(tally) for tally in kept.by_length],
        }

    return {
        "ledger": str(ledger),
        "filters": asdict(filters),
        "length_cap": length_cap,
        "prompt_tokens": recording.buckets.bounds,
        "pairs_left_out": left_out,
        "recorded": plain(recorded),
        "rows": [
            {
                "eps_low": row.eps_low,
                "eps_high": row.eps_high,
                "strictness": row.strictness,
                **plain(row.kept),
            }
            for row in rows
        ],
    }


def _counts(tally: Tally) -> dict[str, int]:
    return {**asdict(tally), "tokens_wasted": tally.tokens_wasted}


def _share(tally: Tally) -> str:
    return f"{tally.groups_kept:,} ({tally.share:.0%})"


def _threshold(value: float | None) -> str:
    return "the run's" if value is None else f"{value:g}"


def _span(bounds: tuple[int, int]) -> str:
    least, most = bounds
    return f"{least:,}" if least == most else f"{least:,}–{most:,}"
