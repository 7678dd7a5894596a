"""max_staleness 1: texts depend on who was faster, but no group is lost and none is there twice."""

from pathlib import Path

import pytest

from benchmarks.chaos import KINDS, account_of
from benchmarks.driver import ACTORS
from tests.chaos.conftest import STEPS, WORLDS, changes
from tests.integration.kills import Disturbed

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_group_is_there_once(tiny_run: Path, tmp_path: Path, world: str, kind: str) -> None:
    one = Disturbed(tiny_run, tmp_path, *changes(world), "rl.max_staleness=1")
    driver = one.start()
    for step, later_s in ((1, 0.0), (3, 0.3)):
        driver.until(one.recorded(step))
        driver.rest(later_s)
        if kind == "driver":
            driver.kill()
            driver = one.start()
        else:
            driver.until(lambda: bool(driver.named(ACTORS[kind])))  # noqa: B023
            driver.named(ACTORS[kind])[0].kill()
    assert driver.wait(280) == 0, driver.tail()
    found = account_of(one.run, samples=2)
    assert (found.lost, found.doubled) == (0, 0)
    assert found.groups_seen_once == found.groups_expected >= 4 * STEPS
    trained = one.ledger().filter("kept")
    assert set(trained["staleness"]) <= {0, 1}
    assert trained["step"].n_unique() == STEPS
