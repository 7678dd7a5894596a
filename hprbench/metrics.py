"""The numbers of HPR-Bench: tag track, summary track, evidence, intervals.

    responses → parse → TagPredictions ─┬→ score_tags       Avg@k, by dimension, non-NA, macro-F1
                                        ├→ bootstrap_interval, paired_interval (over users)
    summaries → extract → TagPredictions ─→ score_summaries  Acc_Ex, Cov_Ex, Halluc_Ex
    cited lines → Citations ─────────────→ score_evidence    precision, recall

Avg@k, Acc_Ex and Cov_Ex are the metrics of the UserGPT report (arXiv 2605.08766); how NA counts,
Halluc_Ex, evidence scores and all intervals are our own and defined here. Nothing here reads text.

Array suffixes: U users, B bootstrap resamples.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from records.history import SemanticHistory
from records.tags import DIMENSIONS, NA, TAG, TAG_NAMES, TAGS, GoldTag

Values: TypeAlias = tuple[str, ...]
"""Values of one tag; empty for NA."""

TagPredictions: TypeAlias = Mapping[str, Sequence[Mapping[str, Values] | None]]
"""User → k runs. A run is tag → values, or None for a badly formatted response.

A badly formatted response has all 18 tags wrong; so has a run every tag that it lacks.
"""

Citations: TypeAlias = Mapping[str, Sequence[Mapping[str, tuple[int, ...]] | None]]
"""User → k runs of tag → cited line numbers; None for a badly formatted response."""

Gold: TypeAlias = Mapping[str, Mapping[str, GoldTag]]
"""User → tag → true values, all 18 tags for every user."""

Interval: TypeAlias = tuple[float, float]
"""Lower and upper end of a 95 % interval."""

INTERESTS_F1 = 0.5
"""Overlap from which a set of interests counts as correct."""

RESAMPLES = 2000
"""Bootstrap resamples of an interval; its ends then move by about 0.001 between seeds."""


def value_set(tag: str, values: Values) -> frozenset[str]:
    """`values` as a set to compare: NA is a value like any other, open tags know no case."""
    if not values:
        return frozenset({NA})
    if TAG[tag].is_open:
        return frozenset(value.strip().casefold() for value in values)
    return frozenset(values)


def is_correct(tag: str, predicted: Values, gold: Values) -> bool:
    """Whether one prediction of one tag is correct; NA (empty) is right exactly for gold NA.

    Closed tags must be equal, home_city but for case. Interests are correct when the F1 of the
    two lower-cased sets, 2·|shared| / (|predicted| + |gold|), is at least INTERESTS_F1: a
    stand-in for similarity of embeddings, which forgives other words for the same thing.
    """
    ours, theirs = value_set(tag, predicted), value_set(tag, gold)
    if tag == "interests":
        return 2 * len(ours & theirs) / (len(ours) + len(theirs)) >= INTERESTS_F1
    return ours == theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class TagScores:
    """The tag track of one model. Shares are in [0, 1]; None where nothing was to be counted.

    `by_difficulty` is over all users and tags whose evidence is of that kind. `per_user` is each user's mean
    correctness over runs and tags: its mean over users is `avg_at_k`, and two models are compared by it
    (`paired_interval`).
    """

    avg_at_k: float
    interval: Interval
    by_dimension: dict[str, float]
    by_tag: dict[str, float]
    by_difficulty: dict[str, float]
    non_na: float | None
    macro_f1: float
    format_rate: float
    k: int
    per_user: dict[str, float]


def score_tags(predictions: TagPredictions, gold: Gold, *, seed: int) -> TagScores:
    """Avg@k and its relatives for the users of `predictions`.

    Avg@k is the mean correctness over runs and users, macro over the 18 tags. `non_na` is the
    same over the users whose gold is known, macro over the tags that have any. Raises
    ValueError when there are no users, k differs between users, or gold lacks a user or tag.

    Example:
        score_tags({"u1": [{"gender": ("female",), …}, None]}, gold, seed=0).avg_at_k
    """
    k = _runs_each(predictions)
    _check_gold(predictions, gold)
    users = list(predictions)
    correct_UT = np.array(
        [
            [_share_correct(predictions[user], tag, gold[user][tag].values) for tag in TAG_NAMES]
            for user in users
        ]
    )
    known_UT = np.array([[not gold[user][tag].is_na for tag in TAG_NAMES] for user in users])
    by_tag = dict(zip(TAG_NAMES, correct_UT.mean(axis=0).tolist(), strict=True))
    non_na = [
        float(correct_U[known_U].mean())
        for correct_U, known_U in zip(correct_UT.T, known_UT.T, strict=True)
        if known_U.any()
    ]
    per_user_U = correct_UT.mean(axis=1)
    return TagScores(
        avg_at_k=float(per_user_U.mean()),
        interval=bootstrap_interval(per_user_U, np.ones(len(users)), seed=seed),
        by_dimension={
            dimension: float(np.mean([by_tag[tag.name] for tag in TAGS if tag.dimension == dimension]))
            for dimension in DIMENSIONS
        },
        by_tag=by_tag,
        by_difficulty=_by_difficulty(
            correct_UT, [[gold[u][tag].difficulty for tag in TAG_NAMES] for u in users]
        ),
        non_na=float(np.mean(non_na)) if non_na else None,
        macro_f1=float(np.mean([_tag_f1(predictions, gold, tag) for tag in TAG_NAMES])),
        format_rate=float(np.mean([run is not None for user in users for run in predictions[user]])),
        k=k,
        per_user=dict(zip(users, per_user_U.tolist(), strict=True)),
    )


def _by_difficulty(correct_UT: NDArray[np.float64], kinds_UT: Sequence[Sequence[str]]) -> dict[str, float]:
    kinds = np.array(kinds_UT)
    return {kind: float(correct_UT[kinds == kind].mean()) for kind in sorted(set(kinds.ravel().tolist()))}


def _runs_each(predictions: TagPredictions) -> int:
    lengths = {len(runs) for runs in predictions.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"every user needs the same number of runs, at least 1; found {sorted(lengths)}")
    return lengths.pop()


def _check_gold(users: Mapping[str, object], gold: Gold) -> None:
    for user in users:
        missing = [tag for tag in TAG_NAMES if tag not in gold.get(user, {})]
        if missing:
            raise ValueError(f"gold of user {user} lacks {', '.join(missing)}")


def _share_correct(runs: Sequence[Mapping[str, Values] | None], tag: str, gold: Values) -> float:
    hits = sum(run is not None and tag in run and is_correct(tag, run[tag], gold) for run in runs)
    return hits / len(runs)


def _tag_f1(predictions: TagPredictions, gold: Gold, tag: str) -> float:
    """Macro-F1 over the values (NA included) that gold or predictions hold, all runs pooled.

    For interests the micro F1 of the sets: single interests are too many and too rare for a
    mean over them. A run without the tag adds to the misses of the gold value, and to nothing else.
    """
    shared: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    true: Counter[str] = Counter()
    for user, runs in predictions.items():
        theirs = value_set(tag, gold[user][tag].values)
        for run in runs:
            ours = value_set(tag, run[tag]) if run is not None and tag in run else frozenset()
            shared.update(ours & theirs)
            predicted.update(ours)
            true.update(theirs)
    if tag == "interests":
        return 2 * shared.total() / (predicted.total() + true.total())
    values = predicted.keys() | true.keys()
    return sum(2 * shared[value] / (predicted[value] + true[value]) for value in values) / len(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryScores:
    """The summary track of one model, shares in [0, 1]; None where the gold offers no case.

    `acc_ex_by_dimension` has only dimensions with a known tag. `acc_ex_per_user` has only users
    with a known tag.
    """

    acc_ex: float | None
    acc_ex_interval: Interval | None
    cov_ex: float | None
    cov_ex_interval: Interval | None
    halluc_ex: float | None
    halluc_ex_interval: Interval | None
    acc_ex_by_dimension: dict[str, float]
    acc_ex_per_user: dict[str, float]


def score_summaries(extracted: TagPredictions, gold: Gold, *, seed: int) -> SummaryScores:
    """Score summaries by what the fixed extractor reads from them, pooled over users and runs.

    Acc_Ex = correct / gold non-NA tags, Cov_Ex = extracted / gold non-NA tags, Halluc_Ex =
    asserted / gold NA tags. A badly formatted response (None) asserts nothing: it costs
    accuracy and coverage. Raises ValueError as `score_tags`.
    """
    _runs_each(extracted)
    _check_gold(extracted, gold)
    correct_UD, asserted_UD, known_UD, invented_UD, unknown_UD = (
        np.zeros((len(extracted), len(DIMENSIONS))) for _ in range(5)
    )
    column = {dimension: place for place, dimension in enumerate(DIMENSIONS)}
    for row, (user, runs) in enumerate(extracted.items()):
        for tag in TAGS:
            truth, cell = gold[user][tag.name], (row, column[tag.dimension])
            for run in runs:
                values = () if run is None else run.get(tag.name, ())
                if truth.is_na:
                    unknown_UD[cell] += 1
                    invented_UD[cell] += bool(values)
                else:
                    known_UD[cell] += 1
                    asserted_UD[cell] += bool(values)
                    correct_UD[cell] += is_correct(tag.name, values, truth.values)
    known_U = known_UD.sum(axis=1)
    acc_ex, acc_ex_interval = _pooled(correct_UD.sum(axis=1), known_U, seed)
    cov_ex, cov_ex_interval = _pooled(asserted_UD.sum(axis=1), known_U, seed)
    halluc_ex, halluc_ex_interval = _pooled(invented_UD.sum(axis=1), unknown_UD.sum(axis=1), seed)
    correct_D, known_D = correct_UD.sum(axis=0), known_UD.sum(axis=0)
    return SummaryScores(
        acc_ex=acc_ex,
        acc_ex_interval=acc_ex_interval,
        cov_ex=cov_ex,
        cov_ex_interval=cov_ex_interval,
        halluc_ex=halluc_ex,
        halluc_ex_interval=halluc_ex_interval,
        acc_ex_by_dimension={
            dimension: float(correct_D[place] / known_D[place])
            for dimension, place in column.items()
            if known_D[place]
        },
        acc_ex_per_user={
            user: float(correct_UD[row].sum() / known_U[row])
            for row, user in enumerate(extracted)
            if known_U[row]
        },
    )


def _pooled(hits_U: np.ndarray, cases_U: np.ndarray, seed: int) -> tuple[float, Interval] | tuple[None, None]:
    if not cases_U.any():
        return None, None
    return float(hits_U.sum() / cases_U.sum()), bootstrap_interval(hits_U, cases_U, seed=seed)


def compression(summary_tokens: Sequence[int], raw_tokens: Sequence[int]) -> float:
    """Mean over summaries of 1 − tokens(summary) / tokens(raw log), both by the same tokenizer.

    The raw log is one `time source action content` line an event. Below 0 the summary is
    longer than the log. Raises ValueError on unequal or empty lists and on empty logs.
    """
    if not summary_tokens or len(summary_tokens) != len(raw_tokens) or min(raw_tokens) < 1:
        raise ValueError("compression needs one summary length and one log length (above 0) a summary")
    return float(1 - np.mean(np.divide(summary_tokens, raw_tokens)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceScores:
    """How well cited lines agree with gold evidence; None when nothing was cited, or to be cited."""

    precision: float | None
    recall: float | None


def score_evidence(
    citations: Citations, gold: Gold, histories: Mapping[str, SemanticHistory]
) -> EvidenceScores:
    """Precision and recall of cited lines, pooled over users, runs and tags whose gold is known.

    Gold lines of a tag are the lines that stand on one of its gold events. Evidence that did
    not fit into the history has no gold line: it cannot be recalled, and citing for it is
    wrong. Answers that may cite only a few lines a tag have a recall bounded below 1.
    Raises ValueError when gold lacks a user or tag; KeyError when histories lack a user.
    """
    _check_gold(citations, gold)
    shared = cited = true = 0
    for user, runs in citations.items():
        for tag in TAG_NAMES:
            if gold[user][tag].is_na:
                continue
            gold_lines = set(histories[user].lines_citing(gold[user][tag].event_ids))
            for run in runs:
                lines = set() if run is None else set(run.get(tag, ()))
                shared += len(lines & gold_lines)
                cited += len(lines)
                true += len(gold_lines)
    return EvidenceScores(precision=shared / cited if cited else None, recall=shared / true if true else None)


def bootstrap_interval(hits_U: ArrayLike, cases_U: ArrayLike, *, seed: int) -> Interval:
    """95 % percentile interval of Σ hits / Σ cases when users are drawn with replacement.

    `hits_U` and `cases_U` hold one number a user (`cases_U` all 1 for a mean). Users are the
    unit because the runs and tags of one user are not independent. Deterministic by `seed`.
    Raises ValueError on empty or unequal arrays, or when there is no case at all.
    """
    hits_U, cases_U = np.asarray(hits_U, dtype=float), np.asarray(cases_U, dtype=float)
    if hits_U.shape != cases_U.shape or hits_U.ndim != 1 or not cases_U.any():
        raise ValueError(f"need one hit and one case count a user, got {hits_U.shape} and {cases_U.shape}")
    # How often each user is drawn, B × U: the same as drawing indices, at a fraction of the memory.
    users = len(hits_U)
    drawn_BU = np.random.default_rng(seed).multinomial(users, np.full(users, 1 / users), size=RESAMPLES)
    cases_B = drawn_BU @ cases_U
    # A resample without any case says nothing about the share.
    ratio_B = (drawn_BU @ hits_U)[cases_B > 0] / cases_B[cases_B > 0]
    low, high = np.percentile(ratio_B, [2.5, 97.5])
    return float(low), float(high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Mean difference of two models over the same users, and its 95 % interval."""

    mean: float
    interval: Interval


def paired_interval(a: Mapping[str, float], b: Mapping[str, float], seed: int) -> Difference:
    """Mean over users of a − b. Pairing removes what makes a user hard for both models.

    `a` and `b` are per-user scores of the same users in any order; ValueError otherwise.

    Example:
        paired_interval(grpo.per_user, sft.per_user, seed=0).interval[0] > 0   # better beyond chance
    """
    if a.keys() != b.keys():
        raise ValueError(f"{len(a.keys() ^ b.keys())} users have a score on one side only")
    difference_U = np.array([a[user] - b[user] for user in sorted(a)])
    interval = bootstrap_interval(difference_U, np.ones(len(difference_U)), seed=seed)
    return Difference(mean=float(difference_U.mean()), interval=interval)
