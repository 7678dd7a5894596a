"""Choosing and freezing the benchmark: who is in it, what is true of them, what they are read by.

gold ─→ select_users ─→ freeze ─→ benchmark.json ─→ load ─→ Benchmark
                                              histories, training users ┘ (verified)
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hprbench.extractor import EXTRACTOR_VERSION
from hprbench.metrics import Gold
from records.errors import UserError
from records.files import read_json, write_json
from records.history import SemanticHistory
from records.strata import evenly
from records.tags import GoldTag

FORMAT = 1
"""Version of the benchmark file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A verified benchmark: its users in order, and by user the gold tags and the history."""

    users: tuple[str, ...]
    gold: dict[str, dict[str, GoldTag]]
    histories: dict[str, SemanticHistory]
    extractor_version: str


def select_users(gold: Gold, count: int, seed: int, *, key: str = "bench.users") -> list[str]:
    """`count` users, evenly over gender × age group (see `records.strata`).

    Even rather than proportional, so that every stratum is measured about equally well.
    Deterministic by `seed` whatever the order of `gold`; returned sorted. Raises UserError, naming `key`,
    when `count` is not between 1 and the number of users.
    """
    if not 1 <= count <= len(gold):
        raise UserError(f"{key}={count}: choose between 1 and the {len(gold)} users there are")
    return sorted(evenly(gold, np.random.default_rng(seed))[:count])


def histories_sha256(histories: Iterable[SemanticHistory]) -> str:
    """Checksum of the lines and event ids of `histories`, whatever the order of users."""
    digest = hashlib.sha256()
    for history in sorted(histories, key=lambda history: history.user_id):
        for line in history.lines:
            row = [history.user_id, line.number, line.text, list(line.event_ids)]
            digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()


def freeze(path: Path, *, users: Sequence[str], gold: Gold, histories: Mapping[str, SemanticHistory]) -> None:
    """Write the benchmark of `users` to `path` as JSON, whole: ids, gold, checksum, extractor version.

    The histories themselves stay where they are. Raises KeyError when gold or histories lack a user.
    """
    body = {
        "format": FORMAT,
        "extractor_version": EXTRACTOR_VERSION,
        "histories_sha256": histories_sha256(histories[user] for user in users),
        "users": list(users),
        "gold": {
            user: {
                tag: {
                    "values": g.values,
                    "event_ids": g.event_ids,
                    "event_values": g.event_values,
                    "difficulty": g.difficulty,
                }
                for tag, g in gold[user].items()
            }
            for user in users
        },
    }
    write_json(path, body)


def load(
    path: Path, *, histories: Mapping[str, SemanticHistory], training_users: Collection[str]
) -> Benchmark:
    """Read the benchmark at `path` and verify that it may be used.

    Raises UserError when the file is none, was frozen with another extractor, has users among
    `training_users`, or when `histories` are not those it was frozen with.
    """
    try:
        body = read_json(path)
        users = tuple(body["users"])
        gold = {
            user: {
                tag: GoldTag(
                    user_id=user,
                    tag=tag,
                    values=tuple(entry["values"]),
                    event_ids=tuple(entry["event_ids"]),
                    event_values=tuple(entry["event_values"]),
                    difficulty=entry["difficulty"],
                )
                for tag, entry in body["gold"][user].items()
            }
            for user in users
        }
        version, checksum, extractor = body["format"], body["histories_sha256"], body["extractor_version"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no readable benchmark ({error!r}); freeze it again") from error
    if version != FORMAT:
        raise UserError(f"{path}: benchmark format {version}, this is {FORMAT}; freeze it again")
    if extractor != EXTRACTOR_VERSION:
        raise UserError(
            f"{path}: frozen with extractor version {extractor}, this is {EXTRACTOR_VERSION}; freeze it again"
        )
    shared = sorted(set(users) & set(training_users))
    if shared:
        raise UserError(
            f"{path}: {len(shared)} benchmark users are training users, such as {', '.join(shared[:3])}; "
            "take them out of training"
        )
    missing = [user for user in users if user not in histories]
    if missing:
        raise UserError(f"{path}: {len(missing)} users have no history, such as {missing[0]}; semantize them")
    if histories_sha256(histories[user] for user in users) != checksum:
        raise UserError(
            f"{path}: the histories are not those it was frozen with; restore them or freeze again"
        )
    return Benchmark(
        users=users,
        gold=gold,
        histories={user: histories[user] for user in users},
        extractor_version=extractor,
    )
