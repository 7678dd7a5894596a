"""Engines that do the same thing side by side, step by step."""

import time
from collections.abc import Mapping
from typing import Any

from actors.supervision import ActorError, await_verdict, loss, wait_for

Engines = Mapping[str, Any]
"""Rollout engine actors by name."""


class Round:
    """Calls to all of `engines`. One that dies, or does not answer within `timeout_s` seconds, gets no more.

    `engines` are those still there; `lost` tells how the others were lost.
    """

    def __init__(self, engines: Engines, timeout_s: float) -> None:
        self.engines = dict(engines)
        self.timeout_s = timeout_s
        self.lost: dict[str, str] = {}

    def call(self, method: str, *arguments: Any) -> dict[str, Any]:
        """The answers, by name.

        Raises:
            ActorError: an engine raised.
        """
        return self.call_each(method, dict.fromkeys(self.engines, arguments))

    def call_each(self, method: str, arguments: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
        """As `call`, with each engine's own arguments."""
        pending = {
            name: getattr(engine, method).remote(*arguments[name]) for name, engine in self.engines.items()
        }
        answers = {}
        deadline = time.monotonic() + self.timeout_s
        for name, ref in pending.items():
            try:
                answers[name] = wait_for(ref, name, max(0.0, deadline - time.monotonic()))
            except ActorError as error:
                how = loss(error, self.timeout_s)
                if how is None:
                    raise
                await_verdict(error, self.engines[name])
                self.lost[name] = how
                del self.engines[name]
        return answers
