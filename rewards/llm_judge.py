"""LLMJudge: a language model behind an OpenAI-compatible server grades summaries."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from lm.chat import ChatReply, Client, json_of
from rewards.agreement import correlation, krippendorff_alpha
from rewards.atomic import TagScorer
from rewards.case import Case, answer_of
from rewards.ceilings import ceilings
from rewards.judge_question import GRADED, GRADES, question
from rewards.summary import Judgment

_WORDS_PER_FACT = 12
"""Words that a fact may take before a summary is long: a little more than the canonical clauses need."""


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
        self._failed: Counter[str] = Counter()
        self._judged = self._lowered = 0
        self._grades: dict[str, list[list[int]]] = {name: [] for name in GRADED}
        self._words: list[int] = []

    def judge(self, cases: Sequence[Case]) -> list[Judgment]:
        """One judgment a case, in order."""
        requests = [question(case, repeat) for case in cases for repeat in range(self.repeats)]
        replies = iter(self.client.complete(requests))
        return [self._judgment(case, [next(replies) for _ in range(self.repeats)]) for case in cases]

    def stats(self) -> dict[str, Any]:
        """What was asked and answered; `lowered`, how many summaries the model graded above a ceiling; how
        far repeated grades agree (Krippendorff's alpha, by quality); how the mean grade goes with the number
        of words (Pearson), which is a bias unless words are facts."""
        means = [float(np.mean(grades)) for grades in zip(*map(self._means, GRADED), strict=True)]
        spent = self.client.stats
        return {
            "judge": "llm",
            "judged": self._judged,
            "lowered": self._lowered,
            "failed": dict(sorted(self._failed.items())),
            "agreement": {name: krippendorff_alpha(self._grades[name]) for name in GRADED},
            "length_correlation": correlation(self._words, means),
            "asked": spent.asked,
            "cached": spent.cached,
            "tokens": spent.prompt_tokens + spent.completion_tokens,
        }

    def _means(self, name: str) -> list[float]:
        return [float(np.mean(grades)) for grades in self._grades[name]]

    def _judgment(self, case: Case, replies: Sequence[ChatReply]) -> Judgment:
        read = [_grades(reply) for reply in replies]
        causes = [one for one in read if isinstance(one, str)]
        self._failed.update(cause.partition(":")[0] for cause in causes)
        graded = [one for one in read if not isinstance(one, str)]
        if not graded:
            return Judgment(error=f"judge: {causes[0]}")
        self._judged += 1
        words = len(answer_of(case).summary_text.split())
        if not causes:  # alpha wants every repeat
            self._words.append(words)
            for name in GRADED:
                self._grades[name].append([one[name] for one in graded])
        graded_as = {name: _on_unit(np.mean([one[name] for one in graded])) for name in GRADED}
        most = ceilings(case, self.tags)
        quality = {name: min(value, getattr(most, name)) for name, value in graded_as.items()}
        self._lowered += quality != graded_as
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
