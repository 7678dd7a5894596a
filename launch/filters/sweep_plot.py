"""The picture of a sweep: groups kept over the thresholds, and by the length of the prompt."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from hprbench.plots import COLOURS
from records.files import written_whole
from rl.recorded import Recording
from rl.sweep import Kept, SweepRow

_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
}
_SHARES = matplotlib.colormaps["viridis"]
_MAX_NUMBERS = 150  # cells of a heat map up to which each has its number in it
_MAX_LINES = 60  # rows of a sweep drawn by length, spread over all of them


def draw_sweep(path: Path, recording: Recording, recorded: Kept, rows: Sequence[SweepRow]) -> None:
    """Draw a sweep into the PNG file `path`, whole.

    On the left groups kept: over a grid of both thresholds a heat map a task, over one of them curves, and
    for a single row nothing. On the right the share kept by length of the prompt, a line a row of the sweep
    in the colour of its share, and what was recorded in black (samples dashed).
    """
    lows = sorted({row.eps_low for row in rows if row.eps_low is not None})
    highs = sorted({row.eps_high for row in rows if row.eps_high is not None})
    panels: list[Callable[[Axes], None]] = []
    if len(lows) > 1 and len(highs) > 1:
        heat_map = partial(_heat_map, rows=rows, lows=lows, highs=highs)
        panels += [partial(heat_map, task=task) for task in recording.tasks]
    elif len(lows) > 1 or len(highs) > 1:
        panels.append(partial(_curves, recording=recording, rows=rows, over_low=len(lows) > 1))
    panels.append(partial(_by_length, recording=recording, recorded=recorded, rows=rows))
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(5.6 * len(panels), 4.6), layout="constrained", dpi=130)
        FigureCanvasAgg(figure)
        for number, draw in enumerate(panels):
            draw(figure.add_subplot(1, len(panels), number + 1))
        scale = ScalarMappable(Normalize(0, 1), _SHARES)
        figure.colorbar(scale, ax=figure.axes, format=PercentFormatter(1), label="groups kept", pad=0.01)
        with written_whole(path) as aside:
            figure.savefig(aside, format="png")


def _heat_map(
    axes: Axes, task: str, rows: Sequence[SweepRow], lows: Sequence[float], highs: Sequence[float]
) -> None:
    shares = np.full((len(highs), len(lows)), np.nan)
    counts: dict[tuple[int, int], int] = {}
    for row in rows:
        assert row.eps_low is not None
        assert row.eps_high is not None
        place = highs.index(row.eps_high), lows.index(row.eps_low)
        tally = row.kept.by_task[task]
        shares[place], counts[place] = tally.share, tally.groups_kept
    axes.imshow(shares, origin="lower", aspect="auto", vmin=0, vmax=1, cmap=_SHARES)
    if shares.size <= _MAX_NUMBERS:
        for (y, x), count in counts.items():
            ink = "black" if shares[y, x] > 0.6 else "white"
            axes.annotate(f"{count}", (x, y), ha="center", va="center", color=ink, fontsize=8)
    for ticks, values in ((axes.set_xticks, lows), (axes.set_yticks, highs)):
        places = range(0, len(values), -(-len(values) // 10))  # ten of them, at most
        ticks(list(places), [f"{values[place]:g}" for place in places])
    total = rows[0].kept.by_task[task].groups
    axes.set(xlabel="eps_low", ylabel="eps_high", title=f"groups kept: {task}, of {total:,}")


def _curves(axes: Axes, recording: Recording, rows: Sequence[SweepRow], *, over_low: bool) -> None:
    x = np.array([row.eps_low if over_low else row.eps_high for row in rows], dtype=float)
    lines = {
        "groups": [row.kept.whole.share for row in rows],
        "samples": [row.kept.whole.sample_share for row in rows],
        "tokens": [row.kept.whole.tokens_kept / max(1, row.kept.whole.tokens) for row in rows],
    }
    if len(recording.tasks) > 1:
        for task in recording.tasks:
            lines[f"groups: {task}"] = [row.kept.by_task[task].share for row in rows]
    for number, (name, values) in enumerate(lines.items()):
        axes.plot(x, values, marker="o", ms=3, color=COLOURS[number % len(COLOURS)], label=name)
    axes.set(xlabel="eps_low" if over_low else "eps_high", title="share kept", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()


def _by_length(axes: Axes, recording: Recording, recorded: Kept, rows: Sequence[SweepRow]) -> None:
    bounds = recording.buckets.bounds
    places = range(len(bounds))
    ordered = sorted(rows, key=lambda row: row.kept.whole.share)
    for row in (ordered[i] for i in np.unique(np.linspace(0, len(ordered) - 1, _MAX_LINES).astype(int))):
        shares = [tally.share for tally in row.kept.by_length]
        axes.plot(places, shares, color=_SHARES(row.kept.whole.share), linewidth=1.2, marker=".")
    shares = [tally.share for tally in recorded.by_length]
    axes.plot(places, shares, color="black", linewidth=2, marker="o", label="as recorded")
    samples = [tally.sample_share for tally in recorded.by_length]
    axes.plot(places, samples, color="black", linewidth=1.5, linestyle="--", label="samples, as recorded")
    axes.set_xticks(list(places), [f"{least:,}–{most:,}" for least, most in bounds], fontsize=8)
    axes.set(xlabel="tokens of the prompt", title="groups kept by length of the history", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()
