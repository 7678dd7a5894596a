"""What a step shows, by hand."""

import math

import pytest

from lm.objective import UpdateReport
from records.config import FilterConfig, ThresholdConfig
from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.batching import TrainBatch
from rl.collector import Collected
from rl.filter_cost import engine_seconds, seconds_wasted
from rl.filters import JudgedGroup, judge
from rl.metrics import collection_metrics, learner_metrics

FILTERS = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.2, eps_high=0.8)})


def _group(samples: list[tuple[float | None, int, bool]], task: str = "tags") -> JudgedGroup:
    """Samples are (reward, tokens, truncated); a reward of None is a failed score, below 0 a bad format."""
    prompt = Prompt(prompt_id="p", user_id="u", task=task, tags=("pet",), history_lines=1, token_ids=(1,))
    rollouts = tuple(
        Rollout(
            prompt_id="p",
            sample_idx=index,
            seed=index,
            token_ids=(1,) * tokens,
            logprobs=(-1.0,) * tokens,
            text="",
            finish_reason="length" if truncated else "stop",
            policy_version=0,
            gen_seconds=0.0,
        )
        for index, (_, tokens, truncated) in enumerate(samples)
    )
    scores = tuple(
        Score(
            format_ok=reward is not None and reward >= 0 and not truncated,
            format_reason="",
            reward=math.nan if reward is None else max(0.0, reward),
            atomic=0.0,
            summary=None,
            error="E: x" if reward is None else "",
        )
        for reward, _, truncated in samples
    )
    scored = ScoredGroup(
        group=RolloutGroup(group_id="g", round=0, attempt=0, prompt=prompt, rollouts=rollouts), scores=scores
    )
    return JudgedGroup(scored=scored, verdict=judge(scored, FILTERS))


KEPT = _group([(0.4, 10, False), (0.6, 20, False), (0.0, 7, True), (-1, 3, False), (None, 5, False)])
NEAR = _group([(0.1, 4, False), (0.2, 6, False)])
FAR = _group([(0.0, 1, False), (0.1, 1, False)])
SHOWN = collection_metrics(
    Collected(judged=(KEPT, NEAR, FAR), training=(KEPT,), rounds=2), {"tags": (0.2, 0.8)}
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # .4 + .6 + 0 + 0 + .1 + .2 + 0 + .1 over the eight samples with a score.
        ("reward/pre_filter", 1.4 / 8),
        ("reward/post_filter", 0.5),
        ("filter/rounds", 2),
        ("filter/groups_generated", 3),
        ("filter/groups_kept", 1),
        # 57 tokens, of which 30 train.
        ("rollout/tokens", 57),
        ("filter/tokens_wasted", 27),
        ("rollout/response_tokens_mean", 57 / 9),
        ("rollout/truncated_share", 1 / 9),
        # Of eight with a score, one is truncated and one badly formatted.
        ("rollout/format_ok_share", 6 / 8),
        ("filter/sample/truncated", 1),
        ("filter/sample/format", 1),
        ("filter/sample/score_error", 1),
        ("filter/group/too_hard", 2),
        ("filter/group/too_easy", 0),
        ("filter/group/too_few_live", 0),
        ("filter/group/no_signal", 0),
        # A tenth of .8 − .2 is .06: .15 lies .05 outside, .05 lies .15 outside, .5 nowhere near.
        ("filter/near_miss", 1),
        ("filter/near_miss/low_dropped", 1),
        ("filter/near_miss/low_kept", 0),
        # By reason: 7 cut off, 3 malformed, 5 without a score; 10 and 2 in groups that are too hard.
        ("filter/tokens_wasted/truncated", 7),
        ("filter/tokens_wasted/format", 3),
        ("filter/tokens_wasted/score_error", 5),
        ("filter/tokens_wasted/too_hard", 12),
        ("filter/tokens_per_trained", 57 / 30),
    ],
)
def test_collection_metrics_by_hand(name: str, value: float) -> None:
    assert SHOWN[name] == pytest.approx(value)


def test_seconds_are_shared_out_by_tokens() -> None:
    # 5.7 s for 57 tokens.
    assert seconds_wasted([KEPT, NEAR, FAR], [KEPT], 5.7) == pytest.approx(
        {
            "filter/seconds_wasted/truncated": 0.7,
            "filter/seconds_wasted/format": 0.3,
            "filter/seconds_wasted/score_error": 0.5,
            "filter/seconds_wasted/too_hard": 1.2,
        }
    )


def test_seconds_of_engines_by_hand() -> None:
    assert engine_seconds({"time/cycle": 8.0, "time/idle/rollout": 0.25, "time/idle/learner": 0.5}) == 6
    assert engine_seconds({"time/cycle": 8.0, "time/idle/learner": 0.5}) is None


def test_what_is_undefined_is_not_shown() -> None:
    shown = collection_metrics(Collected(judged=(NEAR,), training=(), rounds=1), {})
    assert "reward/post_filter" not in shown
    assert shown["filter/near_miss"] == 0
    assert all(math.isfinite(value) for value in shown.values())


def test_learner_metrics() -> None:
    report = UpdateReport(optimizer_steps=1, grad_norm=0.5, metrics={"loss": -0.1, "entropy": 2.0})
    batch = TrainBatch(minibatches=(), normalisers=(6.0, 4.0), samples=3)
    assert learner_metrics(report, batch, 0.01) == {
        "learner/grad_norm": 0.5,
        "learner/lr": 0.01,
        "learner/tokens": 10.0,
        "learner/samples": 3.0,
        "learner/loss": -0.1,
        "learner/entropy": 2.0,
    }
