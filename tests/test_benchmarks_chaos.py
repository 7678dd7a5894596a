"""The pure parts of the benchmark of kills: its schedule, and its account, worked by hand."""

from collections import Counter
from pathlib import Path

import polars as pl
import psutil
import pytest

from benchmarks.chaos import KINDS, RECIPE, STEPS_A_KILL, Account, account, schedule
from benchmarks.driver import Driver
from launch.recipe import load_recipe


def ledger(*rows: tuple[int, int, int]) -> pl.DataFrame:
    """Rows of (step, draw, sample)."""
    return pl.DataFrame(
        [(step, f"{step:06d}-{draw:06d}", sample) for step, draw, sample in rows],
        schema=["step", "group_id", "sample_idx"],
        orient="row",
    )


def whole(step: int, draw: int) -> list[tuple[int, int, int]]:
    return [(step, draw, 0), (step, draw, 1)]


def test_every_group_once_and_whole() -> None:
    rows = [*whole(0, 0), *whole(0, 1), *whole(1, 2)]
    expected = Account(groups_expected=3, groups_seen_once=3, lost=0, doubled=0)
    assert account(ledger(*rows), range(3), 2) == expected
    # What ran ahead of the last step is not expected.
    assert account(ledger(*rows), {0, 1, 2}, 2) == expected


@pytest.mark.parametrize(
    ("rows", "seen", "lost", "doubled"),
    [
        ([*whole(0, 0)], 1, 1, 0),  # draw 1 is nowhere
        ([*whole(0, 0), (1, 1, 0)], 1, 1, 0),  # half of it is
        ([*whole(0, 0), *whole(1, 1), *whole(2, 1)], 1, 0, 1),  # in two steps
        ([*whole(0, 0), *whole(1, 1), (2, 1, 1)], 1, 0, 1),  # and half of it again
        ([*whole(0, 0), *whole(1, 1), *whole(1, 7)], 2, 0, 1),  # a draw that was never taken
        ([*whole(0, 0), (1, 1, 1), (1, 1, 1)], 1, 0, 1),  # one sample twice
    ],
)
def test_what_is_missing_or_there_twice(
    rows: list[tuple[int, int, int]], seen: int, lost: int, doubled: int
) -> None:
    found = account(ledger(*rows), range(2), 2)
    assert (found.groups_seen_once, found.lost, found.doubled) == (seen, lost, doubled)


def test_a_schedule_is_even_over_kinds_and_its_seeds_alone_decide() -> None:
    kills = schedule(3, 50)
    assert kills == schedule(3, 50)
    assert kills != schedule(4, 50)
    counts = Counter(kill.kind for kill in kills)
    assert counts.keys() == set(KINDS)
    assert max(counts.values()) - min(counts.values()) == 1
    assert sum(kill.steps for kill in kills) < STEPS_A_KILL * 50
    assert all(kill.steps >= 1 for kill in kills)


def test_its_recipe_is_one(tmp_path: Path) -> None:
    file = tmp_path / "chaos.yaml"
    file.write_text(RECIPE)
    assert load_recipe(file).learner.ranks == 2


def test_a_driver_that_ends_early_is_told_with_what_it_printed(tmp_path: Path) -> None:
    driver = Driver(["run", str(tmp_path / "none.yaml")], tmp_path / "log.txt")
    with pytest.raises(RuntimeError, match=r"(?s)at its end.*none\.yaml: no such recipe file"):
        driver.until(lambda: False, 60)
    assert driver.wait(10) == 2
    assert driver.below() == []


def test_who_outlives_a_driver_is_named_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose parent, below the driver, is killed first."""
    monkeypatch.setattr("benchmarks.driver.GONE_S", 0.5)
    monkeypatch.setattr("benchmarks.driver.COMMAND", ["bash", "-c"])
    driver = Driver(["bash -c 'sleep 987 & wait; true' & wait"], tmp_path / "log.txt")
    driver.until(lambda: bool(driver.named("sleep")), 30)
    (sleeper,) = driver.named("sleep")
    psutil.Process(driver.process.pid).children()[0].kill()
    with pytest.raises(RuntimeError, match=r"outlived their driver by 0\.5 s: sleep 987"):
        driver.kill()
    assert psutil.wait_procs([sleeper], timeout=10)[1] == []
