"""The numbers of HPR-Bench: tag track, summary track, evidence.

    responses → parse → TagPredictions ──→ score_tags       Avg@k, non-NA, macro-F1, format
    summaries → extract → TagPredictions ─→ score_summaries  Acc_Ex, Cov_Ex, Halluc_Ex
    cited lines → Citations ─────────────→ score_evidence    precision, recall

Each gives tallies by metric, which know shares, intervals over users and paired differences (intervals.py)
and can be cut down by tag, dimension, difficulty and length (breakdown.py).
Avg@k, Acc_Ex and Cov_Ex are the metrics of the UserGPT report (arXiv 2605.08766); how NA counts,
Halluc_Ex, evidence scores and all intervals are our own and defined here. Nothing here reads text.

Array suffixes: U users, T tags (all of the tag table), G groups.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hprbench.intervals import Tally, pooled
from records.history import SemanticHistory
from records.tags import NA, TAG, TAG_NAMES, GoldTag

Values: TypeAlias = tuple[str, ...]
"""Values of one tag; empty for NA."""

TagPredictions: TypeAlias = Mapping[str, Sequence[Mapping[str, Values] | None]]
"""User → k runs. A run is tag → values, or None for a badly formatted response.

A badly formatted response has all tags wrong; so has a run every tag that it lacks.
"""

Citations: TypeAlias = Mapping[str, Sequence[Mapping[str, tuple[int, ...]] | None]]
"""User → k runs of tag → cited line numbers; None for a badly formatted response."""

Gold: TypeAlias = Mapping[str, Mapping[str, GoldTag]]
"""User → tag → true values: all 18 tags for simulated users, of others those that are known.

A tag of which nothing is known counts nowhere, whatever is said of it; NA is something known.
"""

Tallies: TypeAlias = dict[str, Tally]
"""Metric → tally."""

INTERESTS_F1 = 0.5
"""Overlap from which a set of interests counts as correct."""


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


def score_tags(predictions: TagPredictions, gold: Gold) -> Tallies:
    """The tag track for the users of `predictions`: avg_at_k, non_na, macro_f1, their votes, format_rate.

    avg_at_k is the mean correctness over runs and users, macro over the tags that are known; non_na the same
    over the cases whose gold has a value; maj_at_k and maj_macro_f1 are avg_at_k and macro_f1 of each user's
    `vote`; format_rate the share of well-formed runs. Raises ValueError when there are no users, k differs
    between users, or gold knows no tag of a user.

    Example:
        share_of(score_tags({"u1": [{"gender": ("female",), …}, None]}, gold)["avg_at_k"], seed=0).value
    """
    k = runs_each(predictions)
    users = _known_users(predictions, gold)
    valued_UT = np.array(
        [[tag in gold[user] and not gold[user][tag].is_na for tag in TAG_NAMES] for user in users], float
    )
    avg_at_k = _correct(predictions, gold, users)
    votes = {user: [vote(predictions[user])] for user in users}
    well_U = [sum(run is not None for run in predictions[user]) for user in users]
    return {
        "avg_at_k": avg_at_k,
        "non_na": avg_at_k.where(valued_UT),
        "maj_at_k": _correct(votes, gold, users),
        "macro_f1": _macro_f1(predictions, gold, users),
        "maj_macro_f1": _macro_f1(votes, gold, users),
        "format_rate": pooled(users, well_U, [k] * len(users)),
    }


def vote(runs: Sequence[Mapping[str, Values] | None]) -> Mapping[str, Values] | None:
    """One answer out of a user's runs: of every tag what most well-formed runs say.

    Of equals what was said first; None when no run is well formed. This is self-consistency
    (Wang et al., arXiv 2203.11171), a tag at a time.
    """
    read = [run for run in runs if run is not None]
    voted: dict[str, Values] = {}
    for tag in dict.fromkeys(tag for run in read for tag in run):
        said = [run[tag] for run in read if tag in run]
        counts = Counter(value_set(tag, values) for values in said)
        # `max` keeps the first of equals.
        voted[tag] = max(said, key=lambda values: counts[value_set(tag, values)])
    return voted if read else None


def runs_each(predictions: Mapping[str, Sequence[object]]) -> int:
    """The number of runs a user, k. Raises ValueError unless it is the same for all, and above 0."""
    lengths = {len(runs) for runs in predictions.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"every user needs the same number of runs, at least 1; found {sorted(lengths)}")
    return lengths.pop()


def _known_users(users: Mapping[str, object], gold: Gold) -> tuple[str, ...]:
    for user in users:
        if not gold.get(user):
            raise ValueError(f"gold knows nothing of user {user}")
    return tuple(users)


def _correct(predictions: TagPredictions, gold: Gold, users: tuple[str, ...]) -> Tally:
    correct_UT, known_UT = np.zeros((len(users), len(TAG_NAMES))), np.zeros((len(users), len(TAG_NAMES)))
    for row, user in enumerate(users):
        for column, tag in enumerate(TAG_NAMES):
            if tag in gold[user]:
                known_UT[row, column] = 1
                correct_UT[row, column] = _share_correct(predictions[user], tag, gold[user][tag].values)
    return Tally(users=users, hits_UG=correct_UT, cases_UG=known_UT, weights_G=np.ones(len(TAG_NAMES)))


def _share_correct(runs: Sequence[Mapping[str, Values] | None], tag: str, gold: Values) -> float:
    hits = sum(run is not None and tag in run and is_correct(tag, run[tag], gold) for run in runs)
    return hits / len(runs)


def _macro_f1(predictions: TagPredictions, gold: Gold, users: tuple[str, ...]) -> Tally:
    """F1 = 2·shared / (predicted + true) of every value (NA included) that gold or predictions hold, all runs
    pooled: a group each, averaged over the values of a tag and then over tags.

    For interests the micro F1 of the sets, one group: single interests are too many and too rare for a mean
    over them. A run without the tag adds to the misses of the gold value, and to nothing else.
    """
    hits: dict[tuple[str, str], NDArray[np.float64]] = {}
    cases: dict[tuple[str, str], NDArray[np.float64]] = {}
    for row, user in enumerate(users):
        for tag, truth in gold[user].items():
            theirs = value_set(tag, truth.values)
            for run in predictions[user]:
                ours = value_set(tag, run[tag]) if run is not None and tag in run else frozenset()
                for value in ours | theirs:
                    group = (tag, "" if tag == "interests" else value)
                    for counts in (hits, cases):
                        counts.setdefault(group, np.zeros(len(users)))
                    hits[group][row] += 2 * (value in ours and value in theirs)
                    cases[group][row] += (value in ours) + (value in theirs)
    values_of = {tag: sum(group[0] == tag for group in cases) for tag in TAG_NAMES}
    return Tally(
        users=users,
        hits_UG=np.stack(list(hits.values()), axis=1),
        cases_UG=np.stack(list(cases.values()), axis=1),
        weights_G=np.array([1 / values_of[tag] for tag, _ in cases]),
    )


def score_summaries(extracted: TagPredictions, gold: Gold) -> Tallies:
    """Summaries by what the fixed extractor reads from them, pooled over users, runs and tags.

    acc_ex = correct / gold non-NA tags, cov_ex = extracted / gold non-NA tags, halluc_ex = asserted / gold NA
    tags. A badly formatted response (None) asserts nothing: it costs accuracy and coverage. Where all are,
    there is no summary that could invent anything, and halluc_ex has no case. Raises ValueError as
    `score_tags`.
    """
    runs_each(extracted)
    users = _known_users(extracted, gold)
    shape = (len(users), len(TAG_NAMES))
    correct_UT, asserted_UT, valued_UT, invented_UT, na_UT = (np.zeros(shape) for _ in range(5))
    for row, user in enumerate(users):
        for column, tag in enumerate(TAG_NAMES):
            if tag not in gold[user]:
                continue
            truth, cell = gold[user][tag], (row, column)
            for run in extracted[user]:
                values = () if run is None else run.get(tag, ())
                if truth.is_na:
                    na_UT[cell] += 1
                    invented_UT[cell] += bool(values)
                else:
                    valued_UT[cell] += 1
                    asserted_UT[cell] += bool(values)
                    correct_UT[cell] += is_correct(tag, values, truth.values)
    if all(run is None for runs in extracted.values() for run in runs):
        na_UT[:] = 0
    return {
        "acc_ex": Tally(users=users, hits_UG=correct_UT, cases_UG=valued_UT),
        "cov_ex": Tally(users=users, hits_UG=asserted_UT, cases_UG=valued_UT),
        "halluc_ex": Tally(users=users, hits_UG=invented_UT, cases_UG=na_UT),
    }


def score_evidence(citations: Citations, gold: Gold, histories: Mapping[str, SemanticHistory]) -> Tallies:
    """Precision and recall of cited lines, pooled over users, runs and tags that have gold evidence.

    Gold lines of a tag are the lines that stand on one of its gold events. Evidence that did
    not fit into the history has no gold line: it cannot be recalled, and citing for it is
    wrong. Answers that may cite only a few lines a tag have a recall bounded below 1.
    Raises ValueError when gold knows nothing of a user; KeyError when histories lack one.
    """
    users = _known_users(citations, gold)
    shape = (len(users), len(TAG_NAMES))
    shared_UT, cited_UT, true_UT = (np.zeros(shape) for _ in range(3))
    for row, user in enumerate(users):
        for column, tag in enumerate(TAG_NAMES):
            if tag not in gold[user] or gold[user][tag].is_na or not gold[user][tag].event_ids:
                continue
            gold_lines = set(histories[user].lines_citing(gold[user][tag].event_ids))
            for run in citations[user]:
                lines = set() if run is None else set(run.get(tag, ()))
                shared_UT[row, column] += len(lines & gold_lines)
                cited_UT[row, column] += len(lines)
                true_UT[row, column] += len(gold_lines)
    return {
        "evidence_precision": Tally(users=users, hits_UG=shared_UT, cases_UG=cited_UT),
        "evidence_recall": Tally(users=users, hits_UG=shared_UT, cases_UG=true_UT),
    }


def compression(summary_tokens: Mapping[str, Sequence[int]], raw_tokens: Mapping[str, int]) -> Tally:
    """Mean over summaries of 1 − tokens(summary) / tokens(raw log), both by the same tokenizer.

    The raw log is one `time source action content` line an event. Below 0 the summary is longer than the
    log. A user without a summary has no case. Raises ValueError on empty logs.
    """
    users = tuple(summary_tokens)
    if any(raw_tokens[user] < 1 for user in users):
        raise ValueError("compression needs log lengths above 0")
    saved = [sum(1 - tokens / raw_tokens[user] for tokens in summary_tokens[user]) for user in users]
    return pooled(users, saved, [len(summary_tokens[user]) for user in users])
