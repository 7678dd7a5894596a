"""Charts of a log beside a real one, as SVG text that takes its colours from the page.

The log as a whole is drawn in ink, each platform in a colour of its own, the real log dashed.
Functions return "" where there is nothing to draw.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from hprbench.plots import COLOURS, INK, svg
from launch.realism_rows import shown_name
from simulate.measure.festivals import FestivalWindows
from simulate.measure.statistics import LogStatistics, Statistics

REAL = "groceries (real)"
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DURATIONS = {
    1.0: "1 s",
    60.0: "1 min",
    3_600.0: "1 h",
    86_400.0: "1 d",
    604_800.0: "1 wk",
    31_557_600.0: "1 y",
}
_MAX_PLATFORMS = 2 * len(COLOURS)  # more lines cannot be told apart
_MAX_DAYS = 20_000  # days without events are drawn as zeros in logs up to this long


def events_a_user(log: LogStatistics, real: LogStatistics | None) -> str:
    """P(events of a user ≥ x) on log axes."""
    if not log.whole.users:
        return ""

    def draw(axes: Axes) -> None:
        for stats, style in _series(log, real):
            axes.plot(*stats.curves.events_survival, **style)
        axes.set(xscale="log", yscale="log", xlabel="events of a user", ylabel="share of users with as many")
        axes.xaxis.set_major_formatter(_whole())
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes)

    return svg("events-a-user", draw, height=3.7)


def times_between(log: LogStatistics, real: LogStatistics | None) -> str:
    """Share of the times between a user's moments by their length, on a log axis."""
    if not log.whole.curves.gap_density[0]:
        return ""

    def draw(axes: Axes) -> None:
        for stats, style in _series(log, real):
            axes.plot(*stats.curves.gap_density, **style)
        axes.set(xscale="log", xlabel="time between moments of a user", ylabel="share a tenth of a decade")
        axes.set_xticks(list(_DURATIONS), list(_DURATIONS.values()))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes)

    return svg("times-between", draw, height=3.7)


def hour_profile(log: LogStatistics, real: LogStatistics | None) -> str:
    """Share of events by hour of the day."""
    if not log.whole.events:
        return ""

    def draw(axes: Axes) -> None:
        for stats, style in _series(log, real):
            axes.plot(range(24), stats.rhythm.hours, **style)
        axes.set(xlabel="hour of the day", ylabel="share of events", xlim=(0, 23))
        axes.set_xticks(range(0, 24, 3))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes)

    return svg("hours", draw, height=3.5)


def weekday_profile(log: LogStatistics, real: LogStatistics | None) -> str:
    """Share of events by day of the week."""
    if not log.whole.events:
        return ""

    def draw(axes: Axes) -> None:
        for stats, style in _series(log, real):
            axes.plot(range(7), stats.rhythm.weekdays, marker="o", markersize=3.5, **style)
        axes.set_xticks(range(7), WEEKDAYS)
        axes.set(ylabel="share of events")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes)

    return svg("weekdays", draw, height=3.5)


def rank_frequency(log: LogStatistics, real: LogStatistics | None) -> str:
    """Share of events of an item by its rank, on log axes."""
    if not log.whole.curves.rank_frequency[0]:
        return ""

    def draw(axes: Axes) -> None:
        for stats, style in _series(log, real):
            rank, events = stats.curves.rank_frequency
            axes.plot(rank, np.array(events) / max(1, stats.events), **style)
        axes.set(xscale="log", yscale="log", xlabel="rank of the item", ylabel="share of events")
        axes.xaxis.set_major_formatter(_whole())
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes)

    return svg("rank-frequency", draw, height=3.7)


def calendar(log: LogStatistics, festivals: Sequence[FestivalWindows]) -> str:
    """Events a day over the calendar, festivals shaded."""
    days = {date.fromisoformat(day).toordinal(): events for day, events, _ in log.whole.curves.days}
    if len(days) < 2:
        return ""
    first, last = min(days), max(days)
    shown = range(first, last + 1) if last - first < _MAX_DAYS else sorted(days)

    def draw(axes: Axes) -> None:
        # matplotlib counts days from 1970, and knows no date before the year 1.
        offset = date(1970, 1, 1).toordinal()
        axes.plot(
            [day - offset for day in shown], [days.get(day, 0) for day in shown], color=INK, linewidth=0.9
        )
        axes.xaxis_date()
        axes.set(ylabel="events a day", xlim=(first - offset, last - offset))
        axes.set_ylim(bottom=0)
        patches: dict[str, Any] = {}
        for place, festival in enumerate(festivals):
            for start, end in festival.days:
                if start.toordinal() <= last and end.toordinal() >= first:
                    left, right = start.toordinal() - offset - 0.5, end.toordinal() - offset + 0.5
                    colour = COLOURS[place % len(COLOURS)]
                    patch = axes.axvspan(left, right, color=colour, alpha=0.35, linewidth=0)
                    patches[shown_name(festival.name)] = patch
        _finish(axes, patches)

    return svg("calendar", draw, height=3.3, width=15.6)


def funnel_bars(log: LogStatistics, real: LogStatistics | None) -> str:
    """Share of sessions with a search, a click, a purchase, a group a platform."""
    platforms = [platform for platform in log.platforms[:_MAX_PLATFORMS] if platform.funnel.sessions]
    if not platforms:
        return ""

    def draw(axes: Axes) -> None:
        parts = ("with_search", "with_click", "with_purchase")
        bars: dict[str, Any] = {}
        for number, part in enumerate(parts):
            shares = [getattr(platform.funnel, part) for platform in platforms]
            places = np.arange(len(platforms)) + (number - 1) * 0.27
            bars[part.removeprefix("with_")] = axes.bar(places, shares, 0.25, color=COLOURS[number])
        axes.set_xticks(range(len(platforms)), [shown_name(platform.name) for platform in platforms])
        if len(platforms) > 4:
            axes.tick_params(axis="x", labelrotation=30)
        axes.set(ylabel="share of sessions", ylim=(0, 1))
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes, bars)

    return svg("funnel", draw, height=3.7)


def entropy_histogram(log: LogStatistics, real: LogStatistics | None) -> str:
    """Users by the entropy of their categories."""
    return _histogram(
        "entropy",
        "entropy of a user's categories (0 one, 1 all alike)",
        np.linspace(0, 1, 21),
        [(stats.curves.entropy_histogram, style) for stats, style in _series(log, real)],
    )


def burstiness_histogram(log: LogStatistics, real: LogStatistics | None) -> str:
    """Users by burstiness."""
    return _histogram(
        "burstiness",
        "burstiness of a user (−1 clock, 0 chance, 1 bursts)",
        np.linspace(-1, 1, 41),
        [(stats.curves.burstiness_histogram, style) for stats, style in _series(log, real)],
    )


def _histogram(
    name: str, label: str, edges: np.ndarray, drawn: list[tuple[list[int], dict[str, Any]]]
) -> str:
    if not any(sum(counts) for counts, _ in drawn):
        return ""

    def draw(axes: Axes) -> None:
        for counts, style in drawn:
            if sum(counts):
                axes.stairs(np.array(counts) / sum(counts), edges, **style)
        axes.set(xlabel=label, ylabel="share of users", xlim=(edges[0], edges[-1]))
        axes.yaxis.set_major_formatter(_percent())
        _finish(axes)

    return svg(name, draw, height=3.5)


def _series(log: LogStatistics, real: LogStatistics | None) -> Iterator[tuple[Statistics, dict[str, Any]]]:
    """What is drawn, with its style: platforms, the whole log, the real one."""
    if len(log.platforms) > 1:
        for place, platform in enumerate(log.platforms[:_MAX_PLATFORMS]):
            colour, again = COLOURS[place % len(COLOURS)], place >= len(COLOURS)
            dots = {"linestyle": ":"} if again else {}
            yield platform, {"color": colour, "linewidth": 1.3, "label": shown_name(platform.name)} | dots
    yield log.whole, {"color": INK, "linewidth": 2.0, "label": "whole log"}
    if real is not None:
        yield real.whole, {"color": INK, "linewidth": 1.5, "linestyle": "--", "label": REAL}


def _percent() -> FuncFormatter:
    return FuncFormatter(lambda share, _: f"{100 * share:.3g}%")


def _whole() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.0f}")


def _finish(axes: Axes, handles: dict[str, Any] | None = None) -> None:
    """Grid and a legend above, of `handles` by name or of the labelled lines."""
    axes.grid(axis="y", linewidth=0.6)
    axes.tick_params(length=0)
    axes.tick_params(which="minor", length=0)
    if handles is None:
        drawn: list[Any] = [*axes.lines, *axes.patches]
        handles = {str(artist.get_label()): artist for artist in drawn}
    figure = axes.get_figure(root=True)
    assert figure is not None
    if handles:
        # A name with a leading underscore would hide: an invisible mark goes before it.
        names = [f"\u200b{name}" if name.startswith("_") else name for name in handles]
        figure.legend(list(handles.values()), names, loc="outside upper center", ncols=min(4, len(names)))


CHARTS: Sequence[tuple[str, Callable[[LogStatistics, LogStatistics | None], str], str]] = (
    ("Events a user", events_a_user, "Share of users with at least so many events."),
    ("Time between moments", times_between, "Events at the very same time are one moment."),
    ("Hours", hour_profile, "Times as they stand in the log."),
    ("Weekdays", weekday_profile, ""),
    ("Items by rank", rank_frequency, "A straight line is Zipf's law; of the groceries, categories."),
    (
        "From search to purchase",
        funnel_bars,
        "Sessions that contain one; what is no purchase, such as a check-in, is in none.",
    ),
    ("Variety within users", entropy_histogram, "Users with at least 20 events."),
    ("Burstiness of users", burstiness_histogram, "Users with at least 20 events."),
)
"""Title, drawing and note of every chart but the calendar, which is wide."""
