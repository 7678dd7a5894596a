"""report.md: the tables of the report, to paste into a README or an issue."""

import re
from collections.abc import Sequence

from hprbench.candidates import KINDS, LEVELS
from hprbench.intervals import Share
from hprbench.report import (
    SUMMARY_TRACK,
    TAG_TRACK,
    Column,
    Report,
    Row,
    best_cells,
    probe_told,
    share,
    shown_columns,
    shown_rows,
    trust_told,
)
from records.tags import DIMENSIONS

_HEADINGS = {TAG_TRACK: "Tags", SUMMARY_TRACK: "Summaries"}
_PARTS = (
    ("avg_at_k", "difficulty", "Avg@{k} by kind of evidence", KINDS),
    ("acc_ex", "difficulty", "Acc_Ex by kind of evidence", KINDS),
    ("avg_at_k", "level", "Avg@{k} by level of users", LEVELS),
    ("avg_at_k", "length", "Avg@{k} by tokens of the raw log", ()),
    ("acc_ex", "dimension", "Acc_Ex by dimension", tuple(DIMENSIONS)),
    ("acc_ex", "length", "Acc_Ex by tokens of the raw log", ()),
    ("cov_ex", "length", "Cov_Ex by tokens of the raw log", ()),
    ("halluc_ex", "length", "Halluc_Ex by tokens of the raw log", ()),
    ("compression", "length", "Compression by tokens of the raw log", ()),
)


def markdown(report: Report) -> str:
    """The report as Markdown; names are escaped, as they come from outside."""
    parts = [f"# {_plain(report.title)}", _facts(report)]
    for track, heading in _HEADINGS.items():
        shown = shown_columns(report, track)
        if shown:
            parts += [f"## {heading}", _main_table(report, shown, shown_rows(report, track))]
            trust = trust_told(report) if track == SUMMARY_TRACK else ""
            parts.append(trust and f"Accuracy of the extractor behind Acc_Ex: {trust}.")
    for metric, by, title, names in _PARTS:
        rows = [row for row in report.rows if row.part(metric, by)]
        if rows:
            order = names or tuple(report.lengths)
            parts += [f"## {title.format(k=report.k)}", _part_table(rows, metric, by, order)]
    shown = [column for track in _HEADINGS for column in shown_columns(report, track)]
    if shown:
        meanings = [f"- **{column.heading}**: {column.meaning}" for column in shown]
        parts += ["## What the columns mean", "\n".join(meanings)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(report: Report) -> str:
    facts = [f"{len(report.rows)} models, {report.k} runs a user"]
    if "users" in report.benchmark:
        facts.append(f"{report.benchmark['users']} users (benchmark version {report.benchmark['version']})")
    if report.seconds is not None:
        facts.append(f"{report.seconds:.0f} s")
    probe = probe_told(report)
    return (
        "HPR-Bench: "
        + ", ".join(facts)
        + ". In brackets 95 % intervals over users; the best of a column is bold."
        + (f" DF-GRPO: {probe}, paired by user." if probe else "")
    )


def _main_table(report: Report, shown: Sequence[Column], rows: Sequence[Row]) -> str:
    best = best_cells(report)
    body = [[row.model, *(_cell(share(row, one.key), best[one.key]) for one in shown)] for row in rows]
    return _table(["model", *(column.heading for column in shown)], body)


def _part_table(rows: Sequence[Row], metric: str, by: str, order: Sequence[str]) -> str:
    found = [row.part(metric, by) for row in rows]
    names = [name for name in order if any(name in parts for parts in found)]
    names += sorted({name for parts in found for name in parts} - {*names})
    cases = {name: max(parts[name].users for parts in found if name in parts) for name in names}
    body = [
        [row.model, *(_cell(parts.get(name), None) for name in names)]
        for row, parts in zip(rows, found, strict=True)
    ]
    return _table(["model", *(f"{name} ({cases[name]} users)" for name in names)], body)


def _cell(found: Share | None, best: float | None) -> str:
    if found is None:
        return "–"
    value = f"**{found.value:.3f}**" if found.value == best else f"{found.value:.3f}"
    return f"{value} [{found.interval[0]:.3f}, {found.interval[1]:.3f}]"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *([_plain(row[0]), *row[1:]] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """`text` as words: neither markup nor the end of a cell."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~$])", r"\\\1", " ".join(text.split()))
