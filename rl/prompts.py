"""The order in which prompts are taken: a new permutation an epoch, by cursor alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from records.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One prompt out of the stream, and its place there."""

    cursor: int
    prompt: Prompt


class PromptStream:
    """Endless prompts; the state is one integer, so a resumed run goes on where it stopped.

    Draws that were under way when a run stopped come `again` first.
    """

    def __init__(
        self, prompts: Sequence[Prompt], seed: int, cursor: int = 0, again: Sequence[int] = ()
    ) -> None:
        assert prompts, "a prompt stream needs prompts"
        self.prompts = prompts
        self.seed = seed
        self.cursor = cursor
        self._again = list(again)

    def take(self, count: int) -> list[Draw]:
        """The next `count` draws."""
        taken = []
        for _ in range(count):
            if self._again:
                taken.append(self._at(self._again.pop(0)))
            else:
                taken.append(self._at(self.cursor))
                self.cursor += 1
        return taken

    def not_taken_again(self) -> list[int]:
        """Places of draws that were to come again and have not yet."""
        return list(self._again)

    def _at(self, cursor: int) -> Draw:
        epoch, place = divmod(cursor, len(self.prompts))
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.prompts))
        return Draw(cursor=cursor, prompt=self.prompts[int(order[place])])
