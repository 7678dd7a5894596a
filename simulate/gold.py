"""Gold labels of one user: the final value of every tag, the events that show it, how hard it is to see."""

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
    """One tag: `values` is empty for NA; `positions` are places of the evidence in the user's log."""

    tag: str
    values: tuple[str, ...]
    positions: tuple[int, ...]
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
        values: tuple[str, ...] = ()
        if len(positions):
            values = _hobbies(log, positions, catalogue) if tag == "interests" else (persona.final(tag),)
        rows.append(
            GoldRow(
                tag=tag,
                values=values,
                positions=tuple(positions.tolist()),
                difficulty=_difficulty(set(role_E.tolist()), clear, bool(values)),
            )
        )
    return rows


def _hobbies(log: UserLog, positions: np.ndarray, catalogue: Catalogue) -> tuple[str, ...]:
    """Hobbies with evidence, the most evident first."""
    counts: dict[str, int] = {}
    for entity in log.entity_E[positions].tolist():
        hobby = catalogue.entities[entity].values[0]
        counts[hobby] = counts.get(hobby, 0) + 1
    return tuple(sorted(counts, key=lambda hobby: (-counts[hobby], hobby)))


def _difficulty(roles: set[int], clear: int, known: bool) -> str:
    """`clear` counts the unambiguous evidence; an NA tag that nothing in the log contradicts is explicit."""
    if Role.GIFT in roles or Role.SHARED in roles:
        return "trap"
    if Role.FORMER in roles:
        return "temporal"
    return "explicit" if clear >= EXPLICIT_EVENTS or not known else "implicit"
