"""report.html: one file with everything in it, for a browser without a network.

Histories, summaries, tag values and model names are hostile text. All of them pass through
autoescaping, the page has no script, and its content policy forbids every load; only the charts
go in as markup, and matplotlib has escaped the names in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hprbench import plots
from hprbench.metrics import Values, is_correct
from hprbench.report import Example, Report, Row, best_cells, cell, columns, report_json
from records.files import write_json, write_text
from records.tags import DIMENSIONS, NA, TAG_NAMES, TAGS
from records.templates import rendered

_CHARTS = (
    ("Avg@k by model", plots.avg_bars, "Whiskers are 95 % bootstrap intervals over users."),
    ("Avg@k by dimension", plots.dimension_bars, ""),
    (
        "Reward during DF-GRPO",
        plots.reward_curves,
        "Every generated sample, those trained on, and the probe.",
    ),
    (
        "What the filters dropped",
        plots.reason_areas,
        "A sample that fails for several reasons counts under the first.",
    ),
    ("SFT loss by stage", plots.sft_loss, "Thin: each step; bold: mean of the last steps."),
    ("Where the time went", plots.stage_bars, "Wall-clock seconds of each stage."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chart:
    title: str
    svg: Markup
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _TagView:
    """One tag of an example; `ours` is None when the answer has none, `lines` are those cited."""

    name: str
    gold: str
    ours: str | None
    correct: bool
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _LineView:
    """One history line, the tags it is cited for, and the tags it is true evidence of."""

    number: int
    text: str
    cited: tuple[str, ...]
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ExampleView:
    example: Example
    tags: tuple[_TagView, ...]
    lines: tuple[_LineView, ...]
    correct: int


def write_report(report: Report, directory: Path) -> None:
    """Write `report.json` and `report.html` into `directory`, each whole."""
    write_json(directory / "report.json", report_json(report))
    write_text(directory / "report.html", render(report))


def render(report: Report) -> str:
    """`report` as one HTML page; parts without data say so or stay away."""
    charts = [
        _Chart(title=title.replace("@k", f"@{report.k}"), svg=Markup(svg), note=note)
        for title, draw, note in _CHARTS
        if (svg := draw(report))
    ]
    return rendered(
        "hprbench",
        "report.html.j2",
        report=report,
        columns=columns(report.k),
        best=best_cells(report),
        cell=cell,
        charts=charts,
        tags=TAGS,
        dimensions=DIMENSIONS,
        heat_rows=[row for row in report.rows if row.by_tag],
        heat=_heat,
        examples=[_view(example) for example in report.examples],
        duration=_duration,
    )


def _heat(row: Row, tag: str) -> float | None:
    return None if row.by_tag is None else row.by_tag.get(tag)


def _view(example: Example) -> _ExampleView:
    answers = example.tags or {}
    tags = tuple(
        _TagView(
            name=tag,
            gold=_words(example.gold[tag].values),
            ours=_words(answers[tag].values) if tag in answers else None,
            correct=tag in answers and is_correct(tag, answers[tag].values, example.gold[tag].values),
            lines=answers[tag].lines if tag in answers else (),
        )
        for tag in TAG_NAMES
    )
    evidence = {tag: set(example.history.lines_citing(example.gold[tag].event_ids)) for tag in TAG_NAMES}
    return _ExampleView(
        example=example,
        tags=tags,
        lines=tuple(
            _LineView(
                number=line.number,
                text=line.text,
                cited=tuple(tag.name for tag in tags if line.number in tag.lines),
                evidence=_tags_at(evidence, line.number),
            )
            for line in example.history.lines
        ),
        correct=sum(tag.correct for tag in tags),
    )


def _tags_at(evidence: Mapping[str, set[int]], number: int) -> tuple[str, ...]:
    return tuple(tag for tag, lines in evidence.items() if number in lines)


def _words(values: Values) -> str:
    return ", ".join(values) or NA


def _duration(seconds: float) -> str:
    """`seconds` for people: 42 s, 7 min 05 s, 2 h 03 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
