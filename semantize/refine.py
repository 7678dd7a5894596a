"""Entity refinement: a noisy title → the thing itself."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from semantize.text import visible

_MAX_TITLE = 300  # characters of a title that are looked at


class Refiner(Protocol):
    """Turns titles into entities, one for each and in order; called on distinct titles only."""

    def refine(self, titles: Sequence[str]) -> list[str]: ...


_ORNAMENT = re.compile("[™®©℠\u2600-\u27bf\u2b00-\u2bff\ufffd\U0001f000-\U0001faff]|!+")
_SQUARE = re.compile(r"\[[^\[\]]*\]|【[^【】]*】|「[^「」]*」|《[^《》]*》")
_ROUND = re.compile(r"\(([^()]*)\)|\{([^{}]*)\}")

_GIFT = r"gift[ -]?wrap(?:ped|ping)?(?: (?:included|available|service))?"
# Marked off from the title, or said of the thing: it was bought for somebody else.
_GIFT_MARKED = re.compile(
    rf"[\[(【{{]\s*(?:with\s+)?{_GIFT}\s*[\])】}}]|\s+[-–—|/,+&]\s*{_GIFT}\b|,\s*{_GIFT}\b"
    rf"|\bwith {_GIFT}\b|\bgift[ -]?wrapped\b",
    re.IGNORECASE,
)
# At the end of an ordinary title as well; in a title in capitals it is the product (BOTANICAL GIFT WRAP).
_GIFT_TRAILING = re.compile(r"(?<=\w) Gift[ -]?[Ww]rap(?:ped|ping)?\s*$")

_UNIT = (
    r"(?:fl\.?\s?oz|ml|cl|ltr|litres?|liters?|l|kg|g|gr|grams?|mg|oz|lbs?|pcs?|pieces?|count|ct|packs?|pk"
    r"|sheets|tablets|capsules|sachets|rolls|units|cm|mm|inch(?:es)?)"
)
_SIZES = re.compile(
    rf"\b(?:\d+\s*[x×*]\s*)?(?![2-6]G\b)\d+(?:[.,]\d+)?[\s-]?{_UNIT}\b\.?"
    r"|\b(?:pack|set|box|case|bag)(?:\s+of\s+|\s*/\s*)\d+\b|\b\d+[\s-]packs?\b"
    r"|\bsize:?\s+(?:xxs|xs|s|m|l|xl|xxl|xxxl|small|medium|large|\d+(?:[./]\d+)?)\b"
    r"|(?<=\s)[-,/]\s*(?:xxs|xs|s|m|l|xl|xxl|xxxl)\s*$|,\s*(?:xxs|xs|s|m|l|xl|xxl|xxxl)\s*$"
    r"|\b[x×]\s?\d+\b|\b\d+\s?[x×](?!\w)",
    re.IGNORECASE,
)
_MARKETING = re.compile(
    r"(?:\b20\d\d\s+new\b|\bnew\s+20\d\d\b|\bnew\s+(?:arrivals?|in stock|version|edition|collection)\b"
    r"|\bfree\s+(?:\w+\s+)?(?:shipping|delivery|returns?|postage|gift)\b"
    r"|\b(?:hot|flash|big|super|summer|winter|mega)\s+(?:sale|deals?|price)\b|\b(?:on|for)\s+sale\b"
    r"|\bbest[\s-]?(?:sell(?:ing|ers?)|price|deals?|quality|value|choice)\b|\btop[\s-](?:rated|quality|sell(?:er|ing))\b"
    r"|\b(?:high|premium|superior)[\s-]quality\b|\bofficial(?:\s+(?:store|shop|flagship store))?\b"
    r"|\blimited\s+(?:time(?:\s+offer)?|edition|offer|stock)\b|\b100\s?%\s+(?:authentic|genuine|original|new)\b"
    r"|\b(?:near\s+me|nearby|must[\s-]have|as seen on tv|fast\s+shipping|ships\s+fast|special\s+offer"
    r"|buy\s+(?:now|online)|in\s+stock|money[\s-]back guarantee)\b|\b\d+\s?%\s+off\b"
    r"|\b(?:premium|best(?!\s(?:western|buy)\b)|cheap(?:est)?|clearance|exclusive|genuine|authentic|trending|discounted|bargain)\b"
    r"|\bnew\b(?!\s+(?:york|balance|zealand|era|orleans|england|delhi|jersey|mexico|year|look|born|south)))",
    re.IGNORECASE,
)
_BY_BRAND = re.compile(r"(?<=\w) by ((?:[A-Z0-9][\w&'’.-]*)(?: [A-Z0-9&][\w&'’.-]*){0,2})$")
_EDGES = " \t-–—:;,/+&*·•.~|_[]【】"
_LOOSE = re.compile(r"\s+([,;:])|([-–—,;/+&·•|])(?:\s*[-–—,;/+·•|])+(?=\s|$)|\(\s*\)|\{\s*\}")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_SMALL_WORDS = {"a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
_ACRONYMS = {"bbq", "cd", "diy", "dvd", "gps", "hd", "hdmi", "lcd", "led", "pc", "tv", "uk", "usa", "usb"}


class RuleRefiner:
    """Rules for shop, grocery and search titles.

    What goes: bracketed marketing, marketing words, pack and size, " by Brand", all after " | ". What
    stays: the words that name the thing, in Title Case and in the number given. A thing bought wrapped as
    a gift says so, since that changes whom it tells about.

    Example:
        RuleRefiner().refine(["[Hot Sale] Premium Wet Wipes, 80 pcs | Free Shipping"]) == ["Wet Wipes"]
    """

    def refine(self, titles: Sequence[str]) -> list[str]:
        """Entities of `titles`, in order; empty only for a title without a letter or digit."""
        return [_refine(title) for title in titles]


def _refine(title: str) -> str:
    shown = visible(_ORNAMENT.sub(" ", title[:_MAX_TITLE]))
    if not _tells(shown):
        return ""
    shown, marked = _GIFT_MARKED.subn(" ", shown)
    text = shown
    for step in (_without_brackets, _without_tail, _without_sizes, _without_marketing, _without_brand):
        text = _if_telling(step, text)
    text, trailing = _GIFT_TRAILING.subn("", text) if not shown.isupper() else (text, 0)
    text = _title_case(_tidied(text))
    if not _tells(text):  # the title was nothing but the wrapping
        return "Gift Wrap"
    return f"{text} (gift)" if marked or trailing else text


def _if_telling(step: Callable[[str], str], text: str) -> str:
    """The step's result, or `text` itself where the step would leave no words."""
    result = _tidied(step(text))
    return result if _tells(result) else text


def _tells(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _without_brackets(text: str) -> str:
    # What square brackets hold is advertising; round ones may hold what the thing is ("Milk (Oat)").
    return _ROUND.sub(_round_bracket, _SQUARE.sub(" ", text))


def _round_bracket(match: re.Match[str]) -> str:
    inner = match.group(1) if match.group(1) is not None else match.group(2)
    left = _tidied(_MARKETING.sub(" ", _SIZES.sub(" ", inner)))
    return f"({left})" if any(char.isalpha() for char in left) else " "


def _without_tail(text: str) -> str:
    parts = [part for part in re.split(r"\s\|\s", text) if _tells(part)]
    return parts[0] if parts else text


def _without_sizes(text: str) -> str:
    return _SIZES.sub(" ", text)


def _without_marketing(text: str) -> str:
    return _MARKETING.sub(" ", text)


def _without_brand(text: str) -> str:
    brand = _BY_BRAND.search(text)
    if brand is None:
        return text
    before = text[: brand.start()]
    # "Step by Step" and "Side by Side" name no brand.
    return text if before.split()[-1].casefold() == brand.group(1).split()[0].casefold() else before


def _tidied(text: str) -> str:
    previous = ""
    while text != previous:
        previous = text
        text = " ".join(_LOOSE.sub(lambda match: match.group(1) or match.group(2) or " ", text).split())
        text = text.strip(_EDGES)
    return text


def _title_case(text: str) -> str:
    """Capitals where words begin. Words with capitals of their own keep them unless all words have."""
    shouted = text.isupper()

    def cased(match: re.Match[str]) -> str:
        word = match.group()
        if not shouted and not word.islower():
            return word
        lower = word.lower()
        if lower in _ACRONYMS:
            return lower.upper()
        if lower in _SMALL_WORDS and match.start() > 0 and match.end() < len(text):
            return lower
        return lower[:1].upper() + lower[1:]

    return _WORD.sub(cased, text)
