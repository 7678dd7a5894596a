"""The author that asks a language model. It reads what comes back and judges nothing of it."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from lm.chat import ChatReply, ChatRequest, Client, Progress, json_of
from simulate.author.prompts import (
    SYSTEM,
    desire_question,
    desire_schema,
    persona_question,
    persona_schema,
    query_question,
    texts_schema,
    title_question,
)
from simulate.author.protocol import (
    DesireAsk,
    DesireProposal,
    Desires,
    ItemProposal,
    PersonaFacts,
    TextAsk,
    Texts,
)

TEMPERATURE = 0.8
"""Asked for variety; the seed makes the same question get the same answer."""

MOST_TOKENS = 1024
"""Tokens of a reply, at most."""


class LLMAuthor:
    """An author whose every call is one batch of questions to `client`, a question an ask.

    Questions and their seeds depend on the ask alone, so that the client's cache answers an ask that was made
    before, in whatever batch. An answer that cannot be read says why: the client's reason, `not_json`, or
    `wrong_form` (JSON, but not of the schema). `progress` is called with (answered, asked).

    Raises:
        UserError: from every method, as `ChatClient.complete` does.
    """

    def __init__(self, client: Client, progress: Progress | None = None) -> None:
        self._client = client
        self._progress = progress

    def complete_personas(self, personas: Sequence[PersonaFacts]) -> list[Texts]:
        """A short description of each persona."""
        replies = self._replies((persona_question(one), persona_schema(), one.key) for one in personas)
        answers = [_read_texts(reply, "sentences") for reply in replies]
        return [replace(one, texts=(" ".join(one.texts),)) if one.texts else one for one in answers]

    def mine_desires(self, asks: Sequence[DesireAsk]) -> list[Desires]:
        """One new desire an ask."""
        replies = self._replies((desire_question(ask), desire_schema(ask), ask.persona.key) for ask in asks)
        return [_read_desire(ask, reply) for ask, reply in zip(asks, replies, strict=True)]

    def word_intents(self, asks: Sequence[TextAsk]) -> list[Texts]:
        """Search queries of somebody who wants the item."""
        return [
            _read_texts(reply, "texts")
            for reply in self._replies(
                (query_question(ask), texts_schema("query", ask.count), f"{ask.kind}/{ask.item}")
                for ask in asks
            )
        ]

    def write_titles(self, asks: Sequence[TextAsk]) -> list[Texts]:
        """Titles under which the item is offered."""
        return [
            _read_texts(reply, "texts")
            for reply in self._replies(
                (title_question(ask), texts_schema("title", ask.count), f"{ask.kind}/{ask.item}")
                for ask in asks
            )
        ]

    def _replies(self, asked: Iterable[tuple[str, Mapping[str, Any], str]]) -> list[ChatReply]:
        """Replies to (question, schema, what the seed derives from)."""
        requests = [
            ChatRequest(
                system=SYSTEM,
                user=question,
                schema=schema,
                max_tokens=MOST_TOKENS,
                temperature=TEMPERATURE,
                seed=zlib.crc32(key.encode()) >> 1,  # servers take signed numbers of 32 bits
            )
            for question, schema, key in asked
        ]
        return self._client.complete(requests, self._progress)


def _read_texts(reply: ChatReply, field: str) -> Texts:
    fields = _fields(reply)
    if isinstance(fields, str):
        return Texts(unread=fields)
    texts = fields.get(field)
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return Texts(unread="wrong_form")
    return Texts(texts=tuple(texts)) if texts else Texts(unread="empty")


def _read_desire(ask: DesireAsk, reply: ChatReply) -> Desires:
    fields = _fields(reply)
    if isinstance(fields, str):
        return Desires(unread=fields)
    want, leans, things = fields.get("want"), fields.get("leans", []), fields.get("things")
    if not (isinstance(want, str) and isinstance(leans, list) and isinstance(things, list)):
        return Desires(unread="wrong_form")
    items = [_read_item(thing) for thing in things]
    if None in items or not all(isinstance(lean, str) for lean in leans):
        return Desires(unread="wrong_form")
    proposal = DesireProposal(
        tag=ask.tag,
        value=ask.value,
        want=want,
        leans=tuple(leans),
        items=tuple(item for item in items if item is not None),
    )
    return Desires(desires=(proposal,))


def _read_item(thing: Any) -> ItemProposal | None:
    name, category = (thing.get("name"), thing.get("category")) if isinstance(thing, dict) else (None, None)
    if not (isinstance(name, str) and isinstance(category, str)):
        return None
    return ItemProposal(name=name, category=category)


def _fields(reply: ChatReply) -> dict[str, Any] | str:
    """The object that is the reply, or why there is none."""
    if reply.error:
        return reply.reason
    value = json_of(reply)
    if value is None:
        return "not_json"
    return value if isinstance(value, dict) else "wrong_form"
