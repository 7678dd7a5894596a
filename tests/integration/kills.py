"""Runs of the tiny recipe whose processes tests kill, and the undisturbed run that they must equal."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from benchmarks.driver import CLUSTER, Driver
from launch.curves import read_curves
from lm import checkpoint
from rl.ledger import ledger_path, read_ledger
from tests.integration.conftest import TINY_RECIPE


class Disturbed:
    """A copy of a finished run, its `rl` still to be done with `changes`; `start` runs the command line."""

    def __init__(self, finished: Path, place: Path, *changes: str) -> None:
        self.run = place / "tiny"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copytree(finished, self.run)
        shutil.rmtree(self.run / "rl")
        recipe = place / "tiny.yaml"
        recipe.write_text(TINY_RECIPE)
        self.words = ["run", str(recipe), f"runs_dir={place}", "--until", "rl", *changes]
        self.log = place / "log.txt"

    def start(self) -> Driver:
        return Driver(self.words, self.log)

    def finish(self) -> None:
        """Run it to its end."""
        driver = self.start()
        assert driver.wait(280) == 0, driver.tail()

    def recorded(self, step: int) -> Callable[[], bool]:
        """Whether the ledger holds a step: its groups are about to be learnt from."""
        return ledger_path(self.run / "rl" / "ledger", step).exists

    def saved(self, step: int) -> Callable[[], bool]:
        """Whether a checkpoint of so many updates is there."""
        return lambda: checkpoint.step_of(checkpoint.latest(self.run / "rl" / "checkpoints")) >= step

    def ledger(self) -> pl.DataFrame:
        """All that two equal runs have in common."""
        return read_ledger(self.run / "rl" / "ledger").drop("gen_seconds")

    def policy(self) -> bytes:
        return (self.run / "rl" / "policy" / "model.safetensors").read_bytes()


def assert_same(disturbed: Disturbed, undisturbed: Path, but: Sequence[str] = ()) -> None:
    """Ledger (but for some columns) and parameters are equal bit for bit, and samples moved the latter."""
    curves = read_curves(disturbed.run / "rl" / "curves.jsonl")
    gradients = [row["learner/grad_norm"] for row in curves if "learner/grad_norm" in row]
    assert all(norm > 0 for norm in gradients[1:]), "weight decay alone would come out the same"
    expected = read_ledger(undisturbed / "rl" / "ledger").drop("gen_seconds")
    assert disturbed.ledger().drop(but).equals(expected.drop(but))
    assert disturbed.policy() == (undisturbed / "rl" / "policy" / "model.safetensors").read_bytes()


def kill_cluster(driver: Driver, programs: Sequence[str] = CLUSTER) -> None:
    """SIGKILL to the heart of the driver's own Ray, as `ray stop --force` would."""
    hearts = [process for program in programs for process in driver.named(program)]
    assert len(hearts) == len(programs)
    for process in hearts:
        process.kill()
