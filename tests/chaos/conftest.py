"""The tests of `make chaos`: real processes killed at many moments. `make test` does not collect them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import model_dir, nothing_left_running, tiny_run
from tests.integration.kills import Disturbed

__all__ = ["model_dir", "nothing_left_running", "tiny_run"]

STEPS = 6

WORLDS = {
    "one-rank": (),
    "two-ranks-zero2": ("learner.ranks=2", "learner.zero_stage=2", "cluster.cpus=4"),
}
"""Changes to the tiny recipe."""


@pytest.fixture(scope="session")
def undisturbed(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run directory of a world that nobody disturbed, by name; made when first asked for."""
    made: dict[str, Path] = {}

    def make(world: str) -> Path:
        if world not in made:
            one = Disturbed(tiny_run, tmp_path_factory.mktemp("undisturbed"), *changes(world))
            one.finish()
            made[world] = one.run
        return made[world]

    return make


def changes(world: str) -> tuple[str, ...]:
    """The words that make a world of the tiny recipe."""
    return (f"rl.steps={STEPS}", "rl.save_every=2", *WORLDS[world])
