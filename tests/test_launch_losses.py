"""What a run lost is told at once and kept, and losses that lead nowhere end it."""

import json
from pathlib import Path

import pytest

from actors.supervision import ActorDiedError, ActorError
from actors.tasks import LIVES
from launch.stages.losses import Losses


def rank(number: int) -> ActorDiedError:
    return ActorDiedError(f"learner rank {number}", "died: out of memory")


def test_losses_of_pools_are_told_once_and_a_second_run_adds_to_them(tmp_path: Path) -> None:
    path, said = tmp_path / "losses.json", list[str]()
    losses = Losses(path, said.append)
    engines, scorers = ["rollout engine 0 with 2 jobs: it died"], list[str]()
    losses.watch(engines, "generated again")
    losses.watch(scorers, "scored again")
    losses.tell(3)
    losses.tell(4)
    scorers.append("scorer 1 with group g: it died")
    losses.tell(5)
    assert said == [
        "rl: lost rollout engine 0 with 2 jobs: it died; generated again",
        "rl: lost scorer 1 with group g: it died; scored again",
    ]
    again = Losses(path, said.append)
    again.of_learner(rank(1), step=7, newest=5)
    assert said[-1] == "rl: lost learner rank 1 after 7 steps; all ranks begin again from step 5"
    assert json.loads(path.read_text()) == [
        {"step": 3, "lost": "rollout engine 0 with 2 jobs: it died"},
        {"step": 5, "lost": "scorer 1 with group g: it died"},
        {"step": 7, "lost": "learner rank 1 died: out of memory"},
    ]


def test_a_run_without_losses_has_no_file(tmp_path: Path) -> None:
    losses = Losses(tmp_path / "losses.json", print)
    losses.tell(1)
    assert not (tmp_path / "losses.json").exists()


@pytest.mark.parametrize("first", [0, 4])
def test_ranks_that_keep_dying_at_one_step_end_the_run(tmp_path: Path, first: int) -> None:
    losses = Losses(tmp_path / "losses.json", lambda text: None)
    for _ in range(LIVES - 1):
        losses.of_learner(rank(0), step=first, newest=0)
    losses.of_learner(rank(0), step=first + 1, newest=0)  # further than ever: it counts anew
    # Steps done again after a loss are no progress.
    losses.of_learner(rank(0), step=first, newest=0)
    with pytest.raises(ActorError, match=rf"^learner rank 1 died: out of memory; lost 3 times .*{first + 1}"):
        losses.of_learner(rank(1), step=first + 1, newest=0)
