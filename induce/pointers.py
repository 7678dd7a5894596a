"""Names by pointer: `@3` in an answer is the first name on line 3, `@3b` its second, up to `@3f`.

A model that points cannot misspell or invent what a user wanted, and writes a token or two in the place of a
name. What points nowhere stays as it is written, and is no name that the user wants. A text's own `@3` is
written `@@3`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from induce.lines import MOST_NAMES, MemoryLines
from rewards.personas.claims import Claim, parse, render

_LETTERS = "abcdef"
assert len(_LETTERS) == MOST_NAMES

_POINTER = re.compile(r"(?<![\w@])(@+)([1-9][0-9]{0,5})([b-f])?(?!\w)")


def pointed(text: str, lines: MemoryLines, prefer: Sequence[int]) -> str:
    """`text` with pointers for names that lines have, of the lines `prefer` first; `expanded` undoes it.

    In claims names of what is wanted become pointers, in any other text names of `prefer`.
    """
    order = [*prefer, *(line.number for line in lines.lines if line.number not in set(prefer))]
    claims = parse(text)
    if claims:
        place = _places(order, lines)

        def pointer_to(name: str) -> str:
            return place.get(name) or (f"@{name}" if _POINTER.fullmatch(name) else name)

        return render([_with_names(claim, pointer_to) for claim in claims])
    found = _escaped(text)
    place = _places(prefer, lines)
    for name in sorted(place, key=lambda name: (-len(name), name)):
        found = re.sub(rf"(?<![\w@]){re.escape(name)}(?!\w)", place[name], found, count=1)
    return found if expanded(found, lines) == text else _escaped(text)


def expanded(text: str, lines: MemoryLines) -> str:
    """`text` with the names that its pointers stand for; a name said twice in a claim is said once."""
    claims = parse(text)
    if not claims:
        found = _POINTER.sub(lambda found: _name(found, lines), text)
        return text if parse(found) else found  # a name out of a log makes no claim of what was none

    def name_of(name: str) -> str:
        found = _POINTER.fullmatch(name)
        return name if found is None else _name(found, lines)

    return render([_with_names(claim, name_of) for claim in claims])


def _with_names(claim: Claim, change: Callable[[str], str]) -> Claim:
    if claim.kind != "wants":
        return claim
    verb, *names = claim.arguments
    return replace(claim, arguments=(verb, *dict.fromkeys(map(change, names))))


def _places(order: Iterable[int], lines: MemoryLines) -> Mapping[str, str]:
    """Name → the pointer to it, in the first line of `order` that has it."""
    found: dict[str, str] = {}
    for number in order:
        for place, name in enumerate(lines.lines[number - 1].names):
            found.setdefault(name, f"@{number}{_LETTERS[place] if place else ''}")
    return found


def _escaped(text: str) -> str:
    return _POINTER.sub(lambda found: f"@{found[0]}", text)


def _name(found: re.Match[str], lines: MemoryLines) -> str:
    marks, number, place = found[1], int(found[2]), _LETTERS.index(found[3] or "a")
    if len(marks) > 1:
        return found[0][1:]
    if number > len(lines.lines) or place >= len(lines.lines[number - 1].names):
        return found[0]
    return lines.lines[number - 1].names[place]
