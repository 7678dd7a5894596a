"""Waiting for actors, with a bound and a name."""

import re
import time
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import (
    ActorUnavailableError,
    GetTimeoutError,
    ObjectLostError,
    RayActorError,
    RayError,
    RayTaskError,
)

from records.errors import UserError

GRACE_S = 5.0
"""How long to look for the death behind a failure, seconds."""

NODE_DEATH_S = 60.0
"""Longest that Ray may take to see that a node has died, seconds; as it is shipped it takes about 20."""

_LOOK_S = 0.5
"""Seconds between looks at an actor that is out of reach."""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class ActorError(RuntimeError):
    """An actor died, raised, or did not answer in time; the message names it and the cause."""


class ActorDiedError(ActorError):
    """An actor that had started died at its work, or its node with the answer; `who` names it."""

    def __init__(self, who: str, cause: str) -> None:
        super().__init__(f"{who} {cause}")
        self.who = who


def wait_for(refs: Any, who: str, timeout_s: float, *, bound_s: float | None = None) -> Any:
    """`ray.get` bounded by `timeout_s` seconds, of `bound_s` in all where others have passed already.

    Raises:
        UserError: the actor says the input is at fault.
        ActorDiedError: it died; another may take its place.
        ActorError: naming `who` and the cause.
    """
    try:
        return ray.get(refs, timeout=timeout_s)
    except GetTimeoutError:
        bound = timeout_s if bound_s is None else bound_s
        raise ActorError(f"{who} did not answer within {bound:g} s (cluster.timeout_s)") from None
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, UserError):
            raise cause from None
        raise ActorError(f"{who} failed: {type(cause).__name__}: {cause}") from error
    except RayActorError as error:
        raise _death(who, error) from error
    except ObjectLostError as error:  # it lay on a node that died
        raise ActorDiedError(who, f"lost its answer: {type(error).__name__}") from error
    except RayError as error:
        reason = str(error).partition("\n")[0]
        raise ActorError(f"{who} failed: {type(error).__name__}: {reason}") from error


def loss(error: ActorError, timeout_s: float) -> str | None:
    """How an actor was lost, that another in its place may do better; None where that would not help."""
    if isinstance(error, ActorDiedError):
        return "it died"
    return None if error.__cause__ else f"no answer within {timeout_s:g} s (cluster.timeout_s)"


def await_verdict(error: ActorError, actor: Any) -> None:
    """Where `actor` was out of reach, return once Ray knows whether it died, or NODE_DEATH_S have passed.

    Ray learns late that a node has died; who takes the actor's place before that is sent there, and lost too.
    """
    deadline = time.monotonic() + NODE_DEATH_S
    cause: BaseException | None = error.__cause__
    while isinstance(cause, ActorUnavailableError) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        try:
            ray.get(actor.__ray_ready__.remote(), timeout=NODE_DEATH_S)
            cause = None
        except RayError as failure:
            cause = failure


def wait_for_all(
    refs: Sequence[Any], who: Sequence[str], timeout_s: float, *, bound_s: float | None = None
) -> list[Any]:
    """The answers of actors that work side by side; `who` names the actor of each reference.

    Actors that depend on each other fail together, so a death is told before the failures it caused.

    Raises:
        UserError, ActorError: as `wait_for`, for the actor at fault.
    """
    deadline = time.monotonic() + timeout_s
    pending = dict(zip(refs, who, strict=True))
    answers: dict[Any, Any] = {}
    failures: list[UserError | ActorError] = []
    while pending:
        done, _ = ray.wait(list(pending), timeout=max(0.0, deadline - time.monotonic()))
        if not done:
            break
        ref = done[0]
        try:
            answers[ref] = wait_for(ref, pending.pop(ref), timeout_s)
        except (UserError, ActorError) as error:
            failures.append(error)
            deadline = min(deadline, time.monotonic() + GRACE_S)
    failures.sort(key=lambda error: not isinstance(error.__cause__, RayActorError))
    if failures:
        raise failures[0]
    if pending:
        names = ", ".join(pending.values())
        bound = timeout_s if bound_s is None else bound_s
        raise ActorError(f"{names} did not answer within {bound:g} s (cluster.timeout_s)")
    return [answers[ref] for ref in refs]


def _death(who: str, error: RayActorError) -> ActorError:
    """That an actor died and why, in one line: of a failed start the cause, with which Ray's text ends."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()]
    if getattr(error, "actor_init_failed", False):
        return ActorError(f"{who} could not start: {lines[-1][:600]}")
    return ActorDiedError(who, f"died: {' '.join(lines[:8])[:600]}")
