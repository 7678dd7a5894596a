"""One user as persona sets are scored by: memories, their embeddings, what is usual."""

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from records.persona import IntentMemory, Persona, PersonaSet
from rewards.personas.claims import Claim, parse
from rewards.personas.facts import Facts, setting_of

Vectors = npt.NDArray[np.float32]

_KEPT = 4096
"""Sets of memories whose counts are kept."""


class Subject:
    """A user's N memories with embeddings `vectors_ND` of their texts, made once for all sets of that user.

    Vectors are put on length 1 (those of length 0 stay). `background_D` is the mean of the unit vectors of
    a population's memories (`background_of`), what a user with one persona is held against; without it that
    is 0.

    Raises:
        ValueError: there are no memories, a number stands twice, or vectors do not fit the memories.
    """

    def __init__(
        self,
        memories: Sequence[IntentMemory],
        vectors_ND: npt.ArrayLike,
        *,
        background_D: npt.ArrayLike | None = None,
    ) -> None:
        self.memories = {memory.number: memory for memory in memories}
        self.vectors_ND = unit_rows(vectors_ND)
        if len(self.memories) != len(memories):
            raise ValueError("two memories have one number")
        if self.vectors_ND.ndim != 2 or len(self.vectors_ND) != len(memories):
            raise ValueError(f"{len(memories)} memories and vectors of shape {self.vectors_ND.shape}")
        dimensions = self.vectors_ND.shape[1]
        given = np.zeros(dimensions) if background_D is None else background_D
        self.squares_N = np.square(self.vectors_ND).sum(axis=1, dtype=np.float64)
        self.background_D: Vectors = np.asarray(given, dtype=np.float32)
        self.setting = setting_of(memories)
        self.row_of = {number: row for row, number in enumerate(self.memories)}
        self.own = tuple(number for number, memory in self.memories.items() if not memory.noise)
        self._facts: dict[tuple[int, ...], Facts] = {}
        self._claims: dict[str, tuple[Claim, ...]] = {}

    def facts(self, numbers: tuple[int, ...]) -> Facts:
        """The counts over memories of these numbers, each once; those that do not exist are passed over."""
        found = self._facts.get(numbers)
        if found is None:
            if len(self._facts) >= _KEPT:
                self._facts.clear()
            memories = [self.memories[number] for number in dict.fromkeys(numbers) if number in self.memories]
            found = self._facts[numbers] = Facts(memories, self.setting)
        return found

    def rows(self, numbers: Sequence[int]) -> list[int]:
        """Rows of `vectors_ND` of the memories of these numbers."""
        return [self.row_of[number] for number in numbers if number in self.row_of]

    def members(self, personas: Sequence[Persona]) -> npt.NDArray[np.bool_]:
        """Which of P personas holds which of N memories: members_PN."""
        members_PN = np.zeros((len(personas), len(self.memories)), dtype=np.bool_)
        for place, persona in enumerate(personas):
            members_PN[place, self.rows(persona.memories)] = True
        return members_PN

    def claims(self, text: str) -> tuple[Claim, ...]:
        """What `text` claims: by the grammar, or else, of the user's names and categories that stand in it as
        words, that they are wanted and that most is of them. () where it claims nothing that can be checked.
        """
        claims = parse(text)
        if not claims:
            found = self._claims.get(text)
            if found is None:
                if len(self._claims) >= _KEPT:
                    self._claims.clear()
                found = self._claims[text] = self._mentions(text)
            return found
        return claims

    def is_about_things(self, text: str) -> bool:
        """Whether `text` says what is wanted, and not only when, where, how often or for how much."""
        claims = self.claims(text)
        return not claims or any(claim.kind in ("wants", "about") for claim in claims)

    def _mentions(self, text: str) -> tuple[Claim, ...]:
        if self._vocabulary is None:
            return ()
        words = dict.fromkeys(self._vocabulary.findall(text.casefold()))
        names = [word for word in words if word in self._whole.all_names]
        categories = [word for word in words if word in self._whole.categories]
        return (
            *(Claim(kind="wants", arguments=("looks", name)) for name in names),
            *(Claim(kind="about", arguments=(category,)) for category in categories),
        )

    @cached_property
    def _whole(self) -> Facts:
        return Facts(tuple(self.memories.values()), self.setting)

    @cached_property
    def _vocabulary(self) -> re.Pattern[str] | None:
        words = self._whole.all_names | self._whole.categories.keys()
        longest_first = sorted((word for word in words if word.strip()), key=len, reverse=True)
        if not longest_first:
            return None
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def unit_rows(vectors_ND: npt.ArrayLike) -> Vectors:
    """Rows put on length 1; those of length 0 stay."""
    vectors = np.asarray(vectors_ND, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def background_of(vectors_ND: npt.ArrayLike) -> Vectors:
    """The mean of unit vectors: its product with a unit vector is the mean cosine to all of them."""
    return np.asarray(unit_rows(vectors_ND).mean(axis=0), dtype=np.float32)


def fault_of(personas: PersonaSet, subject: Subject) -> str:
    """Why a set is no valid one, "" where it is; the first reason of:

    none (no persona, with the set's own `error`), no_label, no_memories, unknown_memory, repeated_memory,
    no_description, empty_statement, no_evidence (a statement that cites nothing), unknown_evidence; each with
    the number of the persona behind a colon.
    """
    if not personas.personas:
        return f"none: {personas.error or 'no persona'}"
    for number, persona in enumerate(personas.personas, start=1):
        reason = _fault(persona, subject)
        if reason:
            return f"{reason}: persona {number}"
    return ""


def _fault(persona: Persona, subject: Subject) -> str:
    known = subject.memories.keys()
    faults = {
        "no_label": not persona.label.strip(),
        "no_memories": not persona.memories,
        "unknown_memory": not known >= set(persona.memories),
        "repeated_memory": len(set(persona.memories)) != len(persona.memories),
        "no_description": not persona.description,
        "empty_statement": not all(statement.text.strip() for statement in persona.description),
        "no_evidence": not all(statement.memories for statement in persona.description),
        "unknown_evidence": any(not known >= set(said.memories) for said in persona.description),
    }
    return next((reason for reason, is_so in faults.items() if is_so), "")
