"""The loop itself, with a deterministic world: a small policy that changes with every update.

Texts depend on the seed and on the weights published, so that a resumed run equals an uninterrupted
one only if learner, weights, prompt cursor and seeds are all restored.
"""

import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from lm.objective import Objective, TokenBatch, UpdateReport
from lm.scoring import Ask, TokenScores
from records.config import FilterConfig, LossConfig, RefillConfig, RLConfig, ThresholdConfig
from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling, Score, ScoredGroup
from rl.ledger import ledger_path, read_ledger
from rl.loop import RLRun, learning_rate, train
from rl.loss import DFGRPOObjective, RLMicroBatch
from rl.prompts import Shuffled
from rl.protocols import NoAnswerError
from rl.refill import StarvedError
from tests.rl_world import Queues, ScorerQueue, Scoring

PROMPTS = [
    Prompt(
        prompt_id=f"p{i}", user_id=f"u{i}", task="tags", tags=("pet",), history_lines=1, token_ids=(i, i + 1)
    )
    for i in range(5)
]
CONFIG = RLConfig(
    steps=6,
    groups_per_step=2,
    group_size=4,
    save_every=2,
    probe_every=100,
    probe_samples=2,
    warmup_steps=2,
    lr=0.1,
    filters=FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.1, eps_high=0.9)}),
)


class InterruptionError(Exception):
    """Stands for a kill."""


class World(Queues, Scoring):
    """Generator, scorers, learner, publisher and log in one."""

    def __init__(
        self, directory: Path, *, fail_at_update: int = -1, score: str = "digits", ahead: bool = False
    ) -> None:
        super().__init__()
        self.queue = ScorerQueue(self)
        self.directory = directory
        self.fail_at_update = fail_at_update
        self.rule = score
        self.ahead = ahead
        self.weight = 1.0
        self.published = (-1, 0.0)
        self.updates = 0
        self.minibatches: list[int] = []
        self.clock = count()
        self.rates: list[float] = []
        self.curves: list[tuple[int, dict[str, float]]] = []
        self.histograms: list[tuple[int, str, list[float]]] = []
        self.texts: list[tuple[int, str, str]] = []

    @property
    def version_now(self) -> int:
        return self.published[0]

    # The generator.
    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        version, weight = self.published
        assert sampling.max_tokens == CONFIG.max_response_tokens
        return [
            [self._rollout(request, index, version, weight) for index in range(request.samples)]
            for request in requests
        ]

    def _rollout(self, request: Request, index: int, version: int, weight: float) -> Rollout:
        rng = np.random.default_rng([request.seed + index, round(weight * 1000)])
        tokens = tuple(int(i) for i in rng.integers(0, 10, size=int(rng.integers(1, 6))))
        return Rollout(
            prompt_id=request.prompt.prompt_id,
            sample_idx=index,
            seed=request.seed + index,
            token_ids=tokens,
            logprobs=(-1.0,) * len(tokens),
            text="".join(map(str, tokens)),
            finish_reason="stop",
            policy_version=version,
            gen_seconds=float(next(self.clock)),
        )

    # The scorers: the mean digit, or nothing that is well formed.
    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        return [
            ScoredGroup(group=group, scores=tuple(self._score(rollout.text) for rollout in group.rollouts))
            for group in groups
        ]

    def _score(self, text: str) -> Score:
        if self.rule == "malformed":
            return Score(format_ok=False, format_reason="no_answer", reward=0.0, atomic=0.0, summary=None)
        reward = float(np.mean([int(digit) for digit in text])) / 9
        return Score(format_ok=True, format_reason="", reward=reward, atomic=reward, summary=None)

    # The learner.
    ranks = 1

    def update(
        self,
        minibatches: Sequence[Sequence[Any]],
        normalisers: Sequence[float],
        objective: Objective,
        lr: float,
        empty: Any,
        meanwhile: Callable[[], None] | None = None,
    ) -> UpdateReport:
        step = self.published[0]
        assert (meanwhile is not None) == self.ahead
        for _ in range(3 * self.ahead):
            meanwhile()
        assert ledger_path(self.directory / "ledger", step).is_file(), "the ledger comes before the update"
        if step == self.fail_at_update:
            raise InterruptionError
        assert isinstance(objective, DFGRPOObjective)
        assert isinstance(empty, RLMicroBatch)
        total = 0.0
        for micros, normaliser in zip(minibatches, normalisers, strict=True):
            assert normaliser == sum(len(micro.tokens.positions_N) for micro in micros)
            total += sum(float((micro.advantages_N * micro.tokens.targets_N).sum()) for micro in micros)
        self.weight += lr * total + 1.0
        self.updates += 1
        self.minibatches.append(len(minibatches))
        self.rates.append(lr)
        return UpdateReport(optimizer_steps=len(minibatches), grad_norm=1.0, metrics={"loss": total})

    def save(self, directory: Path) -> None:
        (directory / "weights.json").write_text(json.dumps(self.weight))

    def load(self, directory: Path) -> None:
        self.weight = json.loads((directory / "weights.json").read_text())

    # The publisher.
    def __call__(self, version: int) -> Mapping[str, float]:
        self.published = (version, self.weight)
        return {"sync/seconds": 0.0}

    # The log.
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.curves.append((step, dict(values)))

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None:
        self.histograms.append((step, name, list(values)))

    def text(self, step: int, name: str, text: str) -> None:
        self.texts.append((step, name, text))

    def curve(self, name: str) -> dict[int, float]:
        return {step: values[name] for step, values in self.curves if name in values}


def _train(
    world: World,
    config: RLConfig = CONFIG,
    prompts: Sequence[Prompt] = PROMPTS,
    idle: Callable[[], Mapping[str, float]] = dict,
) -> None:
    train(
        RLRun(
            config=config,
            directory=world.directory,
            seed=3,
            prompts=Shuffled(prompts, seed=3),
            probe_prompts=PROMPTS[:2],
            rollouts=world,
            scorers=world.queue,
            learner=world,
            publish=world,
            log=world,
            micro_batch_tokens=12,
            idle=idle,
        )
    )


def _ledger(directory: Path) -> pl.DataFrame:
    return read_ledger(directory / "ledger").drop("gen_seconds")


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    world = World(tmp_path)
    _train(world)
    assert world.updates == 6
    # Warm-up over two steps: .05, then .1.
    assert world.rates == pytest.approx([0.05, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert world.published == (6, world.weight)
    ledger = _ledger(tmp_path)
    assert ledger["step"].unique().sort().to_list() == [0, 1, 2, 3, 4, 5]
    # Synchronous: every sample comes from the weights it trains.
    assert ledger["staleness"].unique().to_list() == [0]
    assert ledger["policy_version"].to_list() == ledger["step"].to_list()
    trained = ledger.filter("kept").group_by("step", "group_id").agg(pl.col("advantage").sum())
    assert trained.group_by("step").len()["len"].max() == 2
    # Advantages of a group sum to nothing.
    assert trained["advantage"].abs().max() == pytest.approx(0, abs=1e-9)
    # Six prompts or more were taken, all five of them in turn.
    assert ledger["prompt_id"].n_unique() == 5


def test_what_a_step_shows(tmp_path: Path) -> None:
    world = World(tmp_path)
    _train(world)
    ledger = _ledger(tmp_path)
    assert sorted(world.curve("learner/lr")) == [1, 2, 3, 4, 5, 6]
    for step, shown in world.curve("reward/pre_filter").items():
        # Curves count updates done: the samples of step s stand at s + 1.
        mine = ledger.filter(pl.col("step") == step - 1)
        assert shown == pytest.approx(mine["reward"].mean())
        kept = mine.filter("kept")
        assert world.curve("reward/post_filter")[step] == pytest.approx(kept["reward"].mean())
        assert world.curve("learner/samples")[step] == len(kept)
        assert world.curve("learner/tokens")[step] == kept["response_tokens"].sum()
        wasted = mine["response_tokens"].sum() - kept["response_tokens"].sum()
        assert world.curve("filter/tokens_wasted")[step] == wasted
    assert world.curve("sync/seconds").keys() == set(range(7))
    assert [(step, name) for step, name, _ in world.histograms] == [
        (step, "reward/group_mean") for step in range(1, 7)
    ]
    assert [step for step, name, _ in world.texts if name == "rollout/sample"] == list(range(1, 7))


def test_near_misses_are_of_the_thresholds_of_their_step(tmp_path: Path) -> None:
    moving = {"tags": ThresholdConfig(eps_low=0.1, eps_high=0.9, eps_low_end=0.5)}
    filters = FilterConfig(thresholds=moving, ramp_steps=4)
    world = World(tmp_path)
    _train(world, replace(CONFIG, filters=filters))
    means = _ledger(tmp_path).group_by("step", "group_id").agg(pl.col("group_mean").first())
    expected = {}
    for step in range(6):
        # .1, .2, .3, .4, .5, .5; near is a tenth of the distance to .9.
        low = 0.1 + 0.1 * min(step, 4)
        below = low - means.filter(pl.col("step") == step)["group_mean"]
        expected[step + 1] = ((below > 0) & (below <= (0.9 - low) / 10)).sum()
    assert world.curve("filter/near_miss/low_dropped") == expected
    assert sum(expected.values()) > 0


def test_checkpoints_are_saved_when_due_and_the_last_few_kept(tmp_path: Path) -> None:
    _train(World(tmp_path), replace(CONFIG, steps=7))
    # Due after 2, 4, 6 and at the end (7); two are kept.
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step_000006",
        "step_000007",
    ]
    state = json.loads((tmp_path / "checkpoints" / "step_000007" / "state.json").read_text())
    assert state["step"] == 7
    assert state["cursor"] >= 14


@pytest.mark.parametrize("fail_at", [0, 1, 2, 3, 5])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path: Path, fail_at: int) -> None:
    whole = World(tmp_path / "whole")
    _train(whole)
    broken = World(tmp_path / "broken", fail_at_update=fail_at)
    with pytest.raises(InterruptionError):
        _train(broken)
    resumed = World(tmp_path / "broken")
    _train(resumed)
    # Only the steps since the last checkpoint (every second step) are done again.
    assert resumed.updates == 6 - fail_at // 2 * 2
    assert resumed.weight == whole.weight
    assert _ledger(tmp_path / "broken").equals(_ledger(tmp_path / "whole"))
    for step in (0, 6):
        probes = [
            pl.read_parquet(tmp_path / name / "probe" / f"step_{step:06d}.parquet")
            for name in ("whole", "broken")
        ]
        assert probes[0].equals(probes[1])


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    _train(World(tmp_path))
    before = _ledger(tmp_path)
    again = World(tmp_path)
    _train(again)
    assert again.updates == 0
    assert again.published[0] == 6
    assert _ledger(tmp_path).equals(before)


def test_a_half_written_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    _train(World(tmp_path), replace(CONFIG, steps=2))
    (tmp_path / "checkpoints" / "step_000004").mkdir()
    (tmp_path / "checkpoints" / ".step_000004.part").mkdir()
    resumed = World(tmp_path)
    _train(resumed, replace(CONFIG, steps=4))
    assert resumed.updates == 2


def test_with_nothing_live_no_step_is_taken_and_the_step_counts(tmp_path: Path) -> None:
    world = World(tmp_path, score="malformed")
    _train(world, replace(CONFIG, steps=2, refill=RefillConfig(max_rounds=2, on_starved="short_batch")))
    assert world.updates == 0
    assert world.published == (2, 1.0)
    ledger = _ledger(tmp_path)
    # Two rounds of two groups of four, at every step.
    assert len(ledger) == 2 * 2 * 2 * 4
    assert not ledger["kept"].any()
    assert set(ledger["drop_reasons"].explode()) == {"format", "too_few_live"}
    state = json.loads((tmp_path / "checkpoints" / "step_000002" / "state.json").read_text())
    # Eight prompts of two tokens: none is longer than the median.
    assert state.pop("lengths")["histories"] == {"seen": [8, 0], "dropped": [8, 0]}
    assert state == {"step": 2, "cursor": 8, "unsettled": [], "dropped": {}, "empty_steps": 2}
    assert "reward/post_filter" not in world.curves[-2][1]


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("policy", ["short_batch", "relax_eps", "keep_best"])
def test_a_run_that_trains_on_nothing_ends_whatever_the_policy(
    tmp_path: Path, policy: str, ahead: bool
) -> None:
    world = World(tmp_path, score="malformed", ahead=ahead)
    refill = RefillConfig(max_rounds=1, on_starved=policy)
    with pytest.raises(StarvedError, match="3 steps in a row had nothing to train on; dropped: too_few_live"):
        _train(world, replace(CONFIG, refill=refill, max_staleness=int(ahead)))
    assert world.updates == 0
    assert _ledger(tmp_path)["step"].max() == 2


@pytest.mark.parametrize("ahead", [False, True])
def test_steps_without_anything_to_train_on_are_counted_over_interruptions(
    tmp_path: Path, ahead: bool
) -> None:
    config = replace(CONFIG, refill=RefillConfig(max_rounds=1), max_staleness=int(ahead), save_every=1)
    _train(World(tmp_path, score="malformed", ahead=ahead), replace(config, steps=2))
    for _ in range(2):  # however often it is run again
        with pytest.raises(StarvedError, match="3 steps in a row had nothing to train on"):
            _train(World(tmp_path, score="malformed", ahead=ahead), config)
        assert _ledger(tmp_path)["step"].max() == 2
    # A step that trains ends the count.
    _train(World(tmp_path, ahead=ahead), replace(config, steps=3))
    state = json.loads((tmp_path / "checkpoints" / "step_000003" / "state.json").read_text())
    assert state["empty_steps"] == 0


def test_a_checkpoint_that_does_not_know_of_empty_steps_is_gone_on_from(tmp_path: Path) -> None:
    config = replace(CONFIG, refill=RefillConfig(max_rounds=1))
    _train(World(tmp_path, score="malformed"), replace(config, steps=2))
    file = tmp_path / "checkpoints" / "step_000002" / "state.json"
    state = json.loads(file.read_text())
    del state["empty_steps"]
    file.write_text(json.dumps(state))
    with pytest.raises(StarvedError, match="3 steps in a row had nothing to train on"):
        _train(World(tmp_path, score="malformed"), config)
    assert _ledger(tmp_path)["step"].max() == 4


@pytest.mark.parametrize("ahead", [False, True])
def test_starvation_surfaces_after_the_last_checkpoint(tmp_path: Path, ahead: bool) -> None:
    world = World(tmp_path, score="malformed", ahead=ahead)
    refill = RefillConfig(max_rounds=2, on_starved="raise")
    with pytest.raises(StarvedError, match="too_few_live"):
        _train(world, replace(CONFIG, refill=refill, max_staleness=int(ahead)))
    assert world.updates == 0
    assert not (tmp_path / "checkpoints").exists()
    # The step that starved is in the ledger, both rounds of it, for a sweep to look at.
    ledger = _ledger(tmp_path)
    assert ledger["group_id"].n_unique() >= 4
    if not ahead:
        assert ledger["round"].unique().sort().to_list() == [0, 1]


@pytest.mark.parametrize("ahead", [False, True])
def test_what_was_learnt_before_a_run_starves_is_saved(tmp_path: Path, ahead: bool) -> None:
    class Drying(World):
        """From the third update on nothing is well formed."""

        def update(self, *arguments: Any, **named: Any) -> UpdateReport:
            if self.updates == 2:
                self.rule = "malformed"
            return super().update(*arguments, **named)

    world = Drying(tmp_path, ahead=ahead)
    refill = RefillConfig(max_rounds=3, on_starved="raise")
    config = replace(CONFIG, steps=50, save_every=100, refill=refill, max_staleness=int(ahead))
    with pytest.raises(StarvedError):
        _train(world, config)
    assert world.updates >= 3
    (saved,) = (tmp_path / "checkpoints").iterdir()
    assert json.loads((saved / "state.json").read_text())["step"] == world.updates
    starved = _ledger(tmp_path).filter(pl.col("step") == world.updates)
    assert len(starved) > 0
    assert starved["trained_step"].is_null().all()


def test_a_failure_in_an_update_is_not_taken_for_an_interrupt_that_came_with_it(tmp_path: Path) -> None:
    """What the learner holds is not known then: no checkpoint may say that it is the last step's."""

    class Failing(World):
        def update(self, *arguments: Any, **named: Any) -> UpdateReport:
            if self.updates == 3:
                os.kill(os.getpid(), signal.SIGINT)
                raise InterruptionError
            return super().update(*arguments, **named)

    with pytest.raises(InterruptionError):
        _train(Failing(tmp_path), replace(CONFIG, save_every=100))
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(("every", "steps"), [(100, [0, 6]), (2, [0, 2, 4, 6]), (4, [0, 4, 6])])
def test_probes_are_written_first_and_last_and_when_due(tmp_path: Path, every: int, steps: list[int]) -> None:
    world = World(tmp_path)
    _train(world, replace(CONFIG, probe_every=every))
    files = sorted((tmp_path / "probe").iterdir())
    assert [file.name for file in files] == [f"step_{step:06d}.parquet" for step in steps]
    for file, (step, reward) in zip(files, world.curve("reward/probe").items(), strict=True):
        frame = pl.read_parquet(file)
        assert int(file.stem.removeprefix("step_")) == step
        # Two prompts, two samples each.
        assert frame["prompt_id"].to_list() == ["p0", "p0", "p1", "p1"]
        assert frame["reward"].mean() == pytest.approx(reward)
    # Probe prompts take no turn in the stream, and their samples stand in no ledger of training.
    assert _ledger(tmp_path)["group_id"].str.starts_with("probe").sum() == 0


@pytest.mark.parametrize(("fail_at", "saved"), [(1, 0), (3, 2)])
def test_a_resumed_run_probes_what_no_checkpoint_holds(tmp_path: Path, fail_at: int, saved: int) -> None:
    """The probe of a checkpoint's own step stands, later ones are made anew; without one all are."""
    config = replace(CONFIG, probe_every=1)
    whole, broken = World(tmp_path / "whole"), World(tmp_path / "broken", fail_at_update=fail_at)
    _train(whole, config)
    with pytest.raises(InterruptionError):
        _train(broken, config)
    assert broken.curve("reward/probe").keys() == set(range(fail_at + 1))
    folder = tmp_path / "broken" / "probe"
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    resumed = World(tmp_path / "broken")
    _train(resumed, config)
    anew = range(saved + 1 if saved else 0, 7)
    assert resumed.curve("reward/probe") == {step: whole.curve("reward/probe")[step] for step in anew}
    stand = {path.name for path in folder.iterdir() if path.stat().st_mtime_ns == before.get(path.name)}
    assert stand == {f"step_{step:06d}.parquet" for step in range(7) if step not in anew}


def test_probing_does_not_change_the_run(tmp_path: Path) -> None:
    for name, every in (("often", 1), ("seldom", 100)):
        _train(World(tmp_path / name), replace(CONFIG, probe_every=every))
    assert _ledger(tmp_path / "often").equals(_ledger(tmp_path / "seldom"))


def test_several_optimiser_steps_a_batch(tmp_path: Path) -> None:
    world = World(tmp_path)
    _train(world, replace(CONFIG, minibatches=2))
    assert world.minibatches == [2] * 6


def test_learning_rate_by_hand() -> None:
    config = replace(CONFIG, warmup_steps=4, lr=0.4)
    assert [learning_rate(config, step) for step in range(6)] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert learning_rate(replace(config, warmup_steps=0), 0) == pytest.approx(0.4)


AHEAD = replace(CONFIG, max_staleness=1, refill=RefillConfig(max_rounds=20))


def test_generation_that_runs_ahead_trains_what_is_one_update_old(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=True)
    _train(world, AHEAD)
    ledger = _ledger(tmp_path)
    assert world.updates == 6
    assert ledger["group_id"].n_unique() * 4 == len(ledger)
    trained = ledger.filter("kept")
    assert set(trained["staleness"]) <= {0, 1}
    assert (trained["staleness"] == 1).any()
    assert trained.group_by("step").agg(pl.col("group_id").n_unique())["group_id"].to_list() == [2] * 6
    assert (trained["staleness"] == trained["step"] - trained["policy_version"]).all()


@pytest.mark.parametrize("ahead", [False, True])
def test_seconds_wasted_are_of_the_engines_where_generation_runs_ahead(tmp_path: Path, ahead: bool) -> None:
    world = World(tmp_path, ahead=ahead)
    narrow = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.45, eps_high=0.55)})
    config = replace(AHEAD, filters=narrow, max_staleness=int(ahead))
    _train(world, config, idle=lambda: {"time/cycle": 1000.0, "time/idle/rollout": 0.4})
    ledger = _ledger(tmp_path)
    wasted = 0.0
    for step in range(6):
        mine = ledger.filter(pl.col("step") == step)
        share = mine.filter(~pl.col("kept"))["response_tokens"].sum() / mine["response_tokens"].sum()
        # Six tenths of the cycle, or what the driver has just waited.
        seconds = 600.0 if ahead else world.curve("time/generate")[step + 1]
        shown = [world.curve(name).get(step + 1, 0.0) for name in _named(world, "filter/seconds_wasted/")]
        assert sum(shown) == pytest.approx(seconds * share)
        wasted += sum(shown)
    assert wasted > 0


def test_without_a_word_of_engines_that_run_ahead_no_seconds_are_shown(tmp_path: Path) -> None:
    world = World(tmp_path, ahead=True)
    narrow = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.45, eps_high=0.55)})
    _train(world, replace(AHEAD, filters=narrow))
    assert _named(world, "filter/tokens_wasted/")
    assert not _named(world, "filter/seconds_wasted/")


def _named(world: World, prefix: str) -> set[str]:
    return {name for _, values in world.curves for name in values if name.startswith(prefix)}


@pytest.mark.parametrize("fail_at", [1, 3, 4])
def test_what_ran_ahead_of_a_kill_is_generated_again(tmp_path: Path, fail_at: int) -> None:
    with pytest.raises(InterruptionError):
        _train(World(tmp_path, fail_at_update=fail_at, ahead=True), AHEAD)
    _train(World(tmp_path, ahead=True), AHEAD)
    ledger = _ledger(tmp_path)
    # Each draw of the stream is a group's second name: none twice, and none left out but those ahead.
    draws = ledger["group_id"].unique().str.split("-").list.last().cast(pl.Int64).sort().to_list()
    state = json.loads((tmp_path / "checkpoints" / "step_000006" / "state.json").read_text())
    assert sorted([*draws, *state["unsettled"]]) == list(range(state["cursor"]))


@pytest.mark.parametrize("signal_at", ["generate", "update", "publish"])
def test_an_interrupt_leaves_a_checkpoint_of_the_last_update(tmp_path: Path, signal_at: str) -> None:
    """Wherever it comes: an update that has begun is finished first."""

    class Interrupted(World):
        """Sends itself an interrupt during the step that begins at version 3."""

        def _at(self, place: str) -> None:
            if place == signal_at and self.updates == 3 + (place == "publish"):
                os.kill(os.getpid(), signal.SIGINT)

        def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
            self._at("generate")
            return super().generate(requests, sampling)

        def update(self, *arguments: Any, **named: Any) -> UpdateReport:
            self._at("update")
            return super().update(*arguments, **named)

        def __call__(self, version: int) -> Mapping[str, float]:
            self._at("publish")
            return super().__call__(version)

    rare = replace(CONFIG, save_every=100)
    whole = World(tmp_path / "whole")
    _train(whole, rare)
    broken = Interrupted(tmp_path / "broken")
    with pytest.raises(KeyboardInterrupt):
        _train(broken, rare)
    done = 3 if signal_at == "generate" else 4
    assert [path.name for path in (tmp_path / "broken" / "checkpoints").iterdir()] == [f"step_{done:06d}"]
    resumed = World(tmp_path / "broken")
    _train(resumed, rare)
    assert resumed.updates == 6 - done
    assert resumed.weight == whole.weight
    # No step is missing from the curves.
    assert {**broken.curve("learner/lr"), **resumed.curve("learner/lr")}.keys() == set(range(1, 7))
    assert _ledger(tmp_path / "broken").equals(_ledger(tmp_path / "whole"))


def test_an_interrupt_stands_where_the_learner_is_gone_with_it(tmp_path: Path) -> None:
    class Gone(World):
        def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
            if self.updates == 3:
                os.kill(os.getpid(), signal.SIGINT)
            return super().generate(requests, sampling)

        def save(self, directory: Path) -> None:
            raise RuntimeError("learner rank 0 died")

    with pytest.raises(KeyboardInterrupt) as interrupt:
        _train(Gone(tmp_path), replace(CONFIG, save_every=100))
    assert "learner rank 0 died" in str(interrupt.value.__cause__)
    assert not list((tmp_path / "checkpoints").glob("step_*"))


@pytest.mark.parametrize("fail_at", [3, 5])
def test_passed_over_prompts_are_part_of_the_state(tmp_path: Path, fail_at: int) -> None:
    narrow = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.45, eps_high=0.55)})
    config = replace(CONFIG, filters=narrow, refill=RefillConfig(max_rounds=6, dropped_weight=0.3))
    whole = World(tmp_path / "whole")
    _train(whole, config)
    with pytest.raises(InterruptionError):
        _train(World(tmp_path / "broken", fail_at_update=fail_at), config)
    _train(World(tmp_path / "broken"), config)
    ledger = _ledger(tmp_path / "whole")
    assert _ledger(tmp_path / "broken").equals(ledger)
    state = json.loads((tmp_path / "whole" / "checkpoints" / "step_000006" / "state.json").read_text())
    # Some turns were passed over, and some prompts are in disgrace at the end.
    assert ledger["group_id"].n_unique() < state["cursor"]
    assert state["dropped"]


def test_what_was_learnt_before_a_group_is_forgotten_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetting(World):
        def poll(self, timeout_s: float) -> list[Any]:
            return super().poll(timeout_s) if self.updates < 3 else []

    clock = count()
    monkeypatch.setattr("rl.collector.monotonic", lambda: next(clock))
    with pytest.raises(NoAnswerError, match=r"rollout engines owe group 000003-\d+ and 1 more"):
        _train(Forgetting(tmp_path), replace(CONFIG, save_every=100))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step_000003"]
    resumed = World(tmp_path)
    _train(resumed, CONFIG)
    assert resumed.updates == 3


class Preferring(World):
    """Asks long and short histories in turn, and scores the long 0, which the group filter drops."""

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        return [
            one if len(one.group.prompt.token_ids) < 9 else replace(one, scores=(NOTHING,) * len(one.scores))
            for one in super().score(groups)
        ]

    def warned(self) -> list[tuple[int, str]]:
        return [(step, text) for step, name, text in self.texts if name == "filter/warning"]


NOTHING = Score(format_ok=True, format_reason="", reward=0.0, atomic=0.0, summary=None)


@pytest.mark.parametrize("fail_at", [1, 3, 7])
def test_what_filters_made_of_lengths_is_part_of_the_state(tmp_path: Path, fail_at: int) -> None:
    """Interrupted before the warning or after it, it comes when it would have, and once."""
    prompts = [replace(one, token_ids=(1,) * (9 if i % 2 else 3)) for i, one in enumerate(PROMPTS[:4])]
    config = replace(CONFIG, steps=10, refill=RefillConfig(max_rounds=1))
    whole = Preferring(tmp_path / "whole")
    _train(whole, config, prompts)
    ((told_at, _),) = whole.warned()
    assert 3 < told_at < 7, "the cases show nothing"
    broken, resumed = Preferring(tmp_path / "broken", fail_at_update=fail_at), Preferring(tmp_path / "broken")
    with pytest.raises(InterruptionError):
        _train(broken, config, prompts)
    _train(resumed, config, prompts)
    saved = fail_at - fail_at % config.save_every
    assert [one for one in broken.warned() if one[0] <= saved] + resumed.warned() == whole.warned()
    end = Path("checkpoints", "step_000010", "state.json")
    assert (tmp_path / "broken" / end).read_text() == (tmp_path / "whole" / end).read_text()


def test_the_best_checkpoint_by_the_probe_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    _train(world, replace(CONFIG, steps=12, probe_every=1, save_every=100, keep_checkpoints=1))
    rewards = world.curve("reward/probe")
    best = max(rewards, key=lambda step: (rewards[step], -step))
    assert 0 < best < 12, "the case shows nothing"
    kept = sorted(int(path.name.removeprefix("step_")) for path in (tmp_path / "checkpoints").iterdir())
    assert kept == [best, 12]


def test_engines_and_objective_are_given_the_same_policy(tmp_path: Path) -> None:
    """Temperature and nucleus on both sides, in probes too, and the mean that the loss is to be."""
    config = replace(
        CONFIG, steps=1, temperature=0.7, top_p=0.9, probe_every=1, loss=LossConfig(mean_over="length")
    )
    samplings: list[Sampling] = []
    asked: list[Ask] = []
    weights: list[float] = []
    totals: list[float] = []

    class Watched(World):
        def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
            samplings.append(sampling)
            return super().generate(requests, sampling)

        def update(self, minibatches: Any, normalisers: Any, objective: Any, *rest: Any) -> UpdateReport:
            def policy(batch: TokenBatch, ask: Ask) -> TokenScores:
                asked.append(ask)
                return TokenScores(logprobs_N=torch.zeros(len(batch.targets_N)))

            for micro in minibatches[0]:
                objective.loss(policy, micro, objective.prepare(policy, policy, micro))
                weights.extend(micro.counts_N.tolist())
            totals.extend(normalisers)
            return super().update(minibatches, normalisers, objective, *rest)

    _train(Watched(tmp_path), config)
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=config.max_response_tokens)
    assert len(samplings) > 2
    assert all(one == sampling for one in samplings)
    assert {ask.temperature for ask in asked} == {0.7}
    # Proximal and current policy; the reference's is of the whole distribution.
    assert [ask.top_p for ask in asked[:3]] == [0.9, 1.0, 0.9]
    # Two groups of four live samples: N tokens over 8 samples of 384.
    assert len(weights) == totals[0]
    assert weights == pytest.approx([totals[0] / (8 * 384)] * len(weights))
