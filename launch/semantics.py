"""`usergpt semantize report`: what semantization saved, dropped and kept, as tables and a page with plots."""

import json
from pathlib import Path

from markupsafe import Markup
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hprbench.semantics import Semantics, measure_semantics
from launch import semantics_plots as plots
from records.files import write_json, write_text
from records.templates import rendered
from semantize.text import clean

MARGIN = -0.02
"""Lower bound of the difference in macro-F1 above which nothing that matters is lost."""


def report(out: Path, users: int, labels: Path | None, key_file: Path | None, *, as_json: bool) -> int:
    """Measure the folder `out`; writes report/semantics.json and report/semantics.html there, and prints."""
    measured = measure_semantics(out, users, labels, key_file)
    page = render(measured)
    write_json(out / "report" / "semantics.json", measured.to_json())
    write_text(out / "report" / "semantics.html", page)
    if as_json:
        print(json.dumps(measured.to_json()))
        return 0
    console = Console(soft_wrap=True)
    _print(measured, console)
    console.print(f"page: {out / 'report' / 'semantics.html'}", highlight=False)
    return 0


def _print(measured: Semantics, console: Console) -> None:
    tokens = measured.tokens
    console.print(
        f"{measured.users:,} users; tokens of {len(tokens.raw):,}: raw {sum(tokens.raw):,}, histories "
        f"{sum(tokens.histories):,}: {tokens.saved:.1%} saved",
        highlight=False,
    )
    use = sum(measured.budget_use) / len(measured.budget_use)
    console.print(
        f"budget {measured.budget:,} tokens: {use:.1%} used on average; {measured.whole:.1%} of users have "
        "all their slices",
        highlight=False,
    )
    table = Table(title="what became of the rows")
    table.add_column("stage")
    table.add_column("rows", justify="right")
    table.add_column("share", justify="right")
    total = sum(count for _, count in measured.stages)
    for name, count in measured.stages:
        table.add_row(name, f"{count:,}", f"{count / total:.1%}")
    console.print(table)
    if measured.masked:
        masked = ", ".join(f"{count:,} {kind}" for kind, count in measured.masked.items())
        console.print(f"masked: {masked}", highlight=False)
    if measured.gaps:
        gaps = ", ".join(f"{count:,} {gap}" for gap, count in measured.gaps.items())
        console.print(f"events with a gap: {gaps}", highlight=False)
    for one in measured.retention:
        table = Table(title=f"retention: macro-F1 of {one.reader}, {one.users:,} users")
        for heading in ("tag", "raw log", "histories", "difference"):
            table.add_column(heading, justify="left" if heading == "tag" else "right")
        for tag, (raw, kept) in one.by_tag.items():
            table.add_row(Text(clean(tag)), f"{raw:.3f}", f"{kept:.3f}", f"{kept - raw:+.3f}")
        overall = one.overall
        table.add_section()
        table.add_row(
            "mean",
            f"{overall.a:.3f}",
            f"{overall.b:.3f}",
            f"{overall.difference:+.3f} [{overall.low:+.3f}, {overall.high:+.3f}]",
        )
        console.print(table)
        verdict = (
            "nothing that matters is lost" if overall.low >= MARGIN else "more may be lost than 2 points"
        )
        console.print(f"lower 95 % bound {overall.low:+.3f}: {verdict}", highlight=False)
    if not measured.retention:
        console.print("no labels: retention is not measured (--labels TABLE)", highlight=False)


def render(measured: Semantics) -> str:
    """The report as one HTML page that loads nothing; names out of the log are escaped."""
    charts = [
        (title, Markup(drawn), note)
        for title, drawn, note in (
            ("What became of the rows", plots.stages(measured), "Green is what histories show."),
            (
                "Tokens of a user",
                plots.tokens_a_user(measured),
                "The raw log is one line of time, source, action and content an event.",
            ),
            ("Use of the budget", plots.budget_use(measured), "No history is above the budget."),
            (
                "What readers still know",
                plots.retention(measured),
                "The same reader on the raw log and on histories.",
            ),
        )
        if drawn
    ]
    return rendered(
        "launch", "semantics.html.j2", measured=measured, charts=charts, clean=clean, margin=MARGIN
    )
