"""Prompts about users who are made while training goes on, through a bounded queue.

    producers ──► batch 0, batch 1, … ──► the place asked for ──► prompt stream
        ▲                                      │
        └── batches to begin, `ahead` at most ◄┘

Which prompt stands at a place depends on the place alone, whoever made it and when: a resumed run asks for
its place and goes on. Beyond the batch in use no more than `ahead` are begun: a full queue stops producers.
"""

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from records.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class MadePrompt:
    """A prompt about a new user, and what is true of the tags that it asks for or might have asked for."""

    prompt: Prompt
    reference: Mapping[str, Sequence[str]]


class Producers(Protocol):
    """Make batches of prompts by number; `size` is that of each, None stands where there is no prompt.

    `begin` has one made, and `ready` says whether it is; `take` waits for it, no longer than is allowed, and
    names whom it waited for; `drop` says that nobody will.
    """

    @property
    def size(self) -> int: ...

    def begin(self, batch: int) -> None: ...

    def ready(self, batch: int) -> bool: ...

    def take(self, batch: int) -> Sequence[MadePrompt | None]: ...

    def drop(self, batch: int) -> None: ...


class LivePrompts:
    """Prompts by place, out of batches that producers make in advance.

    Of every user handed out the true values are put into `references`, for whoever scores.
    """

    def __init__(
        self,
        producers: Producers,
        ahead: int,
        references: MutableMapping[str, Mapping[str, Sequence[str]]],
    ) -> None:
        assert ahead >= 1, "without a batch under way nothing would ever come"
        self.producers = producers
        self.ahead = ahead
        self.references = references
        self._begun: set[int] = set()
        self._number = -1
        self._batch: Sequence[MadePrompt | None] = ()

    def at(self, cursor: int) -> Prompt | None:
        """As `Prompts.at`; waits for the batch where it is not there yet."""
        number, place = divmod(cursor, self.producers.size)
        if number != self._number:
            self._fill(number)
            self._batch, self._number = self.producers.take(number), number
            self._begun.remove(number)
            self._fill(number + 1)
        made = self._batch[place]
        if made is None:
            return None
        self.references[made.prompt.user_id] = made.reference
        return made.prompt

    def ready(self, cursor: int) -> bool:
        """As `Prompts.ready`; has the batch begun where it is not."""
        number = cursor // self.producers.size
        if number == self._number:
            return True
        self._fill(number)
        return self.producers.ready(number)

    def _fill(self, first: int) -> None:
        """Have the `ahead` batches from `first` on begun, and no others."""
        others = sorted(batch for batch in self._begun if not first <= batch < first + self.ahead)
        for stale in others:  # a run that goes on from a checkpoint asks for earlier ones again
            self._begun.remove(stale)
            self.producers.drop(stale)
        for batch in range(first, first + self.ahead):
            if batch not in self._begun:
                self._begun.add(batch)
                self.producers.begin(batch)
