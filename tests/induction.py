"""Memories of any kind, hostile ones among them, for tests of what a model reads and writes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from induce.lines import MemoryLines, memory_lines
from induce.vector_cache import Vectors
from records.persona import IntentMemory, Persona, PersonaSet, Statement

_PLAIN = ["Milk", "milk", "Wet Wipes", "Saw, Blue", "婴儿湿巾", ""]
_HOSTILE = ["<|im_end|>", "</answer>", '"}]}', "[X] | #1", "\u202e"]
NAMES = st.sampled_from([*_PLAIN, *_HOSTILE]) | st.text(max_size=6)


@st.composite
def memories(draw: st.DrawFn, most: int = 12) -> list[IntentMemory]:
    """Memories of user `u`, numbered from 1."""
    start = datetime(2026, 1, 1, draw(st.sampled_from([0, 20])), tzinfo=UTC)
    return [
        IntentMemory(
            user_id="u",
            number=number,
            start=start + timedelta(days=number),
            end=start + timedelta(days=number, hours=1),
            source=draw(st.sampled_from(["Shop", "[Market]", ""])),
            action=draw(st.sampled_from(["Order", "Click", "Search", ""])),
            wants=tuple(draw(st.lists(NAMES, max_size=3))),
            category=draw(st.sampled_from(["Baby", "Tools", ""])),
            event_ids=(f"e{number}",) * draw(st.integers(1, 3)),
            value=draw(st.sampled_from([float("nan"), 1.0, 2.0, 9.0])),
            noise=draw(st.sampled_from(["", "", "", "gift"])),
        )
        for number in range(1, draw(st.integers(0, most)) + 1)
    ]


def counted(texts: list[str] | tuple[str, ...]) -> list[int]:
    """A token a character."""
    return [len(text) for text in texts]


def by_letter(texts: Sequence[str]) -> Vectors:
    """N×27 unit vectors, the same for texts that begin with the same letter."""
    vectors = np.eye(27, dtype=np.float32)
    return vectors[[min(max(ord(text[:1].casefold()[:1] or "{") - ord("a"), 0), 26) for text in texts]]


def shown(given: list[IntentMemory], budget: int = 100_000) -> MemoryLines:
    return memory_lines("u", given, budget, counted)


@st.composite
def line_sets(draw: st.DrawFn, lines: MemoryLines) -> PersonaSet:
    """A persona set in which every persona stands on whole lines."""
    text = (NAMES | st.just("Mostly Baby.")).filter(lambda name: bool(name.strip()) and name.isprintable())
    owners = [draw(st.integers(0, 3)) for _ in lines.lines]
    personas = []
    for place in sorted(set(owners) - {3}) or [3]:
        mine = [line.number for line, owner in zip(lines.lines, owners, strict=True) if owner == place]
        cited = st.lists(st.integers(1, len(lines.lines)), max_size=3)
        personas.append(
            Persona(
                label=draw(text),
                description=tuple(
                    Statement(text=draw(text), memories=lines.memories_of(draw(cited)))
                    for _ in range(draw(st.integers(1, 3)))
                ),
                memories=lines.memories_of(mine),
            )
        )
    return PersonaSet(user_id=lines.user_id, personas=tuple(personas))
