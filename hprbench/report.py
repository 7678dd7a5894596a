"""The report of a run: what goes in, and report.json.

Report ─┬→ report_json ─→ report.json     keys that other programs read
        ├→ terminal.table                 for the terminal
        └→ page.render ─→ report.html     one self-contained file
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hprbench.metrics import EvidenceScores, Interval, SummaryScores, TagScores
from lm.answers import Sentence, TagAnswer
from records.history import SemanticHistory
from records.tags import DIMENSIONS, GoldTag


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model in the table. Shares are in [0, 1]; None where a model has no such number.

    `by_dimension` and `by_tag` hold Avg@k, `intervals` 95 % intervals by column key (avg_at_k,
    acc_ex, cov_ex, halluc_ex), `extra` further numbers for report.json only, such as the runs `k`.
    """

    model: str
    avg_at_k: float | None = None
    by_dimension: Mapping[str, float] | None = None
    by_tag: Mapping[str, float] | None = None
    non_na: float | None = None
    macro_f1: float | None = None
    acc_ex: float | None = None
    cov_ex: float | None = None
    halluc_ex: float | None = None
    evidence_precision: float | None = None
    evidence_recall: float | None = None
    format_rate: float | None = None
    compression: float | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """What happened during training; every part may be empty.

    `reward`: one mapping an RL step, `{"step", "pre_filter", "post_filter", "probe"}`, mean
    rewards in [0, 2], None or absent where there is none. `filter_reasons`: one mapping an RL
    step, `step` and the number of samples dropped by each reason (the mean share works as well).
    `sft_loss`: stage → loss of each optimiser step, nats a token.
    """

    reward: Sequence[Mapping[str, float | None]] = ()
    filter_reasons: Sequence[Mapping[str, float | None]] = ()
    sft_loss: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One benchmark user as a reader meets him: history, gold, and one answer of `model`.

    `tags` is None when the answer was badly formatted; `summary` is empty when there is none.
    """

    model: str
    history: SemanticHistory
    gold: Mapping[str, GoldTag]
    tags: Mapping[str, TagAnswer] | None
    summary: Sequence[Sentence] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the report shows.

    `seconds` is the wall time of the run and `stages` that of each stage, in order.
    `probe_reward` is the mean probe reward in [0, 2] of the policy after `sft` and after `rl`.
    """

    title: str
    k: int
    rows: Sequence[Row]
    seconds: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    probe_reward: Mapping[str, float | None] = field(default_factory=dict)
    curves: Curves = field(default_factory=Curves)
    examples: Sequence[Example] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the table: the field of Row, its heading, and what it means in one sentence."""

    key: str
    heading: str
    meaning: str
    lower_is_better: bool = False


def columns(k: int) -> tuple[Column, ...]:
    """The columns after the model's name, in order; `k` runs a user."""
    return (
        Column(
            key="avg_at_k",
            heading=f"Avg@{k}",
            meaning=f"Share of correct tags over {k} runs (one of baselines and of a network made anew) and "
            "all users, averaged over the 18 tags; NA counts as a value, and the range is a 95 % bootstrap "
            "interval over users.",
        ),
        *(
            Column(
                key=dimension,
                heading=dimension,
                meaning=f"Avg@{k} of the tags about {name} alone.",
            )
            for dimension, name in DIMENSIONS.items()
        ),
        Column(
            key="non_na",
            heading="non-NA",
            meaning=f"Avg@{k} over users whose history shows the tag, so that answering NA earns nothing.",
        ),
        Column(
            key="macro_f1",
            heading="Macro-F1",
            meaning="F1 averaged over the values of a tag and then over tags: rare values weigh as much as "
            "frequent ones.",
        ),
        Column(
            key="acc_ex",
            heading="Acc_Ex",
            meaning="Share of the known tags that a fixed extractor reads correctly from the summary.",
        ),
        Column(
            key="cov_ex",
            heading="Cov_Ex",
            meaning="Share of the known tags on which the summary says anything, right or wrong.",
        ),
        Column(
            key="halluc_ex",
            heading="Halluc_Ex",
            meaning="Share of the tags without evidence on which the summary asserts something all the same; "
            "lower is better.",
            lower_is_better=True,
        ),
        Column(
            key="format_rate",
            heading="Format",
            meaning="Share of responses that follow the answer schema; the others have all 18 tags wrong.",
        ),
        Column(
            key="evidence_precision",
            heading="Ev. P",
            meaning="Share of the cited history lines that stand on true evidence for the tag.",
        ),
        Column(
            key="evidence_recall",
            heading="Ev. R",
            meaning="Share of the lines with true evidence that are cited; where answers may cite only a few "
            "lines a tag it cannot reach 1.",
        ),
        Column(
            key="compression",
            heading="Compr.",
            meaning="1 minus the tokens of the summary over the tokens of the raw log it replaces.",
        ),
    )


def cell(row: Row, key: str) -> float | None:
    """The number of `row` in the column `key`, a field of Row or a dimension."""
    if key in DIMENSIONS:
        return None if row.by_dimension is None else _finite(row.by_dimension.get(key))
    value: float | None = getattr(row, key)
    return _finite(value)


def score_row(
    model: str,
    *,
    tags: TagScores | None = None,
    summaries: SummaryScores | None = None,
    evidence: EvidenceScores | None = None,
    compression: float | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Row:
    """The row of `model` from whatever was scored of it."""
    intervals: dict[str, Interval | None] = {}
    if tags:
        intervals["avg_at_k"] = tags.interval
    if summaries:
        intervals["acc_ex"] = summaries.acc_ex_interval
        intervals["cov_ex"] = summaries.cov_ex_interval
        intervals["halluc_ex"] = summaries.halluc_ex_interval
    return Row(
        model=model,
        avg_at_k=tags.avg_at_k if tags else None,
        by_dimension=tags.by_dimension if tags else None,
        by_tag=tags.by_tag if tags else None,
        non_na=tags.non_na if tags else None,
        macro_f1=tags.macro_f1 if tags else None,
        format_rate=tags.format_rate if tags else None,
        acc_ex=summaries.acc_ex if summaries else None,
        cov_ex=summaries.cov_ex if summaries else None,
        halluc_ex=summaries.halluc_ex if summaries else None,
        evidence_precision=evidence.precision if evidence else None,
        evidence_recall=evidence.recall if evidence else None,
        compression=compression,
        intervals={key: interval for key, interval in intervals.items() if interval is not None},
        extra={**({"k": tags.k} if tags else {}), **(extra or {})},
    )


def report_json(report: Report) -> dict[str, Any]:
    """`report` as report.json holds it: every key always there, null where there is no number."""
    rows = [
        {
            **row.extra,
            "model": row.model,
            "by_dimension": None
            if row.by_dimension is None
            else {dimension: cell(row, dimension) for dimension in DIMENSIONS},
            **{
                column.key: cell(row, column.key)
                for column in columns(report.k)
                if column.key not in DIMENSIONS
            },
            "by_tag": None if row.by_tag is None else dict(row.by_tag),
            "intervals": {key: list(ends) for key, ends in row.intervals.items()},
        }
        for row in report.rows
    ]
    body = {
        **report.extra,
        "title": report.title,
        "k": report.k,
        "seconds": report.seconds,
        "stages": dict(report.stages),
        "probe_reward": {name: report.probe_reward.get(name) for name in ("sft", "rl")},
        "rows": rows,
    }
    clean: dict[str, Any] = _without_nan(body)
    return clean


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _without_nan(value: Any) -> Any:
    """`value` with null for every number that JSON does not know."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return _finite(value) if isinstance(value, float) else value


def best_cells(report: Report) -> dict[str, float | None]:
    """The best number of every column, None where no row has one or only one row has."""
    best: dict[str, float | None] = {}
    for column in columns(report.k):
        values = [value for row in report.rows if (value := cell(row, column.key)) is not None]
        choose = min if column.lower_is_better else max
        best[column.key] = choose(values) if len(values) > 1 else None
    return best
