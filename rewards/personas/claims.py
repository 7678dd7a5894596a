"""Claims: the closed grammar in which descriptions of personas are written, and read back exactly.

A statement is one or more claims, each a short sentence:

    wants   Buys Wet Wipes and Milk Powder.   Looks at …   Searches for …      (a verb, one to three names)
    about   Mostly Baby.                                                      (a category)
    often   About once a week.                                                (a band of OFTEN)
    when    Mostly on weekends.   Mostly in the evening.                      (a time of WHEN)
    since   Since 2011-03.                                                    (the month of the first)
    until   Last in 2011-11.   Still so when last seen.                       (the month of the last, or NOW)
    where   Mostly on E-commerce.                                             (a source)
    spends  Spends little each time.                                          (a tercile of SPENDS)

What a claim needs to be true stands in `rewards.personas.facts`. Names come out of logs and may hold any
text. One that could be read as anything else than a name stands in double quotes, with `"`, `\\` and what
is not printable escaped as in JSON; so no name ends its sentence, and none states a claim of its own.
"""

import json
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

VERBS = {"buys": "Buys", "looks": "Looks at", "searches": "Searches for"}
"""Family of actions → how a sentence about it begins."""

OFTEN = {
    "once": "Only once.",
    "rarely": "Less than once a month.",
    "monthly": "About once a month.",
    "few_a_month": "A few times a month.",
    "weekly": "About once a week.",
    "few_a_week": "Several times a week.",
    "daily": "Almost every day.",
}
"""Band of rates → its sentence."""

WHEN = {
    "weekends": "Mostly on weekends.",
    "weekdays": "Mostly on weekdays.",
    "morning": "Mostly in the morning.",
    "afternoon": "Mostly in the afternoon.",
    "evening": "Mostly in the evening.",
    "night": "Mostly at night.",
}
"""Time → its sentence."""

SPENDS = {
    "little": "Spends little each time.",
    "middling": "Spends a middling sum each time.",
    "much": "Spends much each time.",
}
"""Tercile of money spent → its sentence, the lowest first."""

NOW = "now"
"""Argument of an `until` claim about what has not ended."""

MOST_NAMES = 3
"""Names that one `wants` claim may hold."""

_BUYING = re.compile(r"order|purchas|\bbuy|bought|\bpay|checkout|\bbook(ed|ing)?\b|subscri|购买|下单", re.I)
_SEARCHING = re.compile(r"search|quer(y|ies)|搜索", re.I)
_MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PLAIN = r'(?:(?! and )(?:[^",.]|\.(?=[^\s",.])))+'
_NAME = rf"(?:{_QUOTED}|{_PLAIN})"
_ONE_NAME = re.compile(_NAME)
_KEYWORDS = frozenset({"on", "in", "at", *WHEN})
"""Words that a sentence may go on with where a name could stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One assertion: its kind, and its arguments as the module's docstring lists them.

    `wants` has a key of VERBS and then one to three different names; every other kind has one argument: a
    name (about, where), a key of its table (often, when, spends), or a month such as 2011-03 (since, until).

    Raises:
        ValueError: there is no such kind, or it does not take these arguments.
    """

    kind: str
    arguments: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.kind not in _FITS or not _FITS[self.kind](self.arguments):
            raise ValueError(f"no claim {self.kind!r} with arguments {self.arguments!r}")

    @property
    def names(self) -> tuple[str, ...]:
        """The names out of the log in it."""
        if self.kind == "wants":
            return self.arguments[1:]
        return self.arguments if self.kind in ("about", "where") else ()

    @property
    def gist(self) -> frozenset[tuple[str, str]]:
        """What it says, however its names are ordered and spelt in capitals: a fact for each."""
        kind = self.arguments[0] if self.kind == "wants" else self.kind
        return frozenset((kind, name.casefold()) for name in self.names or self.arguments)


@lru_cache(maxsize=4096)
def family(action: str) -> str:
    """The key of VERBS that an action of a log belongs to: buys, searches, or else looks."""
    if _BUYING.search(action):
        return "buys"
    return "searches" if _SEARCHING.search(action) else "looks"


def render(claims: Sequence[Claim]) -> str:
    """The claims as text, a sentence each; "" for none.

    Example:
        render((Claim(kind="wants", arguments=("buys", "Bed, Bath")),)) == 'Buys "Bed, Bath".'
    """
    return " ".join(_sentence(claim) for claim in claims)


@lru_cache(maxsize=65_536)
def parse(text: str) -> tuple[Claim, ...]:
    """The claims that `render` makes `text` of; () for any other text, also where a part of it is such.

    Example:
        parse("Mostly Baby. Still so when last seen.")[1] == Claim(kind="until", arguments=("now",))
    """
    claims: list[Claim] = []
    place = 0
    while place < len(text):
        found = next((m for pattern, _ in _SENTENCES if (m := pattern.match(text, place))), None)
        if found is None:
            return ()
        try:
            claims.append(_READERS[found.re](found))
        except ValueError:
            return ()
        place = found.end() + 1
    # Whatever else the patterns may let through, only what would be written the same is read.
    return tuple(claims) if render(claims) == text else ()


def gist_of(text: str) -> Hashable:
    """What a statement says: the same for two that claim the same, whatever order and case they are in; of a
    text that is not of the grammar, the text itself."""
    return frozenset(claim.gist for claim in parse(text)) or text


def _sentence(claim: Claim) -> str:
    kind, (first, *_) = claim.kind, claim.arguments
    if kind == "wants":
        names = [_written(name) for name in claim.names]
        listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        return f"{VERBS[first]} {listed}."
    if kind in _TABLES:
        return _TABLES[kind][first]
    if kind == "until":
        return "Still so when last seen." if first == NOW else f"Last in {first}."
    if kind == "since":
        return f"Since {first}."
    return f"Mostly {'on ' if kind == 'where' else ''}{_written(first)}."


def _written(name: str) -> str:
    words = name.split()
    is_plain = (
        name.isprintable()
        and name == name.strip()
        and _ONE_NAME.fullmatch(name)
        and not name.startswith('"')
        and "and" not in words
        and words[0] not in _KEYWORDS
    )
    if is_plain:
        return name
    return '"' + "".join(map(_escaped, name)) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return char if char.isprintable() else json.dumps(char)[1:-1]


def _read(written: str) -> str:
    return str(json.loads(written)) if written.startswith('"') else written


def _is_month(text: str) -> bool:
    return bool(_MONTH.fullmatch(text))


def _are_names(names: Sequence[str]) -> bool:
    return 1 <= len(names) <= MOST_NAMES and len(set(names)) == len(names) and all(names)


_TABLES = {"often": OFTEN, "when": WHEN, "spends": SPENDS}
_FITS: dict[str, Callable[[tuple[str, ...]], bool]] = {
    "wants": lambda given: len(given) > 1 and given[0] in VERBS and _are_names(given[1:]),
    "about": lambda given: len(given) == 1 and _are_names(given),
    "often": lambda given: len(given) == 1 and given[0] in OFTEN,
    "when": lambda given: len(given) == 1 and given[0] in WHEN,
    "since": lambda given: len(given) == 1 and _is_month(given[0]),
    "until": lambda given: len(given) == 1 and (given[0] == NOW or _is_month(given[0])),
    "where": lambda given: len(given) == 1 and _are_names(given),
    "spends": lambda given: len(given) == 1 and given[0] in SPENDS,
}
KINDS = tuple(_FITS)
"""All kinds of claims."""

_FIXED = {
    sentence: Claim(kind=kind, arguments=(key,))
    for kind, table in _TABLES.items()
    for key, sentence in table.items()
} | {"Still so when last seen.": Claim(kind="until", arguments=(NOW,))}
_BY_VERB = {verb: key for key, verb in VERBS.items()}


def _wants(found: re.Match[str]) -> Claim:
    names = tuple(_read(name) for name in found.groups()[1:] if name is not None)
    return Claim(kind="wants", arguments=(_BY_VERB[found[1]], *names))


def _one(kind: str, read: Callable[[str], str]) -> Callable[[re.Match[str]], Claim]:
    return lambda found: Claim(kind=kind, arguments=(read(found[1]),))


_SENTENCES = [
    (re.compile(rf"(?:{'|'.join(map(re.escape, _FIXED))})(?= |$)"), lambda found: _FIXED[found[0]]),
    (re.compile(rf"Since ({_MONTH.pattern})\.(?= |$)"), _one("since", str)),
    (re.compile(rf"Last in ({_MONTH.pattern})\.(?= |$)"), _one("until", str)),
    (re.compile(rf"Mostly on ({_NAME})\.(?= |$)"), _one("where", _read)),
    (re.compile(rf"Mostly ({_NAME})\.(?= |$)"), _one("about", _read)),
    (
        re.compile(rf"({'|'.join(VERBS.values())}) ({_NAME})(?:, ({_NAME}))?(?: and ({_NAME}))?\.(?= |$)"),
        _wants,
    ),
]
_READERS: dict[re.Pattern[str], Callable[[re.Match[str]], Claim]] = dict(_SENTENCES)
