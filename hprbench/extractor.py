"""The fixed extractor: which tags does a summary state?

    text → plain text → interests → home city → closed tags → {tag: values}
              (each step blanks what it has read, so a liking for "cats" is no cat)

Rules, not a model, so that every system is read by the same eyes and tomorrow's numbers compare
with today's. A match counts unless its clause negates or doubts it ("not married", "unclear
whether"), puts it in the past ("used to rent", "formerly a student"), wishes for it, gives it to
somebody else ("her mother is retired") or only names goods, services or numbers ("a dog walker").
How well that works is measured: `validation/accuracy.py`.
A statement that contradicts itself ("a cat and a dog") is returned with both values, which is
an assertion that no gold value equals: hedging with every value earns nothing.
"""

import re
from collections.abc import Sequence

from hprbench.extractor_context import holds, is_users, plain_text
from hprbench.extractor_home import HOME
from hprbench.extractor_labels import label_rules
from hprbench.extractor_life import LIFE
from hprbench.extractor_needles import needles
from hprbench.extractor_open import read_city, read_interests
from hprbench.extractor_person import PERSON, WEAK_GENDER
from hprbench.extractor_work import WORK
from hprbench.metrics import Values
from records.tags import TAG_NAMES

EXTRACTOR_VERSION = "4"
"""Scores of summaries compare only within one version."""


_CLOSED = {
    tag: [
        (value, frozenset(needles(expression)), re.compile(rf"(?<!\w)(?:{expression})(?!\w)", re.IGNORECASE))
        for value, expression in [
            *((value, expression) for value, expressions in values.items() for expression in expressions),
            *label_rules(tag),
        ]
    ]
    for tag, values in (PERSON | HOME | LIFE | WORK).items()
}
_NEEDLES = frozenset().union(*(words for rules in _CLOSED.values() for _, words, _ in rules))
_PRONOUNS = [
    (value, re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?!\w)", re.IGNORECASE))
    for value, words in WEAK_GENDER.items()
]


def extract(text: str, cities: Sequence[str] = ()) -> dict[str, Values]:
    """All 18 tags of `text`: tag → values, empty where the text states none.

    `cities` are names to look for (a gazetteer); the city is given as spelt there. Without them
    a city is known by its setting ("the city of X", "lives in X", "X as home"). Interests are read in the
    order of the text, three at most; one whose own name holds "and" is read as two.

    Example:
        extract("A mother-to-be who lives in Lyon and has no pets.")
        # gender female, child_stage expecting, home_city Lyon, pet none, all others ()
    """
    interests, text = read_interests(plain_text(text))
    city, text = read_city(text, cities)
    lower = text.lower()
    present = {word for word in _NEEDLES if word in lower}
    found = {tag: _read_closed(tag, text, present) for tag in _CLOSED}
    if not found["gender"]:
        found["gender"] = _first_pronoun(text)
    found |= {"interests": interests, "home_city": city}
    return {tag: found[tag] for tag in TAG_NAMES}


def _read_closed(tag: str, text: str, present: set[str]) -> Values:
    """The values of `tag` that `text` states, in its order; `present` are the needles that it holds."""
    spans = [
        (match.start(), match.end(), value)
        for value, words, rule in _CLOSED[tag]
        if not words or not words.isdisjoint(present)
        for match in rule.finditer(text)
    ]
    # The longest of overlapping matches says what is meant: "not a pet owner", "baby on the way".
    spans.sort(key=lambda span: (span[0] - span[1], span[0]))
    taken, stated = bytearray(len(text)), {}
    for start, end, value in spans:
        if any(taken[start:end]):
            continue
        taken[start:end] = b"\1" * (end - start)
        if holds(text, start, end, tag):
            stated[start] = value
    return tuple(dict.fromkeys(stated[start] for start in sorted(stated)))


def _first_pronoun(text: str) -> Values:
    found = sorted((match.start(), value) for value, rule in _PRONOUNS for match in rule.finditer(text))
    return next(((value,) for start, value in found if is_users(text, start, "gender")), ())
