"""The order in which prompts are taken: a new permutation an epoch, some of which may be passed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from records.prompt import Prompt

LEAST = 0.05
"""A prompt is taken in this share of its turns at least, however often its groups were dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One prompt out of the stream, and its place there."""

    cursor: int
    prompt: Prompt


class PromptStream:
    """Endless prompts. A resumed run goes on from `cursor`; draws that were under way come `again` first.

    A prompt whose last d groups were all dropped is taken in `dropped_weight`ᵈ of its turns (1: in all);
    `dropped` is the state of that, prompt id → d. Whether a turn is taken depends on the seed, the place and
    d alone.
    """

    def __init__(
        self,
        prompts: Sequence[Prompt],
        seed: int,
        cursor: int = 0,
        again: Sequence[int] = (),
        *,
        dropped_weight: float = 1.0,
        dropped: Mapping[str, int] | None = None,
    ) -> None:
        assert prompts, "a prompt stream needs prompts"
        self.prompts = prompts
        self.seed = seed
        self.cursor = cursor
        self.dropped_weight = dropped_weight
        self.dropped = dict(dropped or {})
        self.passed_over = 0
        self._again = list(again)

    def take(self, count: int) -> list[Draw]:
        """The next `count` draws."""
        taken: list[Draw] = []
        while len(taken) < count:
            if self._again:
                taken.append(self._at(self._again.pop(0)))
                continue
            draw = self._at(self.cursor)
            self.cursor += 1
            if self._has_its_turn(draw):
                taken.append(draw)
            else:
                self.passed_over += 1
        return taken

    def note(self, prompt: Prompt, *, kept: bool) -> None:
        """Remember what became of a group."""
        if kept:
            self.dropped.pop(prompt.prompt_id, None)
        elif self.dropped_weight < 1:
            self.dropped[prompt.prompt_id] = self.dropped.get(prompt.prompt_id, 0) + 1

    def not_taken_again(self) -> list[int]:
        """Places of draws that were to come again and have not yet."""
        return list(self._again)

    def _has_its_turn(self, draw: Draw) -> bool:
        times = self.dropped.get(draw.prompt.prompt_id, 0)
        if not times:
            return True
        share = max(LEAST, self.dropped_weight**times)
        return bool(np.random.default_rng([self.seed, draw.cursor, times]).random() < share)

    def _at(self, cursor: int) -> Draw:
        epoch, place = divmod(cursor, len(self.prompts))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.prompts))
        return Draw(cursor=cursor, prompt=self.prompts[int(order[place])])
