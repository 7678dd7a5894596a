"""LLMJudge: a language model behind an OpenAI-compatible server grades summaries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lm.chat import ChatReply, Client, json_of
from rewards.agreement import correlation, krippendorff_alpha
from rewards.atomic import TagScorer
from rewards.case import Case, answer_of
from rewards.ceilings import ceilings
from rewards.judge_question import GRADED, GRADES, question
from rewards.summary import Judgment, Tally

_WORDS_PER_FACT = 12
"""Words that a fact may take before a summary is long: a little more than the canonical clauses need."""


@dataclass(slots=True, kw_only=True)
class LLMTally(Tally):
    """What a judging language model did.

    `lowered`: how many summaries it graded above a ceiling. `failed`: replies that cannot be read, by reason.
    `grades`, by quality, and `words` are of the summaries of which every repeat can be read.
    """

    lowered: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    grades: list[dict[str, list[int]]] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    asked: int = 0
    cached: int = 0
    tokens: int = 0

    def stats(self) -> dict[str, Any]:
        """The counts; how far repeated grades agree (Krippendorff's alpha, by quality); how the mean grade
        goes with the number of words (Pearson), which is a bias unless words are facts."""
        means = [float(np.mean([np.mean(one[name]) for name in GRADED])) for one in self.grades]
        return {
            "judge": "llm",
            "judged": self.judged,
            "lowered": self.lowered,
            "failed": dict(sorted(self.failed.items())),
            "agreement": {name: krippendorff_alpha([one[name] for one in self.grades]) for name in GRADED},
            "length_correlation": correlation(self.words, means),
            "asked": self.asked,
            "cached": self.cached,
            "tokens": self.tokens,
        }


class LLMJudge:
    """Asks `client` `repeats` times about every summary, facts and qualities in another order each time.

    A quality is the mean of its grades, put on [0, 1], and no more than its ceiling, for which values compare
    as `tags` does (see `rewards.ceilings`). Conciseness is counted: 1 up to _WORDS_PER_FACT words a fact that
    the summary states, by its own completeness, falling to 0 at twice that. A summary of which no reply can
    be read has an error; where some can, they decide.
    """

    def __init__(self, client: Client, repeats: int, tags: TagScorer) -> None:
        self.client = client
        self.repeats = repeats
        self.tags = tags
        self.tally: Tally = LLMTally()
        self._told = (0, 0, 0)

    def judge(self, cases: Sequence[Case]) -> list[Judgment]:
        """One judgment a case, in order."""
        requests = [question(case, repeat) for case in cases for repeat in range(self.repeats)]
        replies, done = iter(self.client.complete(requests)), LLMTally()
        self.tally.add(self._spent())
        judgments = [
            self._judgment(case, [next(replies) for _ in range(self.repeats)], done) for case in cases
        ]
        self.tally.add(done)  # cases of which one raises are judged once more
        return judgments

    def _spent(self) -> LLMTally:
        """A tally of what the client spent since the last."""
        spent, before = self.client.stats, self._told
        self._told = (spent.asked, spent.cached, spent.prompt_tokens + spent.completion_tokens)
        asked, cached, tokens = (now - then for now, then in zip(self._told, before, strict=True))
        return LLMTally(asked=asked, cached=cached, tokens=tokens)

    def _judgment(self, case: Case, replies: Sequence[ChatReply], done: LLMTally) -> Judgment:
        read = [_grades(reply) for reply in replies]
        causes = [one for one in read if isinstance(one, str)]
        done.failed.update(cause.partition(":")[0] for cause in causes)
        graded = [one for one in read if not isinstance(one, str)]
        if not graded:
            return Judgment(error=f"judge: {causes[0]}")
        done.judged += 1
        words = len(answer_of(case).summary_text.split())
        if not causes:  # alpha wants every repeat
            done.words.append(words)
            done.grades.append({name: [one[name] for one in graded] for name in GRADED})
        graded_as = {name: _on_unit(np.mean([one[name] for one in graded])) for name in GRADED}
        most = ceilings(case, self.tags)
        quality = {name: min(value, getattr(most, name)) for name, value in graded_as.items()}
        done.lowered += quality != graded_as
        named = {tag for one in graded for tag in one.get("false", [])}.union(most.false)
        false = [tag for tag in case.prompt.tags if tag in named]  # a server may let other text through
        return Judgment(
            **quality,
            conciseness=_conciseness(words, quality["completeness"], case),
            reasons=tuple(f"claim:{tag}" for tag in false),
        )


def _conciseness(words: int, completeness: float, case: Case) -> float:
    known = sum(bool(values) for values in case.gold.values())
    allowed = _WORDS_PER_FACT * max(1.0, completeness * known)
    return min(1.0, max(0.0, 2.0 - words / allowed))


def _on_unit(grade: Any) -> float:
    low, high = GRADES
    return float((grade - low) / (high - low))


def _grades(reply: ChatReply) -> dict[str, Any] | str:
    """What a reply says, or why it cannot be read."""
    if reply.error:
        return reply.error
    value = json_of(reply)
    if not isinstance(value, dict):
        return "bad_json"
    grades = [value.get(name) for name in GRADED]
    if any(type(grade) is not int or not GRADES[0] <= grade <= GRADES[1] for grade in grades):
        return "schema"
    false = value.get("false", [])
    if not isinstance(false, list) or not all(isinstance(tag, str) for tag in false):
        return "schema"
    return value
