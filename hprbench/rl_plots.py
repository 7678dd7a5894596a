"""Charts of a DF-GRPO run. Functions return "" where there is nothing to draw."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from hprbench.curves import ACTORS, Steps
from hprbench.plots import COLOURS, WIDTH, integer_steps, legend_above, svg
from hprbench.report import Report

_REWARDS = {
    "pre_filter": "before filters",
    "post_filter": "after filters",
    "probe": "probe (held-out users)",
}
_MISMATCH = {"sampled": "sampled responses", "checked": "fixed sequences, after each publish"}
_FLOOR = 1e-12  # a KL below it is one of rounding, and has no place on a logarithmic axis


def reward_curves(report: Report) -> str:
    """Mean reward over RL steps: before the filters, after them, and on the probe with its interval."""
    rows = report.curves.reward
    ends = [
        (step, value, low, high)
        for row in rows
        if (step := row.get("step")) is not None
        and (value := row.get("probe")) is not None
        and (low := row.get("probe_low")) is not None
        and (high := row.get("probe_high")) is not None
    ]

    def whiskers(axes: Axes) -> None:
        for step, value, low, high in ends:
            spread = [[max(0.0, value - low)], [max(0.0, high - value)]]
            axes.errorbar(step, value, spread, fmt="none", ecolor=COLOURS[2], capsize=3, alpha=0.7)

    # The probe is sparse: its points are marked.
    return _lines(rows, _REWARDS, "reward", "mean reward", marked=("probe",), also=whiskers)


def mismatch_lines(report: Report) -> str:
    """KL of the rollout policy to the learner over RL steps, on a logarithmic axis."""
    rows = [
        {
            name: value if value is None or name == "step" else max(value, _FLOOR)
            for name, value in row.items()
        }
        for row in report.curves.mismatch
    ]
    return _lines(rows, _MISMATCH, "mismatch", "KL, nats a token", also=lambda axes: axes.set_yscale("log"))


def idle_lines(report: Report) -> str:
    """Idle share of each kind of actors over RL steps; the legend has that of the whole stage."""
    whole = report.curves.idle_shares()
    names = {
        kind: f"{name}, {share:.0%} in all"
        for kind, name in ACTORS.items()
        if (share := whole[kind]) is not None
    }

    def shares(axes: Axes) -> None:
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1))

    return _lines(report.curves.idle, names, "idle", "idle share", also=shares)


def reason_areas(report: Report) -> str:
    """Samples dropped by each filter reason over RL steps, stacked."""
    return _stacked(report.curves.filter_reasons, "reasons", "samples dropped")


def wasted_areas(report: Report) -> str:
    """Response tokens that trained nothing, by reason, over RL steps, stacked."""
    return _stacked(report.curves.tokens_wasted, "wasted", "response tokens")


def _lines(
    rows: Steps,
    names: Mapping[str, str],
    name: str,
    label: str,
    *,
    marked: Sequence[str] = (),
    also: Callable[[Axes], None] = lambda axes: None,
) -> str:
    """A line a key of `names`, which the legend tells; `also` draws what is beside them."""
    points = {key: _points(rows, key) for key in names}
    if not any(points.values()):
        return ""

    def draw(axes: Axes) -> None:
        for (key, drawn), colour in zip(points.items(), COLOURS, strict=False):
            if drawn:
                steps, values = zip(*drawn, strict=True)
                # A single point is no line.
                marker = "o" if key in marked or len(steps) == 1 else None
                axes.plot(steps, values, label=names[key], color=colour, marker=marker, ms=4)
        axes.set(xlabel="RL step", ylabel=label)
        also(axes)
        integer_steps(axes)
        axes.legend(loc="best")

    return svg(name, draw, height=3.3, width=WIDTH)


def _stacked(rows: Steps, name: str, label: str) -> str:
    steps = [row for row in rows if row.get("step") is not None]
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
        axes.set(xlabel="RL step", ylabel=label)
        integer_steps(axes)
        legend_above(axes, reasons)

    return svg(name, draw, height=3.4 + 0.25 * ((len(reasons) - 1) // 3), width=WIDTH)


def _points(rows: Steps, key: str) -> list[tuple[float, float]]:
    found = ((row.get("step"), row.get(key)) for row in rows)
    return [
        (step, value)
        for step, value in found
        if step is not None and value is not None and np.isfinite(value)
    ]
