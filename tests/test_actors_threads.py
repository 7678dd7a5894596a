"""Threads that wait for each other leave the CPU to others, whichever process they are of."""

import os

import pytest

from actors.engine import engine_environment
from actors.learner_rank import CPU_ENVIRONMENT
from actors.threads import PATIENT
from launch.cli import main
from records.config import RolloutConfig


def test_engines_and_learners_on_cpus_are_patient() -> None:
    assert PATIENT.items() <= engine_environment(RolloutConfig()).items()
    assert PATIENT.items() <= CPU_ENVIRONMENT.items()
    on_a_gpu = engine_environment(RolloutConfig(gpus_per_actor=1))
    assert not PATIENT.keys() & on_a_gpu.keys()


@pytest.mark.parametrize(("before", "after"), [(None, "1000"), ("0", "0")])
def test_commands_are_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", before or "")
    if before is None:
        monkeypatch.delenv("GOMP_SPINCOUNT")
    assert main(["run", "no-such-recipe"]) == 2
    assert os.environ["GOMP_SPINCOUNT"] == after
