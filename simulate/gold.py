"""Gold labels of one user: the final value of every tag, the events that show it, how hard it is to see."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from records.tags import TAG_NAMES
from simulate.behaviour import Role, UserLog
from simulate.catalogue import Catalogue
from simulate.persona import Persona

EXPLICIT_EVENTS = 6
"""With so many unambiguous events a value is plain to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRow:
    """One tag: `values`, the most evident first, is empty for NA.

    `positions` are places of the evidence in the user's log, `position_values` which value (its place in
    `values`) each of them shows.
    """

    tag: str
    values: tuple[str, ...]
    positions: tuple[int, ...]
    position_values: tuple[int, ...]
    difficulty: str


def gold_rows(persona: Persona, log: UserLog, catalogue: Catalogue) -> list[GoldRow]:
    """The 18 rows of a user, in the order of TAG_NAMES; a tag without evidence in the log is NA."""
    clear_E = ~catalogue.ambiguous_N[log.entity_E]
    rows = []
    for number, tag in enumerate(TAG_NAMES):
        if tag == "home_city":
            role_E = log.home_role_E
            clear = int((role_E == Role.SHOWS).sum())
        else:
            role_E = np.where(log.tag_E == number, log.role_E, Role.NOTHING)
            clear = int(((role_E == Role.SHOWS) & clear_E).sum())
        positions = np.flatnonzero(role_E == Role.SHOWS)
        if tag == "interests":
            shown = [catalogue.entities[entity].values[0] for entity in log.entity_E[positions].tolist()]
        else:
            shown = [persona.final(tag)] * len(positions)
        counts = Counter(shown)
        values = tuple(sorted(counts, key=lambda value: (-counts[value], value)))
        rows.append(
            GoldRow(
                tag=tag,
                values=values,
                positions=tuple(positions.tolist()),
                position_values=tuple(values.index(value) for value in shown),
                difficulty=_difficulty(set(role_E.tolist()), clear, bool(values)),
            )
        )
    return rows


def _difficulty(roles: set[int], clear: int, known: bool) -> str:
    """`clear` counts the unambiguous evidence; an NA tag that nothing in the log contradicts is explicit."""
    if Role.GIFT in roles or Role.SHARED in roles:
        return "trap"
    if Role.FORMER in roles:
        return "temporal"
    return "explicit" if clear >= EXPLICIT_EVENTS or not known else "implicit"
