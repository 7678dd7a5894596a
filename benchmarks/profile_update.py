"""How far profiles brought up to date from new events alone agree with profiles of the whole log.

    python -m benchmarks.profile_update runs/quickstart --out runs/update --users 100 --json

The logs of a run's benchmark users are cut in two at a share of each user's time. The first part is
profiled; the second brings these profiles up to date (`usergpt profile --previous`); the whole log is
profiled as well. Told are the share of tags on which both agree, and how many of each are right, over users
whose answers could all be read; profiles of the first part, left as they are, stand beside them. A rerun goes
on.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hprbench.metrics import Gold, is_correct
from launch.profile import profile
from launch.profile_update import Profile, agreement, known_values, read_profiles
from launch.stages.data import load_gold
from records.errors import UserError
from records.files import read_json, written_whole
from records.tags import TAG_NAMES
from simulate.engine import scan

OLD, NEW, WHOLE = "old", "new", "whole"
"""The parts of a log, and the folders of what is made of them."""


def cut(events: pl.DataFrame, share: float) -> dict[str, pl.DataFrame]:
    """`events` by part: OLD up to `share` of the time from a user's first event to the last, NEW after it."""
    time = pl.col("timestamp")
    first, last = time.min().over("user_id"), time.max().over("user_id")
    is_old = time <= first + (last - first) * share
    return {OLD: events.filter(is_old), NEW: events.filter(~is_old), WHOLE: events}


def accuracy(profiles: Mapping[str, Profile], gold: Gold) -> dict[str, float]:
    """Share of users whose tag is right, by tag and as `mean`."""
    by_tag = {
        tag: float(
            np.mean(
                [
                    is_correct(tag, known_values(one["tags"][tag]), gold[user][tag].values)
                    for user, one in profiles.items()
                ]
            )
        )
        for tag in TAG_NAMES
    }
    return {"mean": float(np.mean(list(by_tag.values()))), **by_tag}


def unread(profiles: Mapping[str, Profile]) -> set[str]:
    """Users whose answer could not be read; one whose update failed has the profile that was, and counts."""
    return {user for user, one in profiles.items() if one["error"] or one.get("update_error")}


def measure(run: Path, out: Path, users: int, share: float, overrides: Sequence[str]) -> dict[str, Any]:
    """Profile the parts of the logs of the first `users` benchmark users of `run`, and compare."""
    chosen = read_json(run / "bench" / "users.json")["users"][:users]
    gold = {user: tags for user, tags in load_gold(run).items() if user in set(chosen)}
    parts = cut(scan(run / "events", "events").filter(pl.col("user_id").is_in(chosen)).collect(), share)
    for part, events in parts.items():
        with written_whole(out / f"{part}.parquet") as aside:
            events.write_parquet(aside)
    for part in (OLD, WHOLE):
        profile(str(out / f"{part}.parquet"), "", run, out / part, overrides=overrides)
    profile(
        str(out / f"{NEW}.parquet"), "", run, out / NEW,
        previous=out / OLD, against=out / WHOLE, overrides=overrides,
    )  # fmt: skip
    made = {part: read_profiles(out / part) for part in parts}
    malformed = {part: unread(told) for part, told in made.items()}
    read = [user for user in chosen if not any(user in users for users in malformed.values())]
    if not read:
        raise UserError(f"{run}: no user's answers could all be read; take a model with more training")
    made = {part: {user: told[user] for user in read} for part, told in made.items()}
    return {
        "users": len(chosen),
        "malformed": {part: len(users) for part, users in malformed.items()},
        "read": len(read),
        "share": share,
        "events": {part: len(events) for part, events in parts.items()},
        "changed": float(np.mean([bool(one.get("updated")) for one in made[NEW].values()])),
        "agreement": {part: agreement(made[part], made[WHOLE]) for part in (OLD, NEW)},
        "right": {part: accuracy(profiles, gold) for part, profiles in made.items()},
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run with a trained model")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--users", type=int, default=100, help="the first so many benchmark users")
    parser.add_argument("--share", type=float, default=0.8, help="share of each user's time that is old")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, last")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes to the run's recipe")
    arguments = parser.parse_args()
    found = measure(arguments.run, arguments.out, arguments.users, arguments.share, arguments.overrides)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{found['read']} of {found['users']} users, malformed answers: {found['malformed']}")
    print("| tag | right: old | updated | whole | agree with whole: old | updated |")
    print("|---|---|---|---|---|---|")
    for tag in ("mean", *TAG_NAMES):
        told = [found["right"][part][tag] for part in (OLD, NEW, WHOLE)]
        for part in (OLD, NEW):
            agreed = found["agreement"][part]
            told.append(agreed["mean"] if tag == "mean" else agreed["by_tag"][tag])
        print(f"| {tag} | {' | '.join(f'{number:.3f}' for number in told)} |")


if __name__ == "__main__":
    main()
