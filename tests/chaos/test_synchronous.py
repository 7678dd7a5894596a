"""max_staleness 0: whatever is killed and whenever, ledger and parameters are those of an undisturbed run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from actors.tasks import LIVES
from benchmarks.driver import ACTORS, CLUSTER, Driver
from tests.chaos.conftest import STEPS, WORLDS, changes
from tests.integration.kills import Disturbed, assert_same, kill_an_engine, kill_cluster

pytestmark = pytest.mark.timeout(600)

Undisturbed = Callable[[str], Path]

LATER_S = (0.0, 0.05, 0.2, 0.5)
"""Seconds after a step's ledger: when it is learnt from, published, saved, and the next is generated."""


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", ACTORS)
def test_actors_killed_one_after_the_other(
    tiny_run: Path, tmp_path: Path, undisturbed: Undisturbed, world: str, kind: str
) -> None:
    """One of a kind in every other step, each time a little later in it."""
    one = Disturbed(tiny_run, tmp_path, *changes(world))
    driver = one.start()
    for number, step in enumerate(range(0, STEPS, 2)):
        driver.until(one.recorded(step))
        driver.rest(LATER_S[number])
        driver.until(lambda: bool(driver.named(ACTORS[kind])))
        driver.named(ACTORS[kind])[-1].kill()
    assert driver.wait(280) == 0, driver.tail()
    assert "rl: lost " in one.log.read_text()
    assert_same(one, undisturbed(world), but=("attempt",))  # what was generated again says so


def test_an_engine_killed_amid_a_long_generation(tiny_run: Path, tmp_path: Path) -> None:
    kill_an_engine(tiny_run, tmp_path, staleness=0)


@pytest.mark.parametrize("later_s", LATER_S)
def test_a_rank_killed_early_and_late_in_a_step(
    tiny_run: Path, tmp_path: Path, undisturbed: Undisturbed, later_s: float
) -> None:
    """Step 3 is after the checkpoint of two: a step that was done is done again."""
    one = Disturbed(tiny_run, tmp_path, *changes("two-ranks-zero2"))
    driver = one.start()
    driver.until(one.recorded(3))
    driver.rest(later_s)
    ranks = driver.named(ACTORS["learner"])
    ranks[int(later_s > 0.1)].kill()
    assert driver.wait(200) == 0, driver.tail()
    assert "; all ranks begin again from step " in one.log.read_text()
    assert_same(one, undisturbed("two-ranks-zero2"))


def test_ranks_that_die_again_and_again_end_the_run_with_their_name(tiny_run: Path, tmp_path: Path) -> None:
    one = Disturbed(tiny_run, tmp_path, *changes("one-rank"))
    driver = one.start()
    driver.until(one.recorded(2))
    seen: set[int] = set()

    def another() -> bool:
        return any(rank.pid not in seen for rank in driver.named(ACTORS["learner"]))

    for _ in range(LIVES):  # each before it has done anything
        driver.until(another)
        for rank in driver.named(ACTORS["learner"]):
            seen.add(rank.pid)
            rank.kill()
    assert driver.wait(60) == 1
    assert one.told().startswith("usergpt: ActorError: learner rank 0 died: ")
    assert f"lost {LIVES} times at this step" in one.told()


@pytest.mark.parametrize("seed", range(3))
def test_a_driver_killed_again_and_again(
    tiny_run: Path, tmp_path: Path, undisturbed: Undisturbed, seed: int
) -> None:
    """Three times at random moments, some of them before there is a checkpoint."""
    one, random = Disturbed(tiny_run, tmp_path, *changes("one-rank")), np.random.default_rng(seed)
    for moment in random.uniform(2.0, 28.0, size=3):
        driver: Driver = one.start()
        driver.rest(float(moment))
        if driver.process.poll() is None:
            driver.kill()
    one.finish()
    assert_same(one, undisturbed("one-rank"))


@pytest.mark.parametrize(
    ("programs", "later_s"), [(CLUSTER, 0.4), (CLUSTER[:1], 0.0), (CLUSTER[1:], 0.0)], ids=["both", *CLUSTER]
)
def test_a_ray_killed_under_its_driver(
    tiny_run: Path, tmp_path: Path, undisturbed: Undisturbed, programs: tuple[str, ...], later_s: float
) -> None:
    one = Disturbed(tiny_run, tmp_path, *changes("one-rank"))
    driver = one.start()
    driver.until(one.recorded(2))
    driver.rest(later_s)
    kill_cluster(driver, programs)
    assert driver.wait(90) == 1
    assert one.told().startswith("usergpt: ClusterLostError: ")
    one.finish()
    assert_same(one, undisturbed("one-rank"))
