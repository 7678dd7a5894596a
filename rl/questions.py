"""What DF-GRPO asks of a user."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How questions are chosen: evenly over places, `composite_share` of them want a summary; each is about
    `tags_per_prompt` tags (0: all), drawn by `seed` and place."""

    composite_share: float
    tags_per_prompt: int
    seed: int

    def question(
        self, place: int, history: SemanticHistory, known: Sequence[str], tokenizer: ChatTokenizer
    ) -> Prompt:
        """The question at a place, about the user behind `history`, of whom the tags `known` are known."""
        composite = int((place + 1) * self.composite_share) > int(place * self.composite_share)
        drawn = np.random.default_rng([self.seed, place]).permutation(len(known))
        tags = tuple(known[number] for number in sorted(drawn[: self.tags_per_prompt or None]))
        task = COMPOSITE_TASK if composite else TAGS_TASK
        return render_prompt(tokenizer, history, tags=tags, task=task)
