"""The table of persona sets about users held out: quality of each inducer, and paired differences.

Array suffixes: none; numbers are by user, and users are the unit that intervals are over.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np

from hprbench.intervals import Difference, Share, paired_interval, pooled, share_of
from rewards.personas.total import Quality

METRICS = ("total", "cohesion", "alignment", "truthfulness", "coverage", "overlap", "count", "valid")
"""Columns of the table. `valid` is the share of sets that are one, `total` is 0 for those that are none; all
others are means over valid sets."""

MEANINGS = {
    "total": "(cohesion × alignment × truthfulness)^⅓ × coverage × (1 − overlap); an invalid set has 0",
    "cohesion": "memories of a persona are more like each other than like the user's others",
    "alignment": "claims that hold of the memories that they cite",
    "truthfulness": "claims that are true of the persona and not of the rest of the user as well",
    "coverage": "share of the user's own memories that stand in a persona, of those not shown too",
    "overlap": "how far personas repeat each other (lower is better)",
    "count": "personas of a user",
    "valid": "sets that can be read, and stand on memories that there are",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaRow:
    """One inducer: every metric with its 95 % interval over users (None where no set is valid), mean tokens
    of an answer where it writes any, and why sets are not valid, counted."""

    name: str
    metrics: dict[str, Share | None]
    tokens: float | None
    invalid: dict[str, int]


Sets = Mapping[str, Sequence[Quality]]
"""User → the quality of each set about that user."""


def persona_row(name: str, sets: Sets, seed: int, tokens: Sequence[int] = ()) -> PersonaRow:
    """The row of an inducer."""
    invalid = Counter(one.error.partition(":")[0] for mine in sets.values() for one in mine if one.error)
    return PersonaRow(
        name=name,
        metrics={metric: _share(by_user(sets, metric), seed) for metric in METRICS},
        tokens=fmean(tokens) if tokens else None,
        invalid=dict(invalid.most_common()),
    )


def by_user(sets: Sets, metric: str) -> dict[str, float]:
    """The mean of a metric over a user's sets; users without any that counts are left out."""
    found = {}
    for user, mine in sets.items():
        if metric == "valid":
            values = [float(not one.error) for one in mine]
        elif metric == "total":
            values = [one.total for one in mine]
        else:
            values = [float(getattr(one, metric)) for one in mine if not one.error]
        if values:
            found[user] = fmean(values)
    return found


def differences(a: Sets, b: Sets, seed: int) -> dict[str, Difference | None]:
    """Of every metric `a` − `b`, paired by user, over users that count on both sides."""
    found: dict[str, Difference | None] = {}
    for metric in METRICS:
        ours, theirs = by_user(a, metric), by_user(b, metric)
        both = ours.keys() & theirs.keys()
        found[metric] = (
            paired_interval({user: ours[user] for user in both}, {user: theirs[user] for user in both}, seed)
            if both
            else None
        )
    return found


def row_json(row: PersonaRow) -> dict[str, object]:
    """A row as plain values: metric → {value, interval, users}."""
    metrics = {name: None if share is None else asdict(share) for name, share in row.metrics.items()}
    return {"model": row.name, **metrics, "tokens": row.tokens, "invalid": row.invalid}


def _share(values: Mapping[str, float], seed: int) -> Share | None:
    users = tuple(sorted(values))
    return share_of(pooled(users, [values[user] for user in users], np.ones(len(users))), seed=seed)
