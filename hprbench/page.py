"""report.html: one file with everything in it, for a browser without a network.

Histories, summaries, tag values and model names are hostile text. All of them pass through
autoescaping, the page has no script, and its content policy forbids every load; only the charts
go in as markup, and matplotlib has escaped the names in them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from hprbench import plots, rl_plots, score_plots
from hprbench.candidates import KINDS, LEVELS
from hprbench.markdown import markdown
from hprbench.metrics import Values, is_correct
from hprbench.report import (
    TRACKS,
    Example,
    Report,
    best_cells,
    probe_told,
    report_json,
    share,
    shown_columns,
    shown_rows,
    trust_told,
)
from records.files import write_json, write_text
from records.tags import DIMENSIONS, NA, TAGS, in_order
from records.templates import rendered

_SCORES = (
    ("Avg@k by model", score_plots.avg_bars, "Whiskers are 95 % bootstrap intervals over users."),
    (
        "Summaries",
        score_plots.summary_points,
        "Known tags that a summary states rightly, and at all; and tags without evidence of which it asserts "
        "something.",
    ),
    ("Avg@k by dimension", score_plots.dimension_points, ""),
    (
        "Avg@k by kind of evidence",
        score_plots.difficulty_points,
        "A trap is evidence of somebody else or of former times; temporal evidence changed on the way.",
    ),
    ("Acc_Ex by kind of evidence", score_plots.accuracy_by_difficulty, ""),
    ("Avg@k by length of the log", score_plots.avg_over_length, ""),
    ("Cov_Ex by length of the log", score_plots.coverage_over_length, ""),
    (
        "Compression by length of the log",
        score_plots.compression_over_length,
        "1 minus the tokens of the summary over those of the raw log.",
    ),
)

_TRAINING = (
    ("SFT loss by stage", plots.sft_loss, "Thin: each step; bold: mean of the last steps."),
    (
        "Reward during DF-GRPO",
        rl_plots.reward_curves,
        "Every generated sample, those trained on, and the probe with 95 % intervals over users.",
    ),
    (
        "What the filters dropped",
        rl_plots.reason_areas,
        "A sample that fails for several reasons counts under the first.",
    ),
    (
        "Tokens that trained nothing",
        rl_plots.wasted_areas,
        "Response tokens by the first reason why their sample did not train.",
    ),
    (
        "Rollout policy against learner",
        rl_plots.mismatch_lines,
        "What engines and learner disagree by: k3 estimate of the KL, which staleness adds to.",
    ),
    (
        "Idle share of actors",
        rl_plots.idle_lines,
        "Share of the time from one update to the next, probes and checkpoints included, in which they had "
        "no work; a judge's server that is waited for is work.",
    ),
    ("Where the time went", plots.stage_bars, "Wall-clock seconds of each stage."),
)

_HEADINGS = ("Tags", "Summaries")


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
    """Write `report.json`, `report.md` and `report.html` into `directory`, each whole."""
    write_json(directory / "report.json", report_json(report))
    write_text(directory / "report.md", markdown(report))
    write_text(directory / "report.html", render(report))


def render(report: Report) -> str:
    """`report` as one HTML page; parts without data say so or stay away."""
    tracks = [
        {"heading": heading, "track": track, "columns": shown_columns(report, track), "rows": rows}
        for heading, track in zip(_HEADINGS, TRACKS, strict=True)
        if (rows := shown_rows(report, track))
    ]
    return rendered(
        "hprbench",
        "report.html.j2",
        report=report,
        tracks=tracks,
        best=best_cells(report),
        share=share,
        trust=trust_told(report),
        probe=probe_told(report),
        charts=_drawn(report, _SCORES),
        training=_drawn(report, _TRAINING),
        tags=TAGS,
        dimensions=DIMENSIONS,
        heat_rows=[row for row in report.rows if row.part("avg_at_k", "tag")],
        examples=[_view(example) for example in report.examples],
        kinds=KINDS,
        levels=LEVELS,
        duration=_duration,
        short=_short,
    )


def _drawn(report: Report, charts: Sequence[tuple[str, Callable[[Report], str], str]]) -> list[_Chart]:
    return [
        _Chart(title=title.replace("@k", f"@{report.k}"), svg=Markup(svg), note=note)
        for title, draw, note in charts
        if (svg := draw(report))
    ]


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
        for tag in in_order(example.gold)
    )
    evidence = {
        tag: set(example.history.lines_citing(label.event_ids)) for tag, label in example.gold.items()
    }
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


def _short(value: float) -> str:
    """`value` with three digits and no zero before the point: .258, 1.000."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.3f}")


def _duration(seconds: float) -> str:
    """`seconds` for people: 42 s, 7 min 05 s, 2 h 03 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
