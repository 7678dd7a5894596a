"""Tallies cut down to parts of their cases: by dimension, tag and kind of evidence, and by users' strata."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hprbench.candidates import KINDS, LEVELS, Stratum
from hprbench.intervals import Share, Tally, share_of
from hprbench.metrics import Gold, Tallies
from records.tags import DIMENSIONS, TAG_NAMES, TAGS

BY_TAG = ("avg_at_k", "non_na", "acc_ex", "cov_ex", "halluc_ex", "evidence_precision", "evidence_recall")
"""Metrics whose groups are the tags: they have parts by dimension, tag and difficulty too."""

Parts = dict[str, dict[str, dict[str, Share]]]
"""Metric → by what → part → share."""


def parts_of(tallies: Tallies, gold: Gold, strata: Mapping[str, Stratum], *, seed: int) -> Parts:
    """The share of every part that has a case; parts in their natural order."""
    found: Parts = {}
    for metric, tally in tallies.items():
        masks = masks_of(tally, gold, strata, by_tag=metric in BY_TAG)
        found[metric] = {
            by: {
                part: share
                for part, mask in parts.items()
                if (share := share_of(tally.where(mask), seed=seed)) is not None
            }
            for by, parts in masks.items()
        }
    return found


def masks_of(
    tally: Tally, gold: Gold, strata: Mapping[str, Stratum], *, by_tag: bool
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """By what → part → mask over users × groups."""
    masks: dict[str, dict[str, NDArray[np.bool_]]] = {}
    if by_tag:
        masks["dimension"] = {
            name: np.array([[tag.dimension == name for tag in TAGS]]) for name in DIMENSIONS
        }
        masks["tag"] = {name: np.array([[name == other for other in TAG_NAMES]]) for name in TAG_NAMES}
        kinds_UT = np.array(
            [[gold[u][tag].difficulty if tag in gold[u] else "" for tag in TAG_NAMES] for u in tally.users]
        )
        others = sorted({*kinds_UT.ravel().tolist()} - {*KINDS, ""})
        masks["difficulty"] = {kind: kinds_UT == kind for kind in (*KINDS, *others)}
    masks["length"] = _by_stratum(tally, strata, lambda one: one.length, length_order(strata))
    masks["level"] = _by_stratum(tally, strata, lambda one: one.level, LEVELS)
    return masks


def _by_stratum(
    tally: Tally, strata: Mapping[str, Stratum], place: Callable[[Stratum], str], names: tuple[str, ...]
) -> dict[str, NDArray[np.bool_]]:
    places = np.array([place(strata[user]) for user in tally.users])
    return {name: (places == name)[:, None] for name in names}


def length_order(strata: Mapping[str, Stratum]) -> tuple[str, ...]:
    """Classes of length, short ones first."""
    shortest: dict[str, int] = {}
    for one in strata.values():
        shortest[one.length] = min(one.log_tokens, shortest.get(one.length, one.log_tokens))
    return tuple(sorted(shortest, key=shortest.__getitem__))


def length_medians(strata: Mapping[str, Stratum]) -> dict[str, float]:
    """Class of length → median tokens of its users' logs."""
    return {
        name: float(np.median([one.log_tokens for one in strata.values() if one.length == name]))
        for name in length_order(strata)
    }
