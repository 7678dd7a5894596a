"""Charts of what models score: a colour a model, the same in every chart; whiskers are 95 % intervals.

Functions return "" where there is nothing to draw.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from hprbench.candidates import KINDS
from hprbench.intervals import Share
from hprbench.plots import COLOURS, INK, WIDTH, svg
from hprbench.report import Report, Row
from records.tags import DIMENSIONS

MARKERS = "osD^vPX*"
"""Past eight models colours come again, with another mark."""

_SUMMARY = {"acc_ex": "Acc_Ex", "cov_ex": "Cov_Ex", "halluc_ex": "Halluc_Ex\n(lower is better)"}


def avg_bars(report: Report) -> str:
    """Avg@k by model with 95 % intervals, a bar a model, first model on top."""
    rows = [(row, found) for row in report.rows if (found := row.shares.get("avg_at_k")) is not None]
    if not rows:
        return ""

    def draw(axes: Axes) -> None:
        for place, (row, found) in enumerate(rows):
            low, high = found.interval
            axes.barh(place, found.value, color=_style(report, row)["color"], height=0.62)
            axes.plot([low, high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
            axes.plot([low, high], [place, place], "|", color=INK, markersize=7)
            axes.annotate(
                f"{found.value:.3f}",
                (max(high, found.value), place),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(range(len(rows)), [row.model for row, _ in rows])
        axes.set(xlim=(0, 1.12), xticks=np.linspace(0, 1, 6), xlabel=f"Avg@{report.k}")
        axes.invert_yaxis()
        axes.grid(axis="x", linewidth=0.6)
        axes.tick_params(length=0)

    return svg("avg-at-k", draw, height=0.9 + 0.42 * len(rows), width=WIDTH)


def dimension_points(report: Report) -> str:
    """Avg@k by dimension, a group a dimension and a mark a model."""
    names = {key: key + "\n" + name.replace(" and ", " &\n") for key, name in DIMENSIONS.items()}
    groups = {names[key]: _of_part(report, "avg_at_k", "dimension", key) for key in DIMENSIONS}
    return _grouped(report, "dimensions", groups, f"Avg@{report.k}")


def difficulty_points(report: Report) -> str:
    """Avg@k by kind of evidence, a group a kind and a mark a model."""
    return _by_difficulty(report, "avg_at_k", f"Avg@{report.k}")


def accuracy_by_difficulty(report: Report) -> str:
    """Acc_Ex by kind of evidence."""
    return _by_difficulty(report, "acc_ex", "Acc_Ex")


def _by_difficulty(report: Report, metric: str, label: str) -> str:
    found = {kind for row in report.rows for kind in row.part(metric, "difficulty")}
    order = [*(kind for kind in KINDS if kind in found), *sorted(found - {*KINDS})]
    groups = {kind: _of_part(report, metric, "difficulty", kind) for kind in order}
    return _grouped(report, f"{metric}-difficulty", groups, label)


def summary_points(report: Report) -> str:
    """Acc_Ex, Cov_Ex and Halluc_Ex of the models that write summaries."""
    groups = {
        heading: {row.model: row.shares[key] for row in report.rows if key in row.shares}
        for key, heading in _SUMMARY.items()
    }
    return _grouped(report, "summaries", groups, "share of tags")


def avg_over_length(report: Report) -> str:
    """Avg@k over the length of the raw log."""
    return _over_length(report, "avg_at_k", f"Avg@{report.k}")


def coverage_over_length(report: Report) -> str:
    """Cov_Ex over the length of the raw log."""
    return _over_length(report, "cov_ex", "Cov_Ex")


def compression_over_length(report: Report) -> str:
    """Compression over the length of the raw log."""
    return _over_length(report, "compression", "compression")


def _of_part(report: Report, metric: str, by: str, name: str) -> dict[str, Share]:
    return {row.model: found for row in report.rows if (found := row.part(metric, by).get(name)) is not None}


def _style(report: Report, row: Row) -> dict[str, Any]:
    number = list(report.rows).index(row)
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number // len(COLOURS) % len(MARKERS)],
    }


def _grouped(report: Report, name: str, groups: Mapping[str, Mapping[str, Share]], label: str) -> str:
    rows = [row for row in report.rows if any(row.model in shares for shares in groups.values())]
    if not rows:
        return ""

    def draw(axes: Axes) -> None:
        places = np.arange(len(groups))
        width = 0.78 / len(rows)
        for number, row in enumerate(rows):
            shift = -0.39 + (number + 0.5) * width
            points = [
                (place + shift, shares[row.model])
                for place, shares in zip(places, groups.values(), strict=True)
                if row.model in shares
            ]
            _points(axes, points, _style(report, row), linestyle="none")
        for place in places[1:]:
            axes.axvline(place - 0.5, color=INK, alpha=0.15, linewidth=0.6)
        axes.set_xticks(places, list(groups))
        axes.set(ylabel=label, ylim=(-0.03, 1.03), xlim=(-0.5, len(groups) - 0.5))
        _finish(axes, report, rows)

    return svg(name, draw, height=3.7 + 0.25 * ((len(rows) - 1) // 3), width=WIDTH)


def _over_length(report: Report, metric: str, label: str) -> str:
    rows = [row for row in report.rows if row.part(metric, "length")]
    if not rows or len(report.lengths) < 2:
        return ""

    def draw(axes: Axes) -> None:
        for number, row in enumerate(rows):
            shift = 1.012 ** (number - (len(rows) - 1) / 2)  # whiskers of models stand side by side
            parts = row.part(metric, "length")
            points = [
                (middle * shift, parts[name]) for name, middle in report.lengths.items() if name in parts
            ]
            _points(axes, points, _style(report, row), linestyle="-")
        axes.set(xscale="log", xlabel="tokens of the raw log (median of each quarter of users)", ylabel=label)
        if metric != "compression":
            axes.set_ylim(-0.03, 1.03)
        axes.set_xticks(list(report.lengths.values()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tokens, _: _thousands(tokens)))
        axes.xaxis.set_minor_locator(NullLocator())
        _finish(axes, report, rows)

    return svg(f"{metric}-length", draw, height=3.7 + 0.25 * ((len(rows) - 1) // 3), width=WIDTH)


def _thousands(tokens: float) -> str:
    """950, 3.6k, 29k."""
    thousands = tokens / 1000
    return (
        f"{tokens:.0f}" if thousands < 1 else f"{thousands:.1f}k" if thousands < 10 else f"{thousands:,.0f}k"
    )


def _points(axes: Axes, points: Sequence[tuple[float, Share]], style: dict[str, Any], linestyle: str) -> None:
    for x, found in points:
        axes.plot([x, x], found.interval, color=style["color"], linewidth=1.6, alpha=0.55)
    axes.plot(
        [x for x, _ in points],
        [found.value for _, found in points],
        linestyle=linestyle,
        linewidth=1.4,
        markersize=5.5,
        **style,
    )


def _finish(axes: Axes, report: Report, rows: Sequence[Row]) -> None:
    axes.grid(axis="y", linewidth=0.6)
    axes.tick_params(length=0)
    # By hand, as a name with a leading underscore would hide.
    handles = [Line2D([], [], linestyle="none", markersize=6, **_style(report, row)) for row in rows]
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(
        handles,
        [row.model for row in rows],
        loc="outside upper center",
        ncols=min(3, len(rows)),
        handletextpad=0.1,
    )
