"""Rankers that know which events of a history belong to which persona.

A persona is the events behind its memories; what a description says is not read. A candidate fits one of
several sides of a user well, or all of them half: the profile of a whole history cannot tell these apart.

Array suffixes: C candidates, E events of the user's history, P personas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hprbench.next_item.affinity import Matrix
from hprbench.next_item.rankers import fits, recency
from hprbench.next_item.split import FloatArray, History, IntArray, Split
from records.errors import UserError
from records.persona import IntentMemory, PersonaSet

Way: TypeAlias = Literal["best", "next", "active"]

Members = NDArray[np.bool_]
"""P × E: which events of a history are behind which persona; an event may be behind several, or none."""


def members_of(
    split: Split, sets: Sequence[PersonaSet], memories: Mapping[str, Sequence[IntentMemory]]
) -> list[Members]:
    """Members of every user of the split; one who has no persona set gets one persona of everything.

    Raises:
        UserError: a memory rests on an event that is not in the user's history, as are those after the cut;
            or a persona holds a memory that is not given.
    """
    of_user = {one.user_id: one for one in sets}
    found = []
    for user, history in zip(split.users, split.histories, strict=True):
        personas = of_user[user].personas if user in of_user else ()
        events = {one.number: one.event_ids for one in memories.get(user, ())}
        if unknown := {number for one in personas for number in one.memories} - events.keys():
            raise UserError(
                f"user {user}, memory {min(unknown)}: in a persona, but not among the memories; "
                "give the memories that the personas were induced from"
            )
        rows = [[event for number in one.memories for event in events[number]] for one in personas]
        found.append(_places(user, history, rows))
    return found


def earlier_members(split: Split, members: Sequence[Members], earlier: Split) -> list[Members]:
    """Members of `earlier`, the split one event earlier: each user's newest event is in no persona.

    Personas that were induced with it in view are so fitted without it; what it did to their boundaries
    stays, which may give personas more weight than they deserve, but shows no target of `split`.
    """
    of_user = dict(zip(split.users, members, strict=True))
    return [of_user[user][:, :-1] for user in earlier.users]


def shuffled_members(members: Sequence[Members], *, seed: int) -> list[Members]:
    """As many personas of the same sizes, with events dealt out by chance: what parting alone does."""
    generator = np.random.default_rng(seed)
    return [one[:, generator.permutation(one.shape[1])] for one in members]


def _places(user: str, history: History, rows: Sequence[Sequence[str]]) -> Members:
    place = {event: number for number, event in enumerate(history.event_ids)}
    members_PE = np.zeros((max(1, len(rows)), len(place)), dtype=bool)
    if not rows:
        members_PE[:] = True
    for number, events in enumerate(rows):
        for event in events:
            if event not in place:
                raise UserError(
                    f"user {user}, event {event}: in a persona, but not in the history; "
                    "induce personas from the events before the cut alone"
                )
            members_PE[number, place[event]] = True
    return members_PE


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaFit:
    """Cosine of the candidate with each persona's items, taken together in one of three ways.

    `best`: the highest of them. `next`: their mean, each weighted by how likely that persona is to act next,
    the share of recent events (halved every `prior` sessions) that are its own. `active`: that of the persona
    with the newest event.
    `halflife`: sessions in which an event's weight within its persona halves.
    """

    split: Split
    members: Sequence[Members]
    affinity: Matrix
    way: Way
    halflife: float = np.inf
    prior: float = 1.0

    def __call__(self, user: int, candidates_C: IntArray) -> FloatArray:
        history, members_PE = self.split.histories[user], self.members[user]
        weights_PE = members_PE * recency(history, self.halflife)
        fit_PC = fits(self.affinity, history.items_E, weights_PE, candidates_C)
        return taken_together(fit_PC, members_PE, recency(history, self.prior), self.way)


def taken_together(fit_PC: FloatArray, members_PE: Members, recent_E: FloatArray, way: Way) -> FloatArray:
    """One row of P, as `way` of PersonaFit says; `recent_E` weighs events in telling who acts next."""
    if way == "best":
        return np.asarray(fit_PC.max(axis=0))
    if way == "active":
        return np.asarray(fit_PC[active(members_PE)])
    likely_P = (members_PE * recent_E).sum(axis=1)
    total = likely_P.sum()
    return np.asarray(likely_P @ fit_PC / total if total else fit_PC.mean(axis=0))


def active(members_PE: Members) -> int:
    """The persona with the newest event; of several the one with most events."""
    places = np.arange(1, members_PE.shape[1] + 1)
    newest_P = (members_PE * places).max(axis=1)
    among = np.flatnonzero(newest_P == newest_P.max())
    return int(among[np.argmax(members_PE[among].sum(axis=1))])
