"""Labels as rules read them off the raw log: what teachers are asked to agree with, and noisy as such."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from records.tags import GoldTag
from sft.bands import Gold, same_values
from sft.teachers import TagValues


def rule_labels(
    gold: Gold, rules: Mapping[str, TagValues], users: Sequence[str]
) -> dict[str, dict[str, GoldTag]]:
    """The labels of `users`: values as `rules` read them, with their evidence where they are true.

    A value that is not true has no evidence: nothing in a history shows it, and a lesson on it would say NA.
    """
    return {
        user: {
            tag: label
            if same_values(tag, rules[user][tag], label.values)
            else replace(label, values=tuple(rules[user][tag]), event_ids=(), event_values=())
            for tag, label in gold[user].items()
        }
        for user in users
    }


def true_shares(labels: Gold, gold: Gold, bands: pl.DataFrame) -> dict[str, float]:
    """Band → share of its labels that are true; under "all" that of all labels."""
    true: dict[str, list[bool]] = {"all": []}
    for user, tag, band in bands.select("user_id", "tag", "band").iter_rows():
        right = same_values(tag, labels[user][tag].values, gold[user][tag].values)
        true["all"].append(right)
        true.setdefault(band, []).append(right)
    return {band: round(sum(found) / len(found), 4) for band, found in sorted(true.items()) if found}
