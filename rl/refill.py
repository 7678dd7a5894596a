"""Filling a batch: generate, score, judge, and again until enough groups are kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from records.config import RLConfig
from records.errors import UserError
from records.prompt import Prompt, Request, RolloutGroup, Sampling
from rl.batching import JudgedGroup
from rl.filters import judge
from rl.protocols import Generator, Scorers
from rl.seeds import derived_seed

Recorder = Callable[[Sequence[JudgedGroup], Sequence[JudgedGroup]], None]
"""Takes all judged groups of a step so far, and those that will train."""

STARVATION_POLICIES = ("raise", "short_batch", "relax_eps", "keep_best")


class StarvedError(RuntimeError):
    """The filters dropped so much that the batch is not full after `rl.refill.max_rounds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Every judged group of a step, and those of them that train."""

    judged: tuple[JudgedGroup, ...]
    training: tuple[JudgedGroup, ...]
    rounds: int


def check_refill(config: RLConfig) -> None:
    """Refuse an unknown starvation policy and a bound of no rounds.

    Raises:
        UserError: naming the key.
    """
    if config.refill.on_starved not in STARVATION_POLICIES:
        raise UserError(
            f"rl.refill.on_starved is {config.refill.on_starved!r}; "
            f"it must be one of {', '.join(STARVATION_POLICIES)}"
        )
    if config.refill.max_rounds < 1:
        raise UserError(f"rl.refill.max_rounds is {config.refill.max_rounds}; it must be at least 1")


def collect(
    step: int,
    next_prompts: Callable[[int], Sequence[Prompt]],
    generator: Generator,
    scorers: Scorers,
    config: RLConfig,
    seed: int,
    record: Recorder,
) -> Collected:
    """Groups for one step: as many new prompts a round as kept groups are missing.

    `record` is given all groups judged so far and those that will train, each time before that acts.
    Past `max_rounds` the declared policy acts:

    - `raise`: StarvedError, with the reasons counted;
    - `short_batch`: train on what was kept, be it nothing;
    - `relax_eps`: add groups dropped by a threshold alone, nearest to it first;
    - `keep_best`: add groups dropped by a threshold alone, largest reward deviation first.
    """
    sampling = Sampling(
        temperature=config.temperature, top_p=config.top_p, max_tokens=config.max_response_tokens
    )
    judged: list[JudgedGroup] = []
    kept: list[JudgedGroup] = []
    rounds = 0
    while len(kept) < config.groups_per_step and rounds < config.refill.max_rounds:
        prompts = next_prompts(config.groups_per_step - len(kept))
        requests = [
            Request(
                prompt=prompt,
                samples=config.group_size,
                seed=derived_seed("train", seed, step, rounds, index),
            )
            for index, prompt in enumerate(prompts)
        ]
        groups = [
            RolloutGroup(
                group_id=f"{step:06d}-{rounds}-{index:03d}",
                round=rounds,
                prompt=request.prompt,
                rollouts=tuple(rollouts),
            )
            for index, (request, rollouts) in enumerate(
                zip(requests, generator.generate(requests, sampling), strict=True)
            )
        ]
        fresh = [
            JudgedGroup(scored=scored, verdict=judge(scored, config.filters))
            for scored in scorers.score(groups)
        ]
        judged += fresh
        fresh_kept = [group for group in fresh if group.verdict.kept]
        record(judged, [*kept, *fresh_kept])
        kept += fresh_kept
        rounds += 1
    if len(kept) < config.groups_per_step:
        kept += _rescue(judged, config, config.groups_per_step - len(kept))
        record(judged, kept)
    return Collected(judged=tuple(judged), training=tuple(kept), rounds=rounds)


def _rescue(judged: Sequence[JudgedGroup], config: RLConfig, missing: int) -> list[JudgedGroup]:
    policy = config.refill.on_starved
    if policy == "raise":
        reasons: dict[str, int] = {}
        for group in judged:
            for reason in group.verdict.group_reasons:
                reasons[reason] = reasons.get(reason, 0) + 1
        counted = ", ".join(f"{name} {count}" for name, count in sorted(reasons.items()))
        raise StarvedError(
            f"after {config.refill.max_rounds} rounds (rl.refill.max_rounds) {missing} of "
            f"{config.groups_per_step} groups are missing; dropped: {counted}. See `usergpt filters sweep`"
        )
    if policy == "short_batch":
        return []
    by_threshold = [
        group for group in judged if set(group.verdict.group_reasons) in ({"too_hard"}, {"too_easy"})
    ]
    if policy == "keep_best":
        by_threshold.sort(key=lambda group: -group.verdict.std)
    else:
        by_threshold.sort(key=lambda group: _distance(group, config))
    return by_threshold[:missing]


def _distance(group: JudgedGroup, config: RLConfig) -> float:
    bounds = config.filters.thresholds[group.scored.group.prompt.task]
    mean = group.verdict.mean
    return max(bounds.eps_low - mean, mean - bounds.eps_high)
