"""What a summary claims, read from its canonical clauses (`lm.phrases`); it knows no paraphrase."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lm.phrases import CLAUSES, OPENINGS

_CLOSED = [
    (tag, value, re.compile(rf"(?<![\w-]){re.escape(clause)}(?![\w-])"))
    for tag, clauses in CLAUSES.items()
    for value, clause in clauses.items()
]
_INTERESTS = re.compile(r"a liking for ([^,.]+)")
_CITY = re.compile(rf"(?:{OPENINGS['GC']}|,) ([^,.]+) as home(?!\w)")

_VALUES = {
    tag: re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, clauses.values()))})(?![\w-])")
    for tag, clauses in CLAUSES.items()
    if clauses
}
_CLAUSES = "|".join(values.pattern for values in _VALUES.values())
_ALONE = re.compile(
    rf"(?:(?:{'|'.join(OPENINGS.values())}|,) (?:{_CLAUSES}|a liking for [^,.;!?\n]+)"
    rf"|(?:{OPENINGS['GC']}|,(?! [a-z])) [^,.;!?\n]+ as home)(?=[,.;!?\n]|$)"
)
"""A clause where canonical sentences have it: it is no part of a longer phrase, such as a cat sitter."""
_OR = re.compile(r",? or (?:\w+ ){0,2}")

_MANY = 3
"""Tags of which a text may not name two values each; an honest one does so of one or two: a woman who is
married to a man, formerly single."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A summary's assertion that `tag` has `values`."""

    tag: str
    values: tuple[str, ...]


def read_claims(text: str) -> list[Claim]:
    """Every canonical clause found in `text`; a clause that stands twice is no second claim, and all
    interests are one."""
    claims = [Claim(tag=tag, values=(value,)) for tag, value, pattern in _CLOSED if pattern.search(text)]
    lists = dict.fromkeys(_INTERESTS.findall(text))
    if lists:
        interests = tuple(value for names in lists for value in names.split(" and "))
        claims.append(Claim(tag="interests", values=interests))
    claims += [Claim(tag="home_city", values=(found.group(1).strip(),)) for found in _CITY.finditer(text)]
    return list(dict.fromkeys(claims))


def repetitions(text: str) -> int:
    """How often a clause of `text` stands there again; naming the same interest or city twice is one too."""
    named = [(tag, value) for tag, value, pattern in _CLOSED for _ in pattern.finditer(text)]
    named += [("interests", value) for names in _INTERESTS.findall(text) for value in names.split(" and ")]
    named += [("home_city", found.group(1).strip()) for found in _CITY.finditer(text)]
    return len(named) - len(set(named))


def sure_claims(texts: Sequence[str]) -> list[Claim]:
    """Claims of a summary's entries that can hardly be anything else, however freely they are worded.

    They are the clauses that stand alone, and those that list values: two of one closed tag with "or"
    between them, or two of each of many tags, whatever stands around them.
    """
    text = "\n".join(texts)
    clauses = [*(found.group() for found in _ALONE.finditer(text)), *_listed(text)]
    return read_claims(". ".join(clauses))


def _listed(text: str) -> Iterator[str]:
    found = {tag: list(pattern.finditer(text)) for tag, pattern in _VALUES.items()}
    several = {tag for tag, clauses in found.items() if len(_texts(clauses)) > 1}
    for tag in several:
        if len(several) >= _MANY:
            yield from _texts(found[tag])
        for one, other in pairwise(found[tag]):
            if _OR.fullmatch(text, one.end(), other.start()):
                yield from _texts((one, other))


def _texts(clauses: Iterable[re.Match[str]]) -> set[str]:
    return {clause.group() for clause in clauses}
