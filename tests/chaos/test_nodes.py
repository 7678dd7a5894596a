"""A node that dies with the whole learner on it, and an engine and a scorer: all of it goes on elsewhere."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest

from actors.placement import Need, learner_need, reserved, rollout_need, scorer_need
from launch.pipeline import Run
from launch.progress import Reporter
from launch.stages.losses import Losses
from launch.stages.rl import Shown, until_done
from records.config import Recipe
from tests.integration.test_two_nodes import (
    ENGINES,
    HEAD,
    OTHER,
    SCORERS,
    addresses,
    kill_node,
    learner_of,
    run_steps,
    started,
    worker_node,
)

__all__ = ["worker_node"]

pytestmark = pytest.mark.timeout(600)

STEPS, KILLED_AFTER = 3, 1


def test_a_node_that_dies_with_the_learner_is_done_without(
    worker_node: subprocess.Popen[bytes], model_dir: Path, tmp_path: Path
) -> None:
    config = learner_of(2, 1.2)
    needs = learner_need(config), rollout_need(ENGINES), scorer_need(SCORERS)
    ledgers: list[pl.DataFrame] = []
    with ExitStack() as stack:
        with reserved([Need(kind="others", count=1, cpus=3.2)], 30):  # where the head has room for it
            places = stack.enter_context(reserved(needs, 30))
        assert addresses(places["learner"]) == {OTHER}
        assert addresses(places["rollout"]) == addresses(places["scorer"]) == {HEAD, OTHER}

        def attempt(log: Shown, parts: ExitStack) -> None:
            def after(step: int) -> None:
                log.step = step
                if step == KILLED_AFTER and worker_node.poll() is None:
                    kill_node(worker_node)

            actors = parts.enter_context(started(model_dir, config, places, tmp_path))
            ledgers.append(run_steps(actors, STEPS, tmp_path, after, save_every=1))

        losses = Losses(tmp_path / "losses.json", print)
        run = Run(recipe=Recipe(), directory=tmp_path, reporter=Reporter())
        until_done(run, tmp_path, tmp_path / "tb", losses, attempt)
        assert addresses(places["learner"]) == addresses(places["rollout"]) == {HEAD}
    (ledger,) = ledgers
    assert ledger["step"].value_counts().sort("step").rows() == [(step, 8) for step in range(STEPS)]
    assert ledger.select("group_id", "sample_idx").n_unique() == len(ledger)
    (loss,) = json.loads((tmp_path / "losses.json").read_text())
    assert loss["lost"].startswith("learner rank ")
    assert KILLED_AFTER <= loss["step"] <= KILLED_AFTER + 1
