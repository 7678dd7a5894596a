"""The loop of groupwise DPO.

prompts ──► rollout engines ──► scorers ──► ranked groups ──► ledger
                 ▲                               │ live groups
                 │ weights, parity checked       ▼
              publish ◄───────── learner ◄── micro-batches of whole groups
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lm import checkpoint
from lm.objective import Learner, UpdateReport
from records.groupwise import GroupwiseConfig
from records.interrupts import uninterrupted
from records.log import Log
from records.prompt import Prompt, Request, RolloutGroup, Sampling
from rl.collector import EMPTY_STEPS
from rl.groupwise import INVALID
from rl.groupwise_batches import build_groupwise_batch, check_room, empty_micro_batch
from rl.groupwise_groups import QualityScorers, RankedGroup, ranked, reasons_told
from rl.groupwise_ledger import write_groups
from rl.groupwise_lengths import LengthWatch
from rl.groupwise_metrics import sample_metrics, update_metrics
from rl.groupwise_objective import GroupwiseObjective
from rl.groupwise_probe import probe_metrics, write_probe
from rl.ledger import ledger_path
from rl.loop import learning_rate
from rl.probe import probe_path
from rl.prompts import Shuffled, group_name
from rl.protocols import Generator, Publisher
from rl.refill import StarvedError
from rl.seeds import derived_seed
from rl.stopping import forget_after, saved_at_the_end


@dataclass(frozen=True, kw_only=True)
class GroupwiseRun:
    """Everything the loop works with. `directory` holds its ledger, probes and checkpoints."""

    config: GroupwiseConfig
    directory: Path
    seed: int
    prompts: Sequence[Prompt]
    probe_prompts: Sequence[Prompt]
    rollouts: Generator
    scorers: QualityScorers
    learner: Learner
    publish: Publisher
    log: Log
    micro_batch_tokens: int

    @property
    def sampling(self) -> Sampling:
        """How responses are drawn, in training and probes."""
        config = self.config
        return Sampling(
            temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupwiseState:
    """Where the loop stands: iterations done (also the policy version), the prompt cursor, the last
    iterations in a row that had nothing to train on, and the `LengthWatch`'s state."""

    step: int = 0
    cursor: int = 0
    empty_steps: int = 0
    lengths: Sequence[Sequence[float]] = ()


def train_groupwise(run: GroupwiseRun) -> None:
    """Run groupwise DPO to `config.steps` iterations, from the newest checkpoint if there is one.

    An iteration without a live group takes no optimiser step, and still counts. An interrupt (SIGTERM too)
    waits for optimiser steps that have begun, and leaves a checkpoint.

    Raises:
        StarvedError: EMPTY_STEPS iterations in a row had no live group; the last whole one left a checkpoint.
        UserError: a group may not fit into a micro-batch; the disk is full.
    """
    config = run.config
    check_room(
        config, max((len(prompt.token_ids) for prompt in run.prompts), default=0), run.micro_batch_tokens
    )
    state = saved = resume(run)
    watch = LengthWatch(state.lengths)

    def save_last() -> None:
        if state.step > saved.step:
            save(run, state)

    with saved_at_the_end(save_last, (StarvedError,)):
        run.log.scalars(state.step, run.publish(state.step))
        probe_if_due(run, state.step)
        while state.step < config.steps:
            started = time.monotonic()
            groups = sample(run, state)
            write_groups(ledger_path(run.directory / "ledger", state.step), state.step, groups)
            empty_steps = still_fed(groups, state.empty_steps)
            sampled = time.monotonic()
            with uninterrupted():
                lr = learning_rate(config, state.step)
                metrics = update_metrics(update(run, state.step, groups, lr), lr)
                times = {"time/generate": sampled - started, "time/learn": time.monotonic() - sampled}
                show(run, state.step + 1, groups, watch, {**metrics, **times})
                state = GroupwiseState(
                    step=state.step + 1,
                    cursor=state.cursor + config.groups_per_step,
                    empty_steps=empty_steps,
                    lengths=watch.state,
                )
            sync = run.publish(state.step)
            run.log.scalars(state.step, {**sync, "time/step": time.monotonic() - started})
            probe_if_due(run, state.step)
            if state.step % config.save_every == 0 or state.step == config.steps:
                saved = save(run, state)


def sample(run: GroupwiseRun, state: GroupwiseState) -> list[RankedGroup]:
    """The groups of one iteration, sampled by the published weights, scored and ranked."""
    config, prompts = run.config, Shuffled(run.prompts, run.seed)
    cursors = range(state.cursor, state.cursor + config.groups_per_step)
    requests = [
        Request(
            prompt=prompts.at(cursor),
            samples=config.group_size,
            seed=derived_seed("groupwise", run.seed, cursor),
        )
        for cursor in cursors
    ]
    answers = run.rollouts.generate(requests, run.sampling)
    groups = [
        RolloutGroup(
            group_id=group_name(state.step, cursor),
            round=0,
            attempt=0,
            prompt=request.prompt,
            rollouts=tuple(rollouts),
        )
        for cursor, request, rollouts in zip(cursors, requests, answers, strict=True)
    ]
    return [
        ranked(group, scores, config.tie_within)
        for group, scores in zip(groups, run.scorers.score(groups), strict=True)
    ]


def still_fed(groups: Sequence[RankedGroup], empty_steps: int) -> int:
    """How many iterations in a row, this one included, had no live group.

    Raises:
        StarvedError: EMPTY_STEPS, with the reasons counted.
    """
    if not all(group.dropped for group in groups):
        return 0
    if empty_steps + 1 >= EMPTY_STEPS:
        raise StarvedError(
            f"{EMPTY_STEPS} iterations in a row had nothing to train on; in the last, "
            f"{reasons_told(groups)}. "
            "Begin with a model that writes something valid now and then (SFT)"
        )
    return empty_steps + 1


def update(run: GroupwiseRun, step: int, groups: Sequence[RankedGroup], lr: float) -> list[UpdateReport]:
    """Train on the live groups, in another order each epoch; a report an epoch, none if nothing is live."""
    config, reports = run.config, []
    for epoch in range(config.epochs):
        order = np.random.default_rng(derived_seed("order", run.seed, step, epoch)).permutation(len(groups))
        batch = build_groupwise_batch(
            [groups[index] for index in order],
            minibatches=config.minibatches,
            max_tokens=run.micro_batch_tokens,
            ranks=run.learner.ranks,
        )
        if batch.minibatches:
            objective = GroupwiseObjective(beta=config.beta)
            reports.append(
                run.learner.update(batch.minibatches, batch.normalisers, objective, lr, empty_micro_batch())
            )
    return reports


def show(
    run: GroupwiseRun, step: int, groups: Sequence[RankedGroup], watch: LengthWatch, metrics: dict[str, float]
) -> None:
    """Send an iteration to the log: the one that was taken as number `step`, from 1 on."""
    correlation = watch.add(groups)
    told = {} if np.isnan(correlation) else {"quality/length_correlation": correlation}
    run.log.scalars(step, {**sample_metrics(groups), **told, **metrics})
    if warning := watch.warning():
        run.log.text(step, "quality/warning", warning)
    qualities = [score.quality for group in groups for score in group.scores if score.quality is not None]
    if qualities:
        run.log.histogram(step, "quality/valid", qualities)
    first = groups[0]
    best = int(np.argmin(np.where(first.levels_G == INVALID, len(first.levels_G), first.levels_G)))
    run.log.text(
        step,
        "rollout/sample",
        f"{first.group.prompt.prompt_id}, {first.scores[best]}: {first.group.rollouts[best].text}",
    )


def probe_if_due(run: GroupwiseRun, step: int) -> None:
    """Probe before the first iteration (the reference), after the last and every `probe_every`; a probe that
    is already written is not repeated."""
    config, path = run.config, probe_path(run.directory / "probe", step)
    due = step in (0, config.steps) or step % config.probe_every == 0
    if due and run.probe_prompts and not path.exists():
        write_probe(
            path, run.probe_prompts, config.probe_samples, run.rollouts, run.scorers, run.sampling, run.seed
        )
        run.log.scalars(step, probe_metrics(path.parent, step, config.tie_within))


def save(run: GroupwiseRun, state: GroupwiseState) -> GroupwiseState:
    """Write a checkpoint; the last few are kept. Returns the state."""
    with uninterrupted():  # ranks would go on writing
        checkpoint.save(
            run.directory / "checkpoints", asdict(state), run.learner, run.config.keep_checkpoints
        )
    return state


def resume(run: GroupwiseRun) -> GroupwiseState:
    """The newest checkpoint's state, with the learner restored; what later iterations wrote is redone."""
    newest = checkpoint.latest(run.directory / "checkpoints")
    state = GroupwiseState(**checkpoint.load(newest, run.learner)) if newest else GroupwiseState()
    forget_after(run.directory, state.step, resumed=newest is not None)
    return state
