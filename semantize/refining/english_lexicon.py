"""The word lists for English, read once: heads of things, kinds of words that describe them, marketing."""

from collections.abc import Iterable
from enum import IntEnum

from semantize.refining.word_lists import load


class Kind(IntEnum):
    """Kinds of attributes, the most salient first."""

    WHOM = 0
    NAME = 1
    QUANTITY = 2
    FEATURE = 3
    MATERIAL = 4
    SIZE = 5
    COLOUR = 6
    PACKING = 7
    STYLE = 8


WEAK, PLACE, STRONG = 1, 2, 3

HEADS: dict[str, int] = (
    dict.fromkeys(load("weak_heads"), WEAK)
    | dict.fromkeys(load("places"), PLACE)
    | dict.fromkeys(load("heads"), STRONG)
    | dict.fromkeys(load("generic_heads"), STRONG)
)
CARRIERS = frozenset(load("carriers"))
GENERIC = frozenset(load("generic_heads"))
FUNCTIONS = frozenset(load("functions"))
PRINTS = frozenset(load("prints"))
PEOPLE = frozenset(load("people"))
KINDS: dict[str, Kind] = (
    dict.fromkeys(load("features"), Kind.FEATURE)
    | dict.fromkeys(load("sizes"), Kind.SIZE)
    | dict.fromkeys(load("materials"), Kind.MATERIAL)
    | dict.fromkeys(load("colours"), Kind.COLOUR)
    | dict.fromkeys(load("whom"), Kind.WHOM)
    | dict.fromkeys(load("style"), Kind.STYLE)
)
MARKETING = frozenset(load("marketing"))
PRAISE = frozenset(load("praise"))
NAMES = frozenset(load("names"))
SMALL = frozenset(load("small"))
COMPLEMENTS = {"except", "excluding", "for", "from", "in", "including", "not", "on", "with", "without"}
LOOSE = {"and", "design", "designs", "edition", "finish", "only", "pattern", "shape", "size", "style", "trim"}
NUMBERS = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve"}


def _starts(phrases: Iterable[str]) -> dict[str, int]:
    """First word → words of the longest phrase that it begins."""
    longest: dict[str, int] = {}
    for phrase in phrases:
        words = phrase.split()
        longest[words[0]] = max(longest.get(words[0], 0), len(words))
    return longest


KIND_STARTS = _starts(KINDS)
HEAD_STARTS = _starts(HEADS)
MARKETING_STARTS = _starts(MARKETING)
NAME_STARTS = _starts(NAMES)
