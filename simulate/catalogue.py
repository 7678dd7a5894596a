"""The catalogue: every product, dish, trip and venue of the simulated world, and what it shows of a user."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

from records.errors import UserError
from records.tags import TAG, TAG_NAMES

PLATFORMS: tuple[str, ...] = ("E-commerce", "Delivery", "Travel", "Places")
SECTIONS = ("categories", "tags", "shared", "background", "cities")

_TITLE = re.compile(r"[A-Z][A-Za-z]*(?:[ '-][A-Za-z]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One thing to search, buy, book or visit; `values` is what it shows of `tag`, nothing in background."""

    title: str
    category: str
    tag: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """Entities by number (background last), categories as (platform, median price), cities by region.

    Arrays carry `_N` for the N entities, `_B` for the background ones.
    """

    entities: tuple[Entity, ...]
    categories: dict[str, tuple[str, float]]
    cities: dict[str, tuple[str, ...]]

    @cached_property
    def platform_N(self) -> NDArray[np.int64]:
        """Index into PLATFORMS."""
        return np.array([PLATFORMS.index(self.categories[e.category][0]) for e in self.entities])

    @cached_property
    def price_N(self) -> NDArray[np.float64]:
        """Median price of the entity's category."""
        return np.array([self.categories[e.category][1] for e in self.entities])

    @cached_property
    def ambiguous_N(self) -> NDArray[np.bool_]:
        """True where an entity shows two values of its tag."""
        return np.array([len(e.values) > 1 for e in self.entities])

    @cached_property
    def showing(self) -> dict[tuple[str, str], NDArray[np.int64]]:
        """(tag, value) → numbers of the entities that show it, ambiguous ones included."""
        numbers: dict[tuple[str, str], list[int]] = {}
        for number, entity in enumerate(self.entities):
            for value in entity.values:
                numbers.setdefault((entity.tag, value), []).append(number)
        return {key: np.array(found) for key, found in numbers.items()}

    @cached_property
    def giftable(self) -> dict[tuple[str, str], NDArray[np.int64]]:
        """(tag, value) → what a shop sells that shows this value only; keys without any are absent."""
        shop = PLATFORMS.index("E-commerce")
        kept = {
            key: found[(self.platform_N[found] == shop) & ~self.ambiguous_N[found]]
            for key, found in self.showing.items()
        }
        return {key: found for key, found in kept.items() if len(found)}

    @cached_property
    def shop_items(self) -> NDArray[np.int64]:
        """Numbers of all E-commerce entities: what a stray click may hit."""
        return np.flatnonzero(self.platform_N == PLATFORMS.index("E-commerce"))

    @cached_property
    def background(self) -> NDArray[np.int64]:
        """Numbers of the background entities."""
        return np.array([number for number, entity in enumerate(self.entities) if not entity.tag])

    @cached_property
    def popularity_B(self) -> NDArray[np.float64]:
        """Zipf weight of each background entity, by its place in its category (file order)."""
        rank: dict[str, int] = {}
        place = []
        for number in self.background:
            category = self.entities[number].category
            rank[category] = rank.get(category, 0) + 1
            place.append(rank[category])
        order = np.argsort(place, kind="stable")
        weights = np.empty(len(order))
        weights[order] = 1.0 / np.arange(2, len(order) + 2)
        return weights

    @cached_property
    def hobbies(self) -> tuple[str, ...]:
        return tuple(value for tag, value in self.showing if tag == "interests")

    @cached_property
    def city_names(self) -> tuple[str, ...]:
        return tuple(city for cities in self.cities.values() for city in cities)


def load_catalogue() -> Catalogue:
    """The catalogue shipped with this package."""
    return parse_catalogue(files("simulate").joinpath("catalogue.yaml").read_text(encoding="utf-8"))


def parse_catalogue(text: str) -> Catalogue:
    """Read and check a catalogue in YAML.

    Raises UserError in one line that names the key when a section, tag, value or category is missing or
    unknown, a title is malformed, repeated or spells its own value, or an ambiguous entity has no two values.
    """
    raw: Any = OmegaConf.to_container(OmegaConf.create(text))
    if not isinstance(raw, dict) or set(raw) != set(SECTIONS):
        raise UserError(f"catalogue.yaml: needs exactly the sections {', '.join(SECTIONS)}")
    categories = {name: _category(name, entry) for name, entry in raw["categories"].items()}
    entities = [*_core(raw["tags"], raw["shared"]), *_listed("background", raw["background"])]
    _check(entities, categories)
    cities = {region: tuple(names) for region, names in raw["cities"].items()}
    return Catalogue(entities=tuple(entities), categories=categories, cities=cities)


def _category(name: str, entry: Any) -> tuple[str, float]:
    match entry:
        case {"platform": str(platform), "price": int() | float() as price} if platform in PLATFORMS:
            return platform, float(price)
    raise UserError(
        f"catalogue.yaml: categories.{name} needs a platform ({', '.join(PLATFORMS)}) and a numeric price"
    )


def _core(tags: dict[str, Any], shared: dict[str, Any]) -> Iterator[Entity]:
    expected = set(TAG_NAMES) - {"home_city"}
    if set(tags) != expected:
        named = ", ".join(sorted(set(tags) ^ expected))
        raise UserError(f"catalogue.yaml: tags must list every tag but home_city once; see {named}")
    for tag, by_value in tags.items():
        if TAG[tag].values and set(by_value) != set(TAG[tag].values):
            raise UserError(f"catalogue.yaml: tags.{tag} must list exactly {', '.join(TAG[tag].values)}")
        for value, by_category in by_value.items():
            yield from _listed(f"tags.{tag}.{value}", by_category, tag, (value,))
    for tag, by_pair in shared.items():
        for pair, by_category in by_pair.items():
            values = tuple(pair.split(" / "))
            if len(values) != 2 or not set(values) <= set(tags.get(tag, ())):
                raise UserError(f"catalogue.yaml: shared.{tag}.{pair} must be 'value / value' of a known tag")
            yield from _listed(f"shared.{tag}.{pair}", by_category, tag, values)


def _listed(key: str, by_category: Any, tag: str = "", values: tuple[str, ...] = ()) -> Iterator[Entity]:
    if not isinstance(by_category, dict):
        raise UserError(f"catalogue.yaml: {key} must map categories to lists of titles")
    for category, titles in by_category.items():
        if not isinstance(titles, list) or not all(isinstance(title, str) for title in titles):
            raise UserError(f"catalogue.yaml: {key}.{category} must be a list of titles")
        for title in titles:
            yield Entity(title=title, category=category, tag=tag, values=values)


def _check(entities: list[Entity], categories: dict[str, tuple[str, float]]) -> None:
    seen: set[str] = set()
    for entity in entities:
        title = entity.title
        if not _TITLE.fullmatch(title):
            raise UserError(f"catalogue.yaml: title {title!r} must be letters, spaces, hyphens, apostrophes")
        if title.lower() in seen:
            raise UserError(f"catalogue.yaml: title {title!r} stands twice; an entity shows one tag only")
        seen.add(title.lower())
        if entity.category not in categories:
            raise UserError(f"catalogue.yaml: category {entity.category!r} of {title!r} is not in categories")
        words = f" {title.lower()} "
        for value in entity.values:
            if f" {value.replace('_', ' ')} " in words:
                raise UserError(f"catalogue.yaml: title {title!r} spells the value {value!r} it should show")
