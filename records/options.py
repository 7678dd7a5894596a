"""How a config field says what it means and which numbers it takes, and how an unknown key is refused."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from omegaconf import OmegaConf


def opt(default: Any, doc: str, *, low: float | None = None, high: float | None = None) -> Any:
    """A documented config field, a number of it between `low` and `high` (both allowed).

    Lists, dicts and sections are copied for every instance.
    """
    metadata = {"doc": doc, "low": low, "high": high}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    if isinstance(default, type):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def exactly(schema: type, saved: Mapping[str, Any]) -> Any:
    """The config that was saved: entries of dict fields that `saved` lacks are gone, not the defaults."""
    base = OmegaConf.structured(schema)
    _prune(base, saved)
    return OmegaConf.to_object(OmegaConf.merge(base, saved))


def _prune(node: Any, saved: Mapping[str, Any]) -> None:
    for key in list(node):
        inner = saved.get(key)
        if OmegaConf.get_type(node) is dict and key not in saved:
            del node[key]
        elif isinstance(inner, Mapping) and OmegaConf.is_dict(node._get_node(key)):
            _prune(node[key], inner)


def unknown_key(where: str, prefix: str, key: str, known: Iterable[str]) -> str:
    """The line that refuses `key` and names the nearest known one."""
    near = difflib.get_close_matches(key, list(known), n=1, cutoff=0.0)
    nearest = f"; the nearest known one is {prefix}{near[0]}" if near else ""
    return f"{where}: unknown key {prefix + key!r}{nearest}"


def first_difference(old: Any, new: Any, key: str = "") -> str | None:
    """The first key in which two plain settings differ, such as config.users; None where they are equal."""
    if old == new:
        return None
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                return first_difference(old.get(name), new.get(name), f"{key}.{name}" if key else name)
    return key or "all of it"
