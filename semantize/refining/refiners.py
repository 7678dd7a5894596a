"""The refiner that a folder's histories are made with."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from records.config import SemantizeConfig
from semantize.refining.entities import SettledRefiner, read_entities
from semantize.refining.entity import Entity
from semantize.refining.knowledge import KnowledgeRefiner
from semantize.refining.refine import PlainRefiner, Refiner, RuleRefiner
from semantize.store import ENTITIES, KNOWLEDGE

_REMEMBERED = 500_000
"""Titles remembered at most; a search log has no end of them."""


class RememberingRefiner:
    """Refines a title once, however many partitions hold it."""

    def __init__(self, refiner: Refiner) -> None:
        self.refiner = refiner
        self._known: dict[str, Entity] = {}

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        """Entities of `titles`, in order."""
        new = [title for title in dict.fromkeys(titles) if title not in self._known]
        if len(self._known) + len(new) > _REMEMBERED:
            self._known.clear()
            new = list(dict.fromkeys(titles))
        self._known.update(zip(new, self.refiner.refine(new), strict=True))
        return [self._known[title] for title in titles]


def refiner_of(out: Path, config: SemantizeConfig) -> Refiner:
    """The refiner of the folder `out`: the user's table, the language model's entities, rules, in this order.

    Both files must lie in the folder, where `config` asks for them.
    """
    refiner: Refiner = RuleRefiner(config.max_attributes) if config.refine else PlainRefiner()
    if config.llm_titles:
        refiner = SettledRefiner(read_entities(out / ENTITIES), refiner)
    if config.knowledge:
        refiner = KnowledgeRefiner(pl.read_parquet(out / KNOWLEDGE), refiner, config.max_attributes)
    return RememberingRefiner(refiner)
