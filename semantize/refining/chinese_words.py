"""Segments of a Chinese title: the longest known phrase at each place, and what lies between."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from semantize.refining.word_lists import load


class Part(IntEnum):
    """What a segment is; among attributes the most salient first."""

    WHOM = 0
    BRAND = 1
    PLACE = 2
    TITLE = 3
    MEASURE = 4
    MODIFIER = 5
    KIND = 6
    UNKNOWN = 7
    HEAD = 8
    MARKETING = 9
    GAP = 10


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a title and what it is."""

    part: Part
    text: str


_LISTS = {
    "chinese_heads": Part.HEAD,
    "chinese_modifiers": Part.MODIFIER,
    "chinese_places": Part.PLACE,
    "chinese_brands": Part.BRAND,
    "chinese_whom": Part.WHOM,
    "chinese_marketing": Part.MARKETING,
}
_PARTS = {phrase: part for name, part in _LISTS.items() for phrase in load(name)}
_LENGTHS: dict[str, list[int]] = {}
for _phrase in _PARTS:
    _known = _LENGTHS.setdefault(_phrase[0], [])
    if len(_phrase) not in _known:
        _known.append(len(_phrase))
        _known.sort(reverse=True)

# A number that tells of the buyer or the thing: stage of a formula, age, inches, days of a journey, rooms.
_MEASURE = re.compile(
    r"\d段|\d+(?:-\d+)?岁|\d+(?:\.\d+)?英?寸|\d+天(?:\d+晚)?|\d+晚|\d+色|\d+(?:\.\d+)?匹|\d+度(?!旋)|\d+朵|[C]\d(?!\d)"
    r"|[一二两三四五]室[一二两]厅"
)
# How it is packed, and codes of models.
_PACKING = re.compile(
    r"[A-Za-z]*\d+(?:\.\d+)?(?:-\d+(?:\.\d+)?)?\s?(?:kg|KG|g|G|ml|ML|mL|L|l|mm|cm|CM|m|GB|TB|W|V|Hz)?"
    r"[斤克片包罐瓶袋盒支枚只张抽卷磅个件条粒米升层键格人斤碗大小次节份本套双副]?(?:装)?(?:[*xX×+/]\d*)?"
)
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.'&-]*")
_PUNCTUATION = frozenset(" ,，、。;；:：/|·•~～()（）{}[]【】「」《》+&-—_*=?？.…\"'“”‘’#%@^`<>›‹$￥\\")
_BLANK = re.compile(f"[{re.escape(''.join(sorted(_PUNCTUATION)))}]+")


def segments(text: str) -> Iterator[Segment]:
    """The segments of `text` in order; packing and punctuation come as gaps."""
    place, pending = 0, 0
    while place < len(text):
        found = _at(text, place)
        if found is None:
            place += 1
            continue
        if pending < place:
            yield Segment(Part.UNKNOWN, text[pending:place])
        part, length = found
        yield Segment(part, text[place : place + length])
        place += length
        pending = place
    if pending < place:
        yield Segment(Part.UNKNOWN, text[pending:])


def _at(text: str, place: int) -> tuple[Part, int] | None:
    """What begins at `place`, and its characters; None where nothing known does."""
    char = text[place]
    for length in _LENGTHS.get(char, ()):
        part = _PARTS.get(text[place : place + length])
        if part is not None and (length > 1 or _stands_alone(text, place, part)):
            return part, length
    if char.isdigit() or char in "C一二两三四五":
        match = _MEASURE.match(text, place)
        if match:
            return Part.MEASURE, match.end() - place
    if char.isascii() or char in _PUNCTUATION:
        match = _BLANK.match(text, place) or _PACKING.match(text, place)
        if match and match.end() > place:
            return Part.GAP, match.end() - place
        match = _LATIN.match(text, place)
        if match:
            return Part.UNKNOWN, match.end() - place
    return None


def _stands_alone(text: str, place: int, part: Part) -> bool:
    """Whether one character is a phrase of its own, not a part of an unknown word (女, but not in 女王)."""
    if place + 1 == len(text) or text[place + 1] in _PUNCTUATION:
        return True
    return part is not Part.HEAD and any(
        text[place + 1 : place + 1 + length] in _PARTS
        for length in _LENGTHS.get(text[place + 1], ())
        if length > 1
    )
