"""Words without which a regular expression cannot match, so that most texts need not meet most rules.

needles(r"(?:no|without a) (?:\\w+ )?partner|unmarried")  # ("partner", "unmarried")
"""

import re

_OPTIONAL = re.compile(r"[?*]|\{0?,")


def needles(expression: str) -> tuple[str, ...]:
    """Strings of which every match of `expression` holds one, in lower case; empty where none is plain.

    Knows what the extractor's rules are made of: literals, escapes, classes, groups, lookarounds,
    quantifiers.
    """
    found: list[str] = []
    for branch in _branches(expression):
        parts = [part for part in _parts(branch) if part]
        if not parts:
            return ()
        # Few and long: they are all looked for, and a short one is in every text.
        best: tuple[str, ...] = max(parts, key=_worth)
        found += best
    return tuple(dict.fromkeys(found))


def _worth(words: tuple[str, ...]) -> tuple[bool, int, int]:
    shortest = min(map(len, words))
    return shortest > 2, -len(words), shortest


def _branches(expression: str) -> list[str]:
    """The alternatives that `expression` offers at its top."""
    branches, start, place = [], 0, 0
    while place < len(expression):
        if expression[place] == "|":
            branches.append(expression[start:place])
            start = place + 1
        place = _after(expression, place)
    return [*branches, expression[start:]]


def _parts(branch: str) -> list[tuple[str, ...]]:
    """Needles of every piece of `branch`: those of its groups, and its literal runs."""
    parts: list[tuple[str, ...]] = []
    run, place = "", 0
    while place < len(branch):
        end = _after(branch, place)
        piece, optional = branch[place:end], bool(_OPTIONAL.match(branch, end))
        literal = piece.isalnum() or piece in (" ", "'", "-", ":")
        if literal and not optional:
            run += piece.lower()
        else:
            parts, run = [*parts, (run,)] if run else parts, ""
            if not optional and (group := re.match(r"\((?:\?-?i?:)?(?!\?)", piece)):
                parts.append(needles(piece[group.end() : -1]))
        place = end
    return [*parts, (run,)] if run else parts


def _after(expression: str, place: int) -> int:
    """Where the piece that begins at `place` ends: a character, an escape, a class or a whole group."""
    if expression[place] == "\\":
        return place + 2
    if expression[place] == "[":
        return expression.index("]", place) + 1
    if expression[place] != "(":
        return place + 1
    place += 1
    while expression[place] != ")":
        place = _after(expression, place)
    return place + 1
