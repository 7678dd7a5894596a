"""Runs of the tiny recipe whose processes tests kill, and the undisturbed run that they must equal."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from benchmarks.driver import ACTORS, CLUSTER, Driver
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

    def told(self) -> str:
        """The last line that was printed."""
        return self.log.read_text().strip().splitlines()[-1]

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


ENGINE_STEPS = 4


def kill_an_engine(finished: Path, place: Path, staleness: int) -> None:
    """SIGKILL to the engine amid a generation that takes some seconds: it is replaced, and no group lost."""
    changes = (
        f"rl.steps={ENGINE_STEPS}", f"rl.max_staleness={staleness}", "rl.groups_per_step=16",
        "rl.group_size=4", "rl.max_response_tokens=200",
    )  # fmt: skip
    one = Disturbed(finished, place, *changes)
    driver = one.start()
    driver.until(one.saved(1))
    driver.rest(0.5)  # the next generation is under way
    (engine,) = driver.named(ACTORS["rollout"])
    engine.kill()
    assert driver.wait(280) == 0, driver.tail()
    assert "rl: lost rollout engine 0 with " in one.log.read_text()
    ledger = one.ledger()
    samples = ledger.group_by("group_id").agg(pl.len(), pl.col("sample_idx").n_unique().alias("distinct"))
    # Four samples a group, each once; in the order of the stream, none left out but what ran ahead.
    assert samples["len"].unique().to_list() == samples["distinct"].unique().to_list() == [4]
    draws = samples["group_id"].str.split("-").list.last().cast(pl.Int64).sort().to_list()
    last = checkpoint.latest(one.run / "rl" / "checkpoints")
    assert last is not None
    assert checkpoint.step_of(last) == ENGINE_STEPS
    state = json.loads((last / "state.json").read_text())
    assert sorted([*draws, *state["unsettled"]]) == list(range(state["cursor"]))
    assert set(ledger["attempt"]) == {0, 1}
    assert ledger.filter(pl.col("attempt") == 1)["policy_version"].to_numpy().min() >= 1
    assert set(ledger.filter("kept")["staleness"]) <= set(range(staleness + 1))
    # A step's idle shares are shares, also while an engine is replaced; all were at work at times.
    curves = read_curves(one.run / "rl" / "curves.jsonl")
    for kind in ACTORS:
        idle = {row["step"]: row[f"time/idle/{kind}"] for row in curves if f"time/idle/{kind}" in row}
        assert sorted(idle) == list(range(1, ENGINE_STEPS + 1))
        assert all(0 <= share <= 1 for share in idle.values())
        assert min(idle.values()) < 1
