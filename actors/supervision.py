"""Waiting for actors, with a bound and a name."""

from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

from records.errors import UserError


class ActorError(RuntimeError):
    """An actor died, raised, or did not answer in time; the message names it and the cause."""


def wait_for(refs: Any, who: str, timeout_s: float) -> Any:
    """`ray.get` bounded by `timeout_s` seconds.

    Raises:
        UserError: the actor says the input is at fault.
        ActorError: naming `who` and the cause.
    """
    try:
        return ray.get(refs, timeout=timeout_s)
    except GetTimeoutError:
        raise ActorError(f"{who} did not answer within {timeout_s:g} s (cluster.timeout_s)") from None
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, UserError):
            raise cause from None
        raise ActorError(f"{who} failed: {type(cause).__name__}: {cause}") from error
    except RayActorError as error:
        raise ActorError(f"{who} died: {_first_lines(str(error))}") from error


def _first_lines(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:8])[:600]
