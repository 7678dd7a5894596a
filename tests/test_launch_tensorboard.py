"""What a run of DF-GRPO writes for TensorBoard, read back from the event file: every name, and its steps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from actors.rollout import Weights
from actors.work import IdleClock
from launch.curves import RunLog
from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.losses import Losses
from launch.stages.rl import CheckedPublisher, Shown
from lm.objective import UpdateReport
from records.config import LearnerConfig, LossConfig, RLConfig, RolloutConfig
from records.prompt import Prompt
from rl.filters import GROUP_REASONS, SAMPLE_REASONS
from rl.ledger import read_ledger
from rl.loop import RLRun, train
from rl.prompts import Shuffled
from tests.policies import CausalSum
from tests.test_actors_work import Crew
from tests.test_rl_loop import CONFIG, World

PROMPTS = [
    Prompt(
        prompt_id=f"p{i}",
        user_id=f"u{i}",
        task="tags",
        tags=("pet",),
        history_lines=1,
        token_ids=(i,) * (i + 1),
    )
    for i in range(5)
]
LOSS = LossConfig(kl_beta=0.1, entropy=True)

EVERY_STEP = {
    "reward/pre_filter",
    "reward/post_filter",
    *(f"filter/sample/{reason}" for reason in SAMPLE_REASONS),
    *(f"filter/group/{reason}" for reason in GROUP_REASONS),
    "filter/rounds",
    "filter/groups_generated",
    "filter/groups_kept",
    "filter/near_miss",
    *(f"filter/near_miss/{bound}_{side}" for bound in ("low", "high") for side in ("kept", "dropped")),
    "filter/tokens_wasted",
    "filter/tokens_per_trained",
    *(f"filter/drop_rate/{what}_{half}" for what in ("history", "response") for half in ("short", "long")),
    "rollout/tokens",
    "rollout/response_tokens_mean",
    "rollout/truncated_share",
    "rollout/format_ok_share",
    *(f"learner/{name}" for name in ("loss", "kl", "entropy", "grad_norm", "clip_frac", "tis_clip_frac")),
    "learner/rollout_mismatch_kl",
    "learner/lr",
    "learner/tokens",
    "learner/samples",
    "time/generate",
    "time/learn",
    "time/step",
    "time/cycle",
    *(f"time/idle/{kind}" for kind in ("rollout", "scorer", "learner")),
}
SYNC = {f"sync/{name}" for name in ("seconds", "bytes", "probe_seconds", "mismatch_kl", "max_logprob_diff")}

_ALL = ("scalars", "histograms", "tensors")  # of which an accumulator keeps a sample, unless told 0


class Learns(World):
    """A world whose learner tells what the objective says of a small policy."""

    def update(self, minibatches: Sequence[Sequence[Any]], *arguments: Any) -> UpdateReport:
        report = super().update(minibatches, *arguments)
        normalisers, objective, policy = *arguments[:2], CausalSum(10)
        totals: dict[str, float] = {}
        for micro in (micro for minibatch in minibatches for micro in minibatch):
            prepared = objective.prepare(None, CausalSum(10, scale=0.5), micro)
            loss, metrics = objective.loss(policy, micro, prepared)
            for name, value in {"loss": float(loss.detach()), **metrics}.items():
                totals[name] = totals.get(name, 0.0) + value / sum(normalisers)
        return replace(report, metrics=totals)


class Ranks:
    """Stands in for the learner as the publisher sees it."""

    longest_s: Mapping[str, float] = {"logprobs": 0.5}
    config, timeout_s, busy = LearnerConfig(), 1.0, False

    def buckets(self, dtype: str) -> list[str]:
        return ["bucket"]

    def logprobs(self, sequences: Sequence[Any]) -> list[np.ndarray]:
        return [np.array([-1.0, -2.0])]


class Engine:
    """Stands in for a pool of one engine, whose log-probs are a little off."""

    def __init__(self) -> None:
        self.config, self.engines, self.received_bytes = RolloutConfig(), [self], 0
        self.longest_s = {"update_weights": 1.0, "logprobs": 0.125}

    def set_weights(self, weights: Weights) -> None:
        self.received_bytes += 40
        weights.check("rollout engine 0", [np.array([-1.0, -2.0001])])

    def settle_weights(self) -> None:
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world after three steps, whose `directory` holds `tb/`."""
    directory = tmp_path_factory.mktemp("run")
    world = Learns(directory)
    crews = {"rollout": Crew(2), "scorer": Crew(1), "learner": Crew(1)}
    checked = CheckedPublisher(Ranks(), Engine(), [(1, 2, 3)], 1e-3)  # type: ignore[arg-type]

    def publish(version: int) -> Mapping[str, float]:
        world(version)
        return checked(version)

    config: RLConfig = replace(CONFIG, steps=3, loss=LOSS, probe_every=2)
    recipe = load_recipe(Path("quickstart"))
    run = Run(recipe=recipe, directory=directory, reporter=Reporter())
    log = RunLog(directory / "tb", directory / "curves.jsonl")
    train(
        RLRun(
            config=config,
            directory=directory,
            seed=3,
            prompts=Shuffled(PROMPTS, 3),
            probe_prompts=PROMPTS[:2],
            rollouts=world,
            scorers=world.queue,
            learner=world,
            publish=publish,
            log=Shown(run, log, Losses(run.directory / "losses.json", run.reporter.say), 0),
            micro_batch_tokens=40,
            idle=IdleClock(crews).look,
        )
    )
    log.close()
    return world


@pytest.fixture(scope="module")
def events(world: World) -> EventAccumulator:
    events = EventAccumulator(str(world.directory / "tb"), dict.fromkeys(_ALL, 0))
    events.Reload()
    return events


def _steps(events: EventAccumulator, name: str) -> list[int]:
    assert all(math.isfinite(event.value) for event in events.Scalars(name))
    return [event.step for event in events.Scalars(name)]


def test_every_name_is_there_with_every_step(events: EventAccumulator) -> None:
    names = set(events.Tags()["scalars"])
    assert names >= EVERY_STEP | SYNC | {"reward/probe"}
    assert {name: _steps(events, name) for name in EVERY_STEP} == dict.fromkeys(EVERY_STEP, [1, 2, 3])
    # The weights of the start are published too.
    assert {name: _steps(events, name) for name in SYNC} == dict.fromkeys(SYNC, [0, 1, 2, 3])
    assert _steps(events, "reward/probe") == [0, 2, 3]
    # Nothing else but wasted tokens and seconds by those reasons that there were.
    wasted = {name for name in names if name.startswith(("filter/tokens_wasted/", "filter/seconds_wasted/"))}
    assert names - wasted == EVERY_STEP | SYNC | {"reward/probe"}


def test_values_are_those_of_the_ledger_and_of_the_sync(events: EventAccumulator, world: World) -> None:
    def value(name: str, step: int = 3) -> float:
        return next(event.value for event in events.Scalars(name) if event.step == step)

    ledger = read_ledger(world.directory / "ledger").filter(step=2)
    assert value("reward/pre_filter") == pytest.approx(ledger["reward"].mean())
    assert value("reward/post_filter") == pytest.approx(ledger.filter("kept")["reward"].mean())
    assert value("filter/group/too_hard") == sum(
        "too_hard" in reasons for reasons in ledger.unique("group_id")["drop_reasons"]
    )
    trained = ledger.filter("kept")["response_tokens"].sum()
    assert value("filter/tokens_per_trained") == pytest.approx(ledger["response_tokens"].sum() / trained)
    assert value("sync/seconds") == pytest.approx(1.0, abs=1e-2)
    assert (value("sync/probe_seconds"), value("sync/bytes")) == (0.625, 40.0)
    assert value("sync/max_logprob_diff") == pytest.approx(1e-4, rel=1e-3)
    # exp(d) − 1 − d of d = ∓ 1e-4 and of 0, in the mean.
    assert value("sync/mismatch_kl") == pytest.approx(1e-8 / 2 / 2, rel=1e-3)
    # Nobody said that they were at work.
    assert value("time/idle/learner") == 1.0


def test_group_means_are_a_histogram_and_samples_texts(events: EventAccumulator, world: World) -> None:
    ledger = read_ledger(world.directory / "ledger")
    histograms = {event.step: event.histogram_value for event in events.Histograms("reward/group_mean")}
    assert sorted(histograms) == [1, 2, 3]
    for step, found in histograms.items():
        means = ledger.filter(step=step - 1).unique("group_id")["group_mean"]
        assert found.num == len(means)
        assert (found.min, found.max) == pytest.approx((means.min(), means.max()))
    texts = events.Tensors("rollout/sample/text_summary")
    assert [event.step for event in texts] == [1, 2, 3]
    (said,) = texts[2].tensor_proto.string_val
    shown = (
        ledger.filter(step=2, group_id=ledger.filter(step=2)["group_id"][0])
        .sort("reward")
        .row(-1, named=True)
    )
    assert said.decode().strip() == f"{shown['prompt_id']}, reward {shown['reward']:.3f}: {shown['text']}"
