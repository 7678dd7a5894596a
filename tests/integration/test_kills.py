"""What RL makes of kills and failures, on the real stack: SIGTERM, SIGKILL to an engine, a learner rank, the
driver and the whole Ray, a disk that takes no checkpoint, and a judge that hangs or talks nonsense.
`make chaos` goes over more moments.
"""

import json
import re
import resource
import shutil
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from actors.rollout import RolloutPool
from benchmarks.driver import ACTORS
from launch.pipeline import open_run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.rl import run_rl
from lm.answers import Answer, Sentence, TagAnswer, render_answer
from records.prompt import COMPOSITE_TASK, Request, Sampling
from rl.ledger import read_ledger
from rl.protocols import Finished
from rl.refill import StarvedError
from tests.integration.conftest import TINY_RECIPE
from tests.integration.kills import Disturbed, assert_same, kill_an_engine, kill_cluster
from tests.test_lm_client import Server, completion


def test_an_engine_killed_while_generation_runs_ahead_is_replaced_and_no_group_lost(
    tiny_run: Path, tmp_path: Path
) -> None:
    kill_an_engine(tiny_run, tmp_path, staleness=1)


def test_a_rank_killed_in_a_step_costs_nothing_but_time(tiny_run: Path, tmp_path: Path) -> None:
    one = Disturbed(tiny_run, tmp_path)
    driver = one.start()
    driver.until(one.recorded(1))
    (rank,) = driver.named(ACTORS["learner"])
    rank.kill()
    assert driver.wait(200) == 0, driver.tail()
    # It had the second step before it, or all but saved.
    told = r"rl: lost learner rank 0 after [12] steps; all ranks begin again from step 1\n"
    assert re.search(told, one.log.read_text())
    (loss,) = json.loads((one.run / "rl" / "losses.json").read_text())
    assert loss["step"] in (1, 2)
    assert loss["lost"].startswith("learner rank 0 died: ")
    assert_same(one, tiny_run)
    steps = [json.loads(line) for line in (one.run / "rl" / "curves.jsonl").read_text().splitlines()]
    assert [row["step"] for row in steps if "learner/lr" in row] == [1, 2, 3]


def test_a_checkpoint_that_cannot_be_written_ends_the_run_and_leaves_the_last(
    tiny_run: Path, tmp_path: Path
) -> None:
    """The system refuses the learner's writes, as it does on a full disk."""
    one = Disturbed(tiny_run, tmp_path)
    driver = one.start()
    driver.until(one.saved(1))
    (rank,) = driver.named(ACTORS["learner"])
    resource.prlimit(rank.pid, resource.RLIMIT_FSIZE, (2**16, 2**16))
    assert driver.wait(120) == 2, driver.tail()
    (newest,) = sorted(path.name for path in (one.run / "rl" / "checkpoints").iterdir())[-1:]
    assert one.told().startswith(f"usergpt: {one.run / 'rl' / 'checkpoints'}: the disk is full, or ")
    assert one.told().endswith(f"make room and run it again: it goes on from {newest}")
    assert not list((one.run / "rl" / "checkpoints").glob(".*"))  # nothing half
    one.finish()
    assert_same(one, tiny_run)


@pytest.mark.timeout(600)  # four starts
def test_stopped_and_killed_it_goes_on_to_the_same_end(tiny_run: Path, tmp_path: Path) -> None:
    """SIGTERM to the driver, then SIGKILL to its Ray, then to itself at any moment."""
    one = Disturbed(tiny_run, tmp_path)
    driver = one.start()
    driver.until(one.saved(1))
    driver.process.terminate()
    assert driver.wait(60) == 128 + signal.SIGTERM, driver.tail()
    assert one.told() == "usergpt: interrupted; run it again to go on"
    assert not (one.run / "rl" / "policy").exists()

    driver = one.start()
    driver.until(one.recorded(2))
    kill_cluster(driver)
    assert driver.wait(90) == 1
    assert one.told().startswith("usergpt: ClusterLostError: the Ray under this run is gone (its ")
    assert "run it again to go on" in one.told()

    driver = one.start()
    driver.until(lambda: bool(driver.named(ACTORS["rollout"])))
    moment = float(np.random.default_rng().uniform(0.0, 8.0))
    print(f"the driver is killed {moment:.2f} s after its engine's start")
    driver.rest(moment)
    driver.kill()  # and nothing outlives it
    one.finish()
    assert_same(one, tiny_run)


class Fluent(RolloutPool):
    """Engines whose texts are replaced by well-formed answers, each its own, which a small network could not
    write."""

    numbers = count()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.prompts: dict[int, Any] = {}

    def submit(self, request: Request, sampling: Sampling, place: int | None = None) -> int:
        key = super().submit(request, sampling, place)
        self.prompts[key] = request.prompt
        return key

    def poll(self, timeout_s: float = 1.0) -> list[Finished]:
        return [
            replace(
                done,
                rollouts=tuple(
                    replace(rollout, text=self._answer(self.prompts[done.key]), finish_reason="stop")
                    for rollout in done.rollouts
                ),
            )
            for done in super().poll(timeout_s)
        ]

    def _answer(self, prompt: Any) -> str:
        said = f"The user is number {next(self.numbers)}."
        summary = (Sentence(text=said, lines=(1,)),) if prompt.task == COMPOSITE_TASK else ()
        tags = {name: TagAnswer(values=(), lines=()) for name in prompt.tags}
        return render_answer(Answer(think="", tags=tags, summary=summary, dropped_citations=0))


def judged_by(url: str, tiny_run: Path, place: Path, *changes: str) -> Path:
    """RL of two steps with the language model at `url` as judge; returns the run's `rl`."""
    recipe = place / "tiny.yaml"
    recipe.write_text(TINY_RECIPE)
    llm = ["base_url=" + url, "model=m", "timeout_s=0.5", "max_retries=0"]
    words = [
        f"runs_dir={place}", "rl.steps=2", "scorer.judge=llm", "rl.refill.on_starved=short_batch",
        *(f"scorer.llm.{word}" for word in llm), *changes,
    ]  # fmt: skip
    shutil.copytree(tiny_run, place / "tiny")
    shutil.rmtree(place / "tiny" / "rl")
    run_rl(open_run(load_recipe(recipe, words), Reporter()))
    return place / "tiny" / "rl"


@pytest.fixture
def silence() -> Iterator[str]:
    """The URL of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def test_with_a_judge_that_hangs_the_run_goes_on_without_what_it_should_judge(
    tiny_run: Path, tmp_path: Path, silence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launch.stages.rl.RolloutPool", Fluent)
    rl = judged_by(silence, tiny_run, tmp_path)
    ledger = read_ledger(rl / "ledger")
    judged = ledger.filter(task="composite")
    assert set(judged["score_error"]) == {"judge: timeout"}
    assert judged["reward"].is_nan().all()
    assert not judged["kept"].any()
    rest = ledger.filter(task="tags")
    assert set(rest["score_error"]) == {""}
    assert rest["kept"].all()
    assert len(judged) > 0 < len(rest)
    curves = [json.loads(line) for line in (rl / "curves.jsonl").read_text().splitlines()]
    errors = [row["filter/sample/score_error"] for row in curves if "filter/sample/score_error" in row]
    by_step = ledger.group_by("step", maintain_order=True).agg(pl.col("score_error").ne("").sum())
    assert errors == by_step["score_error"].to_list()
    (judge,) = json.loads((rl / "scorers.json").read_text())["judges"]
    assert judge["failed"].keys() == {"timeout"}
    assert (rl / "policy" / "model.safetensors").is_file()


def test_with_a_judge_that_talks_nonsense_a_run_with_nothing_left_starves_as_declared(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launch.stages.rl.RolloutPool", Fluent)
    server, asked = Server(), count()
    nonsense = ["{ not json", "[1, 2]", '{"completeness": "very"}']
    server.behave = lambda body: completion(nonsense[next(asked) % len(nonsense)])
    try:
        with pytest.raises(StarvedError, match=r"4 of 4 groups are missing; dropped: too_few_live 4\. No gr"):
            judged_by(server.url, tiny_run, tmp_path, "rl.composite_share=1", "rl.refill.on_starved=raise")
    finally:
        server.stop()
    ledger = read_ledger(tmp_path / "tiny" / "rl" / "ledger")
    assert len(ledger) == 8
    assert set(ledger["score_error"]) <= {"judge: bad_json", "judge: schema"}
    assert ledger["drop_reasons"].list.contains("score_error").all()
