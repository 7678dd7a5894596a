"""Baselines without a language model: what gold frequencies and surface words alone can do.

A benchmark that TF-IDF saturates leaks its labels. Both baselines are deterministic, so they
have one run and Avg@k is plain accuracy; they cite no lines and write no summary.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from hprbench.metrics import Gold, TagPredictions, Values
from records.history import SemanticHistory
from records.tags import TAG, TAG_NAMES

MAX_FEATURES = 20_000
"""Most frequent words and word pairs kept; more change nothing but time."""

INTEREST_THRESHOLD = 0.5
"""Probability from which an interest is asserted."""


def majority(train_gold: Gold, users: Iterable[str]) -> TagPredictions:
    """For every tag the most frequent gold value of the training users; NA counts as a value.

    Of interests each is counted by itself. Ties go to the value first in the alphabet (NA
    last). Raises ValueError without training users.
    """
    if not train_gold:
        raise ValueError("majority needs at least one training user")
    run: dict[str, Values] = {}
    for tag in TAG_NAMES:
        votes: Counter[str | None] = Counter()
        for tags in train_gold.values():
            votes.update(tags[tag].values or (None,))
        winner = min(votes, key=lambda value: (-votes[value], value is None, value or ""))
        run[tag] = () if winner is None else (winner,)
    return {user: [run] for user in users}


def tfidf_lr(
    train_histories: Sequence[SemanticHistory],
    train_gold: Gold,
    bench_histories: Sequence[SemanticHistory],
    seed: int,
) -> TagPredictions:
    """TF-IDF of history texts and logistic regression, fitted on training users only.

    One regression a value (NA and every city included); the most probable value of a tag is
    predicted. Of interests the most probable three of at least INTEREST_THRESHOLD, NA when there
    is none. Raises ValueError
    when a user is on both sides or there are no histories; KeyError when gold lacks a user.
    """
    shared = {h.user_id for h in train_histories} & {h.user_id for h in bench_histories}
    if shared:
        raise ValueError(f"{len(shared)} benchmark users are training users, such as {min(shared)}")
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=MAX_FEATURES)
    train_x = words.fit_transform([history.text for history in train_histories])
    bench_x = words.transform([history.text for history in bench_histories])
    golds = [train_gold[history.user_id] for history in train_histories]
    predicted: dict[str, list[Values]] = {}
    for tag in TAG_NAMES:
        values_N = [gold[tag].values for gold in golds]
        if TAG[tag].max_values > 1:
            names = sorted({name for values in values_N for name in values})
            member_NC = [[name in values for name in names] for values in values_N]
            probability_NC = _one_vs_rest(train_x, member_NC, bench_x, seed)
            predicted[tag] = [_top(names, row, TAG[tag].max_values) for row in probability_NC]
        else:
            classes = sorted(set(values_N))
            member_NC = [[values == one for one in classes] for values in values_N]
            probability_NC = _one_vs_rest(train_x, member_NC, bench_x, seed)
            predicted[tag] = [classes[best] for best in probability_NC.argmax(axis=1)]
    return {
        history.user_id: [{tag: predicted[tag][row] for tag in TAG_NAMES}]
        for row, history in enumerate(bench_histories)
    }


def _one_vs_rest(
    train_x: np.ndarray, member_NC: Sequence[Sequence[bool]], bench_x: np.ndarray, seed: int
) -> np.ndarray:
    """Probability of every class for every benchmark user, one regression a class.

    One class against the rest rather than all at once: the softmax solver is many times slower,
    and spends its time in contending threads on a small machine.
    """
    probability_NC = np.ones((bench_x.shape[0], len(member_NC[0])))
    for place, member_N in enumerate(zip(*member_NC, strict=True)):
        if not all(member_N):  # a class that every training user has is certain
            # Light regularisation: rows have norm 1, so that C = 1 would leave little but the prior.
            model = LogisticRegression(C=10.0, solver="liblinear", random_state=seed)
            probability_NC[:, place] = model.fit(train_x, member_N).predict_proba(bench_x)[:, 1]
    return probability_NC


def _top(names: Sequence[str], probability_C: np.ndarray, most: int) -> Values:
    """The `most` most probable names of at least INTEREST_THRESHOLD, most probable first."""
    order = np.argsort(-probability_C, kind="stable")[:most]
    return tuple(names[place] for place in order if probability_C[place] >= INTEREST_THRESHOLD)
