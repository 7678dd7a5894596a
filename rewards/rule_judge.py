"""RuleJudge: an offline, deterministic judge of summaries that reads the canonical clauses only.

It knows no paraphrase: a summary in other words counts as silent. What it measures is named in the
four functions' docstrings.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from lm.answers import Answer
from rewards.atomic import TagScorer
from rewards.case import Case, Reference, answer_of
from rewards.claims import Claim, read_claims, repetitions
from rewards.summary import Judgment, Tally

_WORDS_PER_CLAIM = 10


class RuleJudge:
    """Judges by the clauses that a summary holds; values compare as `tags` does.

    Of a tag that was not asked for nothing is known here: what is said of it neither earns nor costs.
    """

    def __init__(self, tags: TagScorer) -> None:
        self.tags = tags
        self.tally = Tally()

    def judge(self, cases: Sequence[Case]) -> list[Judgment]:
        """One judgment a case, in order."""
        claims = [read_claims(answer_of(case).summary_text) for case in cases]
        self.tags.prepare((claim.tag, claim.values) for made in claims for claim in made)
        judgments = [self._judgment(case, made) for case, made in zip(cases, claims, strict=True)]
        self.tally.judged += len(cases)  # cases of which one raises are judged once more
        return judgments

    def _judgment(self, case: Case, claims: Sequence[Claim]) -> Judgment:
        answer, tags = answer_of(case), self.tags
        asked = [claim for claim in claims if claim.tag in case.gold]
        false = sorted({c.tag for c in asked if not tags.score(c.tag, c.values, case.gold[c.tag])})
        return Judgment(
            completeness=completeness(asked, case.gold, answer, tags),
            consistency=consistency(asked, case.gold, answer, tags),
            conciseness=conciseness(claims, answer.summary_text),
            aesthetics=aesthetics([sentence.text for sentence in answer.summary]),
            reasons=tuple(f"claim:{tag}" for tag in false),
        )


def completeness(claims: Sequence[Claim], gold: Reference, answer: Answer, tags: TagScorer) -> float:
    """Share of the user's known (non-NA) tags that the summary states truly.

    A tag with two claims, or with one that the answer's own tags contradict, is not stated at all:
    naming every value, or hedging between tags and summary, earns nothing.
    """
    known = [tag for tag, values in gold.items() if values]
    if not known:
        return float(not claims)
    made = Counter(claim.tag for claim in claims)
    stated = [c for c in claims if made[c.tag] == 1 and gold[c.tag] and agrees(c, answer, tags)]
    return sum(tags.score(c.tag, c.values, gold[c.tag]) for c in stated) / len(known)


def agrees(claim: Claim, answer: Answer, tags: TagScorer) -> bool:
    """Whether the answer's own tag, if it has one, says the same."""
    own = answer.tags.get(claim.tag)
    return own is None or tags.score(claim.tag, claim.values, own.values) > 0


def consistency(
    claims: Sequence[Claim], gold: Mapping[str, Sequence[str]], answer: Answer, tags: TagScorer
) -> float:
    """Share of claims that are true and agree with the answer's own tags; none at all count 0.

    Two claims on one single-valued tag cannot both be true, so dumping values does not pay; a claim
    about a tag that is NA is an invention.
    """
    if not claims:
        return 0.0
    good = [tags.score(c.tag, c.values, gold[c.tag]) for c in claims if agrees(c, answer, tags)]
    return sum(good) / len(claims)


def conciseness(claims: Sequence[Claim], text: str) -> float:
    """1 up to ten words a claim, falling to 0 at twice that; times the share of clauses that are new.

    No claim is no information: 0.
    """
    if not claims:
        return 0.0
    allowed = _WORDS_PER_CLAIM * len(claims)
    brief = min(1.0, max(0.0, 2.0 - len(text.split()) / allowed))
    return brief * len(claims) / (len(claims) + repetitions(text))


def aesthetics(sentences: Sequence[str]) -> float:
    """Share of sentences that are distinct, begin with a capital, end in a full stop and have 3–40 words."""
    good = {
        text
        for text in sentences
        if re.fullmatch(r"[A-Z].*[^.]\.", text, re.DOTALL) and 3 <= len(text.split()) <= 40
    }
    return len(good) / len(sentences) if sentences else 0.0
