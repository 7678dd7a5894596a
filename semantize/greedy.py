"""Which slices fit a token budget, for all users side by side."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def fill(
    sizes: Ints, last: Ints, lines: Ints, begin: Ints, end: Ints, numbers: Ints, budget: int
) -> NDArray[np.bool_]:
    """Whether each slice is kept: by falling salience, taken wherever what is taken then fits.

    Slices are rows sorted by user and falling salience; user u has rows `begin[u]` to `end[u]`. A slice takes
    `sizes` tokens, number and line end included apart: `numbers[k]` are the tokens of the numbers of k lines,
    and a history ends with the line that is last in time (greatest `lines`), which then takes `last` more.

    One step a rank: the slices that are k-th most salient to their users are tried together.
    """
    kept = np.zeros(len(sizes), dtype=bool)
    least = _least_still_to_come(sizes + np.minimum(last, 0), begin, end)
    used = np.zeros(len(begin), dtype=np.int64)
    count = np.zeros(len(begin), dtype=np.int64)
    latest = np.full(len(begin), -1, dtype=np.int64)
    last_of = np.zeros(len(begin), dtype=np.int64)
    users = np.flatnonzero(begin < end)
    rank = 0
    while len(users):
        rows = begin[users] + rank
        is_later = lines[rows] > latest[users]
        correction = np.where(is_later, last[rows], last_of[users])
        total = used[users] + sizes[rows] + numbers[np.minimum(count[users] + 1, len(numbers) - 1)]
        fits = total + correction <= budget
        taken, chosen = rows[fits], users[fits]
        kept[taken] = True
        used[chosen] += sizes[taken]
        count[chosen] += 1
        latest[chosen] = np.maximum(latest[chosen], lines[taken])
        last_of[chosen] = correction[fits]
        rank += 1
        more = begin[users] + rank < end[users]
        users = users[more]
        room = budget - used[users] - numbers[np.minimum(count[users] + 1, len(numbers) - 1)]
        # The correction of a line that stands last may make as much room again as it is negative.
        room -= np.minimum(last_of[users], 0)
        users = users[least[begin[users] + rank] <= room]
    return kept


def _least_still_to_come(sizes: Ints, begin: Ints, end: Ints) -> Ints:
    """For every row the least size from it to the end of its user's rows."""
    least = sizes.copy()
    # A running minimum from the back, restarted at every user: users further back are lifted out of reach.
    lift = np.repeat(np.arange(len(begin)), end - begin) * (int(sizes.max(initial=0)) + 1)
    return np.asarray(np.minimum.accumulate((least + lift)[::-1])[::-1] - lift)
