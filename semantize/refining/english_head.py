"""Where in the words of a title the thing itself stands."""

from dataclasses import dataclass

from semantize.refining.english_lexicon import (
    CARRIERS,
    COMPLEMENTS,
    FUNCTIONS,
    GENERIC,
    NAMES,
    NUMBERS,
    PLACE,
    SMALL,
    STRONG,
    WEAK,
)
from semantize.refining.english_words import Span, Words, singular

_LONGEST_GUESS = 3
_NO_FUNCTION = NUMBERS | SMALL  # six drawer tidy, bake a cake jigsaw


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Words `start` to `end` are the core, words from `stop` on its complement (with …, for …); `strength` is
    0 where no word list knows the thing."""

    start: int
    end: int
    stop: int
    strength: int


def find_head(words: Words, inverted: bool) -> Head:
    """The head at the end of `words` or of what stands before a complement, else the one that begins them,
    else the last one; where none is known, the last words.

    `inverted`: words behind a head describe it, as in a catalogue (LUNCH BAG SPACEBOY); otherwise one or two
    words behind a head make another thing of it (Phone Case Insert).
    """
    count = len(words)
    stop = next((place for place in range(1, count) if words.lower[place] in COMPLEMENTS), count)
    strong = [one for one in words.heads if one[2] >= (STRONG if inverted else PLACE)]
    chosen = _carrier(words, strong, stop, inverted) or _at_end(words, strong, stop, inverted)
    if chosen is None and strong:
        chosen, stop = _elsewhere(words, strong, stop, inverted)
    if chosen is None:
        chosen = _at_end(words, words.heads, stop, inverted)
    if chosen is None and not strong:
        chosen = _at_start(words, words.heads, stop)
    if chosen is None:
        start, end = _guess(words, stop, inverted)
        return Head(start=start, end=end, stop=stop, strength=0)
    return _extended(words, chosen, stop)


def _elsewhere(words: Words, strong: list[Span], stop: int, inverted: bool) -> tuple[Span | None, int]:
    """The head that begins `words`, or ends all of them, or is the last; and where its complement begins."""
    count = len(words)
    chosen = _at_start(words, strong, stop)
    if chosen is None and strong[-1][1] == count:
        weak = [one for one in words.heads if one[2] == WEAK]
        held = _at_end(words, weak, stop, inverted) if _is_generic(words, strong[-1]) else None
        return (held, stop) if held else (strong[-1], count)  # hens in a basket; cook with wine metal sign
    chosen = chosen or next((one for one in reversed(strong) if one[1] <= stop), None)
    if chosen is None:
        return strong[0], count
    return (None if not inverted and _goes_on(words, chosen[1], stop) else chosen), stop


def _at_end(words: Words, heads: list[Span], stop: int, inverted: bool) -> Span | None:
    """The last of `heads` before `stop`, if only words that describe stand between."""
    before = [one for one in heads if one[1] <= stop]
    if not before or not words.only_describe(before[-1][1], stop, stuffs=inverted):
        return None
    last = before[-1]
    # A container that is itself described only holds the thing: pencils, brown tube.
    described = last[0] > 0 and words.only_describe(last[0] - 1, last[0])
    if described and _is_generic(words, last) and len(before) > 1 and before[-2][0] == 0:
        return before[-2]
    return last


def _at_start(words: Words, heads: list[Span], stop: int) -> Span | None:
    """The first of `heads`, if only words that describe stand before it."""
    if not heads or heads[0][1] > stop or not words.only_describe(0, heads[0][0]):
        return None
    first = heads[0]
    for one in heads[1:]:
        if one[0] == first[1] and one[1] <= stop and not _is_generic(words, one):  # patch purse
            first = one
    return first


def _carrier(words: Words, heads: list[Span], stop: int, inverted: bool) -> Span | None:
    """A head at the start that is known to carry a motif, what follows being on it."""
    if not heads or heads[0][1] >= stop or not words.only_describe(0, heads[0][0]):
        return None
    start, end, _ = heads[0]
    name = " ".join(words.lower[start:end])
    others = [one for one in heads[1:] if one[0] == end or not inverted]
    return heads[0] if not others and (name in CARRIERS or singular(name) in CARRIERS) else None


def _goes_on(words: Words, end: int, stop: int) -> bool:
    """Whether one or two words behind a head, of no known kind, make another thing of it."""
    return (
        end < stop <= end + 2
        and words.lower[end] != "of"
        and not any(
            words.lengths[place] or not words.lower[place].replace("-", "").isalpha()
            for place in range(end, stop)
        )
    )


def _is_generic(words: Words, head: Span) -> bool:
    return head[1] - head[0] == 1 and singular(words.lower[head[0]]) in GENERIC


def _extended(words: Words, chosen: Span, stop: int) -> Head:
    """The head with words before it that belong to it, a second head joined by "and", and "of …"."""
    start, end, strength = chosen
    lower = words.lower
    start_of = {one[1]: one[0] for one in words.heads}
    if start > 1 and lower[start - 1] == "and" and not words.lengths[start - 2]:
        start = start_of.get(start - 1, start - 2)
    elif (
        end < stop - 1
        and lower[end] == "and"
        and (joined := [one for one in words.heads if one[0] == end + 1])
    ):
        end = joined[0][1]
    elif start and _is_generic(words, chosen) and _is_name(words, start - 1):
        start = start_of.get(start, start - 1)
    if start and " ".join(lower[start - 1 : end]) in NAMES:
        start -= 1
    for _ in range(2 if end - start == 1 or _is_generic(words, chosen) else 0):
        if start and lower[start - 1] in FUNCTIONS and not (start > 1 and lower[start - 2] in _NO_FUNCTION):
            start -= 1
    if end < stop - 1 and lower[end] == "of":
        end = min(stop, end + 4)
    return Head(start=start, end=end, stop=max(stop, end), strength=strength)


def _is_name(words: Words, place: int) -> bool:
    word = words.lower[place]
    return not words.lengths[place] and word not in SMALL and word.replace("-", "").isalpha()


def _guess(words: Words, stop: int, inverted: bool) -> tuple[int, int]:
    """The last words before `stop` that describe nothing; all words if there are none."""
    end = stop
    while end and words.only_describe(end - 1, end, stuffs=inverted):
        end -= 1
    if not end:
        return 0, stop
    start = end - 1
    while start and end - start < _LONGEST_GUESS:
        joined = start > 1 and words.lower[start - 1] == "and"
        if words.only_describe(start - 1 - joined, start - joined):
            break
        start -= 1 + joined
    return start, end
