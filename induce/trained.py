"""Our trained model as an inducer."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from induce.answers import PersonaAnswer, parse_personas
from induce.checking import upheld
from induce.embedding import Embedder
from induce.endpoint import is_asked, unasked
from induce.lines import MemoryLines, lines_of_users
from induce.prompting import persona_prompt
from induce.vector_cache import digest
from lm.answers import Malformed
from lm.chat import Progress
from lm.tokenizer import ChatTokenizer
from records.induction import QualityConfig
from records.persona import IntentMemory, PersonaSet
from records.prompt import Request, Rollout, Sampling
from rl.protocols import Generator
from rl.seeds import derived_seed

ATTEMPTS = 4
"""Times that a user is asked about, at most, until the log upholds all of an answer: greedily, then by
chance."""

GREEDY, BY_CHANCE, TOP_P = 0.01, 0.7, 0.9
"""Temperatures of the first attempt (what engines take for the lowest) and the others, and their nucleus."""

BATCH = 256
"""Users asked about at once; progress is told in between."""

ASKING_VERSION = 2
"""Raised when a model is asked otherwise, or another of its answers is taken."""

TRUNCATED = "truncated"
"""Reason: the answer hit the length limit."""

_MALFORMED = -1.0
"""What a malformed answer is worth: less than any other."""


class ModelInducer:
    """Asks a trained model, through `generator`, about the memory lines of users; one set a user: of up to
    ATTEMPTS answers the one that the log upholds most (`induce.checking.upheld`), the first of equal ones.

    A user without personas has the reason in `error`: one of `induce.inducers`, `no_room` (no line fits
    `budget`), or what was the matter with the last of ATTEMPTS answers (TRUNCATED, or as `induce.answers`).
    Cited lines that there are not are counted in `dropped_citations`; `malformed` counts answers that were
    none, and `again` those after a user's first. What a user is answered depends on its memories and `seed`,
    and on other users of a call by the rounding of engines alone.

    Args:
        embedder: what lines are put in order by.
        budget: tokens of a user's lines; with the frame of the question and `most_tokens` they must fit
            into the model.
        most_tokens: length limit of an answer.
        quality: what is enough to be told of a persona.
        progress: called with (users, users of the call) as they are done with.

    Example:
        tokenizer, embedder = ChatTokenizer.load(model), SentenceEmbedder()
        inducer = ModelInducer(
            pool, tokenizer, embedder, budget=600, most_tokens=512, quality=QualityConfig()
        )
    """

    def __init__(
        self,
        generator: Generator,
        tokenizer: ChatTokenizer,
        embedder: Embedder,
        *,
        budget: int,
        most_tokens: int,
        quality: QualityConfig,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.generator, self.tokenizer, self.embedder, self.budget = generator, tokenizer, embedder, budget
        self.most_tokens, self.quality, self.seed, self.progress = most_tokens, quality, seed, progress
        self.asked = self.again = self.tokens = self.dropped_citations = 0
        self.seconds = 0.0
        self.malformed = Counter[str]()

    def __call__(self, users: Mapping[str, Sequence[IntentMemory]]) -> list[PersonaSet]:
        """User id → memories; a set a user, in the order of `users`."""
        found: list[PersonaSet] = []
        names = list(users)
        for first in range(0, len(names), BATCH):
            found += self._batch({user: users[user] for user in names[first : first + BATCH]})
            if self.progress:
                self.progress(len(found), len(names))
        return found

    def stats(self) -> dict[str, Any]:
        """What was asked, what was malformed and why, and the tokens and seconds it took."""
        return {
            "inducer": "model",
            "asked": self.asked,
            "again": self.again,
            "malformed": dict(sorted(self.malformed.items())),
            "dropped_citations": self.dropped_citations,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }

    def _batch(self, users: Mapping[str, Sequence[IntentMemory]]) -> list[PersonaSet]:
        lines = lines_of_users(users, self.budget, self.tokenizer.count, self.embedder)
        found = {user: unasked(user, users[user]) for user in users if not is_asked(users[user], lines[user])}
        waiting = [user for user in users if user not in found]
        best = dict.fromkeys(waiting, _MALFORMED)
        for attempt in range(ATTEMPTS):
            if not waiting:
                break
            requests = [
                Request(
                    prompt=persona_prompt(self.tokenizer, lines[user]),
                    samples=1,
                    seed=derived_seed("induce", self.seed, attempt, int.from_bytes(digest(user)[:4])),
                )
                for user in waiting
            ]
            sampling = Sampling(
                temperature=BY_CHANCE if attempt else GREEDY, top_p=TOP_P, max_tokens=self.most_tokens
            )
            began = time.monotonic()
            answers = self.generator.generate(requests, sampling)
            self.seconds += time.monotonic() - began
            self.asked += len(requests)
            self.again += len(requests) if attempt else 0
            for request, (rollout,) in zip(requests, answers, strict=True):
                self.tokens += len(request.prompt.token_ids) + len(rollout.token_ids)
                user = request.prompt.user_id
                answer = self._read(rollout, lines[user])
                worth = self._worth(answer, users[user], lines[user])
                if worth > best[user] or best[user] == _MALFORMED:
                    found[user], best[user] = answer, worth
            waiting = [user for user in waiting if best[user] < 1]
        return [found[user] for user in users]

    def _worth(self, answer: PersonaSet, memories: Sequence[IntentMemory], lines: MemoryLines) -> float:
        return _MALFORMED if answer.error else upheld(answer, memories, lines.line_of, self.quality)

    def _read(self, rollout: Rollout, lines: MemoryLines) -> PersonaSet:
        answer = parse_personas(rollout.text, lines)
        if isinstance(answer, PersonaAnswer) and not rollout.truncated:
            self.dropped_citations += answer.dropped_citations
            return answer.personas
        reason = answer.reason if isinstance(answer, Malformed) and not rollout.truncated else TRUNCATED
        self.malformed[reason] += 1
        return PersonaSet(user_id=lines.user_id, personas=(), error=reason)
