"""Users whose histories say the same: none may stand on both sides of a line that a measurement draws."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from records.history import SemanticHistory

LIKE = 0.8
"""Share of lines in common (Jaccard) from which two histories say the same."""

_COMMON = 50
"""A line that more users have tells none of them apart, and is not looked for others by."""


def near_duplicates(
    users: Sequence[str], others: Sequence[str], histories: Mapping[str, SemanticHistory]
) -> dict[str, str]:
    """Those of `users` whose history says the same as that of one of the `others` (the first in their order).

    Lines count without their numbers. Histories of nothing but common lines are compared as a whole.
    """
    lines = {user: _lines(histories[user]) for user in {*users, *others}}
    having: dict[str, list[str]] = defaultdict(list)
    whole: dict[frozenset[str], str] = {}
    for other in others:
        whole.setdefault(lines[other], other)
        for line in lines[other]:
            having[line].append(other)
    found = {}
    for user in users:
        mine = lines[user]
        rare = [having[line] for line in mine if line in having and len(having[line]) <= _COMMON]
        near = {other for owners in rare for other in owners}
        like = [other for other in others if other in near and _jaccard(mine, lines[other]) >= LIKE]
        if like or mine in whole:
            found[user] = like[0] if like else whole[mine]
    return found


def _lines(history: SemanticHistory) -> frozenset[str]:
    return frozenset(line.text.partition(" ")[2] for line in history.lines)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))
