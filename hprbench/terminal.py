"""The headline numbers for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from hprbench.report import Column, Report, best_cells, cell, columns

SUMMARY_TRACK = (
    "format_rate",
    "acc_ex",
    "cov_ex",
    "halluc_ex",
    "evidence_precision",
    "evidence_recall",
    "compression",
)
"""Columns of the second table: side by side all columns would not fit on a screen."""


def tables(report: Report) -> Group:
    """Tag track and summary track of `report`; a dash for no number, the best of a column in bold.

    Example:
        rich.console.Console().print(tables(report))
    """
    shown = columns(report.k)
    return Group(
        _table(report, f"{report.title}: tags", [c for c in shown if c.key not in SUMMARY_TRACK]),
        _table(
            report, f"{report.title}: summaries and evidence", [c for c in shown if c.key in SUMMARY_TRACK]
        ),
    )


def _table(report: Report, title: str, shown: Sequence[Column]) -> Table:
    # Titles and names are Text, never markup: a bracket in a model's name is a bracket.
    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("model", overflow="fold")
    for column in shown:
        table.add_column(column.heading, justify="right", no_wrap=True)
    best = best_cells(report)
    for row in report.rows:
        texts = []
        for column in shown:
            value = cell(row, column.key)
            text = Text("-" if value is None else f"{value:.3f}")
            if value is not None and value == best[column.key]:
                text.stylize("bold")
            if value is not None and column.key in row.intervals:
                low, high = row.intervals[column.key]
                text.append(f"\n{low:.3f}-{high:.3f}", style="not bold dim")
            texts.append(text)
        table.add_row(Text(row.model), *texts)
    return table
