"""Validation before trust: does a number fall where the truth is spoilt in a known way?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from records.induction import QualityConfig
from records.persona import PersonaSet
from rewards.personas.perturbations import LOWERS
from rewards.personas.subject import Subject
from rewards.personas.total import Quality, quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a perturbation does to `measure`, a field of Quality, over `users` whose sets it can spoil.

    `before`, `after`: means. `change`: mean of after - before of the same user, with `low` and `high`, its
    95 % interval (normal). `cohens_d`: the mean change over the standard deviation of changes (paired,
    ddof 1), None where these do not vary. `lowered`: share of users of whom it falls.
    """

    measure: str
    users: int
    before: float
    after: float
    change: float
    low: float
    high: float
    cohens_d: float | None
    lowered: float


def validation_effects(
    truths: Iterable[tuple[PersonaSet, Subject]], config: QualityConfig, *, seed: int = 0
) -> dict[str, Effect]:
    """The effect of every perturbation of LOWERS on true persona sets of many users, by its name.

    Each has its own random numbers, from `seed` and the place of the user. One that fewer than two users'
    sets allow is left out.
    """
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in LOWERS}
    for place, (true, subject) in enumerate(truths):
        good = quality(true, subject, config)
        for number, (name, (measure, spoil)) in enumerate(LOWERS.items()):
            spoilt = spoil(true, subject, np.random.default_rng((seed, place, number)))
            if spoilt is not None:
                bad = quality(spoilt, subject, config)
                pairs[name].append((_value(good, measure), _value(bad, measure)))
    return {name: effect_of(LOWERS[name][0], made) for name, made in pairs.items() if len(made) > 1}


def effect_of(measure: str, pairs: Iterable[tuple[float, float]]) -> Effect:
    """The effect in pairs of (before, after), at least two.

    Example:
        effect_of("total", [(1, 0), (1, .5)]).cohens_d == -.75 / std([-1, -.5]) == -2.1213
    """
    pairs_U2 = np.asarray(list(pairs), dtype=np.float64)
    change_U = pairs_U2[:, 1] - pairs_U2[:, 0]
    mean, std = float(change_U.mean()), float(change_U.std(ddof=1))
    half = 1.96 * std / len(change_U) ** 0.5
    before, after = (float(value) for value in pairs_U2.mean(axis=0))
    return Effect(
        measure=measure,
        users=len(change_U),
        before=before,
        after=after,
        change=mean,
        low=mean - half,
        high=mean + half,
        cohens_d=mean / std if std > 1e-12 else None,
        lowered=float((change_U < 0).mean()),
    )


def _value(scored: Quality, measure: str) -> float:
    return float(getattr(scored, measure))
