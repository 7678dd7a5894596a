"""Actors that a run lost: told as it happens, and kept in one file."""

from collections.abc import Callable
from pathlib import Path

from actors.supervision import ActorDiedError, ActorError
from actors.tasks import LIVES
from records.files import read_json, write_json


class Losses:
    """What a run lost, told by `say` and kept in `path`: rows of `step` (updates done) and `lost`, in order.

    A run that is started again adds to the file. `stage` is the one that is at work.
    """

    def __init__(self, path: Path, say: Callable[[str], None], stage: str = "rl") -> None:
        self.path = path
        self._say, self._stage = say, stage
        self._rows = read_json(path) if path.exists() else []
        self._watched: list[tuple[list[str], str]] = []
        self._furthest = self._in_a_row = 0

    def watch(self, lost: list[str], mend: str) -> None:
        """Have `tell` look at a pool's `lost`, which grows; `mend` says what was done about each."""
        self._watched.append((lost, mend))

    def tell(self, step: int) -> None:
        """Tell what pools lost since the last time, taking it out of their lists."""
        for lost, mend in self._watched:
            while lost:
                name = lost.pop(0)
                self._keep(step, name)
                self._say(f"{self._stage}: lost {name}; {mend}")

    def of_learner(self, error: ActorDiedError, step: int, newest: int) -> None:
        """A rank died after `step` updates, of which `newest` are in the checkpoint to go on from.

        Raises:
            ActorError: it is the LIVES-th in a row before the run got any further than it had been.
        """
        self._keep(step, str(error))
        self._in_a_row = 1 if step > self._furthest else self._in_a_row + 1
        self._furthest = max(step, self._furthest)
        if self._in_a_row >= LIVES:
            raise ActorError(f"{error}; lost {LIVES} times at this step, after {step} updates") from error
        self._say(
            f"{self._stage}: lost {error.who} after {step} steps; all ranks begin again from step {newest}"
        )

    def _keep(self, step: int, lost: str) -> None:
        self._rows.append({"step": step, "lost": lost})
        write_json(self.path, self._rows)
