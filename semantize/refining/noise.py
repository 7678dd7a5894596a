"""What stands around the thing in a title: advertising, packaging, the maker, the mark of a gift.

All patterns take linear time. Every step leaves a title as it is where nothing would be left of it.
"""

import re
from collections.abc import Callable

from semantize.text import visible

MAX_TITLE = 300
"""Characters of a title that are looked at."""

_ORNAMENT = re.compile("[™®©℠\u2600-\u27bf\u2b00-\u2bff\ufffd\U0001f000-\U0001faff]|!+")
_SQUARE = re.compile(r"\[[^\[\]]*\]|【[^【】]*】|「[^「」]*」|《[^《》]*》")
_OPENING = frozenset("[【「《({")
_ROUND = re.compile(r"\(([^()]*)\)|\{([^{}]*)\}")

_GIFT = r"gift[ -]?wrap(?:ped|ping)?(?: (?:included|available|service))?"
# Marked off from the title, or said of the thing: it was bought for somebody else.
_GIFT_MARKED = re.compile(
    rf"[\[(【{{]\s*(?:(?:with\s+)?{_GIFT}|gift)\s*[\])】}}]|\s+[-–—|/,+&]\s*{_GIFT}\b|,\s*{_GIFT}\b"
    rf"|\bwith {_GIFT}\b|\bgift[ -]?wrapped\b",
    re.IGNORECASE,
)

_PACKAGE = (
    r"(?:fl\.?\s?oz|ml|cl|ltr|litres?|liters?|l|kg|g|gr|grams?|mg|oz|lbs?|pcs?|count|ct|packs?|pk"
    r"|sheets|tablets|capsules|sachets|rolls|units)"
)
_SIZES = re.compile(
    rf"\b(?:\d+\s*[x×*]\s*)?(?![2-6]G\b)\d+(?:[.,]\d+)?[\s-]?{_PACKAGE}\b\.?"
    r"|(?<=\S\s)(?:pack|set|box|case|bag)(?:\s+of\s+|\s*/\s*)\d+\b|\b\d+[\s-]packs?\b"
    r"|\bsize:?\s+(?:xxs|xs|s|m|l|xl|xxl|xxxl|small|medium|large|\d+(?:[./]\d+)?)\b"
    r"|(?<=\s)[-,/]\s*(?:xxs|xs|s|m|l|xl|xxl|xxxl)\s*$|,\s*(?:xxs|xs|s|m|l|xl|xxl|xxxl)\s*$"
    r"|\b[x×]\s?\d+\b|\b\d+\s?[x×](?!\w)",
    re.IGNORECASE,
)
_SIZED = re.compile(r"\d|\bsize\b|[-,/]\s*[xsml]+\s*$", re.IGNORECASE)  # titles that may hold one
_NUMBERED_MARKETING = re.compile(
    r"\b20\d\d\s+new\b|\bnew\s+20\d\d\b|\b100\s?%\s+(?:authentic|genuine|original|new)\b|\b\d+\s?%\s+off\b",
    re.IGNORECASE,
)
_EDGES = " \t-–—:;,/+&*·•.~|_[]【】"


def tells(text: str) -> bool:
    """Whether `text` holds a letter or digit."""
    return any(map(str.isalnum, text))


def shown(title: str) -> str:
    """The part of `title` that is looked at, without ornaments, in NFKC, its white space single blanks."""
    text = title[:MAX_TITLE]
    return visible(text if text.isascii() and "!" not in text else _ORNAMENT.sub(" ", text))


def without_gift(text: str) -> tuple[str, bool]:
    """`text` without marks that it was wrapped as a gift, and whether it had any."""
    if "gift" not in text.lower():
        return text, False
    left, marks = _GIFT_MARKED.subn(" ", text)
    return left, marks > 0


def without_advertising(text: str) -> str:
    """`text` without what stands in square brackets and all after " | "; what round ones hold stays."""
    return _if_telling(_without_tail, _if_telling(_without_brackets, text))


def without_packing(text: str) -> str:
    """`text` without packing, sizes and marketing with numbers."""
    return _if_telling(_without_sizes, text)


def _if_telling(step: Callable[[str], str], text: str) -> str:
    result = step(text)
    if result is text or result == text:
        return text
    return result.strip(_EDGES) if tells(result) else text


def _without_brackets(text: str) -> str:
    # What square brackets hold is advertising; round ones may hold what the thing is ("Milk (Oat)").
    if _OPENING.isdisjoint(text):
        return text
    return _ROUND.sub(lambda match: f", {match.group(1) or match.group(2) or ''}, ", _SQUARE.sub(" ", text))


def _without_tail(text: str) -> str:
    if " | " not in text:
        return text
    return next((part for part in text.split(" | ") if tells(part)), text)


def _without_sizes(text: str) -> str:
    if _SIZED.search(text) is None:
        return text
    return _NUMBERED_MARKETING.sub(" ", _SIZES.sub(" ", text))
