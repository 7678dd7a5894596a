"""The picture of a sweep: groups kept over thresholds and formats, and by the length of the prompt."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
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


Panel = Callable[[Axes], None]


def draw_sweep(path: Path, recording: Recording, recorded: Kept, rows: Sequence[SweepRow]) -> None:
    """Draw a sweep into the PNG file `path`, whole.

    On the left groups kept: over a grid of both thresholds a heat map a task, over one of them curves, and
    for a single row nothing. On the right the share kept by length of the prompt, a line a row of the sweep
    in the colour of its share, and what was recorded in black (samples dashed). With several formats there
    is a row of such panels each; without a grid, curves over the formats.
    """
    levels = list(dict.fromkeys(row.strictness for row in rows))
    gridded = any(len({one(row) for row in rows}) > 1 for one in (_low, _high))
    bands = [[row for row in rows if row.strictness == level] for level in levels] if gridded else [rows]
    panels = [_panels(recording, recorded, band, several=len(bands) > 1) for band in bands]
    with matplotlib.rc_context(_STYLE):
        width = len(panels[0])
        figure = Figure(figsize=(5.6 * width, 4.6 * len(bands)), layout="constrained", dpi=130)
        FigureCanvasAgg(figure)
        for number, draw in enumerate(panel for band in panels for panel in band):
            draw(figure.add_subplot(len(bands), width, number + 1))
        scale = ScalarMappable(Normalize(0, 1), _SHARES)
        figure.colorbar(scale, ax=figure.axes, format=PercentFormatter(1), label="groups kept", pad=0.01)
        with written_whole(path) as aside:
            figure.savefig(aside, format="png")


def _panels(recording: Recording, recorded: Kept, rows: Sequence[SweepRow], *, several: bool) -> list[Panel]:
    """The panels of rows of one format (which is told where there are `several`), or over formats alone."""
    lows = sorted({row.eps_low for row in rows if row.eps_low is not None})
    highs = sorted({row.eps_high for row in rows if row.eps_high is not None})
    levels = [row.strictness or "" for row in rows]
    format_ = f" ({levels[0]})" if several else ""
    panels: list[Panel] = []
    if len(lows) > 1 and len(highs) > 1:
        heat_map = partial(_heat_map, rows=rows, lows=lows, highs=highs, format_=format_)
        panels += [partial(heat_map, task=task) for task in recording.tasks]
    elif len(lows) > 1 or len(highs) > 1:
        name, of = ("eps_low", _low) if len(lows) > 1 else ("eps_high", _high)
        x = np.array([of(row) for row in rows], dtype=float)
        panels.append(partial(_curves, recording=recording, rows=rows, x=x, label=name + format_))
    elif len(levels) > 1:
        x = np.arange(len(levels), dtype=float)
        panels.append(
            partial(
                _curves, recording=recording, rows=rows, x=x, label="strictness of the format", names=levels
            )
        )
    panels.append(partial(_by_length, recording=recording, recorded=recorded, rows=rows, format_=format_))
    return panels


def _low(row: SweepRow) -> float | None:
    return row.eps_low


def _high(row: SweepRow) -> float | None:
    return row.eps_high


def _heat_map(
    axes: Axes,
    task: str,
    rows: Sequence[SweepRow],
    lows: Sequence[float],
    highs: Sequence[float],
    format_: str,
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
    axes.set(xlabel="eps_low", ylabel="eps_high", title=f"groups kept: {task}, of {total:,}{format_}")


def _curves(
    axes: Axes,
    recording: Recording,
    rows: Sequence[SweepRow],
    x: npt.NDArray[np.float64],
    label: str,
    names: Sequence[str] = (),
) -> None:
    """Shares kept over `x`, a value a row; where these are no numbers they have `names`."""
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
    if names:
        axes.set_xticks(x, names)
    axes.set(xlabel=label, title="share kept", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()


def _by_length(
    axes: Axes, recording: Recording, recorded: Kept, rows: Sequence[SweepRow], format_: str
) -> None:
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
    axes.set(xlabel="tokens of the prompt", ylabel="share of them kept", ylim=(0, 1.02))
    axes.set_title(
        f"groups kept, by length of their prompts{format_}\n"
        "a line for each row of the sweep, in the colour of its share of all groups",
        fontsize=10,
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.legend()
