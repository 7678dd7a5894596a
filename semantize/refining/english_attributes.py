"""The words around a core as attributes, and which of them to keep."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from semantize.refining.english_lexicon import COMPLEMENTS, PRINTS, SMALL, Kind
from semantize.refining.english_words import Words

_MAX_WORDS = 6
_CLOSING = {"design", "designs", "edition", "pattern", "print", "shape", "size", "style"}
_OUT = {"except", "excluding", "including", "not", "only"}
_PACKING = {"bag", "basket", "bowl", "box", "bucket", "carton", "case", "jar", "sack", "tin", "tube", "wrap"}
_MERGED = {Kind.MATERIAL, Kind.SIZE, Kind.COLOUR}


@dataclass(frozen=True, slots=True)
class Attribute:
    """Words of a title that describe its core."""

    kind: Kind
    words: tuple[str, ...]


def attributes_of(words: Words, start: int, end: int, *, before: bool = False) -> list[Attribute]:
    """Attributes that words `start` to `end` make, in reading order; words of style are left out.

    `before`: they stand before the core, where "with" and "in" are part of a name (Living
    With Parents Guide).
    """
    lower = words.lower
    found: list[Attribute] = []
    place = start
    while place < end and lower[place] not in _OUT:
        kind = words.kinds[place]
        if kind is Kind.STYLE:
            place += words.lengths[place]
            continue
        begin = place
        if kind is None:
            kind, place = Kind.NAME, _end_of_name(words, place, end, before)
        else:
            place = _end_of_kind(words, place, end, kind)
        first, last = _without_small(lower, begin, min(place, end))
        if first == last:
            continue
        if first > start and lower[first - 1] == "for" and lower[first].isdigit():
            first -= 1
        elif first > start and lower[first - 1] == "in" and lower[last - 1] in _PACKING:
            kind = Kind.PACKING
        found.append(Attribute(kind, tuple(words.shown[first : min(last, first + _MAX_WORDS)])))
    return found


def salient(found: Sequence[Attribute], core: Set[str], limit: int) -> list[Attribute]:
    """The `limit` most salient, in the order given; none that only repeats the core or another one.

    Where there are too many, sizes, colours and stuffs that stand together count as one.
    """
    seen: list[Set[str]] = [core]
    distinct: list[Attribute] = []
    for one in found:
        own = {word.casefold() for word in one.words}
        if not any(own <= other for other in seen):
            distinct.append(one)
            seen.append(own)
    while len(distinct) > limit:
        joint = next(
            (n for n in range(1, len(distinct)) if {distinct[n - 1].kind, distinct[n].kind} <= _MERGED), 0
        )
        if not joint:
            break
        first, second = distinct[joint - 1 : joint + 1]
        distinct[joint - 1 : joint + 1] = [
            Attribute(min(first.kind, second.kind), first.words + second.words)
        ]
    ranked = sorted(range(len(distinct)), key=lambda number: distinct[number].kind)
    return [distinct[number] for number in sorted(ranked[:limit])]


def _end_of_kind(words: Words, place: int, end: int, kind: Kind) -> int:
    """Where the run of words of one kind ends: dark blue and white, zinc metal; a colour with its print."""
    lower = words.lower
    place += words.lengths[place]
    while place < end:
        if words.kinds[place] is kind:
            place += words.lengths[place]
        elif lower[place] in {"and", "on"} and place + 1 < end and words.kinds[place + 1] is kind:
            place += 1
        elif kind is Kind.COLOUR and lower[place] in PRINTS:
            place += 1
            break
        else:
            break
    return place + 1 if place < end and lower[place] in _CLOSING else place


def _end_of_name(words: Words, place: int, end: int, before: bool) -> int:
    """Where words of no known kind end. A word after a small one belongs to them: heart of glass."""
    lower = words.lower
    place += 1
    while place < end:
        ends = lower[place - 1] in _CLOSING or (lower[place] in COMPLEMENTS and not before)
        if ends or (words.kinds[place] is not None and lower[place - 1] not in SMALL):
            break
        place += 1
    return place


def _without_small(lower: Sequence[str], start: int, end: int) -> tuple[int, int]:
    while start < end and lower[start] in SMALL:
        start += 1
    while start < end and lower[end - 1] in SMALL:
        end -= 1
    return start, end
