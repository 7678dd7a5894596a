"""The DF-GRPO loop.

prompts ──► rollout engines ──► scorers ──► verdicts ──► ledger
                 ▲                              │ kept groups
                 │ weights, parity checked      ▼
              publish ◄───────── learner ◄── advantages, micro-batches
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lm import checkpoint
from lm.objective import Learner, UpdateReport
from records.config import RLConfig
from records.groupwise import GroupwiseConfig
from records.interrupts import uninterrupted
from records.log import Log
from records.prompt import Prompt, Sampling
from rl.advantages import group_advantages
from rl.batching import TrainBatch, build_batch, empty_micro_batch
from rl.collector import Collected, Collector
from rl.filter_cost import LengthWatch, engine_seconds, seconds_wasted
from rl.filters import JudgedGroup, filters_at
from rl.ledger import ledger_path, write_step
from rl.loss import DFGRPOObjective
from rl.metrics import collection_metrics, learner_metrics
from rl.probe import best_probe, probe_path, run_probe
from rl.prompts import PromptStream
from rl.protocols import NoAnswerError, Prompts, PromptsEndedError, Publisher, Rollouts, Scorers
from rl.refill import StarvedError
from rl.stopping import forget_after, saved_at_the_end


@dataclass(frozen=True, kw_only=True)
class RLRun:
    """Everything the loop works with. `directory` is the run's `rl/`; `seed` the run's seed.

    `idle` tells the share of time in which actors were not at work since it was last asked.
    """

    config: RLConfig
    directory: Path
    seed: int
    prompts: Prompts
    probe_prompts: Sequence[Prompt]
    rollouts: Rollouts
    scorers: Scorers
    learner: Learner
    publish: Publisher
    log: Log
    micro_batch_tokens: int
    idle: Callable[[], Mapping[str, float]] = dict


@dataclass(frozen=True, slots=True, kw_only=True)
class RLState:
    """Where the loop stands: updates done (also the policy version), the prompt cursor, and places of prompts
    before it that no step has settled; prompts by how many of their last groups were dropped in a row; the
    last steps in a row that had nothing to train on; the `LengthWatch`'s state."""

    step: int
    cursor: int
    unsettled: Sequence[int] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    empty_steps: int = 0
    lengths: Mapping[str, Any] = field(default_factory=dict)


def train(run: RLRun) -> None:
    """Run DF-GRPO to `config.steps` updates, from the newest checkpoint if there is one.

    An interrupt (SIGTERM too) waits for optimiser steps that have begun, and leaves a checkpoint.

    Raises:
        PromptsEndedError: there are fewer prompts; the last whole step has left a checkpoint.
        StarvedError: the filters left too little (`rl.refill`); the last whole step has left a checkpoint.
        NoAnswerError: a group does not come back (`rl.collector`); the last whole step has left a checkpoint.
        UserError: the disk is full.
    """
    config = run.config
    state = saved = resume(run)
    stream = PromptStream(
        run.prompts,
        run.seed,
        state.cursor,
        state.unsettled,
        dropped_weight=config.refill.dropped_weight,
        dropped=state.dropped,
    )
    collector = Collector(config, stream, run.rollouts, run.scorers, run.seed, state.empty_steps)
    meanwhile, watch = collector.pump if config.max_staleness else None, LengthWatch(state.lengths)

    def save_last() -> None:
        if state.step > saved.step:
            save(run, state)

    with saved_at_the_end(save_last, (PromptsEndedError, StarvedError, NoAnswerError)):
        run.log.scalars(state.step, run.publish(state.step))
        probe_if_due(run, state.step)
        run.idle()  # from here on: starting up is no idling
        while state.step < config.steps:
            started = time.monotonic()
            collected = collector.collect(state.step, partial(record, run, state.step))
            batch = build_batch(
                collected.training,
                minibatches=config.minibatches,
                scale_by_std=config.loss.scale_by_std,
                mean_over=config.loss.mean_over,
                max_response_tokens=config.max_response_tokens,
                max_tokens=run.micro_batch_tokens,
                ranks=run.learner.ranks,
            )
            lr = learning_rate(config, state.step)
            generated = time.monotonic()
            with uninterrupted():
                report = update(run, batch, lr, meanwhile)
                times = {"time/generate": generated - started, "time/learn": time.monotonic() - generated}
                show(run, watch, state.step + 1, collected, {**learner_metrics(report, batch, lr), **times})
                state = RLState(
                    step=state.step + 1,
                    cursor=stream.cursor,
                    unsettled=collector.unsettled(),
                    dropped=dict(stream.dropped),
                    empty_steps=collector.empty_steps,
                    lengths=watch.state,
                )
            sync = run.publish(state.step)
            times, idle = {"time/step": time.monotonic() - started}, run.idle()
            # While generation runs ahead, what the driver waits for is not what engines take.
            generate_s = engine_seconds(idle) if config.max_staleness else generated - started
            if generate_s is not None:
                times |= seconds_wasted(collected.judged, collected.training, generate_s)
            run.log.scalars(state.step, {**sync, **times, **idle})
            probe_if_due(run, state.step)
            if save_due(run, state.step):
                saved = save(run, state)


def save_due(run: RLRun, step: int) -> bool:
    """Whether a checkpoint is due after `step` updates; the best by the probe always is."""
    config = run.config
    return (
        step % config.save_every == 0 or step == config.steps or best_probe(run.directory / "probe") == step
    )


def save(run: RLRun, state: RLState) -> RLState:
    """Write a checkpoint; the last few and the best by the probe are kept. Returns the state."""
    best = best_probe(run.directory / "probe")
    with uninterrupted():  # ranks would go on writing
        checkpoint.save(
            run.directory / "checkpoints",
            asdict(state),
            run.learner,
            run.config.keep_checkpoints,
            also={best},
        )
    return state


def resume(run: RLRun) -> RLState:
    """The newest checkpoint's state, with the learner restored; later steps' ledgers are redone."""
    newest = checkpoint.latest(run.directory / "checkpoints")
    state = RLState(**checkpoint.load(newest, run.learner)) if newest else RLState(step=0, cursor=0)
    forget_after(run.directory, state.step, resumed=newest is not None)
    return state


def record(run: RLRun, step: int, judged: Sequence[JudgedGroup], training: Sequence[JudgedGroup]) -> None:
    """Write the step's ledger as far as it is known, before its verdicts act."""
    trained = {
        group.scored.group.group_id: list(
            group_advantages(group.verdict, scale_by_std=run.config.loss.scale_by_std)
        )
        for group in training
    }
    path = ledger_path(run.directory / "ledger", step)
    write_step(path, step, judged, trained, keep=run.config.ledger)


def update(run: RLRun, batch: TrainBatch, lr: float, meanwhile: Callable[[], None] | None) -> UpdateReport:
    """The learner's optimiser steps; with nothing live there is none, and the step still counts.

    `meanwhile` is called again and again while they last.
    """
    if not batch.minibatches:
        return UpdateReport(optimizer_steps=0, grad_norm=0.0, metrics={})
    objective = DFGRPOObjective(run.config.loss, temperature=run.config.temperature, top_p=run.config.top_p)
    return run.learner.update(
        batch.minibatches, batch.normalisers, objective, lr, empty_micro_batch(), meanwhile
    )


def learning_rate(config: RLConfig | GroupwiseConfig, step: int) -> float:
    """Linear warm-up, then constant."""
    return config.lr * min(1.0, (step + 1) / max(1, config.warmup_steps))


def probe_if_due(run: RLRun, step: int) -> None:
    """Probe at the first and last step and every `probe_every`; a probe already written is not repeated."""
    config = run.config
    path = probe_path(run.directory / "probe", step)
    due = step in (0, config.steps) or step % config.probe_every == 0
    if due and run.probe_prompts and not path.exists():
        sampling = Sampling(
            temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
        )
        reward = run_probe(
            path, run.probe_prompts, config.probe_samples, run.rollouts, run.scorers, sampling, run.seed
        )
        run.log.scalars(step, {"reward/probe": reward})


def show(run: RLRun, watch: LengthWatch, step: int, collected: Collected, metrics: dict[str, float]) -> None:
    """Send the step to the log: the one that was taken as update number `step`, from 1 on."""
    filters = filters_at(run.config.filters, step - 1)
    thresholds = {task: (bounds.eps_low, bounds.eps_high) for task, bounds in filters.thresholds.items()}
    collection = collection_metrics(collected, thresholds)
    run.log.scalars(step, {**collection, **watch.add(collected.judged), **metrics})
    for warning in watch.warnings():
        run.log.text(step, "filter/warning", warning)
    run.log.histogram(step, "reward/group_mean", [g.verdict.mean for g in collected.judged])
    first = collected.judged[0].scored
    best = max(range(len(first.scores)), key=lambda i: first.scores[i].reward)
    run.log.text(
        step,
        "rollout/sample",
        f"{first.group.prompt.prompt_id}, reward {first.scores[best].reward:.3f}: "
        f"{first.group.rollouts[best].text}",
    )
