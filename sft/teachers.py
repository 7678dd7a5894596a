"""Teachers, who answer on users' tags; the offline one from gold evidence, with errors a model might make.

Errors rise with the difficulty of the evidence, are correlated between a teacher's samples and
between teachers (hard cases are hard for everyone), and differ in rate between teachers. Were they
independent, "controversial" would mean nothing but bad luck.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol, TypeAlias

import numpy as np

from records.tags import GIVEN, TAG, TAGS, GoldTag

TagValues: TypeAlias = Mapping[str, tuple[str, ...]]
"""Tag → values, empty for NA."""


class Teacher(Protocol):
    """Answers on every tag of users whose histories it knows."""

    @property
    def name(self) -> str: ...

    def ask(self, users: Sequence[str], samples: int) -> list[list[TagValues | None]]:
        """For each user `samples` answers; None for one that failed or cannot be read."""
        ...

    def stats(self) -> dict[str, Any]:
        """What it did so far, as plain numbers."""
        ...


DIFFICULTY = {"explicit": 0.15, "implicit": 1.0, "temporal": 0.8, "trap": 0.9, GIVEN: 0.0}
"""A teacher's error rate on a tag is its own rate times this.

How hard a label that is given is to see nobody knows: there a program, which reads nothing, makes no errors,
and all such labels are standard.
"""

_SHARED, _OWN, _NOISE = 0.7, 0.45, 0.55
"""Loadings of the latent difficulty: of the case, of the teacher on it, of the sample (squares sum to 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramTeacher:
    """Writes tag values for simulated users whose truth is known.

    `error_rate` is that on implicit evidence; `name` separates its random choices from other teachers'.
    """

    name: str
    error_rate: float
    seed: int

    def answers(
        self, gold: Mapping[str, GoldTag], open_values: Mapping[str, tuple[str, ...]], samples: int
    ) -> dict[str, list[tuple[str, ...]]]:
        """`samples` answers on every tag of one user (empty for NA).

        `open_values` lists, for open tags, what a wrong answer may say.
        """
        user = next(iter(gold.values())).user_id.encode()
        case = np.random.default_rng([self.seed, *user])
        own = np.random.default_rng([self.seed, *user, *self.name.encode()])
        shared_T, own_T = case.standard_normal(len(gold)), own.standard_normal(len(gold))
        latent_TS = (_SHARED * shared_T + _OWN * own_T)[:, None] + _NOISE * own.standard_normal(
            (len(gold), samples)
        )
        given = {}
        for latent_S, (tag, label) in zip(latent_TS, gold.items(), strict=True):
            rate = min(0.95, self.error_rate * DIFFICULTY[label.difficulty])
            bound = NormalDist().inv_cdf(rate) if rate > 0 else -np.inf
            wrong = _wrong(label, open_values, own)
            given[tag] = [wrong if latent <= bound else label.values for latent in latent_S]
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineTeacher:
    """A program teacher before users whose truth is `gold`; wrong open values are others of these users."""

    program: ProgramTeacher
    gold: Mapping[str, Mapping[str, GoldTag]]
    open_values: Mapping[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        return self.program.name

    def ask(self, users: Sequence[str], samples: int) -> list[list[TagValues | None]]:
        """As `Teacher.ask`; nothing fails."""
        told = [self.program.answers(self.gold[user], self.open_values, samples) for user in users]
        return [
            [{tag: given[sample] for tag, given in answers.items()} for sample in range(samples)]
            for answers in told
        ]

    def stats(self) -> dict[str, Any]:
        """Who it is."""
        return {"teacher": "program", "error_rate": self.program.error_rate}


def open_values_of(
    gold: Mapping[str, Mapping[str, GoldTag]], users: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """What open tags of `users` hold, by tag."""
    return {
        tag.name: tuple(
            sorted({v for user in users if tag.name in gold[user] for v in gold[user][tag.name].values})
        )
        for tag in TAGS
        if tag.is_open
    }


def stated_tags(known: Sequence[str], silence: float, choice: np.random.Generator) -> tuple[str, ...]:
    """Those of the `known` tags that a teacher's summary states: all of some dimensions, at least one.

    Few summaries say everything: some writers are brief, some thorough. Here each passes over a dimension
    with a probability of its own, between 0 and twice `silence`.
    """
    dimensions = list(dict.fromkeys(TAG[tag].dimension for tag in known))
    brevity = 2 * silence * choice.random()
    spoken = [dimension for dimension in dimensions if choice.random() >= brevity]
    spoken = spoken or [dimensions[int(choice.integers(len(dimensions)))]]
    return tuple(tag for tag in known if TAG[tag].dimension in spoken)


def _wrong(
    gold: GoldTag, open_values: Mapping[str, tuple[str, ...]], choice: np.random.Generator
) -> tuple[str, ...]:
    """A plausible wrong answer: another value, or NA for one in three."""
    if gold.values and choice.random() < 1 / 3:
        return ()
    values = TAG[gold.tag].values or open_values[gold.tag]
    others = [value for value in values if value not in gold.values]
    return (others[int(choice.integers(len(others)))],) if others else ()
