"""The order in which prompts are taken: a new permutation an epoch, by cursor alone."""

from collections.abc import Sequence

import numpy as np

from records.prompt import Prompt


class PromptStream:
    """Endless prompts; the state is one integer, so a resumed run goes on where it stopped."""

    def __init__(self, prompts: Sequence[Prompt], seed: int, cursor: int = 0) -> None:
        assert prompts, "a prompt stream needs prompts"
        self.prompts = prompts
        self.seed = seed
        self.cursor = cursor

    def take(self, count: int) -> list[Prompt]:
        """The next `count` prompts."""
        taken = []
        for _ in range(count):
            epoch, place = divmod(self.cursor, len(self.prompts))
            order = np.random.default_rng([self.seed, epoch]).permutation(len(self.prompts))
            taken.append(self.prompts[int(order[place])])
            self.cursor += 1
        return taken
