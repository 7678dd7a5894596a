"""Checkpoints: whole or not there, the last few and the best kept, and a full disk told."""

import errno
import json
import resource
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
import torch

from lm import checkpoint
from records.errors import UserError


class Weights:
    """A learner that is one number."""

    def __init__(self, weight: float = 0.0, failure: Exception | None = None) -> None:
        self.weight = weight
        self.failure = failure

    def save(self, directory: Path) -> None:
        (directory / "weights.json").write_text(json.dumps(self.weight))
        if self.failure:
            raise self.failure

    def load(self, directory: Path) -> None:
        self.weight = json.loads((directory / "weights.json").read_text())


def _save(directory: Path, step: int, learner: Any, **keep: Any) -> None:
    checkpoint.save(directory, {"step": step, "more": [1, 2]}, learner, **{"keep": 2, **keep})


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_the_last_few_and_those_named_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        _save(tmp_path, step, Weights(step), also={2})
    assert _names(tmp_path) == ["step_000002", "step_000004", "step_000005"]
    learner: Any = Weights()
    newest = checkpoint.latest(tmp_path)
    assert newest is not None
    assert checkpoint.load(newest, learner) == {"step": 5, "more": [1, 2]}
    assert learner.weight == 5
    # Another becomes the best: the former goes.
    _save(tmp_path, 6, Weights(6), also={4})
    assert _names(tmp_path) == ["step_000004", "step_000005", "step_000006"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path, number: int) -> None:
    _save(tmp_path, 1, Weights(1))
    with pytest.raises(UserError, match=r"the disk is full.* after 2 updates.*goes on from step_000001"):
        _save(tmp_path, 2, Weights(2, OSError(number, "told by the system")))
    assert _names(tmp_path) == ["step_000001"]


def test_a_rank_that_fails_on_a_full_disk_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 4096))
    with pytest.raises(UserError, match="the disk is full.*goes on from the beginning"):
        _save(tmp_path, 1, Weights(1, RuntimeError("file write failed")))
    assert _names(tmp_path) == []


class Cut(Weights):
    """A learner that torch writes, where files may have 64 KiB."""

    def save(self, directory: Path) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
        try:
            torch.save(torch.zeros(2**16), directory / "weights.pt")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_torch_cannot_write_to_the_end_is_understood(tmp_path: Path) -> None:
    _save(tmp_path, 1, Weights(1))
    with pytest.raises(UserError, match=r"a limit of file sizes is reached.*goes on from step_000001"):
        _save(tmp_path, 2, Cut(2))
    assert _names(tmp_path) == ["step_000001"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_alike_whatever_is_written(tmp_path: Path, number: int) -> None:
    folder, directory = tmp_path / "rl", tmp_path / "rl" / "checkpoints"
    told = f"{folder}: the disk is full, or a quota or a limit of file sizes is reached; make room and run "
    for newest in ("the beginning", "step_000001"):
        with pytest.raises(UserError) as caught, checkpoint.full_disk_told(folder, directory):
            raise OSError(number, "told by the system")
        assert str(caught.value) == f"{told}it again: it goes on from {newest}"
        _save(directory, 1, Weights(1))
    with pytest.raises(PermissionError), checkpoint.full_disk_told(folder, directory):
        raise PermissionError(errno.EACCES, "told by the system")


def test_other_failures_are_told_as_they_are_and_leave_nothing_half(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="learner rank 0 died"):
        _save(tmp_path, 1, Weights(1, RuntimeError("learner rank 0 died")))
    assert _names(tmp_path) == []
    assert checkpoint.latest(tmp_path) is None
