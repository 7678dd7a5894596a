"""Checkpoints of the RL loop: directories that appear whole, the last few kept."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from lm.objective import Learner
from records.files import read_json, write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RLState:
    """Where the loop stands: updates done (also the policy version) and the prompt cursor."""

    step: int
    cursor: int


def latest(directory: Path) -> Path | None:
    """The newest whole checkpoint below `directory`."""
    whole = sorted(path for path in directory.glob("step_*") if (path / "state.json").is_file())
    return whole[-1] if whole else None


def save(directory: Path, state: RLState, learner: Learner, keep: int) -> None:
    """Write a checkpoint aside, rename it into place, and drop all but the last `keep`."""
    target = directory / f"step_{state.step:06d}"
    aside = directory / f".{target.name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    learner.save(aside)
    write_json(aside / "state.json", asdict(state))
    shutil.rmtree(target, ignore_errors=True)
    aside.rename(target)
    for old in sorted(directory.glob("step_*"))[:-keep]:
        shutil.rmtree(old)


def load(path: Path, learner: Learner) -> RLState:
    """Restore the learner from `path` and return where the loop stood."""
    learner.load(path)
    return RLState(**read_json(path / "state.json"))
