"""Who writes what the simulator cannot compose: the places in which a language model may take part.

Nothing needs one. What an author returns is a proposal: `simulate.author.acceptance` decides what is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from records.tags import TAG_NAMES
from simulate.world import World

LEANINGS = 4
"""Leanings named of a persona, strongest first, to either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaFacts:
    """What is so about one user, hidden state included. `key` tells personas apart.

    `likes` and `dislikes` are preferences by name, with what somebody high on them does.
    """

    key: str
    age: int
    tags: Mapping[str, tuple[str, ...]]
    likes: Mapping[str, str]
    dislikes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesireAsk:
    """What else may this persona want? A desire that shows `value` of `tag`, an everyday one without a tag.

    `known` are wants the world has already. `categories` (name → platform) and `leans` (name → what it means)
    are what a proposal may name.
    """

    persona: PersonaFacts
    tag: str = ""
    value: str = ""
    known: tuple[str, ...]
    categories: Mapping[str, str]
    leans: Mapping[str, str]
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAsk:
    """What could be written of this item? `count` texts of `kind`, a kind of title of the world.

    `examples` are texts that the world composes itself.
    """

    item: str
    want: str
    category: str
    platform: str
    attributes: tuple[str, ...]
    kind: str
    examples: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProposal:
    """A thing that is not in the catalogue yet."""

    name: str
    category: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DesireProposal:
    """Something to want that is not in the world yet, and items that satisfy it."""

    tag: str
    value: str
    want: str
    leans: tuple[str, ...]
    items: tuple[ItemProposal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """What came of one ask. `unread` says why nothing could be read, where an answer was no answer."""

    texts: tuple[str, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desires:
    """What came of one ask. `unread` says why nothing could be read, where an answer was no answer."""

    desires: tuple[DesireProposal, ...] = ()
    unread: str = ""


class Author(Protocol):
    """Answers asks, one answer for each and in order; an ask may be answered with nothing."""

    def complete_personas(self, personas: Sequence[PersonaFacts]) -> list[Texts]:
        """A short description of each persona."""
        ...

    def mine_desires(self, asks: Sequence[DesireAsk]) -> list[Desires]:
        """New desires, with items that satisfy them."""
        ...

    def word_intents(self, asks: Sequence[TextAsk]) -> list[Texts]:
        """Search queries of somebody who wants the item."""
        ...

    def write_titles(self, asks: Sequence[TextAsk]) -> list[Texts]:
        """Titles under which the item is offered, as noisy as those of shops are."""
        ...


def facts_of(
    world: World,
    key: str,
    age: float,
    state: Sequence[int],
    hobbies: Sequence[int],
    leanings: Sequence[float],
) -> PersonaFacts:
    """The facts of a persona given as numbers: a value a tag, hobbies (-1: none), preferences in [0, 1]."""
    tags: dict[str, tuple[str, ...]] = {
        tag: (world.values_of(tag)[state[place]],) for place, tag in enumerate(TAG_NAMES) if state[place] >= 0
    }
    tags["interests"] = tuple(world.hobbies[hobby] for hobby in hobbies if hobby >= 0)
    # Sorted by strength, and by file order where two are as strong.
    ranked = sorted(zip(leanings, world.preferences, strict=True), key=lambda pair: -pair[0])
    meaning = [(one.name, one.doc or one.name.replace("_", " ")) for _, one in ranked]
    return PersonaFacts(
        key=key,
        age=int(age),
        tags={tag: tags[tag] for tag in TAG_NAMES if tags.get(tag)},
        likes=dict(meaning[:LEANINGS]),
        dislikes=dict(meaning[: -LEANINGS - 1 : -1]),
    )
