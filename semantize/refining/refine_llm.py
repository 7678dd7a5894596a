"""Entity refinement by a language model, with rules for every title of which it says nothing usable.

Titles are hostile. They are sent masked and clean, as a JSON array of data, and what comes back is taken only
in the form asked for and in the title's own words (see `llm_answer`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from lm.chat import Client, Progress
from semantize.privacy.masking import mask
from semantize.refining.entity import MOST_ATTRIBUTES, Entity
from semantize.refining.llm_answer import read_answer
from semantize.refining.llm_question import LONGEST_TITLE, question
from semantize.refining.noise import tells
from semantize.refining.refine import Refiner
from semantize.text import clean

BATCH = 20
"""Titles a request: what is said to the model once is shared by so many."""


class LLMRefiner:
    """Asks `client` for the entities of titles, BATCH a request; `inner` refines those left without one.

    `inner` also tells whether a title marks a gift. `progress` is called with (requests answered, requests).
    """

    def __init__(
        self,
        client: Client,
        inner: Refiner,
        max_attributes: int = MOST_ATTRIBUTES,
        progress: Progress | None = None,
    ) -> None:
        self.client = client
        self.inner = inner
        self.max_attributes = max_attributes
        self.progress = progress
        self.answered = 0
        self.last_error = ""
        """Requests that were answered so far, and why the last that was not failed."""
        self._refined = 0
        self._fallback: Counter[str] = Counter()

    def refine(self, titles: Sequence[str]) -> list[Entity]:
        """Entities of `titles`, in order, whatever the model answers.

        Raises:
            UserError: as `ChatClient.complete` does: the server refuses the key, the URL or the model.
        """
        entities = self.inner.refine(titles)
        masked = mask(pl.Series(titles, dtype=pl.String))["text"]
        texts = [clean(text, LONGEST_TITLE) for text in masked]
        answers = self._answers([text for text in dict.fromkeys(texts) if tells(text)])
        for place, text in enumerate(texts):
            answer = answers.get(text, "empty")
            if isinstance(answer, str):
                self._fallback[answer] += 1
            else:
                self._refined += 1
                kept = answer.attributes[: self.max_attributes]
                entities[place] = replace(answer, attributes=kept, gift=entities[place].gift)
        return entities

    def stats(self) -> dict[str, Any]:
        """Counts so far.

        `asked`: requests sent; `cached`: answered without; `refined`: titles whose entity is the model's;
        `fallback`: those that went to `inner`, by reason (see `llm_answer`; `empty`: nothing to send);
        `tokens` of prompts and answers.
        """
        counts = self.client.stats
        return {
            "asked": counts.asked,
            "cached": counts.cached,
            "refined": self._refined,
            "fallback": dict(sorted(self._fallback.items())),
            "tokens": counts.prompt_tokens + counts.completion_tokens,
        }

    def _answers(self, texts: Sequence[str]) -> dict[str, Entity | str]:
        batches = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
        requests = [question(batch, self.max_attributes) for batch in batches]
        answers: dict[str, Entity | str] = {}
        for batch, reply in zip(batches, self.client.complete(requests, self.progress), strict=True):
            self.answered += not reply.error
            self.last_error = reply.error or self.last_error
            answers.update(zip(batch, read_answer(reply, batch), strict=True))
        return answers
