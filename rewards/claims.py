"""What a summary claims, read from its canonical clauses (`lm.phrases`); it knows no paraphrase."""

import re
from dataclasses import dataclass

from lm.phrases import CLAUSES, OPENINGS

_CLOSED = [
    (tag, value, re.compile(rf"(?<![\w-]){re.escape(clause)}(?![\w-])"))
    for tag, clauses in CLAUSES.items()
    for value, clause in clauses.items()
]
_INTERESTS = re.compile(r"a liking for ([^,.]+)")
_CITY = re.compile(rf"(?:{OPENINGS['GC']}|,) ([^,.]+) as home(?!\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A summary's assertion that `tag` has `values`."""

    tag: str
    values: tuple[str, ...]


def read_claims(text: str) -> list[Claim]:
    """Every canonical clause found in `text`; saying a thing twice makes no second claim."""
    claims = [Claim(tag=tag, values=(value,)) for tag, value, pattern in _CLOSED if pattern.search(text)]
    claims += [
        Claim(tag="interests", values=tuple(found.group(1).split(" and ")))
        for found in _INTERESTS.finditer(text)
    ]
    claims += [Claim(tag="home_city", values=(found.group(1).strip(),)) for found in _CITY.finditer(text)]
    return list(dict.fromkeys(claims))
