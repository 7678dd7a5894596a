"""Users evenly over gender × age group, for the sets that must not be those of the many alone."""

from collections.abc import Mapping

import numpy as np

from records.tags import NA, GoldTag

STRATA = ("gender", "age_group")
"""Tags that users are spread evenly over (as the RL prompts of the UserGPT report are)."""


def stratum_of(tags: Mapping[str, GoldTag]) -> tuple[str, ...]:
    """The values of STRATA of a user with these tags; NA is one like any other, and so is "", not known."""
    return tuple((tags[tag].values or (NA,))[0] if tag in tags else "" for tag in STRATA)


def evenly(gold: Mapping[str, Mapping[str, GoldTag]], rng: np.random.Generator) -> list[str]:
    """All users of `gold` in an order whose every beginning is even over the strata that have not run out.

    Decided by `rng` whatever the order of `gold`.
    """
    strata: dict[tuple[str, ...], list[str]] = {}
    for user in sorted(gold):
        strata.setdefault(stratum_of(gold[user]), []).append(user)
    queues = [rng.permutation(strata[stratum]).tolist() for stratum in sorted(strata)]
    order: list[str] = []
    while len(order) < len(gold):
        # A fresh order a round, so that a last, incomplete round favours no stratum.
        order += [queues[place].pop() for place in rng.permutation(len(queues)) if queues[place]]
    return order
