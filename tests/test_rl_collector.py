"""Filling a batch: what is asked for, under which seeds, and what happens when the filters starve it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records.config import FilterConfig, RefillConfig, RLConfig, ThresholdConfig
from records.errors import UserError
from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling, Score, ScoredGroup
from rl.collector import Collected, Collector
from rl.filters import JudgedGroup
from rl.prompts import Draw
from rl.protocols import Finished, NoAnswerError
from rl.refill import STARVATION_POLICIES, StarvedError, check_refill
from rl.seeds import derived_seed
from tests.rl_world import Queues, ScorerQueue, Scoring

KEPT = (0.3, 0.7)
HARD, NEARLY, EASY = (0.0, 0.1), (0.1, 0.2), (0.85, 0.95)
"""Means .05, .15 and .9 against the thresholds .2 and .8; the deviations of all three are equal."""
WIDE = (0.0, 0.35)
"""Mean .175, with the largest deviation."""
MUTE = (None, 0.1)
"""One live sample: too few, and too hard."""
FLAT = (0.5, 0.5)


class World(Queues, Scoring):
    """Prompts, generator and scorers in one: the i-th prompt asked gets the i-th pair of rewards."""

    def __init__(self, script: Sequence[tuple[float | None, ...]]) -> None:
        super().__init__()
        self.scorers = ScorerQueue(self)
        self.version = 0
        self.script = list(script)
        self.asked: list[int] = []
        self.requests: list[list[Request]] = []
        self.sampling: list[Sampling] = []
        self.taken = 0
        self.recorded: list[tuple[int, list[str], list[str]]] = []
        self.noted: dict[str, bool] = {}

    def record(self, judged: Sequence[JudgedGroup], training: Sequence[JudgedGroup]) -> None:
        names = [[group.scored.group.prompt.prompt_id for group in groups] for groups in (judged, training)]
        self.recorded.append((len(self.asked), names[0], names[1]))

    @property
    def version_now(self) -> int:
        return self.version

    @property
    def cursor(self) -> int:
        return self.taken

    def not_taken_again(self) -> list[int]:
        return []

    there = True

    def note(self, prompt: Prompt, *, kept: bool) -> None:
        self.noted[prompt.prompt_id] = kept

    def take(self, count: int, *, wait: bool = True) -> list[Draw]:
        if not (wait or self.there):
            return []
        if count:
            self.asked.append(count)
        names = range(self.taken, self.taken + count)
        self.taken += count
        return [
            Draw(
                cursor=name,
                prompt=Prompt(
                    prompt_id=str(name),
                    user_id="u",
                    task="tags",
                    tags=("pet",),
                    history_lines=1,
                    token_ids=(1,),
                ),
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
                    policy_version=self.version,
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


def _collector(world: World, config: RLConfig) -> Collector:
    return Collector(config, world, world, world.scorers, seed=9)  # type: ignore[arg-type]


def _collect(world: World, config: RLConfig, step: int = 4) -> Collected:
    world.version = step
    return _collector(world, config).collect(step, world.record)


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


def test_scheduled_thresholds_are_those_of_the_step() -> None:
    moving = {"tags": ThresholdConfig(eps_low=0.0, eps_high=0.8, eps_low_end=0.16)}
    filters = FilterConfig(thresholds=moving, ramp_steps=4)
    config = replace(_config("relax_eps", groups=2, max_rounds=1), filters=filters)

    def reasons(step: int) -> list[tuple[str, ...]]:
        judged = _collect(World([HARD, NEARLY]), config, step).judged
        return [group.verdict.group_reasons for group in judged]

    # eps_low is .04 at step 1 and .08 at 2, where .05 is too hard; .16 from 4 on, where .15 is as well.
    assert reasons(1) == [(), ()]
    assert reasons(2) == [("too_hard",), ()]
    assert reasons(9) == [("too_hard",), ("too_hard",)]
    # The policy counts from there, too: .9 is .1 above .8, nearer than .05 below .16.
    assert _names(_collect(World([HARD, EASY]), config, 9)) == ["1", "0"]


def test_what_a_starvation_policy_takes_in_is_recorded() -> None:
    world = World(STARVED)
    _collect(world, _config("relax_eps", groups=7, max_rounds=1))
    assert [training for _, _, training in world.recorded] == [["0"], ["0", "6", "3", "5", "2"]]


def test_no_round_past_the_bound() -> None:
    world = World([HARD] * 20)
    assert _collect(world, _config(max_rounds=2)).rounds == 2
    assert world.asked == [3, 3]


def test_seeds_are_those_of_the_place_in_the_stream() -> None:
    def seeds(rounds: list[tuple[float, ...]]) -> list[int]:
        world = World(rounds)
        collector = _collector(world, _config())
        for step in (4, 5):
            world.version = step
            collector.collect(step, world.record)
        return [request.seed for requests in world.requests for request in requests]

    assert seeds([KEPT] * 6) == [derived_seed("train", 9, cursor) for cursor in range(6)]
    # However the prompts are dealt over rounds and steps.
    assert seeds([KEPT, HARD, HARD, KEPT, KEPT, KEPT, KEPT, KEPT])[:6] == seeds([KEPT] * 6)


STARVED = [KEPT, FLAT, HARD, NEARLY, MUTE, EASY, WIDE]


def test_a_batch_is_in_the_order_of_its_prompts_whoever_was_faster() -> None:
    class Hasty(ScorerQueue):
        """Answers a round in the order in which it came, which engines turn round."""

        def poll(self, timeout_s: float) -> list[tuple[int, ScoredGroup]]:
            return super().poll(timeout_s)[::-1]

    world = World([KEPT, HARD, KEPT, KEPT, HARD, KEPT])
    world.scorers = Hasty(world)
    collected = _collect(world, _config(groups=4))
    assert _names(collected) == ["0", "2", "3", "5"]
    assert [group.scored.group.prompt.prompt_id for group in collected.judged] == list("012345")


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
    # What was kept would train once the round is judged; then nothing does.
    assert [(len(judged), training) for _, judged, training in world.recorded] == [(7, ["0"]), (7, [])]
    # HARD, NEARLY, MUTE and WIDE are too hard.
    assert "no_signal 1, too_easy 1, too_few_live 1, too_hard 4" in str(caught.value)
    assert "rl.refill.max_rounds" in str(caught.value)
    # KEPT .5, HARD .05, NEARLY .15, EASY .9 and WIDE .175 have a signal, MUTE and FLAT none; bars of .17.
    told = "Means of 5 groups of tags with a signal: 0.05–0.22: 3, 0.22–0.39: 0, 0.39–0.56: 1"
    assert told in str(caught.value)
    # The .1 and .9 quantiles: .05 + .4 · .1 and .5 + .6 · .4; the quarters of five are the second and fourth.
    assert "eps_low=0.09 and eps_high=0.74 would have kept 3;" in str(caught.value)
    assert "eps_low=0.15 and eps_high=0.5 would have kept 3." in str(caught.value)


def test_thresholds_that_it_suggests_keep_what_it_says() -> None:
    """All means are 2/3: the lower threshold to the nearest thousandth, .667, would drop every group."""
    config = _config("raise", groups=4, max_rounds=1)
    config = replace(config, filters=replace(config.filters, thresholds={"tags": ThresholdConfig(0.9, 0.95)}))
    with pytest.raises(StarvedError, match="eps_low=0.666 and eps_high=0.667 would have kept 3"):
        _collect(World([*[(2 / 3 - 0.1, 2 / 3 + 0.1)] * 3, FLAT]), config)


def test_a_run_without_any_signal_says_so() -> None:
    with pytest.raises(StarvedError, match="No group had two live samples with different rewards"):
        _collect(World([FLAT, MUTE] * 9), _config("raise", max_rounds=2))


@pytest.mark.parametrize("policy", STARVATION_POLICIES)
def test_a_full_batch_needs_no_policy(policy: str) -> None:
    assert _names(_collect(World([KEPT] * 3), _config(policy))) == ["0", "1", "2"]


def test_unknown_policies_and_bounds_are_refused() -> None:
    with pytest.raises(UserError, match=r"rl\.refill\.on_starved is 'wait'.*keep_best"):
        check_refill(_config("wait"))
    with pytest.raises(UserError, match=r"rl\.refill\.max_rounds is 0"):
        check_refill(_config(max_rounds=0))
    check_refill(_config())


class Dripping(World):
    """Answers one request a poll."""

    def poll(self, timeout_s: float) -> list[Finished]:
        waiting, self._waiting = self._waiting[1:], self._waiting[:1]
        self._waiting = [(key, 0, request, sampling) for key, _, request, sampling in self._waiting]
        found = super().poll(timeout_s)
        self._waiting = [*self._waiting, *waiting]
        return found


def _ahead(k: int, **changes: int) -> RLConfig:
    return replace(_config(**changes), max_staleness=k)  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_generation_runs_ahead_by_so_many_batches_and_no_further(k: int) -> None:
    world = World([KEPT] * 100)
    collector = _collector(world, _ahead(k))
    for step in range(5):
        world.version = step
        collected = collector.collect(step, world.record)
        assert len(collected.training) == 3
        for _ in range(10):  # while the learner is at work
            collector.pump()
        # Of k batches beyond those trained everything is done, and nothing more was asked for.
        assert world.taken == 3 * (step + 1 + k)
        assert len(collector.unsettled()) == 3 * k
        ages = [step - one.scored.group.rollouts[0].policy_version for one in collected.training]
        assert max(ages) <= k
    assert max(ages) == k


def test_prompts_that_are_not_there_hold_up_nobody() -> None:
    """Live ones may be late: the learner and what is under way go on, and only who has nothing else waits."""
    world = World([KEPT] * 100)
    collector = _collector(world, _ahead(1))
    collector.collect(0, world.record)
    world.there, taken = False, world.taken
    for _ in range(5):  # beside an update
        collector.pump()
    assert world.taken == taken
    assert len(collector.collect(1, world.record).training) == 3
    assert world.taken == 6  # all were under way already
    world.version = 2
    assert len(collector.collect(2, world.record).training) == 3  # with nothing under way it waits
    assert world.taken == 9


def test_what_another_collector_left_under_way_is_not_taken() -> None:
    """As after a learner was lost: the pools still work for the collector of before."""
    world = World([KEPT] * 12)
    config = replace(_config(), max_staleness=1)
    before = _collector(world, config)
    world.scorers.every = 100  # what is sampled stays at the scorers
    for _ in range(3):
        before.pump()
    assert len(before.unsettled()) == 6
    world.scorers.every = 1
    collected = _collector(world, config).collect(0, world.record)
    assert len(collected.training) == 3
    assert {int(name) for name in _names(collected)} <= set(range(6, 12))


def test_surplus_groups_train_in_the_next_step_and_are_recorded_once() -> None:
    world = World([KEPT] * 100)
    collector = _collector(world, _ahead(1))
    seen: list[str] = []
    for step in range(6):
        world.version = step
        settled = collector.collect(step, world.record).judged
        seen += [one.scored.group.group_id for one in settled]
        collector.pump()
    assert len(seen) == len(set(seen)) == 18
    # Every prompt of the stream is either settled or still to come.
    settled_cursors = sorted(int(name.partition("-")[2]) for name in seen)
    assert sorted([*settled_cursors, *collector.unsettled()]) == list(range(world.taken))


def test_what_is_dropped_while_ahead_is_replaced() -> None:
    world = World([KEPT, HARD, EASY, FLAT] * 50)
    collector = _collector(world, _ahead(1, max_rounds=20))
    for step in range(4):
        world.version = step
        collected = collector.collect(step, world.record)
        assert len(collected.training) == 3
        assert {int(name) % 4 for name in _names(collected)} == {0}
    reasons = {reason for one in collected.judged for reason in one.verdict.group_reasons}
    assert reasons == {"too_hard", "too_easy", "no_signal"}


def test_groups_that_wait_too_long_are_dropped_as_stale_and_told() -> None:
    world = World([KEPT] * 100)
    collector = _collector(world, _ahead(1))
    collector.collect(0, world.record)
    for _ in range(5):
        collector.pump()
    # Three are ready, of version 0; the loop comes back two updates later.
    world.version = 2
    collected = collector.collect(2, world.record)
    stale = [one for one in collected.judged if "stale" in one.verdict.group_reasons]
    assert len(stale) == 3
    assert all(one.verdict.group_reasons == ("stale",) for one in stale)
    assert not set(map(id, stale)) & set(map(id, collected.training))
    assert {one.scored.group.rollouts[0].policy_version for one in collected.training} == {2}


def test_what_was_dropped_for_its_age_is_not_held_against_its_prompt() -> None:
    world = World([KEPT] * 3 + [HARD, KEPT, EASY] + [HARD, KEPT] + [KEPT] * 100)
    collector = _collector(world, _ahead(1))
    collector.collect(0, world.record)
    before = {"0": True, "1": True, "2": True, "3": False, "5": False}
    assert world.noted == before
    for _ in range(5):
        collector.pump()  # the next two come, of which one is dropped
    world.version = 2  # what waits, be it kept or not, has become too old
    collected = collector.collect(2, world.record)
    stale = {
        one.scored.group.prompt.prompt_id: one.verdict.group_reasons
        for one in collected.judged
        if "stale" in one.verdict.group_reasons
    }
    assert stale["6"] == ("too_hard", "stale")
    assert stale["4"] == stale["7"] == ("stale",)
    assert world.noted == before | dict.fromkeys(_names(collected), True)


@pytest.mark.parametrize("max_rounds", [1, 2, 3])
def test_a_starved_step_ends_within_its_bound_while_ahead(max_rounds: int) -> None:
    world = Dripping([HARD] * 500)
    collected = _collector(world, _ahead(2, max_rounds=max_rounds)).collect(0, world.record)
    assert collected.training == ()
    # With an answer at a time: so many batches, to the group.
    assert len(collected.judged) == 3 * max_rounds
    assert collected.rounds == max_rounds
    # What was recorded is all of it, before the policy acted.
    assert len(world.recorded[0][1]) == 3 * max_rounds


def test_what_is_good_fills_the_batch_however_it_drips() -> None:
    world = Dripping([KEPT] * 500)
    collected = _collector(world, _ahead(1, max_rounds=1)).collect(0, world.record)
    assert len(collected.training) == 3


def test_a_group_that_comes_too_late_is_stale_on_arrival() -> None:
    world = World([KEPT] * 100)
    world.scorers.every = 10**9
    collector = _collector(world, _ahead(1, max_rounds=9))
    collector.pump()  # asked for at version 0
    for _ in range(5):
        collector.pump()
    # Its scorer hangs for three updates, then answers.
    world.version, world.scorers.every = 3, 1
    collected = collector.collect(3, world.record)
    assert len(collected.training) == 3
    assert {one.scored.group.rollouts[0].policy_version for one in collected.training} == {3}
    late = [one for one in collected.judged if one.scored.group.rollouts[0].policy_version == 0]
    assert late
    assert all(one.verdict.group_reasons == ("stale",) for one in late)


def test_what_waits_is_judged_anew_where_thresholds_move() -> None:
    config = _ahead(1, max_rounds=9)
    moving = {"tags": ThresholdConfig(eps_low=0.2, eps_high=0.8, eps_low_end=0.6)}
    config = replace(config, filters=FilterConfig(thresholds=moving, ramp_steps=1))
    world = World([KEPT] * 12 + [(0.6, 0.8)] * 100)
    collector = _collector(world, config)
    first = collector.collect(0, world.record)
    assert len(first.training) == 3
    for _ in range(5):
        collector.pump()
    # The mean of .5 was enough for step 0; for step 1 it takes .6.
    world.version = 1
    second = collector.collect(1, world.record)
    waited = [one for one in second.judged if one.scored.group.rollouts[0].policy_version == 0]
    assert waited
    assert all(one.verdict.group_reasons == ("too_hard",) for one in waited)
    assert all(one.verdict.mean == pytest.approx(0.7) for one in second.training)


def test_nothing_is_asked_for_that_could_not_train_any_more() -> None:
    world = World([KEPT] * 100)
    collector = _collector(world, replace(_ahead(3), steps=2))
    for step in range(2):
        world.version = step
        collector.collect(step, world.record)
        for _ in range(9):
            collector.pump()
    assert world.taken == 6


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([KEPT, HARD, EASY, FLAT, MUTE]), min_size=400, max_size=400),
    st.integers(0, 3),
    st.integers(1, 4),
)
def test_no_group_is_lost_and_none_twice(script: list[tuple[float | None, ...]], k: int, slow: int) -> None:
    world = World(script)
    world.slow, world.scorers.every = slow, slow
    collector = _collector(world, _ahead(k, max_rounds=4))
    settled: list[int] = []
    for step in range(5):
        world.version = step
        collected = collector.collect(step, world.record)
        settled += [int(one.scored.group.prompt.prompt_id) for one in collected.judged]
        for one in collected.training:
            assert 0 <= step - one.scored.group.rollouts[0].policy_version <= k
        collector.pump()
    assert len(settled) == len(set(settled))
    assert sorted([*settled, *collector.unsettled()]) == list(range(world.taken))


class Forgetting(World):
    """Never answers the request with a key of `forgotten`; a look takes `look_s` seconds."""

    forgotten: Sequence[int] = (2,)
    patience_s = 5.0
    now, look_s = 0.0, 0.5

    def poll(self, timeout_s: float) -> list[Finished]:
        self.now += self.look_s
        return [done for done in super().poll(timeout_s) if done.key not in self.forgotten]


@pytest.fixture
def forgetting(monkeypatch: pytest.MonkeyPatch) -> Forgetting:
    world = Forgetting([KEPT] * 50)
    world.scorers.patience_s = 7.0
    monkeypatch.setattr("rl.collector.monotonic", lambda: world.now)
    return world


def test_a_group_that_engines_forget_ends_the_wait_with_its_name(forgetting: Forgetting) -> None:
    told = r"^rollout engines owe group 000004-000001, and gave no sign for 12 s, longer than their"
    with pytest.raises(NoAnswerError, match=told):
        _collect(forgetting, _config())
    # The first look answers the others; the patience of both, 12 s, is over after 25 looks of half a second.
    assert forgetting.now == 13


def test_groups_that_scorers_forget_are_told_while_generation_runs_ahead(forgetting: Forgetting) -> None:
    forgetting.forgotten, forgetting.scorers.every = (), 10**9
    with pytest.raises(
        NoAnswerError, match="^scorers owe group 000000-00000[0-5] and 5 more, and gave no sign"
    ):
        _collector(forgetting, _ahead(1)).collect(0, forgetting.record)


def test_a_loss_is_a_sign_and_so_is_an_answer(forgetting: Forgetting) -> None:
    lost: list[str] = []

    class Dying(ScorerQueue):
        """Loses a scorer every ten seconds, three times."""

        def poll(self, timeout_s: float) -> list[tuple[int, ScoredGroup]]:
            if forgetting.now >= 10 * (len(lost) + 1) and len(lost) < 3:
                lost.append("a scorer")
            return super().poll(timeout_s)

    forgetting.scorers = Dying(forgetting)
    forgetting.scorers.lost, forgetting.scorers.patience_s = lost, 7.0
    with pytest.raises(NoAnswerError):
        _collect(forgetting, _config())
    assert len(lost) == 3
    assert 42 < forgetting.now < 43


def test_what_a_pool_does_itself_counts_for_no_more_than_a_look(forgetting: Forgetting) -> None:
    forgetting.look_s = 1000.0
    with pytest.raises(NoAnswerError, match="no sign for 13 s"):
        _collect(forgetting, _config())


def test_who_answers_within_patience_is_waited_for(forgetting: Forgetting) -> None:
    forgetting.forgotten = ()
    forgetting.scorers.every = 24  # half a second each
    assert len(_collect(forgetting, _config()).training) == 3
