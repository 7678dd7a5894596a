"""Stands in for the client of a server that answers questions."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from lm.chat import ChatReply, ChatRequest


class Server:
    """Answers in turn with what it was given, texts or errors as replies; with `again` the last for ever."""

    def __init__(self, *replies: str | ChatReply, again: bool = False) -> None:
        self.replies = list(replies)
        self.again = again
        self.requests: list[ChatRequest] = []
        self.stats = SimpleNamespace(asked=3, cached=1, prompt_tokens=70, completion_tokens=30)

    def complete(
        self, requests: Sequence[ChatRequest], progress: Callable[[int, int], None] | None = None
    ) -> list[ChatReply]:
        self.requests += requests
        given = [self._next() for _ in requests]
        return [one if isinstance(one, ChatReply) else ChatReply(text=one) for one in given]

    def _next(self) -> str | ChatReply:
        return self.replies[0] if self.again and len(self.replies) == 1 else self.replies.pop(0)
