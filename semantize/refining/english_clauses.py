"""Clauses of a title in English, rid of marketing, brand and wrapping at their ends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from semantize.refining.english_lexicon import (
    KINDS,
    MARKETING,
    MARKETING_STARTS,
    NAME_STARTS,
    NAMES,
    PRAISE,
    PRINTS,
)
from semantize.refining.english_words import phrase_length
from semantize.refining.noise import tells

_PART = re.compile(r"\s+[-–—|/~*]+\s+|:(?!\d)")
_CLAUSE = re.compile(r",(?!\d)|[;•·,(){}\[\]【】「」|]+")
_JOINED = re.compile(r"(?<=[^\W\d_]{2})[+&](?=[^\W\d_])|(?<=\s)[+&](?=\w)|(?<=\w)[+&](?=\s)")
_WITH = re.compile(r"\bw/(?!o\b)\s*", re.IGNORECASE)
_QUANTITY = re.compile(
    r"\b(?:(?:a )?(set|pack|box|tub|bundle|bag|case|pair)s?(?:\s*/\s*|\s+of\s*|\s+)|(s)/)"
    r"(\d+|two|three|four|five|six|eight|ten|twelve)(?![\w%])[\s,]*",
    re.IGNORECASE,
)
_EDGES = "-–—./*\"'`’‘“”_~#^=<>?+\\"
_MAX_WORD = 40
_WRAPS = {"wrap", "wrapped", "wrapping"}


@dataclass(frozen=True, slots=True)
class Clause:
    """Words between commas; `part` counts the stretches between dashes and colons."""

    part: int
    words: Sequence[str]


def clauses_of(text: str, catalogue: bool) -> tuple[list[Clause], bool]:
    """Clauses of `text` that say something, and whether one ends with the wrapping of a gift.

    None where there is nothing but marketing or wrapping. In a catalogue a gift wrap is a product.
    """
    if "+" in text or "&" in text:
        text = _JOINED.sub(lambda match: f" {match.group()} ", text)
    if "/" in text:
        text = _WITH.sub("with ", text)
    clauses = [
        Clause(number, words)
        for number, part in enumerate(_PART.split(text))
        for clause in _CLAUSE.split(part)
        if (words := _words(clause))
    ]
    kept = [
        Clause(one.part, words) for one in clauses if (words := _without_marketing(one.words))
    ] or clauses[:1]
    if catalogue:
        return kept, False
    ended = [(one.part, *_without_end(one.words)) for one in kept]
    return [Clause(part, words) for part, words, _ in ended if words], any(wrapped for _, _, wrapped in ended)


def quantity_of(text: str, catalogue: bool) -> tuple[Sequence[str], str]:
    """The words "set of 6" and the rest: how many belong together, where a title begins with it or is a
    catalogue's. Elsewhere it is how a shop packs what is sold one by one."""
    match = (_QUANTITY.search if catalogue else _QUANTITY.match)(text)
    if match is None or not tells(rest := f"{text[: match.start()]} {text[match.end() :]}"):
        return (), text
    return ((match.group(1) or "set").lower(), "of", match.group(3).lower()), rest


def _words(text: str) -> Sequence[str]:
    words = []
    for word in text.split():
        if word.isalnum():
            words.append("with" if word in {"w", "W"} else word[:_MAX_WORD])
        elif word in {"&", "+"}:
            words.append("and")
        elif bare := word.strip(_EDGES):
            words.append(bare[:_MAX_WORD])
    return words


def _without_marketing(words: Sequence[str]) -> Sequence[str]:
    """`words` without phrases of marketing, and without words of praise at both ends."""
    lower = [word.lower() for word in words]
    if MARKETING_STARTS.keys().isdisjoint(lower) and PRAISE.isdisjoint(lower):
        return words
    kept: list[int] = []
    place = 0
    while place < len(lower):
        named = phrase_length(lower, place, NAME_STARTS, NAMES)
        dropped = 0 if named else phrase_length(lower, place, MARKETING_STARTS, MARKETING)
        length = named or dropped or 1
        if not dropped:
            kept += range(place, place + length)
        place += length
    while kept and lower[kept[0]] in PRAISE and not phrase_length(lower, kept[0], NAME_STARTS, NAMES):
        del kept[0]
    while kept and lower[kept[-1]] in PRAISE:
        del kept[-1]
    return [words[place] for place in kept]


def _without_end(words: Sequence[str]) -> tuple[Sequence[str], bool]:
    """`words` without " by Brand" and "Gift Wrap" at the end, and whether the latter was there."""
    lower = [word.lower() for word in words]
    if "by" in lower[1:-1]:
        place = len(lower) - 1 - lower[::-1].index("by")
        brand = words[place + 1 :]
        named = 0 < len(brand) <= 3 and all(word == "and" or not word[0].islower() for word in brand)
        # "Step by Step" and "Side by Side" name no brand.
        if named and lower[place - 1] != lower[place + 1]:
            words, lower = words[:place], lower[:place]
    # Floral Gift Wrap is the product.
    product = len(lower) > 2 and all(word in KINDS or word in PRINTS for word in lower[:-2])
    if lower[-2:-1] == ["gift"] and lower[-1] in _WRAPS and not product:
        return words[:-2], True
    return words, False
