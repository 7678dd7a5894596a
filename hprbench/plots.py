"""Charts as SVG text that stands inside a page and takes its colours from it: what they share.

Ink and grid are written as CSS (`currentColor`, `var(--grid)`), text stays text, and nothing
refers to anything outside: the same chart is right on a light and on a dark page, offline.
Functions return "" where there is nothing to draw.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hprbench.report import Report

INK, _GRID = "#010203", "#040506"  # stand-ins that no chart uses otherwise, replaced by CSS
COLOURS = ("#3b82c4", "#e08a1e", "#2a9d78", "#c2569b", "#8a7fd1", "#b8a02a", "#d1495b", "#5aa9c9")
"""Eight colours to tell apart on white and on near-black, also with red-green blindness."""

WIDTH = 6.4
"""Width of a run's charts, inches: narrow enough for its text to be read on a phone."""

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


def legend_above(axes: Axes, names: Sequence[str]) -> None:
    """A legend of the bar groups of `axes`; by hand, as a name with a leading underscore would hide."""
    # matplotlib takes containers of bars as handles, its type hints know single artists only.
    handles: list[Any] = list(axes.containers)
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.legend(handles, names, loc="outside upper center", ncols=min(3, len(names)))


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
        integer_steps(axes)
        axes.legend(loc="best")

    return svg("sft-loss", draw, height=3.0, width=WIDTH)


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

    return svg("stages", draw, height=0.9 + 0.34 * len(report.stages), width=WIDTH)


def _smoothed(values_S: np.ndarray) -> np.ndarray:
    """Mean over a trailing window of a twentieth of the steps."""
    window = max(1, len(values_S) // 20)
    sums = np.cumsum(np.concatenate([[0.0], values_S]))
    ends = np.arange(1, len(values_S) + 1)
    starts = np.maximum(ends - window, 0)
    means: np.ndarray = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def integer_steps(axes: Axes) -> None:
    """RL steps or optimiser steps below, and lines to read values by."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", linewidth=0.6)
    axes.tick_params(length=0)
