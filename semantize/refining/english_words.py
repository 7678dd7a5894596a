"""Words of a title in English, with what the word lists know about them."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from semantize.refining.english_lexicon import HEAD_STARTS, HEADS, KIND_STARTS, KINDS, LOOSE, Kind

_LOOKS = {word for word, kind in KINDS.items() if kind in {Kind.COLOUR, Kind.MATERIAL}}
_MEASURE = re.compile(r"\d+(?:[.,x×]\d+)*(?:cm|mm|m|in|inch|ft|gb|tb)(?:x\d+(?:cm|mm|m))?")

Span = tuple[int, int, int]
"""Of a head: its first word, the word after its last, its strength."""


@dataclass(slots=True)
class Words:
    """Words of one clause: as they stand in the title, in small letters, and for every place how many words
    a phrase of a known kind takes there (0: none does), and which kind."""

    shown: Sequence[str]
    lower: Sequence[str]
    lengths: list[int] = field(init=False)
    kinds: list[Kind | None] = field(init=False)
    heads: list[Span] = field(init=False)

    def __post_init__(self) -> None:
        lower = self.lower
        self.lengths, self.kinds = [], []
        for place, word in enumerate(lower):
            length = phrase_length(lower, place, KIND_STARTS, KINDS) if word in KIND_STARTS else 0
            kind = KINDS[" ".join(lower[place : place + length])] if length else _kind_by_form(word)
            self.lengths.append(length or int(kind is not None))
            self.kinds.append(kind)
        self.heads = []
        place = 0
        while place < len(lower):
            length, strength = _head_at(lower, place)
            if strength and not self._is_stuff(place, length):
                self.heads.append((place, place + length, strength))
            place += length or 1
        for start, end, _ in self.heads:
            if end - start > max(1, self.lengths[start]):  # the cream of an ice cream is no colour
                self.lengths[start:end] = [0] * (end - start)
                self.kinds[start:end] = [None] * (end - start)

    def __len__(self) -> int:
        return len(self.lower)

    def _is_stuff(self, place: int, length: int) -> bool:
        """Whether a head only says what the next word is made of (paper bunting) or counts (set of …)."""
        if length > 1 or place + 1 == len(self.lower):
            return False
        counts = self.lower[place] in {"pack", "set"} and self.lower[place + 1] == "of"
        return counts or self.kinds[place] is Kind.MATERIAL

    def only_describe(self, place: int, end: int, *, stuffs: bool = True) -> bool:
        """Whether words `place` to `end` are sizes, colours, numbers … alone; stuffs too with `stuffs`."""
        while place < end:
            length = self.lengths[place]
            if not length and not (self.lower[place].isdigit() or self.lower[place] in LOOSE):
                return False
            if self.kinds[place] is Kind.MATERIAL and not stuffs:
                return False
            place += length or 1
        return True


def _kind_by_form(word: str) -> Kind | None:
    """Of measures (60cm) and of colours or stuffs joined by "/" (pink/white)."""
    if word[0].isdigit() and _MEASURE.fullmatch(word):
        return Kind.SIZE
    return Kind.COLOUR if "/" in word and _LOOKS.issuperset(word.split("/")) else None


def phrase_length(words: Sequence[str], place: int, starts: dict[str, int], phrases: Container[str]) -> int:
    """Words of the longest of `phrases` that begins at `place`, 0 if none does."""
    word = words[place]
    for length in range(min(starts.get(word, 0), len(words) - place), 1, -1):
        if " ".join(words[place : place + length]) in phrases:
            return length
    return int(word in phrases)


def singular(word: str) -> str:
    """`word` without the ending of a plural, as far as spelling tells."""
    if len(word) < 4 or word[-1] != "s" or word[-2] in "siu'":
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "oes")):
        return word[:-2]
    if word.endswith(("ives", "olves")):
        return word[:-3] + "f" + "e" * word.endswith("ives")
    return word[:-1]


def _head_at(words: Sequence[str], place: int) -> tuple[int, int]:
    """(words, strength) of the longest head that begins at `place`; (0, 0) if none does."""
    word = words[place]
    for length in range(min(HEAD_STARTS.get(word, 1), len(words) - place), 1, -1):
        before, last = " ".join(words[place : place + length - 1]), words[place + length - 1]
        strength = HEADS.get(f"{before} {last}") or HEADS.get(f"{before} {singular(last)}")
        if strength:
            return length, strength
    strength = HEADS.get(word) or HEADS.get(singular(word), 0)
    return int(strength > 0), strength
