"""The most that a summary can earn of a judge, by what can be read and counted without one.

A language model can be taken in: by praise, by length, by phrases that sound right. Whatever it grades, a
summary earns no more than its canonical clauses, its words and its sentences allow. Lies in other words, and
praise in many words, are beyond this and the model's to see.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm.phrases import CLAUSES, OPENINGS, clause
from records.tags import TAG
from rewards.atomic import TagScorer
from rewards.case import Case, answer_of
from rewards.claims import Claim, sure_claims
from rewards.rule_judge import agrees

_WORD = re.compile(r"\w[\w+'’-]*")
_HISTORY = re.compile(r"\[[^\W\d][^\[\]:]*: [^\[\]]*\]")
"""A field of a history's line, such as [TIME: 2026-01-28]."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """The most that each quality can be, in [0, 1], and the tags of which something false is said."""

    completeness: float
    consistency: float
    aesthetics: float
    false: tuple[str, ...]


def ceilings(case: Case, tags: TagScorer) -> Ceilings:
    """What the summary of a well-formed composite answer can earn; values compare as `tags` does.

    - completeness: known facts that are stated truly once or not surely at all (they may stand in other
      words), but no more of them than there are different telling words;
    - consistency: every claim that is false, of a tag that is NA, or against the answer's own tags costs
      its share of the tags asked for;
    - aesthetics: the share of sentences that are distinct and in good form.
    """
    answer = answer_of(case)
    texts = [sentence.text for sentence in answer.summary]
    claims = [claim for claim in sure_claims(texts) if claim.tag in case.gold]
    tags.prepare((claim.tag, claim.values) for claim in claims)
    right = {
        claim: _right(claim, case.gold[claim.tag], tags) * agrees(claim, answer, tags) for claim in claims
    }
    wrong = sum(1 - score for score in right.values())
    return Ceilings(
        completeness=_completeness(right, case, _telling(texts)),
        consistency=max(0.0, 1 - wrong / len(case.prompt.tags)),
        aesthetics=_aesthetics(texts),
        false=tuple(sorted({claim.tag for claim, score in right.items() if not score})),
    )


def _right(claim: Claim, gold: Sequence[str], tags: TagScorer) -> float:
    """How right a claim can be: what a list lacks may stand in other words."""
    values = claim.values
    if TAG[claim.tag].max_values > 1:
        values += tuple(one for one in gold if not any(tags.score(claim.tag, [v], [one]) for v in values))
    return tags.score(claim.tag, values, gold)


def _aesthetics(texts: Sequence[str]) -> float:
    """Share of sentences that are distinct, begin with no small letter, have an end and 3–40 words."""
    sentences = [one for text in texts for one in _SENTENCE_END.split(text.strip())]
    good = {
        one
        for one in sentences
        if re.fullmatch(r"\w.*[^.][.!?]", one, re.DOTALL)
        and not one[0].islower()
        and 3 <= len(one.split()) <= 40
    }
    return len(good) / len(sentences) if sentences else 0.0


def _completeness(right: Mapping[Claim, float], case: Case, telling: int) -> float:
    known = [tag for tag, values in case.gold.items() if values]
    if not known:
        return float(not right)
    made = Counter(claim.tag for claim in right)
    once = {claim.tag: score for claim, score in right.items() if made[claim.tag] == 1}
    stated = sum(once.get(tag, 0.0) if made[tag] else 1.0 for tag in known)
    return min(stated, telling) / len(known)


def _telling(texts: Sequence[str]) -> int:
    """Different words that may tell a fact: none of copied lines, and none that stand in clauses of several
    tags or open a sentence. Every clause has one of its own."""
    written = " ".join(text for text in texts if not _HISTORY.search(text))
    return len(set(_words(written)) - COMMON)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _common() -> frozenset[str]:
    """Words of canonical sentences that say nothing by themselves."""
    tags_with = Counter(
        word for clauses in CLAUSES.values() for word in set(_words(" ".join(clauses.values())))
    )
    shared = [word for word, tags in tags_with.items() if tags > 1]
    around = [*OPENINGS.values(), *(clause(tag, [""]) for tag, clauses in CLAUSES.items() if not clauses)]
    return frozenset(shared + _words(" ".join(around)))


COMMON = _common()
