"""The world: what there is to want, and what satisfies it, as records.

desires.yaml ── a desire shows at most one tag ──┐
catalogue.yaml ── an item satisfies one desire ──┴─► so each item's meaning is known
preferences.yaml ── what moves the choice between desires, and the decision processes
"""

from dataclasses import dataclass
from functools import cached_property

from records.tags import TAG

TRAITS = "OCEAN"
"""Openness, conscientiousness, extraversion, agreeableness, neuroticism."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """One preference dimension: `traits` loads it on the Big Five, `anchors` shifts it by tag and value."""

    name: str
    group: str
    doc: str
    traits: dict[str, float]
    anchors: dict[tuple[str, str], float]

    @property
    def tells(self) -> set[str]:
        """The tags it is anchored to: what leans on it tells something of them."""
        return {tag for tag, _ in self.anchors}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desire:
    """Something users want. `tag` is empty in everyday desires; two `values` are an ambiguous sign.

    `leans` raise its weight e-fold a unit of preference; `months` (1 to 12) are factors on its weight.
    """

    name: str
    want: str
    tag: str = ""
    values: tuple[str, ...] = ()
    weight: float = 1.0
    leans: dict[str, float]
    months: dict[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing on offer: the core entity `name`, what can be said of it, and the desire it satisfies.

    `titles` are texts of its own by kind of title; kinds that are missing get titles put together from parts.
    """

    name: str
    category: str
    platform: str
    price: float
    attributes: tuple[str, ...]
    desire: str
    titles: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TitleKind:
    """How titles of one kind are put together: parts in order, as (name, share of titles that have it).

    `second` is the share of those with an attribute that name two.
    """

    titles: int
    second: float
    gift: str
    lower: bool
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class World:
    """All of it. Items stand in the order of their desires, and within a desire in file order."""

    preferences: tuple[Preference, ...]
    desires: tuple[Desire, ...]
    items: tuple[Item, ...]
    words: dict[str, tuple[str, ...]]
    kinds: dict[str, TitleKind]
    cities: dict[str, tuple[str, ...]]

    @cached_property
    def desire(self) -> dict[str, Desire]:
        return {desire.name: desire for desire in self.desires}

    @cached_property
    def hobbies(self) -> tuple[str, ...]:
        """Values of the open tag `interests`, in file order."""
        shown = (value for desire in self.desires if desire.tag == "interests" for value in desire.values)
        return tuple(dict.fromkeys(shown))

    @cached_property
    def city_names(self) -> tuple[str, ...]:
        return tuple(city for cities in self.cities.values() for city in cities)

    @cached_property
    def categories(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(item.category for item in self.items))

    def values_of(self, tag: str) -> tuple[str, ...]:
        """All values of `tag`, those of an open tag as this world knows them."""
        if tag == "interests":
            return self.hobbies
        return self.city_names if tag == "home_city" else TAG[tag].values
