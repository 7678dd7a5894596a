"""Drawing and freezing the benchmark: step 1 of its build, and what comes of all five.

gold ─→ draw_candidates ─→ (candidates.py, review.py) ─→ freeze ─→ users.json ─→ load ─→ Benchmark
                                                          histories, training users ┘ (verified)
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hprbench.candidates import Stratum
from hprbench.extractor import EXTRACTOR_VERSION
from hprbench.metrics import Gold
from hprbench.review import Review
from records.errors import UserError
from records.files import read_json, write_json
from records.history import SemanticHistory
from records.strata import evenly, stratum_of
from records.tags import GoldTag, known_tags

FORMAT = 2
"""Version of the form of the benchmark file."""

_AGAIN = "make it anew with `usergpt bench build RUN`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A verified benchmark: its users in order, and by user the gold tags, the stratum and the history.

    `version` counts from 1 and rises with every review.
    """

    version: int
    users: tuple[str, ...]
    gold: dict[str, dict[str, GoldTag]]
    strata: dict[str, Stratum]
    histories: dict[str, SemanticHistory]
    reviews: tuple[Review, ...]
    extractor_version: str

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that are asked and scored: those known of some of its users."""
        return known_tags(self.gold)


def draw_candidates(gold: Gold, count: int, seed: int, *, key: str = "bench.users") -> list[str]:
    """Step 1: `count` users, evenly over gender × age group (see `records.strata`), in the order drawn.

    Even rather than proportional, so that every stratum is measured about equally well: any first so many of
    them are even too. Deterministic by `seed` whatever the order of `gold`. Raises UserError, naming `key`,
    when `count` is not between 1 and the number of users.
    """
    if not 1 <= count <= len(gold):
        raise UserError(f"{key}={count}: choose between 1 and the {len(gold)} users there are")
    return evenly(gold, np.random.default_rng(seed))[:count]


def draw_apart(gold: Gold, sizes: Mapping[str, int], seed: int) -> tuple[list[list[str]], Gold]:
    """Disjoint sets of users, each drawn as `draw_candidates` does, and those left; `sizes` is count by key.

    A count of 0 is a set of nobody. Raises UserError, naming the key, when there are too few users for a set.
    """
    left, drawn = dict(gold), []
    for key, count in sizes.items():
        drawn.append(draw_candidates(left, count, seed, key=key) if count else [])
        left = {user: tags for user, tags in left.items() if user not in set(drawn[-1])}
    return drawn, left


def deal_users(gold: Gold, count: int, seed: int) -> list[list[str]]:
    """All users of `gold` in disjoint parts of `count` or a few more, each with its share of every stratum.

    Where users are few and real, as they are: each is in one benchmark of a cross-validation. Deterministic
    by `seed` whatever the order of `gold`; parts are sorted. Raises UserError unless there are two parts.
    """
    if not 1 <= count <= len(gold) // 2:
        raise UserError(f"bench.users={count}: choose between 1 and half of the {len(gold)} labelled users")
    chance = dict(zip(sorted(gold), np.random.default_rng(seed).random(len(gold)), strict=True))
    order = sorted(gold, key=lambda user: (stratum_of(gold[user]), chance[user]))
    parts = len(gold) // count
    return [sorted(order[part::parts]) for part in range(parts)]


def histories_sha256(histories: Iterable[SemanticHistory]) -> str:
    """Checksum of the lines and event ids of `histories`, whatever the order of users."""
    digest = hashlib.sha256()
    for history in sorted(histories, key=lambda history: history.user_id):
        for line in history.lines:
            row = [history.user_id, line.number, line.text, list(line.event_ids)]
            digest.update(json.dumps(row).encode() + b"\n")
    return digest.hexdigest()


def freeze(
    path: Path,
    *,
    users: Sequence[str],
    gold: Gold,
    strata: Mapping[str, Stratum],
    histories: Mapping[str, SemanticHistory],
    version: int = 1,
    reviews: Sequence[Review] = (),
) -> None:
    """Write the benchmark of `users` to `path` as JSON, whole: gold, strata, checksums, extractor version.

    The histories themselves stay where they are. Raises KeyError when gold, strata or histories lack a user.
    """
    content = {
        "users": list(users),
        "gold": {user: {tag: _entry(one) for tag, one in gold[user].items()} for user in users},
        "strata": {user: asdict(strata[user]) for user in users},
    }
    body = {
        "format": FORMAT,
        "version": version,
        "extractor_version": EXTRACTOR_VERSION,
        "histories_sha256": histories_sha256(histories[user] for user in users),
        "content_sha256": _sha256(content),
        "reviews": [asdict(review) for review in reviews],
        **content,
    }
    write_json(path, body)


def _entry(one: GoldTag) -> dict[str, Any]:
    return {
        "values": list(one.values),
        "event_ids": list(one.event_ids),
        "event_values": list(one.event_values),
        "difficulty": one.difficulty,
    }


def _sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load(
    path: Path, *, histories: Mapping[str, SemanticHistory], training_users: Collection[str]
) -> Benchmark:
    """Read the benchmark at `path` and verify that it may be used.

    Raises UserError when the file is none, was frozen with another extractor or changed since, has users
    among `training_users`, or when `histories` are not those it was frozen with.
    """
    try:
        body = read_json(path)
        form, extractor, version = body["format"], body["extractor_version"], body.get("version", 1)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no readable benchmark ({error!r}); {_AGAIN}") from error
    if form != FORMAT:
        raise UserError(f"{path}: benchmark format {form}, this is {FORMAT}; {_AGAIN}")
    if extractor != EXTRACTOR_VERSION:
        raise UserError(
            f"{path}: frozen with extractor version {extractor}, this is {EXTRACTOR_VERSION}; {_AGAIN}"
        )
    try:
        content = {name: body[name] for name in ("users", "gold", "strata")}
        users = tuple(content["users"])
        gold = {user: _labels(user, content["gold"][user]) for user in users}
        strata = {user: Stratum(**content["strata"][user]) for user in users}
        reviews = tuple(
            Review(**{**review, "labels": tuple((user, tag) for user, tag in review.get("labels", ()))})
            for review in body["reviews"]
        )
        checksum, changed = body["histories_sha256"], _sha256(content) != body["content_sha256"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no readable benchmark ({error!r}); {_AGAIN}") from error
    if changed:
        raise UserError(f"{path}: was changed by hand; {_AGAIN}, and correct labels by a review")
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
        raise UserError(f"{path}: the histories are not those it was frozen with; restore them, or {_AGAIN}")
    return Benchmark(
        version=version,
        users=users,
        gold=gold,
        strata=strata,
        histories={user: histories[user] for user in users},
        reviews=reviews,
        extractor_version=extractor,
    )


def _labels(user: str, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, GoldTag]:
    return {
        tag: GoldTag(
            user_id=user,
            tag=tag,
            values=tuple(entry["values"]),
            event_ids=tuple(entry["event_ids"]),
            event_values=tuple(entry["event_values"]),
            difficulty=entry["difficulty"],
        )
        for tag, entry in entries.items()
    }
