"""Charts as SVG text that stands inside a page and takes its colours from it.

Ink and grid are written as CSS (`currentColor`, `var(--grid)`), text stays text, and nothing
refers to anything outside: the same chart is right on a light and on a dark page, offline.
Functions return "" where there is nothing to draw.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hprbench.report import Report, cell
from records.tags import DIMENSIONS

INK, _GRID = "#010203", "#040506"  # stand-ins that no chart uses otherwise, replaced by CSS
COLOURS = ("#3b82c4", "#e08a1e", "#2a9d78", "#c2569b", "#8a7fd1", "#b8a02a", "#d1495b", "#5aa9c9")
"""Eight colours to tell apart on white and on near-black, also with red-green blindness."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": _GRID,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    # Names come from outside: a dollar sign in one is no formula.
    "text.parse_math": False,
}


def svg(name: str, draw: Callable[[Axes], None], *, height: float, width: float = 7.6) -> str:
    """The chart that `draw` draws, `width` × `height` inches, as an <svg> element."""
    with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        target = io.StringIO()
        figure.savefig(target, format="svg", transparent=True, metadata={"Date": None})
    text = target.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).replace("xlink:href", "href")
    text = re.sub(r"font: (?:[a-z]+ )*([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = text.replace(INK, "currentColor").replace(_GRID, "var(--grid)")
    # Ids are made unique over the page: charts share names such as figure_1.
    text = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return re.sub(
        r'<svg (?:(?:width|height)="[^"]*" ?)*', f'<svg role="img" aria-label="{name}" ', text, count=1
    )


def avg_bars(report: Report) -> str:
    """Avg@k by model with 95 % intervals, a bar a model, first model on top."""
    rows = [row for row in report.rows if cell(row, "avg_at_k") is not None]
    if not rows:
        return ""

    def draw(axes: Axes) -> None:
        values = np.array([cell(row, "avg_at_k") for row in rows], dtype=float)
        axes.barh([row.model for row in rows], values, color=COLOURS[0], height=0.62)
        for place, row in enumerate(rows):
            low, high = row.intervals.get("avg_at_k", (values[place], values[place]))
            axes.plot([low, high], [place, place], color=INK, linewidth=1.6, solid_capstyle="butt")
            axes.plot([low, high], [place, place], "|", color=INK, markersize=7)
            axes.annotate(
                f"{values[place]:.3f}",
                (max(high, values[place]), place),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set(xlim=(0, 1), xlabel=f"Avg@{report.k}")
        axes.invert_yaxis()
        axes.grid(axis="x", linewidth=0.6)
        axes.tick_params(length=0)

    return svg("avg-at-k", draw, height=0.9 + 0.42 * len(rows))


def dimension_bars(report: Report) -> str:
    """Avg@k by dimension, a group a dimension and a bar a model."""
    rows = [row for row in report.rows if row.by_dimension]
    if not rows:
        return ""

    def draw(axes: Axes) -> None:
        width = 0.82 / len(rows)
        places = np.arange(len(DIMENSIONS))
        for number, row in enumerate(rows):
            values = [np.nan if (v := cell(row, dimension)) is None else v for dimension in DIMENSIONS]
            axes.bar(
                places - 0.41 + (number + 0.5) * width,
                values,
                width * 0.92,
                label=row.model,
                color=COLOURS[number % len(COLOURS)],
                # Past eight models colours repeat, and hatching tells them apart.
                hatch="//" if number >= len(COLOURS) else None,
            )
        names = [key + "\n" + name.replace(" and ", " &\n") for key, name in DIMENSIONS.items()]
        axes.set_xticks(places, names)
        axes.set(ylim=(0, 1), ylabel=f"Avg@{report.k}")
        axes.grid(axis="y", linewidth=0.6)
        axes.tick_params(length=0)
        _legend_above(axes, [row.model for row in rows])

    return svg("dimensions", draw, height=3.6 + 0.25 * ((len(rows) - 1) // 4))


def _legend_above(axes: Axes, names: Sequence[str]) -> None:
    """A legend of the bar groups of `axes`; by hand, as a name with a leading underscore would hide."""
    # matplotlib takes containers of bars as handles, its type hints know single artists only.
    handles: list[Any] = list(axes.containers)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(names)))


def reward_curves(report: Report) -> str:
    """Mean reward over RL steps: before the filters, after them, and on the probe."""
    lines = {
        "before filters": "pre_filter",
        "after filters": "post_filter",
        "probe (held-out users)": "probe",
    }
    points = {name: _points(report.curves.reward, key) for name, key in lines.items()}
    if not any(points.values()):
        return ""

    def draw(axes: Axes) -> None:
        for number, (name, drawn) in enumerate(points.items()):
            if drawn:
                steps, values = zip(*drawn, strict=True)
                # The probe is sparse: its points are marked.
                axes.plot(
                    steps,
                    values,
                    label=name,
                    color=COLOURS[number],
                    marker="o" if number == 2 else None,
                    ms=4,
                )
        axes.set(xlabel="RL step", ylabel="mean reward")
        _integer_steps(axes)
        axes.legend(loc="best")

    return svg("reward", draw, height=3.3)


def reason_areas(report: Report) -> str:
    """Samples dropped by each filter reason over RL steps, stacked."""
    steps = [row for row in report.curves.filter_reasons if row.get("step") is not None]
    reasons = sorted({key for row in steps for key in row if key != "step"})
    if not reasons:
        return ""

    def draw(axes: Axes) -> None:
        x = np.array([row["step"] for row in steps], dtype=float)
        bottom = np.zeros(len(steps))
        for number, reason in enumerate(reasons):
            height = np.array([row.get(reason) or 0.0 for row in steps], dtype=float)
            axes.bar(x, height, 0.85, bottom=bottom, color=COLOURS[number % len(COLOURS)])
            bottom += height
        axes.set(xlabel="RL step", ylabel="samples dropped")
        _integer_steps(axes)
        _legend_above(axes, reasons)

    return svg("reasons", draw, height=3.4 + 0.25 * ((len(reasons) - 1) // 4))


def sft_loss(report: Report) -> str:
    """SFT loss over optimiser steps, the stages one after the other."""
    stages = {name: losses for name, losses in report.curves.sft_loss.items() if len(losses)}
    if not stages:
        return ""

    def draw(axes: Axes) -> None:
        first = 0
        for number, (name, losses) in enumerate(stages.items()):
            colour = COLOURS[number % len(COLOURS)]
            steps = np.arange(first, first + len(losses))
            smooth = _smoothed(np.asarray(losses, dtype=float))
            axes.plot(steps, losses, color=colour, alpha=0.3, linewidth=0.8)
            axes.plot(steps, smooth, color=colour, label=name)
            first += len(losses)
        axes.set(xlabel="optimiser step", ylabel="loss, nats a token")
        axes.set_ylim(bottom=0)
        _integer_steps(axes)
        axes.legend(loc="best")

    return svg("sft-loss", draw, height=3.0)


def stage_bars(report: Report) -> str:
    """Wall seconds of every stage, in order from the top."""
    if not report.stages:
        return ""

    def draw(axes: Axes) -> None:
        seconds = list(report.stages.values())
        axes.barh(list(report.stages), seconds, color=COLOURS[2], height=0.62)
        for place, value in enumerate(seconds):
            axes.annotate(
                f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s",
                (value, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set(xlabel="seconds", xlim=(0, max(max(seconds), 1e-9) * 1.16))
        axes.invert_yaxis()
        axes.grid(axis="x", linewidth=0.6)
        axes.tick_params(length=0)

    return svg("stages", draw, height=0.9 + 0.34 * len(report.stages))


def _points(rows: Sequence[Mapping[str, float | None]], key: str) -> list[tuple[float, float]]:
    found = ((row.get("step"), row.get(key)) for row in rows)
    return [
        (step, value)
        for step, value in found
        if step is not None and value is not None and np.isfinite(value)
    ]


def _smoothed(values_S: np.ndarray) -> np.ndarray:
    """Mean over a trailing window of a twentieth of the steps."""
    window = max(1, len(values_S) // 20)
    sums = np.cumsum(np.concatenate([[0.0], values_S]))
    ends = np.arange(1, len(values_S) + 1)
    starts = np.maximum(ends - window, 0)
    means: np.ndarray = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def _integer_steps(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", linewidth=0.6)
    axes.tick_params(length=0)
