"""Titles: what a platform or a user writes around the name of an item.

Every item has a few titles of each kind, the same for all users, as a shop has a few offers of a thing. They
depend on the item's own name alone: another item more or less in the catalogue changes no title.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from records.simulation import SimulateConfig
from simulate.world import Item, TitleKind, World

TRIES = 4
"""Titles drawn for one that is wanted; those that repeat are dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Titles:
    """T titles, then the T of the same with the mark of a gift. K kinds, N items, in the world's order.

    Title `start_NK[n, k] + j` with j < `count_NK[n, k]` is the j-th most popular one of kind k of item n;
    `attributes` are those that it names.
    """

    texts: tuple[str, ...]
    attributes: tuple[tuple[str, ...], ...]
    item_T: NDArray[np.int32]
    start_NK: NDArray[np.int32]
    count_NK: NDArray[np.int32]

    @property
    def gift_offset(self) -> int:
        """What leads from a title to the same one with the mark."""
        return len(self.attributes)


def kinds_by_platform(config: SimulateConfig) -> dict[str, set[str]]:
    """Platform → kinds of title that its actions carry."""
    return {
        name: {action.title for action in platform.actions.values()}
        for name, platform in config.platforms.items()
    }


def write_titles(world: World, config: SimulateConfig) -> Titles:
    """All titles of `world`, of the kinds that the actions of an item's platform carry."""
    kinds_of = kinds_by_platform(config)
    kinds = list(world.kinds)
    plain: list[str] = []
    marked: list[str] = []
    attributes: list[tuple[str, ...]] = []
    items: list[int] = []
    start_NK = np.zeros((len(world.items), len(kinds)), dtype=np.int32)
    count_NK = np.zeros_like(start_NK)
    for number, item in enumerate(world.items):
        for place, kind in enumerate(kinds):
            start_NK[number, place] = len(plain)
            if kind not in kinds_of[item.platform]:
                continue
            for text, gift, named in _titles_of(item, kind, world.kinds[kind], world.words):
                plain.append(text)
                marked.append(gift)
                attributes.append(named)
                items.append(number)
            count_NK[number, place] = len(plain) - start_NK[number, place]
    return Titles(
        texts=(*plain, *marked),
        attributes=tuple(attributes),
        item_T=np.array(items, dtype=np.int32),
        start_NK=start_NK,
        count_NK=count_NK,
    )


def _titles_of(
    item: Item, name: str, kind: TitleKind, words: dict[str, tuple[str, ...]]
) -> list[tuple[str, str, tuple[str, ...]]]:
    """Distinct (title, the same as a gift, attributes named), the plainest not always first."""
    if name in item.titles:
        return [
            (
                title,
                f"{title} {kind.gift}",
                tuple(one for one in item.attributes if one.lower() in title.lower()),
            )
            for title in item.titles[name]
        ]
    rng = np.random.default_rng(zlib.crc32(f"{name}/{item.name}".encode()))
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for _ in range(TRIES * kind.titles):
        parts: list[str] = []
        gift: list[str] = []
        named: tuple[str, ...] = ()
        for part, share in kind.parts:
            if rng.random() >= share:
                continue
            if part == "item":
                text = item.name
            elif part == "gift":
                gift.append(kind.gift)
                continue
            elif part == "attribute":
                if not item.attributes:
                    continue
                count = min(len(item.attributes), 1 + int(rng.random() < kind.second))
                chosen = rng.choice(len(item.attributes), count, replace=False)
                named = tuple(item.attributes[i] for i in sorted(chosen.tolist()))
                text = " ".join(named)
            else:
                text = words[part][int(rng.integers(len(words[part])))]
            parts.append(text)
            gift.append(text)
        title, marked = " ".join(parts), " ".join(gift)
        if kind.lower:
            title, marked = title.lower(), marked.lower()
        found.setdefault(title, (marked, named))
        if len(found) == kind.titles:
            break
    return [(title, marked, named) for title, (marked, named) in found.items()]
