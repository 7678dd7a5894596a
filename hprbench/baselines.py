"""Baselines without a language model: what gold frequencies, surface words and aggregates alone can do.

A benchmark that TF-IDF saturates leaks its labels. All are deterministic, so they
have one run and Avg@k is plain accuracy; they cite no lines and write no summary.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from hprbench.metrics import Gold, TagPredictions, Values
from records.history import SemanticHistory
from records.tags import TAG, GoldTag, in_order, known_tags

MAX_FEATURES = 20_000
"""Most frequent words and word pairs kept; more change nothing but time."""

ROUNDS, LEAVES = 30, 15
"""Trees a class, and leaves a tree, of gradient boosting; more change little with two thousand users."""

INTEREST_THRESHOLD = 0.5
"""Probability from which an interest is asserted."""


def majority(train_gold: Gold, users: Iterable[str]) -> TagPredictions:
    """For every known tag the most frequent gold value of the training users; NA counts as a value.

    Of interests each is counted by itself. Ties go to the value first in the alphabet (NA
    last). Raises ValueError without training users.
    """
    if not train_gold:
        raise ValueError("majority needs at least one training user")
    run: dict[str, Values] = {}
    for tag in known_tags(train_gold):
        votes: Counter[str | None] = Counter()
        for tags in train_gold.values():
            if tag in tags:
                votes.update(tags[tag].values or (None,))
        winner = min(votes, key=lambda value: (-votes[value], value is None, value or ""))
        run[tag] = () if winner is None else (winner,)
    return {user: [run] for user in users}


def tfidf_lr(
    train_histories: Sequence[SemanticHistory],
    train_gold: Gold,
    bench_histories: Sequence[SemanticHistory],
    seed: int,
    *,
    balanced: bool = False,
) -> TagPredictions:
    """TF-IDF of history texts and logistic regression, fitted on training users only.

    One regression a value (NA and every city included), `balanced` with rare values weighing as much as
    frequent ones; the most probable value of a tag is predicted. Of interests the most probable three of at
    least INTEREST_THRESHOLD, NA when there is none. Raises ValueError when a user is on both sides or there
    are no histories; KeyError when gold lacks a user.
    """
    shared = {h.user_id for h in train_histories} & {h.user_id for h in bench_histories}
    if shared:
        raise ValueError(f"{len(shared)} benchmark users are training users, such as {min(shared)}")
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=MAX_FEATURES)
    train_x = words.fit_transform([history.text for history in train_histories])
    bench_x = words.transform([history.text for history in bench_histories])
    golds = [train_gold[history.user_id] for history in train_histories]

    def probabilities(rows: Sequence[int], member_NC: Sequence[Sequence[bool]]) -> np.ndarray:
        # Light regularisation: rows have norm 1, so that C = 1 would leave little but the prior.
        weight = "balanced" if balanced else None
        model = LogisticRegression(C=10.0, solver="liblinear", class_weight=weight, random_state=seed)
        return _one_vs_rest(model, train_x[rows], member_NC, bench_x)

    return _predicted(golds, [history.user_id for history in bench_histories], probabilities)


def boosted_aggregates(
    train_x: np.ndarray,
    golds: Sequence[Mapping[str, GoldTag]],
    bench_x: np.ndarray,
    users: Sequence[str],
    seed: int,
) -> TagPredictions:
    """Gradient boosting on `aggregates` of the log: what numbers tell of a user of whom nothing is read.

    `golds` belong to the rows of `train_x`, `users` to those of `bench_x`. Values are chosen as `tfidf_lr`
    does.
    """

    def probabilities(rows: Sequence[int], member_NC: Sequence[Sequence[bool]]) -> np.ndarray:
        model = HistGradientBoostingClassifier(max_iter=ROUNDS, max_leaf_nodes=LEAVES, random_state=seed)
        with threadpool_limits(1):  # on so few rows threads spend their time waiting for each other
            return _one_vs_rest(model, train_x[rows], member_NC, bench_x)

    return _predicted(golds, users, probabilities)


def _predicted(
    golds: Sequence[Mapping[str, GoldTag]],
    users: Sequence[str],
    probabilities: Callable[[Sequence[int], Sequence[Sequence[bool]]], np.ndarray],
) -> TagPredictions:
    """The most probable values of `users`, from `probabilities`: rows of training users and their membership
    in each class -> benchmark users' probability of it. A tag is learnt from users of whom it is known."""
    predicted: dict[str, list[Values]] = {}
    for tag in in_order(name for gold in golds for name in gold):
        rows = [row for row, gold in enumerate(golds) if tag in gold]
        values_N = [golds[row][tag].values for row in rows]
        if TAG[tag].max_values > 1:
            names = sorted({name for values in values_N for name in values})
            probability_NC = probabilities(rows, [[name in values for name in names] for values in values_N])
            predicted[tag] = [_top(names, row, TAG[tag].max_values) for row in probability_NC]
        else:
            classes = sorted(set(values_N))
            probability_NC = probabilities(rows, [[values == one for one in classes] for values in values_N])
            predicted[tag] = [classes[best] for best in probability_NC.argmax(axis=1)]
    return {user: [{tag: values[row] for tag, values in predicted.items()}] for row, user in enumerate(users)}


def _one_vs_rest(
    model: Any, train_x: np.ndarray, member_NC: Sequence[Sequence[bool]], bench_x: np.ndarray
) -> np.ndarray:
    """Probability of every class for every benchmark user, `model` fitted once a class.

    One class against the rest rather than all at once: the softmax solver is many times slower,
    and spends its time in contending threads on a small machine.
    """
    probability_NC = np.ones((bench_x.shape[0], len(member_NC[0])))
    for place, member_N in enumerate(zip(*member_NC, strict=True)):
        if not all(member_N):  # a class that every training user has is certain
            probability_NC[:, place] = model.fit(train_x, member_N).predict_proba(bench_x)[:, 1]
    return probability_NC


def _top(names: Sequence[str], probability_C: np.ndarray, most: int) -> Values:
    """The `most` most probable names of at least INTEREST_THRESHOLD, most probable first."""
    order = np.argsort(-probability_C, kind="stable")[:most]
    return tuple(names[place] for place in order if probability_C[place] >= INTEREST_THRESHOLD)
