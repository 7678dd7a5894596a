"""Checkpoints of a training loop: directories that appear whole; the last few are kept, and any named."""

import errno
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lm.objective import Learner
from records.errors import UserError
from records.files import read_json, write_json

STATE = "state.json"

ROOM_BYTES = 2**20
"""A disk with less room than this is full."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CUT_SHORT = "unexpected pos"
"""What torch says, and no more, of a file that the system would not let it write to the end."""


def latest(directory: Path) -> Path | None:
    """The newest whole checkpoint below `directory`."""
    whole = sorted(path for path in directory.glob("step_*") if (path / STATE).is_file())
    return whole[-1] if whole else None


def step_of(path: Path | None) -> int:
    """Updates done when a checkpoint was written; 0 without one."""
    return int(path.name.removeprefix("step_")) if path else 0


def save(
    directory: Path, state: Mapping[str, Any], learner: Learner, keep: int, also: Collection[int] = ()
) -> None:
    """Write a checkpoint of the learner and of where the loop stands (`step`: updates done) aside, and rename
    it into place. All but the last `keep` and those of the steps `also` are removed.

    Raises:
        UserError: the disk is full, or a quota or limit reached; earlier checkpoints are as they were.
    """
    target = directory / f"step_{state['step']:06d}"
    aside = directory / f".{target.name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        learner.save(aside)
        write_json(aside / STATE, dict(state))
    except (OSError, RuntimeError) as error:
        full = _is_full(error, directory)
        shutil.rmtree(aside, ignore_errors=True)
        if not full:
            raise
        lacking = f", and no checkpoint was written after {state['step']} updates"
        raise _full(directory, lacking, directory) from error
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    for old in sorted(directory.glob("step_*"))[:-keep]:
        if step_of(old) not in also:
            shutil.rmtree(old)


def load(path: Path, learner: Learner) -> dict[str, Any]:
    """Restore the learner from `path` and return where the loop stood."""
    learner.load(path)
    state: dict[str, Any] = read_json(path / STATE)
    return state


@contextmanager
def full_disk_told(folder: Path, directory: Path) -> Iterator[None]:
    """Have a full disk told as `save` does, whatever file in `folder` could not be written meanwhile.

    Raises:
        UserError: the disk is full, or a quota or limit reached; it names the checkpoint in `directory` that
            the loop goes on from.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _full(folder, "", directory) from error


def _full(folder: Path, lacking: str, directory: Path) -> UserError:
    newest = latest(directory)
    return UserError(
        f"{folder}: the disk is full, or a quota or a limit of file sizes is reached{lacking}; make room and "
        f"run it again: it goes on from {newest.name if newest else 'the beginning'}"
    )


def _is_full(error: BaseException, directory: Path) -> bool:
    """Whether a full disk is behind it, or a quota or a limit of file sizes, which leave room on the disk."""
    told = isinstance(error, OSError) and error.errno in _FULL
    return told or _CUT_SHORT in str(error) or shutil.disk_usage(directory).free < ROOM_BYTES
