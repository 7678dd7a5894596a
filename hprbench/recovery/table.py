"""The table of recovery: what inducers find of what simulated users are known to want.

events folder ── truth-*.parquet ──┐
memories ──────────────────────────┴─► truth of memories ─┐
inducer → persona sets ───────────────────────────────────┴─► rows, with intervals over users
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from hprbench.intervals import Difference, Share, Tally, difference_of, pooled, share_of
from hprbench.recovery.people import invented_people, is_shared, people_of, people_scores
from hprbench.recovery.sides import NONE, persona_of, side_scores
from hprbench.recovery.truth import LEVELS, MemoryTruth, truth_of_memories
from records.persona import IntentMemory, PersonaSet
from simulate.engine import TRUTH, scan

Truth = Mapping[str, Sequence[MemoryTruth]]

Key: TypeAlias = tuple[str, str]
"""`of` and `metric` of a Row."""

Case: TypeAlias = tuple[float, float]
"""Hits and cases of one user; without a case a user counts nowhere."""

SIDE_METRICS = ("sides", "rand", "rand_all", "f1", "f1_by_size", "together", "by_chance")
PEOPLE_METRICS = ("rand", "same_person", "by_chance", "split")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number of one inducer, the mean over users, with its interval.

    `of` is a level of sides (`truth.LEVELS`; metrics are the fields of SideScores), `shared` (accounts of two
    people; the fields of PeopleScores), `alone` (the same of users with an invented other person), `noise`
    (precision and recall of the marks, by events) or `all` (number of personas, and the share of memories,
    true noise apart, that stand in one).
    """

    inducer: str
    of: str
    metric: str
    share: Share


def recovery_table(
    folder: Path,
    sets: Mapping[str, Sequence[PersonaSet]],
    memories: Mapping[str, Sequence[IntentMemory]],
    *,
    seed: int = 0,
) -> list[Row]:
    """Rows of every inducer in `sets`, over the users of `memories`; what nobody has a case of is left out.

    `folder` holds a simulation with its truth. `seed` draws resamples and invented people, the same ones for
    all inducers.

    Raises:
        UserError: `folder` lacks truth, or memories are of another log.
        ValueError: sets are not those of these users and memories.

    Example:
        rows = recovery_table(Path("runs/years"), {"clusters": inducer(memories)}, memories)
    """
    truth = truth_of_memories(read_truth(folder, memories), memories)
    return [row for name, found in sets.items() for row in recovery_rows(name, found, truth, seed=seed)]


def read_truth(folder: Path, memories: Mapping[str, Sequence[IntentMemory]]) -> pl.DataFrame:
    """The truth (TRUTH_SCHEMA) of all events of these users.

    Raises:
        UserError: `folder` holds no simulation, or one whose truth was not asked for.
    """
    return scan(folder, TRUTH).filter(pl.col("user_id").is_in(list(memories))).collect()


def recovery_rows(inducer: str, sets: Sequence[PersonaSet], truth: Truth, *, seed: int) -> list[Row]:
    """Rows of one inducer; errors are those of `recovery_tallies`."""
    return rows_of(inducer, recovery_tallies(inducer, sets, truth, seed=seed), seed=seed)


def rows_of(inducer: str, tallies: Mapping[Key, Tally], *, seed: int) -> list[Row]:
    """Rows of these numbers; what nobody has a case of is left out."""
    shares = {key: share_of(tally, seed=seed) for key, tally in tallies.items()}
    return [
        Row(inducer=inducer, of=of, metric=metric, share=share)
        for (of, metric), share in shares.items()
        if share is not None
    ]


def recovery_differences(
    a: Mapping[Key, Tally], b: Mapping[Key, Tally], *, seed: int
) -> dict[Key, Difference | None]:
    """Every number of `a` less that of `b`, paired by user, over those of whom both have it."""
    return {key: difference_of(tally, b[key], seed=seed) for key, tally in a.items()}


def recovery_tallies(
    inducer: str, sets: Sequence[PersonaSet], truth: Truth, *, seed: int
) -> dict[Key, Tally]:
    """Every number of one inducer, by user.

    ValueError when `sets` are of other users than `truth`, or name memories that a user lacks.
    """
    by_user = {found.user_id: found for found in sets}
    if by_user.keys() != truth.keys() or len(sets) != len(by_user):
        raise ValueError(f"{inducer}: {len(sets)} persona sets are not one for each of {len(truth)} users")
    users = tuple(sorted(truth))
    placed = {user: persona_of(by_user[user], truth[user]) for user in users}
    personas = {user: len(by_user[user].personas) for user in users}
    cases: dict[Key, dict[str, Case]] = {
        ("all", "personas"): {user: _value(personas[user]) for user in users}
    }
    cases["all", "in a persona"] = {user: _covered(placed[user], truth[user]) for user in users}
    cases["noise", "precision"] = {user: _marks(truth[user])[0] for user in users}
    cases["noise", "recall"] = {user: _marks(truth[user])[1] for user in users}
    for level in LEVELS:
        sides = {user: side_scores(placed[user], truth[user], level) for user in users}
        for metric in SIDE_METRICS:
            cases[level, metric] = {user: _value(getattr(sides[user], metric)) for user in users}
    for group, people in _people(truth, seed).items():
        parted = {user: people_scores(placed[user], acting) for user, acting in people.items()}
        known = {user: scores for user, scores in parted.items() if scores is not None}
        for metric in PEOPLE_METRICS:
            cases[group, metric] = {user: _value(getattr(scores, metric)) for user, scores in known.items()}
        cases[group, "personas"] = {user: _value(personas[user]) for user in people}
    tallies = {}
    for key, of_user in cases.items():
        hits_U, cases_U = np.array([of_user.get(user, (0.0, 0.0)) for user in users]).T
        tallies[key] = pooled(users, hits_U, cases_U)
    return tallies


def _value(number: float | None) -> Case:
    return (0.0, 0.0) if number is None else (float(number), 1.0)


def _covered(placed: Sequence[int], truth: Sequence[MemoryTruth]) -> Case:
    own = [place != NONE for place, memory in zip(placed, truth, strict=True) if not memory.is_noise]
    return _value(sum(own) / len(own)) if own else _value(None)


def _marks(truth: Sequence[MemoryTruth]) -> tuple[Case, Case]:
    """Precision and recall of the marks of noise, as hits and cases in events."""
    right = sum(memory.noise_events for memory in truth if memory.marked)
    marked = sum(memory.events for memory in truth if memory.marked)
    return (right, marked), (right, sum(memory.noise_events for memory in truth))


def _people(truth: Truth, seed: int) -> dict[str, dict[str, list[str]]]:
    """Group → user → who acted by memory: shared accounts, and users alone with an invented person."""
    groups: dict[str, dict[str, list[str]]] = {"shared": {}, "alone": {}}
    for place, user in enumerate(sorted(truth)):
        shared = is_shared(truth[user])
        if shared:
            groups["shared"][user] = people_of(truth[user])
        elif shared is False:
            invented = invented_people(truth[user], np.random.default_rng([seed, place]))
            if invented:
                groups["alone"][user] = invented
    return groups
