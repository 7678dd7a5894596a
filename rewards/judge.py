"""RuleJudge: an offline, deterministic judge of summaries that reads the canonical clauses only.

It knows no paraphrase: a summary in other words counts as silent. What it measures is named in the
four functions' docstrings.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm.answers import Answer
from lm.phrases import CLAUSES, OPENINGS
from rewards.atomic import tag_score

_CLOSED = [
    (tag, value, re.compile(rf"(?<![\w-]){re.escape(clause)}(?![\w-])"))
    for tag, clauses in CLAUSES.items()
    for value, clause in clauses.items()
]
_INTERESTS = re.compile(r"a liking for ([^,.]+)")
_CITY = re.compile(rf"(?:{OPENINGS['GC']}|,) ([^,.]+) as home(?!\w)")
_WORDS_PER_CLAIM = 10

QUALITIES = ("completeness", "consistency", "conciseness", "aesthetics")


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


class RuleJudge:
    """Weighted mean of four qualities, each in [0, 1]."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.weights = dict(weights)

    def judge(self, answer: Answer, gold: Mapping[str, Sequence[str]]) -> float:
        """Quality of `answer.summary` in [0, 1], given the true values by tag."""
        claims = read_claims(answer.summary_text)
        parts = {
            "completeness": completeness(claims, gold, answer),
            "consistency": consistency(claims, gold, answer),
            "conciseness": conciseness(claims, answer.summary_text),
            "aesthetics": aesthetics([sentence.text for sentence in answer.summary]),
        }
        total = sum(self.weights.values())
        return sum(weight * parts[name] for name, weight in self.weights.items()) / total


def completeness(claims: Sequence[Claim], gold: Mapping[str, Sequence[str]], answer: Answer) -> float:
    """Share of the user's known (non-NA) tags that the summary states truly.

    A tag with two claims, or with one that the answer's own tags contradict, is not stated at all:
    naming every value, or hedging between tags and summary, earns nothing.
    """
    known = [tag for tag, values in gold.items() if values]
    if not known:
        return float(not claims)
    made = Counter(claim.tag for claim in claims)
    stated = [claim for claim in claims if made[claim.tag] == 1 and _agrees(claim, answer)]
    return sum(tag_score(c.tag, c.values, gold[c.tag]) for c in stated if gold.get(c.tag)) / len(known)


def _agrees(claim: Claim, answer: Answer) -> bool:
    own = answer.tags.get(claim.tag)
    return own is None or tag_score(claim.tag, claim.values, own.values) > 0


def consistency(claims: Sequence[Claim], gold: Mapping[str, Sequence[str]], answer: Answer) -> float:
    """Share of claims that are true and agree with the answer's own tags; none at all count 0.

    Two claims on one single-valued tag cannot both be true, so dumping values does not pay; a claim
    about a tag that is NA is an invention.
    """
    if not claims:
        return 0.0
    good = sum(tag_score(c.tag, c.values, gold.get(c.tag, ())) for c in claims if _agrees(c, answer))
    return good / len(claims)


def conciseness(claims: Sequence[Claim], text: str) -> float:
    """1 up to ten words a claim, falling to 0 at twice that; no claim is no information: 0."""
    if not claims:
        return 0.0
    allowed = _WORDS_PER_CLAIM * len(claims)
    return min(1.0, max(0.0, 2.0 - len(text.split()) / allowed))


def aesthetics(sentences: Sequence[str]) -> float:
    """Share of sentences that are distinct, begin with a capital, end in a full stop and have 3–40 words."""
    good = {
        text
        for text in sentences
        if re.fullmatch(r"[A-Z].*[^.]\.", text, re.DOTALL) and 3 <= len(text.split()) <= 40
    }
    return len(good) / len(sentences) if sentences else 0.0
