"""How long actors are really at work: what they answer says so, and pools add it up.

    actor ──Worked(answer, seconds)──► pool: busy_s += seconds ──► IdleClock ──► time/idle/KIND

Seconds are taken inside the actor's process: whoever drives them may look late, or send late, and that is
time in which the actor has nothing to do. Of weights that engines take together it is the driver's time
instead, which waits for the slowest.
"""

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked(Generic[T]):
    """What a call came to, and the seconds that the actor was at it."""

    answer: T
    seconds: float


def worked(method: Callable[P, T]) -> Callable[P, Worked[T]]:
    """A method of an actor, whose answers tell how long it was at them."""

    @functools.wraps(method)
    def timed(*args: P.args, **kwargs: P.kwargs) -> Worked[T]:
        started = time.monotonic()
        answer = method(*args, **kwargs)
        return Worked(answer=answer, seconds=time.monotonic() - started)

    return timed


class Workers(Protocol):
    """Actors of one kind: so many seats, all of which have been at work for `busy_s` seconds together.

    A replaced actor's seat stays, and so does what it had counted; what it was at when it was lost counts as
    nothing.
    """

    busy_s: float

    @property
    def seats(self) -> int: ...


class IdleClock:
    """The share of time in which each kind of actors was not at work, from one look to the next."""

    def __init__(self, kinds: Mapping[str, Workers], now: Callable[[], float] = time.monotonic) -> None:
        self._kinds = kinds
        self._now = now
        self._since = now()
        self._counted = {name: workers.busy_s for name, workers in kinds.items()}

    def look(self) -> dict[str, float]:
        """`time/idle/KIND` since the last look, in [0, 1], and the seconds since then as `time/cycle`.

        A call tells its seconds when it ends, those before the last look too: what is more than can be of the
        time since then is counted at the next look, so that the mean over looks, by their seconds, is right.
        """
        now = self._now()
        seconds, self._since = now - self._since, now
        shares = {"time/cycle": seconds}
        for name, workers in self._kinds.items():
            possible = seconds * workers.seats
            busy = min(possible, workers.busy_s - self._counted[name])
            self._counted[name] += busy
            shares[f"time/idle/{name}"] = 1 - busy / possible if possible else 1.0
        return shares
