"""The report of a run: what goes in, and report.json.

Report ─┬→ report_json ─→ report.json     keys that other programs read
        ├→ markdown.tables ─→ report.md
        ├→ terminal.tables                for the terminal
        └→ page.render ─→ report.html     one self-contained file
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hprbench.breakdown import Parts, parts_of
from hprbench.candidates import Stratum
from hprbench.curves import Curves
from hprbench.intervals import Difference, Share, share_of
from hprbench.metrics import Gold, Tallies
from hprbench.validation.accuracy import ExtractorAccuracy
from lm.answers import Sentence, TagAnswer
from records.history import SemanticHistory
from records.tags import DIMENSIONS, GoldTag

TAG_TRACK, SUMMARY_TRACK = TRACKS = ("tags", "summaries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One model in the table: its `shares` by metric, and the `parts` of each (by dimension, difficulty …).

    A metric that the model has no number of is absent. `k` is its runs a user, `extra` further numbers for
    report.json only.
    """

    model: str
    k: int | None = None
    shares: Mapping[str, Share] = field(default_factory=dict)
    parts: Parts = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def part(self, metric: str, by: str) -> Mapping[str, Share]:
        """Part → share of `metric`, cut down `by` something; empty where there is none."""
        return self.parts.get(metric, {}).get(by, {})


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
    gold_summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the report shows.

    `seconds` is the wall time of the run and `stages` that of each stage, in order.
    `probe_reward` is the mean probe reward in [0, 2] of the policy after `sft` and after `rl`, and
    `probe_difference` what the one has over the other, paired by user. `extractor`
    says how far the extractor behind Acc_Ex can be trusted, `benchmark` who was asked: users, version,
    reviews, and what the steps of the build came to. `lengths` are the classes of length with their median
    tokens.
    """

    title: str
    k: int
    rows: Sequence[Row]
    seconds: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    probe_reward: Mapping[str, float | None] = field(default_factory=dict)
    probe_difference: Difference | None = None
    curves: Curves = field(default_factory=Curves)
    examples: Sequence[Example] = ()
    extractor: ExtractorAccuracy | None = None
    benchmark: Mapping[str, Any] = field(default_factory=dict)
    lengths: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a track's table: the metric or dimension, its heading, and its meaning in a sentence."""

    key: str
    heading: str
    meaning: str
    track: str = TAG_TRACK
    lower_is_better: bool = False


def columns(k: int) -> tuple[Column, ...]:
    """The columns after the model's name, in order; `k` runs a user."""
    return (
        Column(
            key="avg_at_k",
            heading=f"Avg@{k}",
            meaning=f"Share of correct tags over {k} runs (one of baselines and of a network made anew) and "
            "all users, averaged over the tags; NA counts as a value.",
        ),
        *(
            Column(key=dimension, heading=dimension, meaning=f"Avg@{k} of the tags about {name} alone.")
            for dimension, name in DIMENSIONS.items()
        ),
        Column(
            key="non_na",
            heading="non-NA",
            meaning=f"Avg@{k} over users whose history shows the tag, so that answering NA earns nothing.",
        ),
        Column(
            key="maj_at_k",
            heading=f"Maj@{k}",
            meaning=f"Avg@{k} of one answer a user: of every tag what most of the {k} runs say.",
        ),
        Column(
            key="macro_f1",
            heading="Macro-F1",
            meaning="F1 averaged over the values of a tag and then over tags: rare values weigh as much as "
            "frequent ones.",
        ),
        Column(
            key="maj_macro_f1",
            heading="Maj. F1",
            meaning=f"Macro-F1 of what most of the {k} runs say.",
        ),
        Column(
            key="format_rate",
            heading="Format",
            meaning="Share of responses that follow the answer schema; the others have all tags wrong.",
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
            key="acc_ex",
            heading="Acc_Ex",
            meaning="Share of the known tags that a fixed extractor reads correctly from the summary.",
            track=SUMMARY_TRACK,
        ),
        Column(
            key="cov_ex",
            heading="Cov_Ex",
            meaning="Share of the known tags on which the summary says anything, right or wrong.",
            track=SUMMARY_TRACK,
        ),
        Column(
            key="halluc_ex",
            heading="Halluc_Ex",
            meaning="Share of the tags without evidence on which the summary asserts something all the same; "
            "lower is better.",
            track=SUMMARY_TRACK,
            lower_is_better=True,
        ),
        Column(
            key="rule_judge",
            heading="Judge (rules)",
            meaning="Completeness, consistency, conciseness and looks, weighed by a judge of rules that "
            "reads the clauses models are taught and no paraphrase.",
            track=SUMMARY_TRACK,
        ),
        Column(
            key="llm_judge",
            heading="Judge (LLM)",
            meaning="The same four by the language model of section scorer.llm.",
            track=SUMMARY_TRACK,
        ),
        Column(
            key="bleu",
            heading="BLEU",
            meaning="Smoothed BLEU-4 against the summary that the gold tags give, averaged over summaries.",
            track=SUMMARY_TRACK,
        ),
        Column(
            key="similarity",
            heading="Similarity",
            meaning="Cosine of sentence embeddings of both, averaged over summaries.",
            track=SUMMARY_TRACK,
        ),
        Column(
            key="compression",
            heading="Compr.",
            meaning="1 minus the tokens of the summary over the tokens of the raw log it replaces.",
            track=SUMMARY_TRACK,
        ),
    )


def shown_columns(report: Report, track: str) -> list[Column]:
    """The columns of a track that some row has a number in."""
    mine = [column for column in columns(report.k) if column.track == track]
    return [column for column in mine if any(share(row, column.key) for row in report.rows)]


def shown_rows(report: Report, track: str) -> list[Row]:
    """The rows that have a number in a track; all where none has."""
    mine = shown_columns(report, track)
    return [row for row in report.rows if any(share(row, column.key) for column in mine)]


def share(row: Row, key: str) -> Share | None:
    """The number of `row` in the column `key`, a metric or a dimension (of Avg@k)."""
    return row.part("avg_at_k", "dimension").get(key) if key in DIMENSIONS else row.shares.get(key)


def score_row(
    model: str,
    tallies: Tallies,
    gold: Gold,
    strata: Mapping[str, Stratum],
    *,
    seed: int,
    k: int,
    extra: Mapping[str, Any] | None = None,
) -> Row:
    """The row of `model` from whatever was measured of it, `k` runs a user."""
    shares = {metric: share_of(tally, seed=seed) for metric, tally in tallies.items()}
    return Row(
        model=model,
        k=k,
        shares={metric: found for metric, found in shares.items() if found is not None},
        parts=parts_of(tallies, gold, strata, seed=seed),
        extra=extra or {},
    )


def report_json(report: Report) -> dict[str, Any]:
    """`report` as report.json holds it: every metric always there, null where there is no number."""
    body = {
        **report.extra,
        "title": report.title,
        "k": report.k,
        "seconds": report.seconds,
        "stages": dict(report.stages),
        "probe_reward": {name: report.probe_reward.get(name) for name in ("sft", "rl")},
        "probe_difference": _difference_json(report.probe_difference),
        "idle": report.curves.idle_shares(),
        "tokens": {name: report.curves.tokens.get(name) for name in ("generated", "trained")},
        "benchmark": report.benchmark,
        "extractor": None
        if report.extractor is None
        else {
            "version": report.extractor.version,
            "accuracy": trusted(report.extractor),
            "by_source": _by_source(report.extractor),
        },
        "rows": [_row_json(row, columns(report.k)) for row in report.rows],
    }
    clean: dict[str, Any] = _without_nan(body)
    return clean


def _difference_json(found: Difference | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"mean": found.mean, "interval": list(found.interval), "users": found.users}


def probe_told(report: Report) -> str:
    """What DF-GRPO did to the probe reward, in words; "" where it is not known."""
    before, after, found = *(report.probe_reward.get(name) for name in ("sft", "rl")), report.probe_difference
    if before is None or after is None or found is None:
        return ""
    low, high = found.interval
    return (
        f"probe reward {before:.3f} before DF-GRPO, {after:.3f} after it: {found.mean:+.3f} "
        f"[{low:+.3f}, {high:+.3f}] over {found.users} users"
    )


def trusted(extractor: ExtractorAccuracy) -> dict[str, float | None]:
    """Accuracy of the extractor's readings: on paraphrases that its rules never saw, plain and hard, and on
    model summaries read by hand. None where nothing was measured."""
    return {
        "plain": extractor.plain.accuracy,
        "hard": extractor.hard.accuracy,
        "read_by_hand": extractor.read.accuracy,
    }


def _by_source(extractor: ExtractorAccuracy) -> dict[str, float | None]:
    """Accuracy on the summaries read by hand, by the model that wrote them."""
    return {source: found.accuracy for source, found in extractor.read_by_source.items()}


def trust_told(report: Report) -> str:
    """The same in words; "" where there is nothing to tell."""
    names = {"plain": "plain paraphrases", "hard": "hard ones", "read_by_hand": "summaries read by hand"}
    if report.extractor is None:
        return ""
    found = trusted(report.extractor)
    told = ", ".join(f"{value:.3f} on {names[key]}" for key, value in found.items() if value is not None)
    sources = _by_source(report.extractor).items()
    by_source = "; ".join(f"{value:.3f} of {name}" for name, value in sources if value is not None)
    return f"{told} ({by_source})" if by_source else told


def _row_json(row: Row, all_columns: Sequence[Column]) -> dict[str, Any]:
    numbers = {column.key: share(row, column.key) for column in all_columns}
    values = {key: None if found is None else found.value for key, found in numbers.items()}
    tags = row.part("avg_at_k", "tag")
    return {
        **row.extra,
        "model": row.model,
        "k": row.k,
        **{key: value for key, value in values.items() if key not in DIMENSIONS},
        "by_dimension": {name: values[name] for name in DIMENSIONS} if tags else None,
        "by_tag": {name: found.value for name, found in tags.items()} if tags else None,
        "intervals": {key: list(found.interval) for key, found in numbers.items() if found is not None},
        "parts": {
            metric: {
                by: {
                    name: {"value": one.value, "interval": list(one.interval), "users": one.users}
                    for name, one in parts.items()
                }
                for by, parts in groups.items()
            }
            for metric, groups in row.parts.items()
        },
    }


def _without_nan(value: Any) -> Any:
    """`value` with null for every number that JSON does not know."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def best_cells(report: Report) -> dict[str, float | None]:
    """The best number of every column, None where no row has one or only one row has."""
    best: dict[str, float | None] = {}
    for column in columns(report.k):
        # Who says nothing invents nothing: that is no merit.
        rows = [row for row in report.rows if not column.lower_is_better or _covers(row)]
        values = [found.value for row in rows if (found := share(row, column.key)) is not None]
        choose = min if column.lower_is_better else max
        best[column.key] = choose(values) if len(values) > 1 else None
    return best


def _covers(row: Row) -> bool:
    return "cov_ex" in row.shares and row.shares["cov_ex"].value > 0
