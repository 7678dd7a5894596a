"""The order in which prompts are taken: place by place, some of which may be passed over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from records.prompt import Prompt
from rl.protocols import Prompts

LEAST = 0.05
"""A prompt is taken in this share of its turns at least, however often its groups were dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One prompt out of the stream, and its place there."""

    cursor: int
    prompt: Prompt


def group_name(step: int, cursor: int) -> str:
    """What the group of a draw is called that was taken for `step`."""
    return f"{step:06d}-{cursor:06d}"


def cursor_of(group_id: str) -> int:
    """The place of the draw that a group of this name is of."""
    return int(group_id.rpartition("-")[2])


class Shuffled:
    """The same prompts again and again, a new permutation an epoch."""

    def __init__(self, prompts: Sequence[Prompt], seed: int) -> None:
        assert prompts, "a prompt stream needs prompts"
        self.prompts = prompts
        self.seed = seed

    def at(self, cursor: int) -> Prompt:
        """The prompt at a place."""
        epoch, place = divmod(cursor, len(self.prompts))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.prompts))
        return self.prompts[int(order[place])]

    def ready(self, cursor: int) -> bool:
        """All prompts are there."""
        return True


class PromptStream:
    """Prompts in the order of their places. A resumed run goes on from `cursor`; draws that were under way
    come `again` first.

    A prompt whose last d groups were all dropped is taken in `dropped_weight`ᵈ of its turns (1: in all);
    `dropped` is the state of that, prompt id → d. Whether a turn is taken depends on the seed, the place and
    d alone.
    """

    def __init__(
        self,
        prompts: Prompts,
        seed: int,
        cursor: int = 0,
        again: Sequence[int] = (),
        *,
        dropped_weight: float = 1.0,
        dropped: Mapping[str, int] | None = None,
    ) -> None:
        self.prompts = prompts
        self.seed = seed
        self.cursor = cursor
        self.dropped_weight = dropped_weight
        self.dropped = dict(dropped or {})
        self.passed_over = 0
        self._again = list(again)

    def take(self, count: int, *, wait: bool = True) -> list[Draw]:
        """The next `count` draws; without `wait`, those before the first place that is not there yet.

        Raises:
            PromptsEndedError: there are not so many.
        """
        taken: list[Draw] = []
        while len(taken) < count and (wait or self.ready()):
            again = bool(self._again)
            cursor = self._again[0] if again else self.cursor
            prompt = self.prompts.at(cursor)
            if again:
                self._again.pop(0)
            else:
                self.cursor += 1
            if prompt is not None and (again or self._has_its_turn(prompt, cursor)):
                taken.append(Draw(cursor=cursor, prompt=prompt))
            else:
                self.passed_over += 1
        return taken

    def ready(self) -> bool:
        """Whether the next place can be looked at without waiting."""
        return self.prompts.ready(self._again[0] if self._again else self.cursor)

    def note(self, prompt: Prompt, *, kept: bool) -> None:
        """Remember what became of a group."""
        if kept:
            self.dropped.pop(prompt.prompt_id, None)
        elif self.dropped_weight < 1:
            self.dropped[prompt.prompt_id] = self.dropped.get(prompt.prompt_id, 0) + 1

    def not_taken_again(self) -> list[int]:
        """Places of draws that were to come again and have not yet."""
        return list(self._again)

    def _has_its_turn(self, prompt: Prompt, cursor: int) -> bool:
        times = self.dropped.get(prompt.prompt_id, 0)
        if not times:
            return True
        share = max(LEAST, self.dropped_weight**times)
        return bool(np.random.default_rng([self.seed, cursor, times]).random() < share)
