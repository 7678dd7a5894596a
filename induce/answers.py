"""The persona set that a model writes about memory lines, and the strict parser that reads it.

    <think>#1: a
    #2: 6, a
    #3: 1, b</think>
    <answer>{"personas":[{"label":"Baby: @2","lines":[1,2],"description":[{"text":"Buys @1.","lines":[1]}]}]}
    </answer>

but the answer on one line, and right behind the thought; `@2` is the name that line 2 begins with
(`induce.pointers`). The thought, in which a model parts the lines one by one, is not looked at. Nothing is
repaired:
beside the reasons of `lm.answers`, a set is malformed for `no_persona`, `too_many` personas, `empty` (a
label, a sentence or a whole description), `overlap` (a line in two personas) and `no_line` (a persona without
any). Cited lines that do not exist are dropped and counted.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

from induce.lines import MemoryLines
from induce.pointers import expanded, pointed
from lm.answers import Malformed, is_text, read_frame, read_json
from records.persona import Persona, PersonaSet, Statement

MOST_PERSONAS = 12
"""Personas that a set may have."""

LONGEST_TEXT = 2000
"""Characters of a label or a sentence, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaAnswer:
    """A parsed set; `dropped_citations` counts cited lines that there are not."""

    personas: PersonaSet
    dropped_citations: int


def render_personas(personas: PersonaSet, lines: MemoryLines) -> str:
    """The text of `personas`, as models are taught to write it: first the lines one by one, each with the
    persona it goes to, then the set (compact JSON, line numbers rising, names by pointer).

    A line belongs to the persona with most of its memories (ties: the first of them), and a statement cites
    the lines of the memories it rests on; of memories that are on no line nothing is seen. A persona left
    without lines is not written.
    """
    owners = owner_of_lines(personas.personas, lines)
    written = []
    for place, persona in enumerate(personas.personas):
        mine = [line for line, owner in owners.items() if owner == place]
        if mine:
            said = [
                {"text": pointed(statement.text, lines, cited or mine), "lines": cited}
                for statement in persona.description
                for cited in [lines_of(statement.memories, lines)]
            ]
            label = pointed(persona.label, lines, mine)
            written.append({"label": label, "lines": mine, "description": said})
    text = json.dumps({"personas": written}, separators=(",", ":"), ensure_ascii=False)
    # Inside JSON a bracket can be escaped, so no label can be read as a mark of the frame.
    escaped = text.replace("<", "\\u003c")
    return f"<think>{_thought(owners, lines)}</think><answer>{escaped}</answer>"


def _thought(owners: Mapping[int, int], lines: MemoryLines) -> str:
    """Each line with how near it is to what stands before it, and a letter for its persona, a new one where
    that is new; - for none."""
    letters: dict[int, str] = {}
    said = []
    for line in lines.lines:
        owner = owners.get(line.number)
        letter = "-" if owner is None else letters.setdefault(owner, ascii_lowercase[len(letters) % 26])
        near = "" if line.near is None else f"{line.near}, "
        said.append(f"#{line.number}: {near}{letter}")
    return "\n".join(said)


def owner_of_lines(personas: Sequence[Persona], lines: MemoryLines) -> dict[int, int]:
    """Line, rising → place of the persona that it belongs to; lines without any are left out."""
    votes: dict[int, dict[int, int]] = {}
    for place, persona in enumerate(personas):
        for memory in persona.memories:
            if memory in lines.line_of:
                counts = votes.setdefault(lines.line_of[memory], {})
                counts[place] = counts.get(place, 0) + 1
    return {line: max(votes[line], key=votes[line].__getitem__) for line in sorted(votes)}


def lines_of(memories: Sequence[int], lines: MemoryLines) -> list[int]:
    """The lines that show any of `memories`, rising."""
    return sorted({lines.line_of[memory] for memory in memories if memory in lines.line_of})


def parse_personas(text: str, lines: MemoryLines) -> PersonaAnswer | Malformed:
    """Read a response about `lines`. A line stands for all memories behind it."""
    framed = read_frame(text)
    if isinstance(framed, Malformed):
        return framed
    body = read_json(framed.body)
    return body if isinstance(body, Malformed) else read_personas(body, lines)


def read_personas(body: Any, lines: MemoryLines, *, points: bool = True) -> PersonaAnswer | Malformed:
    """The same for the JSON value inside the frame; who was not taught pointers does not mean any."""
    try:
        return _Reader(lines, points=points).read(body)
    except _MalformedError as error:
        return Malformed(reason=error.reason, detail=str(error))


class _MalformedError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _Reader:
    def __init__(self, lines: MemoryLines, *, points: bool) -> None:
        self._lines, self._points = lines, points
        self._dropped = 0

    def read(self, body: Any) -> PersonaAnswer:
        listed = _entry(body, {"personas"}, "the answer")["personas"]
        if not isinstance(listed, list):
            raise _MalformedError("schema", "personas must be a list")
        if not listed:
            raise _MalformedError("no_persona", "the list of personas is empty")
        if len(listed) > MOST_PERSONAS:
            raise _MalformedError("too_many", f"{len(listed)} personas; {MOST_PERSONAS} at most")
        taken: set[int] = set()
        personas = []
        for entry in listed:
            persona, mine = self._persona(entry)
            if twice := taken.intersection(mine):
                raise _MalformedError("overlap", f"line {min(twice)} is in two personas")
            taken.update(mine)
            personas.append(persona)
        found = PersonaSet(user_id=self._lines.user_id, personas=tuple(personas))
        return PersonaAnswer(personas=found, dropped_citations=self._dropped)

    def _persona(self, value: Any) -> tuple[Persona, tuple[int, ...]]:
        entry = _entry(value, {"label", "lines", "description"}, "a persona")
        label, said = self._expanded(_text(entry["label"], "a label")), entry["description"]
        if not isinstance(said, list):
            raise _MalformedError("schema", "description must be a list of sentences")
        if not said:
            raise _MalformedError("empty", "a description must say something")
        mine = self._cited(entry["lines"])
        if not mine:
            raise _MalformedError("no_line", "a persona must stand on lines that there are")
        description = tuple(self._statement(sentence) for sentence in said)
        memories = self._lines.memories_of(mine)
        return Persona(label=label, description=description, memories=memories), mine

    def _statement(self, value: Any) -> Statement:
        entry = _entry(value, {"text", "lines"}, "a sentence")
        text = self._expanded(_text(entry["text"], "a sentence"))
        return Statement(text=text, memories=self._lines.memories_of(self._cited(entry["lines"])))

    def _expanded(self, text: str) -> str:
        return expanded(text, self._lines) if self._points else text

    def _cited(self, cited: Any) -> tuple[int, ...]:
        if not isinstance(cited, list) or any(type(line) is not int for line in cited):
            raise _MalformedError("schema", "lines must be a list of line numbers")
        known = tuple(dict.fromkeys(line for line in cited if 1 <= line <= len(self._lines.lines)))
        self._dropped += len(set(cited)) - len(known)
        return known


def _entry(value: Any, keys: set[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != keys:
        raise _MalformedError("schema", f"{what} must be an object of {', '.join(sorted(keys))}")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise _MalformedError("schema", f"{what} must be text")
    if not value.strip():
        raise _MalformedError("empty", f"{what} must not be empty")
    if not is_text(value) or not value.isprintable() or len(value) > LONGEST_TEXT:
        raise _MalformedError(
            "schema", f"{what} must be a line of at most {LONGEST_TEXT} printable characters"
        )
    return value
