"""report.html of a measured log: one file with everything in it, for a browser without a network.

Names of platforms, items and festivals come from the log and are hostile text: they pass through
autoescaping, the page has no script, and its content policy forbids every load. Only the charts go in as
markup, and matplotlib has escaped the names in them.
"""

from collections.abc import Sequence

from markupsafe import Markup

from launch.realism_plots import CHARTS, calendar
from launch.realism_rows import (
    FESTIVAL_HEADINGS,
    NONE,
    ROWS,
    count,
    duration,
    festival_cells,
    number,
    shown_name,
    verdict,
    wished,
)
from records.templates import rendered
from simulate.measure.festivals import FestivalWindows
from simulate.measure.statistics import LogStatistics
from simulate.measure.targets import PUBLISHED, Check, platform_distances


def render(
    title: str,
    log: LogStatistics,
    reference: LogStatistics | None,
    checks: Sequence[Check],
    festivals: Sequence[FestivalWindows] = (),
) -> str:
    """The measured `log` as one HTML page; parts without data say so or stay away."""
    charts = [
        {"title": heading, "svg": Markup(drawn), "note": note}
        for heading, draw, note in CHARTS
        if (drawn := draw(log, reference))
    ]
    return rendered(
        "launch",
        "realism.html.j2",
        title=title,
        log=log,
        reference=reference,
        checks=checks,
        missed=sum(not check.ok for check in checks),
        rows=ROWS,
        published=PUBLISHED,
        charts=charts,
        calendar=Markup(calendar(log, festivals)),
        distances=platform_distances(log.platforms),
        festival_headings=FESTIVAL_HEADINGS,
        festival_cells=festival_cells,
        dash=NONE,
        count=count,
        duration=duration,
        number=number,
        shown_name=shown_name,
        verdict=verdict,
        wished=wished,
    )
