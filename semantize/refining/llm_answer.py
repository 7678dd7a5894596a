"""What a language model answers about titles: read, checked, never repaired.

A title's entity, or why there is none: the client's reason where a request failed (connection, timeout,
budget, deadline, http_STATUS, malformed), else `not_json`, `wrong_form` (JSON, but not of the schema, too
long, or empty once it is clean), `wrong_length` (another number of entities than titles), `invented`.
"""

import re
from collections.abc import Sequence
from typing import Any

from lm.chat import ChatReply, json_of
from semantize.refining.entity import MOST_ATTRIBUTES, Entity
from semantize.refining.llm_question import LONGEST_ATTRIBUTE, LONGEST_CORE
from semantize.refining.noise import tells
from semantize.text import entity_text

MOST_FOREIGN = 1.0
"""Words of an entity that its title need not have ("Wipes" are "Baby Wipes"); two CJK characters are one."""

_STEM = 5
_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|\d+|[^\W\d_{_CJK}]+")
_STOP = frozenset(("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"))


def read_answer(reply: ChatReply, titles: Sequence[str]) -> list[Entity | str]:
    """For each of `titles`, as they were sent, its entity or why there is none."""
    entities = _entities(reply)
    if isinstance(entities, str):
        return [entities] * len(titles)
    if len(entities) != len(titles):
        return ["wrong_length"] * len(titles)
    return [_entity(one, title) for one, title in zip(entities, titles, strict=True)]


def _entities(reply: ChatReply) -> list[Any] | str:
    if reply.error:
        return reply.reason
    value = json_of(reply)
    if value is None:
        return "not_json"
    entities = value.get("entities") if isinstance(value, dict) else None
    return entities if isinstance(entities, list) else "wrong_form"


def _entity(answer: Any, title: str) -> Entity | str:
    if not isinstance(answer, dict) or answer.keys() != {"core", "attributes"}:
        return "wrong_form"
    texts = [answer["core"], *answer["attributes"]] if isinstance(answer["attributes"], list) else []
    if not 1 <= len(texts) <= 1 + MOST_ATTRIBUTES or not all(isinstance(text, str) for text in texts):
        return "wrong_form"
    core, *attributes = map(entity_text, texts)
    limits = [(core, LONGEST_CORE), *((one, LONGEST_ATTRIBUTE) for one in attributes)]
    if not all(tells(text) and len(text) <= longest for text, longest in limits):
        return "wrong_form"
    if not _stems_from(title, [core, *attributes]):
        return "invented"
    said = set(_words(core))
    kept = []
    for one in attributes:
        if not said.issuperset(_words(one)):  # a line need not say it twice
            kept.append(one)
            said.update(_words(one))
    return Entity(core=core, attributes=tuple(kept))


def _stems_from(title: str, texts: Sequence[str]) -> bool:
    """Whether at least half the words of each text are the title's, and hardly one of all is not."""
    known, whole = set(_words(title)), title.casefold()
    all_foreign = 0.0
    for text in texts:
        own = foreign = 0.0
        for word in _words(text):
            weight = 0.5 if re.match(rf"[{_CJK}]", word) else 1.0
            if _is_known(word, known, whole):
                own += weight
            else:
                foreign += weight
        if not own or own < foreign:
            return False
        all_foreign += foreign
    return all_foreign <= MOST_FOREIGN


def _is_known(word: str, known: set[str], whole: str) -> bool:
    """Whether a title has the word, a word with its beginning, or a shortened form of it."""
    if word in known:
        return True
    if len(word) < 3 or word.isdigit():
        return False
    return word[:_STEM] in whole or any(len(short) >= 3 and word.startswith(short) for short in known)


def _words(text: str) -> list[str]:
    """Words that say something, in lower case; numbers apart from units, CJK characters one by one."""
    return [word for word in _WORD.findall(text.casefold()) if word not in _STOP]
