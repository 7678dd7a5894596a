"""What the target has to be told from: items drawn by popularity.

Array suffixes: U users, C candidates (the target first), I items.
"""

import zlib

import numpy as np

from hprbench.next_item.split import IntArray, Split
from records.errors import UserError

NEGATIVES = 99


def candidates(split: Split, *, seed: int, negatives: int = NEGATIVES) -> IntArray:
    """Each user's target and `negatives` other items, U × C, the target in column 0.

    Negatives are drawn without replacement with chances proportional to `popularity_I`, from all items but
    the target. Things that the user had before may be among them: without those, whatever was had before
    would be the target, and knowing the history would be knowing the answer. A user's draw depends on `seed`,
    the name of the user and popularity alone.

    Raises:
        UserError: there are too few items.
    """
    known = int((split.popularity_I > 0).sum())
    if known <= negatives:
        raise UserError(f"next item: {known} items for {negatives} negatives and a target; give more items")
    with np.errstate(divide="ignore"):
        log_popularity_I = np.log(split.popularity_I)
    rows = np.empty((len(split.users), negatives + 1), dtype=np.int64)
    rows[:, 0] = split.targets_U
    for place, (user, target) in enumerate(zip(split.users, split.targets_U, strict=True)):
        generator = np.random.default_rng([seed, zlib.crc32(user.encode())])
        # The largest of log w + Gumbel noise are a draw without replacement with weights w.
        keys_I = log_popularity_I + generator.gumbel(size=len(log_popularity_I))
        keys_I[target] = -np.inf
        rows[place, 1:] = np.sort(np.argpartition(-keys_I, negatives)[:negatives])
    return rows
