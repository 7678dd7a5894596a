"""What is asked of a chat model and what comes back."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

_FENCE = re.compile(r"\s*```json[ \t]*\n(?P<body>.*?)\n?[ \t]*```\s*", re.DOTALL)

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (requests answered, requests)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to the model; of equal ones, one is asked.

    `schema` is a JSON schema that the reply must follow (None: free text); the order of its properties is
    the order in which they are written, so it is part of the question. `max_tokens` bounds the reply. An
    empty `system` sends no system message.
    """

    system: str
    user: str
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 512
    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What came back. `cached`: nothing was sent for it. Token counts are 0 where the server gives none.

    `error` is empty when all is well, else a reason, with detail behind a colon where there is some:
    budget, deadline, timeout, connection, http_STATUS, or malformed (no chat completion went or came).
    """

    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    error: str = ""

    @property
    def reason(self) -> str:
        """The error without its detail."""
        return self.error.partition(":")[0]


class ClientStats(Protocol):
    """What a client tells of what it spent (see `lm.client.ChatStats`)."""

    @property
    def asked(self) -> int: ...
    @property
    def cached(self) -> int: ...
    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...


class Client(Protocol):
    """Who asks a chat model: `lm.client.ChatClient`, or what stands in for it."""

    @property
    def stats(self) -> ClientStats: ...

    def complete(self, requests: Sequence[ChatRequest], progress: Progress | None = None) -> list[ChatReply]:
        """One reply a request, in their order."""
        ...


def object_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with all of `properties` and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def json_of(reply: ChatReply) -> Any | None:
    """The JSON value that is the whole of a reply's text, or of the one ```json block that the text is.

    None where it is none (or is null), where a key stands twice, and where it holds what cannot be written
    as JSON again: NaN, infinities, lone surrogates.
    """
    if reply.error:
        return None
    fenced = _FENCE.fullmatch(reply.text)
    try:
        value = json.loads(fenced["body"] if fenced else reply.text, object_pairs_hook=_without_duplicates)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value
