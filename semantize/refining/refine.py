"""Entity refinement: a noisy title → the thing itself and what is worth knowing of it."""

from collections.abc import Sequence
from typing import Protocol

from semantize.refining.entity import Entity
from semantize.refining.noise import MAX_TITLE, shown, tells
from semantize.refining.refine_chinese import is_chinese, refine_chinese
from semantize.refining.refine_english import refine_english
from semantize.text import visible


class Refiner(Protocol):
    """Turns titles into entities, one for each and in order; called on distinct titles only."""

    def refine(self, titles: Sequence[str]) -> list[Entity]: ...


class PlainRefiner:
    """Leaves titles as they are, but for what shows nothing."""

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        """Entities of `titles`, in order; a core is empty only for a title without a letter or digit."""
        texts = [visible(title[:MAX_TITLE]) for title in titles]
        return [Entity(core=text if tells(text) else "") for text in texts]


class RuleRefiner:
    """Rules and word lists for shop, grocery, search, food and travel titles in English and Chinese.

    What goes: advertising in brackets, marketing, style, packing, " by Brand", all after " | ". What stays:
    the thing, in the number given, and at most `max_attributes` of what is said of it; for whom it is goes
    before what it is like. A thing bought wrapped as a gift says so, since it tells about somebody else.

    Example:
        RuleRefiner().refine(["[Hot Sale] LUNCH BAG SPACEBOY | Free Shipping"])
        == [Entity(core="Lunch Bag", attributes=("Spaceboy",))]
    """

    def __init__(self, max_attributes: int = 3) -> None:
        self.max_attributes = max_attributes

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        """Entities of `titles`, in order; a core is empty only for a title without a letter or digit."""
        return [self._refine(title) for title in titles]

    def _refine(self, title: str) -> Entity:
        text = shown(title)
        if not tells(text):
            return Entity(core="")
        if not text.isascii() and is_chinese(text):
            return refine_chinese(text, self.max_attributes)
        return refine_english(text, self.max_attributes)
