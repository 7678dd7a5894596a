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
"""Columns of the second table, where there are two."""

ONE_TABLE_WIDTH = 155
"""Columns of a terminal from which all fits side by side."""


def tables(report: Report, width: int) -> Group:
    """The report as one table, or tag track and summary track one below the other on a narrow screen.

    A dash for no number, the best of a column in bold.

    Example:
        rich.console.Console().print(tables(report, 120))
    """
    shown = columns(report.k)
    if width >= ONE_TABLE_WIDTH:
        return Group(_table(report, report.title, shown))
    return Group(
        _table(report, f"{report.title}: tags", [c for c in shown if c.key not in SUMMARY_TRACK]),
        _table(
            report, f"{report.title}: summaries and evidence", [c for c in shown if c.key in SUMMARY_TRACK]
        ),
    )


def _table(report: Report, title: str, shown: Sequence[Column]) -> Table:
    # Titles and names are Text, never markup: a bracket in a model's name is a bracket.
    table = Table(title=Text(title), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    table.add_column("model", overflow="fold", min_width=13)
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
