"""The headline numbers for the terminal."""

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from hprbench.report import (
    SUMMARY_TRACK,
    TRACKS,
    Report,
    best_cells,
    probe_told,
    share,
    shown_columns,
    shown_rows,
    trust_told,
)

RANGED = ("avg_at_k", "non_na", "macro_f1", "acc_ex", "cov_ex", "halluc_ex")
"""Columns that show their interval; there is no room for all."""


def tables(report: Report) -> Group:
    """The report as two tables, tag track and summary track, and what DF-GRPO did to the probe.

    A dash for no number, the best of a column in bold.

    Example:
        rich.console.Console().print(tables(report))
    """
    shown = [_table(report, track) for track in TRACKS if shown_rows(report, track) or track == TRACKS[0]]
    probe = probe_told(report)
    return Group(*shown, *([Text(f"{probe} (95 % interval, paired by user)")] if probe else []))


def _table(report: Report, track: str) -> Table:
    trust = trust_told(report) if track == SUMMARY_TRACK else ""
    # Titles and names are Text, never markup: a bracket in a model's name is a bracket.
    table = Table(
        title=Text(f"{report.title}: {track}"),
        caption=Text(f"accuracy of the extractor behind Acc_Ex: {trust}") if trust else None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        pad_edge=False,
    )
    table.add_column("model", overflow="fold", min_width=13)
    shown = shown_columns(report, track)
    for column in shown:
        table.add_column(column.heading, justify="right", no_wrap=True)
    best = best_cells(report)
    for row in shown_rows(report, track) if shown else report.rows:
        texts = []
        for column in shown:
            found = share(row, column.key)
            if found is None:
                texts.append(Text("-"))
                continue
            text = Text(f"{found.value:.3f}")
            if found.value == best[column.key]:
                text.stylize("bold")
            if column.key in RANGED:
                text.append("\n{:.3f}-{:.3f}".format(*found.interval), style="not bold dim")
            texts.append(text)
        table.add_row(Text(row.model), *texts)
    return table
