"""A user's personas as a record that people and programs read: every claim with what supports it and what
contradicts it."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from records.persona import IntentMemory, Persona, PersonaSet, Statement
from rewards.personas.claims import render
from rewards.personas.evidence import evidence
from rewards.personas.subject import Subject
from rewards.personas.total import Quality

SHOWN = 6
"""Memories that are told for a claim, and against it; all are counted."""

SHOWN_EVENTS = 20
"""Event ids that are told of a memory; all are counted."""


def told(personas: PersonaSet, subject: Subject, score: Quality) -> dict[str, Any]:
    """The record of one user:

    `user_id`, `error` (null, or why there are no personas), `memories` and `intents` (counts), `quality`, and
    `personas`: `persona` (number), `label`, `memories` (numbers), `first` and `last` (times), `description`,
    and `evidence` (memory number → what it is). A sentence has `text`, `memories` (cited:
    the first SHOWN, and what else of them is told) and `claims`:
    `text`, `cited` and `whole` (true, false, or null where memories cannot tell: of the cited ones alone, and
    of all the persona's), `supports` and `contradicts` (numbers, SHOWN at most) and how many there are.
    """
    rated = {name: value for name, value in asdict(score).items() if name != "error"}
    return {
        "user_id": personas.user_id,
        "error": personas.error or None,
        "memories": len(subject.memories),
        "intents": len(subject.own),
        "quality": {**rated, "error": score.error or None},
        "personas": [
            _persona(number, persona, subject) for number, persona in enumerate(personas.personas, start=1)
        ],
    }


def _persona(number: int, persona: Persona, subject: Subject) -> dict[str, Any]:
    said = [_sentence(statement, persona, subject) for statement in persona.description]
    named = {one for sentence in said for one in sentence["memories"]}
    named |= {
        one
        for sentence in said
        for claim in sentence["claims"]
        for side in ("supports", "contradicts")
        for one in claim[side]
    }
    known = [subject.memories[one] for one in persona.memories if one in subject.memories]
    return {
        "persona": number,
        "label": persona.label,
        "memories": list(persona.memories),
        "first": _time(known, first=True),
        "last": _time(known, first=False),
        "description": said,
        "evidence": {
            str(one): _memory(subject.memories[one]) for one in sorted(named) if one in subject.memories
        },
    }


def _sentence(statement: Statement, persona: Persona, subject: Subject) -> dict[str, Any]:
    found = evidence(statement, persona, subject)
    shown = {number for one in found for side in (one.supports, one.contradicts) for number in side[:SHOWN]}
    return {
        "text": statement.text,
        "memories": [
            number for place, number in enumerate(statement.memories) if place < SHOWN or number in shown
        ],
        "memories_count": len(statement.memories),
        "claims": [
            {
                "text": render((one.claim,)),
                "cited": one.cited,
                "whole": one.whole,
                "supports": list(one.supports[:SHOWN]),
                "supports_count": len(one.supports),
                "contradicts": list(one.contradicts[:SHOWN]),
                "contradicts_count": len(one.contradicts),
            }
            for one in found
        ],
    }


def _memory(memory: IntentMemory) -> dict[str, Any]:
    known = memory.value == memory.value
    return {
        "start": _clock(memory.start),
        "source": memory.source,
        "action": memory.action,
        "wants": list(memory.acted_on),
        "only_seen": list(memory.only_seen),
        "category": memory.category,
        "value": round(memory.value, 2) if known else None,
        "events": list(memory.event_ids[:SHOWN_EVENTS]),
        "events_count": len(memory.event_ids),
    }


def _time(memories: Iterable[IntentMemory], *, first: bool) -> str | None:
    times = [memory.start for memory in memories]
    return _clock(min(times) if first else max(times)) if times else None


def _clock(time: datetime) -> str:
    """As clocks in the log's zone show it, without a zone."""
    return time.replace(tzinfo=None).isoformat()
