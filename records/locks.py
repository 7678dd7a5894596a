"""A directory that one process at a time works in."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from records.errors import UserError


@contextmanager
def held(directory: Path, advice: str) -> Iterator[None]:
    """Hold `directory`, which is made if need be: two at work there would overwrite each other's files.

    Raises:
        UserError: somebody else holds it, and `advice` says what to do; or it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{directory}: cannot be made ({error.strerror or error}); choose another path"
        ) from None
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{directory}: another run is at work there; {advice}") from None
        yield
