"""What a title is about."""

import re
from dataclasses import dataclass

MOST_ATTRIBUTES = 3
"""Attributes of an entity, at most."""

# Chinese and Japanese are written without blanks between words.
_BETWEEN_CJK = re.compile(r"(?<=[\u3040-\u30ff\u3400-\u9fff]) (?=[\u3040-\u30ff\u3400-\u9fff])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """The thing itself and what tells it from others of its kind; `core` is "" where a title tells nothing.

    `attributes` (at most MOST_ATTRIBUTES) stand in reading order before the core. `gift`: it was bought
    wrapped as a gift, so that it tells about somebody else.
    """

    core: str
    attributes: tuple[str, ...] = ()
    gift: bool = False

    @property
    def text(self) -> str:
        """How a history line shows it: attributes, core, mark of a gift; "" without a core.

        Example:
            Entity(core="Hotel", attributes=("Luxury", "Paris")).text == "Luxury Paris Hotel"
        """
        if not self.core:
            return ""
        shown = _BETWEEN_CJK.sub("", " ".join((*self.attributes, self.core)))
        return f"{shown} (gift)" if self.gift else shown
