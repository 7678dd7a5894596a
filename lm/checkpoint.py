"""Checkpoints of a training loop: directories that appear whole, the last few kept."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lm.objective import Learner
from records.files import read_json, write_json

STATE = "state.json"


def latest(directory: Path) -> Path | None:
    """The newest whole checkpoint below `directory`."""
    whole = sorted(path for path in directory.glob("step_*") if (path / STATE).is_file())
    return whole[-1] if whole else None


def step_of(path: Path | None) -> int:
    """Updates done when a checkpoint was written; 0 without one."""
    return int(path.name.removeprefix("step_")) if path else 0


def save(directory: Path, state: Mapping[str, Any], learner: Learner, keep: int) -> None:
    """Write a checkpoint of the learner and of where the loop stands (`step`: updates done) aside, rename it
    into place, and drop all but the last `keep`."""
    target = directory / f"step_{state['step']:06d}"
    aside = directory / f".{target.name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    learner.save(aside)
    write_json(aside / STATE, dict(state))
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    for old in sorted(directory.glob("step_*"))[:-keep]:
        shutil.rmtree(old)


def load(path: Path, learner: Learner) -> dict[str, Any]:
    """Restore the learner from `path` and return where the loop stood."""
    learner.load(path)
    state: dict[str, Any] = read_json(path / STATE)
    return state
