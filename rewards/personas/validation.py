"""Validation before trust: does a number fall where the truth is spoilt in a known way?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from records.induction import QualityConfig
from records.persona import PersonaSet
from rewards.personas.judge import Case, PersonaJudge
from rewards.personas.perturbations import LOWERS
from rewards.personas.total import Quality, quality
from rewards.personas.versions import MEASURES, Embed, versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a perturbation does to `measure`, a field of Quality or a version of one, over `users` whose sets
    it can spoil.

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


def validation_effects(truths: Sequence[Case], config: QualityConfig, *, seed: int = 0) -> dict[str, Effect]:
    """The effect of every perturbation of LOWERS on true persona sets of many users, by its name.

    Each has its own random numbers, from `seed` and the place of the user; a user's stranger is the next one.
    One that fewer than two users' sets allow is left out.
    """
    good = [quality(true, subject, config) for true, subject in truths]
    found = {}
    for name, (measure, _) in LOWERS.items():
        pairs = [
            (_value(good[place], measure), _value(quality(spoilt, truths[place][1], config), measure))
            for place, spoilt in spoilt_sets(name, truths, seed)
        ]
        if len(pairs) > 1:
            found[name] = effect_of(measure, pairs)
    return found


def version_effects(
    truths: Sequence[Case],
    embed: Embed,
    config: QualityConfig,
    judge: PersonaJudge | None = None,
    *,
    seed: int = 0,
) -> dict[str, dict[str, Effect]]:
    """The same of other versions of a quality than that which counts: perturbation → version → effect.

    Of perturbations that must lower the total there is none, as it has one version. Users of whom a version
    says nothing, before or after, do not count in it.
    """
    spoilt = {
        name: spoilt_sets(name, truths, seed) for name, (measure, _) in LOWERS.items() if measure in MEASURES
    }
    bad = [(one, truths[place][1]) for mine in spoilt.values() for place, one in mine]
    values = versions([*truths, *bad], embed, config, judge).values
    found: dict[str, dict[str, Effect]] = {}
    start = len(truths)
    for name, mine in spoilt.items():
        measure = LOWERS[name][0]
        for version, of_sets in list(values[measure].items())[1:]:
            pairs = [(of_sets[place], of_sets[start + nth]) for nth, (place, _) in enumerate(mine)]
            known = [pair for pair in pairs if not np.isnan(pair).any()]
            if len(known) > 1:
                found.setdefault(name, {})[version] = effect_of(f"{measure}, {version}", known)
        start += len(mine)
    return found


def spoilt_sets(name: str, truths: Sequence[Case], seed: int) -> list[tuple[int, PersonaSet]]:
    """(place of the user, spoilt set) of the users whose sets the perturbation `name` can spoil."""
    number, spoil = list(LOWERS).index(name), LOWERS[name][1]
    found = []
    for place, (true, subject) in enumerate(truths):
        stranger = truths[(place + 1) % len(truths)][0]
        spoilt = spoil(true, subject, stranger, np.random.default_rng((seed, place, number)))
        if spoilt is not None:
            found.append((place, spoilt))
    return found


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
