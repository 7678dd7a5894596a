"""Filling a batch: what is asked for, under which seeds, and what happens when the filters starve it."""

from collections.abc import Sequence

import pytest

from records.config import FilterConfig, RefillConfig, RLConfig, ThresholdConfig
from records.errors import UserError
from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling, Score, ScoredGroup
from rl.batching import JudgedGroup
from rl.refill import STARVATION_POLICIES, Collected, StarvedError, check_refill, collect

KEPT = (0.3, 0.7)
HARD, NEARLY, EASY = (0.0, 0.1), (0.1, 0.2), (0.85, 0.95)
"""Means .05, .15 and .9 against the thresholds .2 and .8; the deviations of all three are equal."""
WIDE = (0.0, 0.35)
"""Mean .175, with the largest deviation."""
MUTE = (None, 0.1)
"""One live sample: too few, and too hard."""
FLAT = (0.5, 0.5)


class World:
    """Prompts, generator and scorers in one: the i-th prompt asked gets the i-th pair of rewards."""

    def __init__(self, script: Sequence[tuple[float | None, ...]]) -> None:
        self.script = list(script)
        self.asked: list[int] = []
        self.requests: list[list[Request]] = []
        self.sampling: list[Sampling] = []
        self.taken = 0
        self.recorded: list[tuple[int, list[str], list[str]]] = []

    def record(self, judged: Sequence[JudgedGroup], training: Sequence[JudgedGroup]) -> None:
        names = [[group.scored.group.prompt.prompt_id for group in groups] for groups in (judged, training)]
        self.recorded.append((len(self.asked), names[0], names[1]))

    def next_prompts(self, count: int) -> list[Prompt]:
        self.asked.append(count)
        names = range(self.taken, self.taken + count)
        self.taken += count
        return [
            Prompt(
                prompt_id=str(name), user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=(1,)
            )
            for name in names
        ]

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        self.requests.append(list(requests))
        self.sampling.append(sampling)
        return [
            [
                Rollout(
                    prompt_id=request.prompt.prompt_id,
                    sample_idx=index,
                    seed=request.seed + index,
                    token_ids=(1,),
                    logprobs=(-1.0,),
                    text="",
                    finish_reason="stop",
                    policy_version=0,
                    gen_seconds=0.0,
                )
                for index in range(request.samples)
            ]
            for request in requests
        ]

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        return [
            ScoredGroup(
                group=group,
                scores=tuple(
                    Score(
                        format_ok=reward is not None,
                        format_reason="",
                        reward=reward or 0.0,
                        atomic=reward or 0.0,
                        summary=None,
                    )
                    for reward in self.script[int(group.prompt.prompt_id)]
                ),
            )
            for group in groups
        ]


def _config(policy: str = "short_batch", groups: int = 3, max_rounds: int = 3) -> RLConfig:
    return RLConfig(
        groups_per_step=groups,
        group_size=2,
        temperature=0.7,
        top_p=0.9,
        max_response_tokens=33,
        filters=FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.2, eps_high=0.8)}),
        refill=RefillConfig(max_rounds=max_rounds, on_starved=policy),
    )


def _collect(world: World, config: RLConfig, step: int = 4) -> Collected:
    return collect(step, world.next_prompts, world, world, config, seed=9, record=world.record)


def _names(collected: Collected) -> list[str]:
    return [group.scored.group.prompt.prompt_id for group in collected.training]


def test_a_full_batch_takes_one_round() -> None:
    world = World([KEPT] * 3)
    collected = _collect(world, _config())
    assert (collected.rounds, world.asked) == (1, [3])
    assert _names(collected) == ["0", "1", "2"]
    assert collected.training == collected.judged
    assert world.sampling == [Sampling(temperature=0.7, top_p=0.9, max_tokens=33)]
    assert {request.samples for request in world.requests[0]} == {2}


def test_refill_asks_only_for_what_is_missing() -> None:
    world = World([KEPT, HARD, EASY, FLAT, KEPT, KEPT])
    collected = _collect(world, _config())
    # Round 1 keeps one of three, round 2 one of two, round 3 the last.
    assert world.asked == [3, 2, 1]
    assert collected.rounds == 3
    assert _names(collected) == ["0", "4", "5"]
    assert [group.scored.group.prompt.prompt_id for group in collected.judged] == list("012345")
    assert [group.scored.group.round for group in collected.judged] == [0, 0, 0, 1, 1, 2]
    ids = [group.scored.group.group_id for group in collected.judged]
    assert len(set(ids)) == 6


def test_every_round_is_recorded_before_the_next_is_asked_for() -> None:
    world = World([KEPT, HARD, EASY, FLAT, KEPT, KEPT])
    _collect(world, _config())
    # (rounds asked for by then, groups judged, groups that will train)
    assert world.recorded == [
        (1, list("012"), ["0"]),
        (2, list("01234"), ["0", "4"]),
        (3, list("012345"), ["0", "4", "5"]),
    ]


def test_what_a_starvation_policy_takes_in_is_recorded() -> None:
    world = World(STARVED)
    _collect(world, _config("relax_eps", groups=7, max_rounds=1))
    assert [training for _, _, training in world.recorded] == [["0"], ["0", "6", "3", "5", "2"]]


def test_no_round_past_the_bound() -> None:
    world = World([HARD] * 20)
    assert _collect(world, _config(max_rounds=2)).rounds == 2
    assert world.asked == [3, 3]


def test_seeds_are_distinct_by_step_round_and_prompt_and_equal_on_repeat() -> None:
    def seeds(step: int) -> list[int]:
        world = World([KEPT, HARD, HARD, KEPT, KEPT])
        _collect(world, _config(), step)
        return [request.seed for requests in world.requests for request in requests]

    assert len(seeds(4)) == 5
    assert len({*seeds(4), *seeds(5)}) == 10
    assert seeds(4) == seeds(4)


STARVED = [KEPT, FLAT, HARD, NEARLY, MUTE, EASY, WIDE]


def test_short_batch_trains_on_what_was_kept() -> None:
    collected = _collect(World(STARVED), _config("short_batch", groups=4, max_rounds=1))
    assert _names(collected) == ["0"]
    assert _names(_collect(World([HARD]), _config("short_batch", groups=1, max_rounds=1))) == []


def test_relax_eps_adds_the_nearest_to_a_threshold() -> None:
    # Distances: WIDE .025, NEARLY .05, EASY .1, HARD .15. FLAT and MUTE are never taken.
    collected = _collect(World(STARVED), _config("relax_eps", groups=7, max_rounds=1))
    assert _names(collected) == ["0", "6", "3", "5", "2"]
    collected = _collect(World(STARVED), _config("relax_eps", groups=2, max_rounds=3))
    # Only as many as are missing: one was kept of two.
    assert _names(collected) == ["0", "3"]


def test_keep_best_adds_the_largest_deviation() -> None:
    collected = _collect(World(STARVED), _config("keep_best", groups=7, max_rounds=1))
    assert _names(collected)[:2] == ["0", "6"]
    assert sorted(_names(collected)) == ["0", "2", "3", "5", "6"]


def test_raise_counts_the_reasons() -> None:
    world = World(STARVED)
    with pytest.raises(StarvedError, match="6 of 7 groups are missing") as caught:
        _collect(world, _config("raise", groups=7, max_rounds=1))
    assert [len(judged) for _, judged, _ in world.recorded] == [7]
    # HARD, NEARLY, MUTE and WIDE are too hard.
    assert "no_signal 1, too_easy 1, too_few_live 1, too_hard 4" in str(caught.value)
    assert "rl.refill.max_rounds" in str(caught.value)


@pytest.mark.parametrize("policy", STARVATION_POLICIES)
def test_a_full_batch_needs_no_policy(policy: str) -> None:
    assert _names(_collect(World([KEPT] * 3), _config(policy))) == ["0", "1", "2"]


def test_unknown_policies_and_bounds_are_refused() -> None:
    with pytest.raises(UserError, match=r"rl\.refill\.on_starved is 'wait'.*keep_best"):
        check_refill(_config("wait"))
    with pytest.raises(UserError, match=r"rl\.refill\.max_rounds is 0"):
        check_refill(_config(max_rounds=0))
    check_refill(_config())
