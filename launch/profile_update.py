"""Profiles brought up to date from new events alone, and how far two sets of profiles agree."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm.phrases import OPENINGS, sentences
from records.errors import UserError
from records.tags import NA, TAG, TAG_NAMES, in_order

Profile = dict[str, Any]
"""A line of profiles.jsonl."""


def read_profiles(directory: Path) -> dict[str, Profile]:
    """Profiles of a finished `usergpt profile`, by user.

    Raises:
        UserError: there are none, or a line is no profile.
    """
    path = directory / "profiles.jsonl"
    if not path.is_file():
        raise UserError(f"{directory}: no profiles.jsonl; name the --out of a finished `usergpt profile`")
    profiles: dict[str, Profile] = {}
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                profile = json.loads(line)
                profiles[profile["user_id"]] = profile
                known = profile["error"] is not None or set() < set(profile["tags"]) <= set(TAG_NAMES)
            except (ValueError, KeyError, TypeError):
                known = False
            if not known:
                raise UserError(f"{path}: line {number} is no profile; make the file again")
    return profiles


def settled(profile: Profile) -> Profile:
    """A profile without what its last update noted."""
    return {name: value for name, value in profile.items() if name not in ("updated", "update_error")}


def updated(previous: Profile, new: Profile) -> Profile:
    """The profile after new events: `previous` as read from all before, `new` from the new events alone.

    A value that the new events show (by a line cited) takes the place of the old one, as tags tell how things
    are in the end; interests are joined, the new ones first. What they do not show stays. Sentences of a
    dimension in which a value changed are written anew from its tags, the others stay. `updated` names the
    tags that changed.
    """
    if new["error"] is not None:
        return previous | {"update_error": new["error"]} if previous["error"] is None else new
    if previous["error"] is not None:
        return new | {"updated": _known(new)}
    old, fresh = previous["tags"], new["tags"]
    both = old.keys() & fresh.keys()
    tags = {
        name: _newer(name, old[name], fresh[name]) if name in both else {**old, **fresh}[name]
        for name in in_order({*old, *fresh})
    }
    changed = [
        name for name in tags if name not in old or known_values(tags[name]) != known_values(old[name])
    ]
    return {
        **previous,
        "tags": tags,
        "summary": _summary(tags, previous["summary"], {TAG[name].dimension for name in changed}),
        "updated": changed,
    }


def agreement(one: Mapping[str, Profile], other: Mapping[str, Profile]) -> dict[str, Any]:
    """Of the users whose answers could be read on both sides, the share of tags with the same values.

    Tags are those that all were asked about. Without such a user there is no mean (None).
    """
    users = [
        user
        for user in one.keys() & other.keys()
        if one[user]["error"] is None and other[user]["error"] is None
    ]
    by_tag = {
        name: sum(_folded(one[user]["tags"][name]) == _folded(other[user]["tags"][name]) for user in users)
        / len(users)
        for name in TAG_NAMES
        if users and all(name in side[user]["tags"] for user in users for side in (one, other))
    }
    mean = sum(by_tag.values()) / len(by_tag) if by_tag else None
    return {"users": len(users), "by_tag": by_tag, "mean": mean}


def agreement_told(found: Mapping[str, Any]) -> str:
    """What `agreement` found, in words."""
    if found["mean"] is None:
        return f"none to tell ({found['users']} users could be read on both sides)"
    return f"{found['mean']:.3f} of tags, {found['users']} users"


def _newer(name: str, previous: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    if not known_values(new) or not new["evidence"]:
        return previous
    if TAG[name].max_values == 1:
        return new
    values = list(dict.fromkeys([*known_values(new), *known_values(previous)]))[: TAG[name].max_values]
    return {"value": values, "evidence": [*new["evidence"], *previous["evidence"]]}


def _summary(
    tags: Mapping[str, dict[str, Any]], previous: Sequence[dict[str, Any]], dimensions: set[str]
) -> list[dict[str, Any]]:
    """Sentences by dimension: those of `dimensions` anew, the rest as it was."""
    kept: dict[str, list[dict[str, Any]]] = {}
    for sentence in previous:
        kept.setdefault(_dimension(sentence["text"]), []).append(sentence)
    anew = sentences({name: known_values(tag) for name, tag in tags.items()})
    summary = []
    for dimension in OPENINGS:
        if dimension not in dimensions:
            summary += kept.get(dimension, [])
        elif dimension in anew:
            text, names = anew[dimension]
            evidence = [line for name in names for line in tags[name]["evidence"]]
            summary.append({"text": text, "evidence": _distinct(evidence)})
    return summary + kept.get("", [])


def _dimension(text: str) -> str:
    return next((name for name, opening in OPENINGS.items() if text.startswith(f"{opening} ")), "")


def _distinct(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({line["text"]: line for line in lines}.values())


def _known(profile: Profile) -> list[str]:
    return [name for name, tag in profile["tags"].items() if known_values(tag)]


def known_values(tag: Mapping[str, Any]) -> list[str]:
    """Values of a tag of a profile; none for NA."""
    value = tag["value"]
    if isinstance(value, list):
        return list(value)
    return [] if value == NA else [value]


def _folded(tag: Mapping[str, Any]) -> set[str]:
    return {value.casefold() for value in known_values(tag)}
