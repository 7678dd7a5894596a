"""Charts of a semantized log, as SVG text that takes its colours from the page; "" without data."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from hprbench.plots import COLOURS, INK, svg
from hprbench.semantics import Semantics

_THOUSANDS = FuncFormatter(lambda number, _: f"{number:,.0f}")


def tokens_a_user(measured: Semantics) -> str:
    """Distribution of tokens a user: raw log and history, on a log axis."""
    tokens = measured.tokens
    if not tokens.raw:
        return ""

    def draw(axes: Axes) -> None:
        both = [*tokens.raw, *tokens.histories]
        low = max(1, min(both))
        bins = np.geomspace(low, max(low + 1, max(both)), 40).tolist()
        for values, colour, label in (
            (tokens.raw, COLOURS[1], "raw log"),
            (tokens.histories, COLOURS[0], "history"),
        ):
            axes.hist(values, bins=bins, color=colour, alpha=0.75, label=label)
        axes.axvline(measured.budget, color=INK, linewidth=1.2, linestyle=":")
        axes.annotate(
            "budget", (measured.budget, 1), xycoords=("data", "axes fraction"), ha="right", va="top"
        )
        axes.set(xscale="log", xlabel="tokens of a user", ylabel="users")
        # Plain numbers: the formatter of a log axis writes mathematics, which SVG text shows as it is.
        axes.xaxis.set_major_formatter(_THOUSANDS)
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend()

    return svg("tokens-a-user", draw, height=3.4)


def budget_use(measured: Semantics) -> str:
    """Distribution of the share of the budget that histories fill."""
    if not measured.budget_use:
        return ""

    def draw(axes: Axes) -> None:
        axes.hist(measured.budget_use, bins=np.linspace(0, 1, 41).tolist(), color=COLOURS[0])
        axes.set(xlabel="share of the budget used", ylabel="users", xlim=(0, 1))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))

    return svg("budget-use", draw, height=3.4)


def stages(measured: Semantics) -> str:
    """Rows of the log by what became of them, a bar a stage."""
    rows = [(name, count) for name, count in measured.stages if count]
    if not rows:
        return ""

    def draw(axes: Axes) -> None:
        names = [name for name, _ in rows]
        total = sum(count for _, count in rows)
        colours = [COLOURS[2] if name == "shown" else COLOURS[1] for name in names]
        axes.barh(names, [count for _, count in rows], color=colours, height=0.62)
        for place, (_, count) in enumerate(rows):
            axes.annotate(
                f" {count / total:.1%}", (count, place), va="center", ha="left", annotation_clip=False
            )
        axes.invert_yaxis()
        axes.set(xlabel="rows of the log")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(_THOUSANDS)
        axes.margins(x=0.12)

    return svg("stages", draw, height=0.7 + 0.42 * len(rows))


def retention(measured: Semantics) -> str:
    """Macro-F1 by tag on the raw log and on histories, a pair of dots a tag."""
    if not measured.retention:
        return ""
    one = measured.retention[0]

    def draw(axes: Axes) -> None:
        tags = list(one.by_tag)
        places = np.arange(len(tags))
        raw = [one.by_tag[tag][0] for tag in tags]
        kept = [one.by_tag[tag][1] for tag in tags]
        axes.hlines(places, raw, kept, color=INK, linewidth=1.0, alpha=0.5)
        axes.plot(raw, places, "o", color=COLOURS[1], label="raw log")
        axes.plot(kept, places, "o", color=COLOURS[0], label="history")
        axes.set_yticks(places, [tag.replace("_", " ") for tag in tags])
        axes.invert_yaxis()
        axes.set(xlabel=f"macro-F1 of {one.reader}")
        axes.legend()

    return svg("retention", draw, height=0.9 + 0.28 * len(one.by_tag))
