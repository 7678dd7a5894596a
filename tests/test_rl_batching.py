"""Batches for the learner: dropped samples nowhere, exact positions, and a split that does not show."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from lm.packing import Segment
from records.config import FilterConfig, LossConfig
from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.advantages import group_advantages
from rl.batching import TrainBatch, build_batch, empty_micro_batch
from rl.filters import JudgedGroup, judge
from rl.loss import DFGRPOObjective, Prepared, RLMicroBatch
from tests.policies import CausalSum

torch.set_num_threads(1)
VOCABULARY = 60
DROPPED_TOKEN = 59
"""Stands only in responses that are dropped."""


def _group(
    name: str, prompt: tuple[int, ...], responses: list[tuple[tuple[int, ...], float | None]]
) -> JudgedGroup:
    """Responses are (token ids, reward); None is a badly formatted one. Log-probs are −token/100."""
    rollouts = tuple(
        Rollout(
            prompt_id=name,
            sample_idx=index,
            seed=index,
            token_ids=ids,
            logprobs=tuple(-i / 100 for i in ids),
            text="",
            finish_reason="stop",
            policy_version=0,
            gen_seconds=0.0,
        )
        for index, (ids, _) in enumerate(responses)
    )
    scores = tuple(
        Score(
            format_ok=reward is not None,
            format_reason="" if reward is not None else "schema",
            reward=reward or 0.0,
            atomic=reward or 0.0,
            summary=None,
        )
        for _, reward in responses
    )
    asked = Prompt(
        prompt_id=name, user_id=name, task="tags", tags=("pet",), history_lines=1, token_ids=prompt
    )
    scored = ScoredGroup(
        group=RolloutGroup(group_id=name, round=0, attempt=0, prompt=asked, rollouts=rollouts), scores=scores
    )
    return JudgedGroup(scored=scored, verdict=judge(scored, FilterConfig()))


A = _group("a", (1, 2, 3), [((11, 12), 1.0), ((DROPPED_TOKEN,) * 9, None), ((13,), 0.0)])
B = _group("b", (4,), [((21, 22, 23), 0.5), ((24, 25), 0.25), ((26,), 0.0)])
C = _group("c", (5, 6), [((31,), 0.0), ((32, 33), 1.0)])
EMPTY = _group("e", (7,), [((DROPPED_TOKEN,), None), ((DROPPED_TOKEN,), 1.0)])
"""One live sample has no advantage, so nothing of this group can train."""


def _build(groups: list[JudgedGroup], minibatches: int = 1, max_tokens: int = 10_000) -> TrainBatch:
    return build_batch(groups, minibatches=minibatches, scale_by_std=False, max_tokens=max_tokens)


def test_a_micro_batch_by_hand() -> None:
    batch = _build([A])
    ((micro,),) = batch.minibatches
    # The prompt once, then its live responses; the one of 9 tokens was dropped.
    assert micro.tokens.input_ids_T.tolist() == [1, 2, 3, 11, 12, 13]
    assert micro.tokens.segments == (
        Segment(length=3),
        Segment(length=2, parent=0),
        Segment(length=1, parent=0),
    )
    # The last prompt token, at 2, predicts the first token of each response.
    assert micro.tokens.positions_N.tolist() == [2, 3, 2]
    assert micro.tokens.targets_N.tolist() == [11, 12, 13]
    assert micro.rollout_logprobs_N == pytest.approx([-0.11, -0.12, -0.13])
    # Rewards 1 and 0 deviate by .5 from the live mean.
    assert micro.advantages_N == pytest.approx([0.5, 0.5, -0.5])
    assert micro.counts_N.tolist() == [1.0, 1.0, 1.0]
    assert batch.normalisers == (3.0,)
    assert (batch.tokens, batch.samples) == (3, 2)


def test_advantages_are_those_of_the_group() -> None:
    batch = build_batch([B], minibatches=1, scale_by_std=True, max_tokens=100)
    ((micro,),) = batch.minibatches
    first, second, third = group_advantages(B.verdict, scale_by_std=True)
    assert micro.advantages_N == pytest.approx([first] * 3 + [second] * 2 + [third])


@pytest.mark.parametrize(
    ("mean_over", "expected"),
    [
        ("tokens", [1.0, 1.0, 1.0]),
        # Three live tokens, two live samples of 2 and 1 tokens: 3/(2·2) for the long one's, 3/(2·1).
        ("sequences", [0.75, 0.75, 1.5]),
        # By 4 tokens, whatever the length: 3/(2·4).
        ("length", [0.375, 0.375, 0.375]),
    ],
)
def test_what_the_loss_is_a_mean_over_by_hand(mean_over: str, expected: list[float]) -> None:
    batch = build_batch(
        [A], minibatches=1, scale_by_std=False, max_tokens=100, mean_over=mean_over, max_response_tokens=4
    )
    ((micro,),) = batch.minibatches
    assert micro.counts_N.tolist() == expected
    assert batch.normalisers == (3.0,)


@pytest.mark.parametrize("mean_over", ["tokens", "sequences", "length"])
def test_a_mean_is_over_its_mini_batch_whatever_the_micro_batches(mean_over: str) -> None:
    """Of a per-token loss of token/100, by hand, from responses alone."""
    lengths = {11: 2, 13: 1, 31: 1, 32: 2, 21: 3, 24: 2, 26: 1}
    for max_tokens in (1, 9, 1000):
        batch = build_batch(
            [A, B, C],
            minibatches=2,
            scale_by_std=False,
            max_tokens=max_tokens,
            mean_over=mean_over,
            max_response_tokens=5,
        )
        for micros, normaliser, firsts in zip(
            batch.minibatches, batch.normalisers, [(11, 13, 31, 32), (21, 24, 26)], strict=True
        ):
            found = sum(float((m.tokens.targets_N / 100 * m.counts_N).sum()) for m in micros) / normaliser
            responses = [np.arange(first, first + lengths[first]) / 100 for first in firsts]
            expected = {
                "tokens": np.concatenate(responses).mean(),
                "sequences": np.mean([response.mean() for response in responses]),
                "length": np.mean([response.sum() / 5 for response in responses]),
            }[mean_over]
            assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("max_tokens", [1, 12, 10_000])
@pytest.mark.parametrize("minibatches", [1, 2, 4])
def test_dropped_samples_appear_nowhere(max_tokens: int, minibatches: int) -> None:
    batch = _build([A, EMPTY, B, EMPTY, C], minibatches, max_tokens)
    micros = [micro for part in batch.minibatches for micro in part]
    assert micros
    for micro in micros:
        assert DROPPED_TOKEN not in micro.tokens.input_ids_T
        assert np.isfinite(micro.advantages_N).all()
    # Live response tokens: 2 + 1, 3 + 2 + 1 and 1 + 2.
    assert sum(batch.normalisers) == batch.tokens == 12
    assert sum(len(micro.tokens.positions_N) for micro in micros) == 12
    assert batch.samples == 7
    assert len(batch.normalisers) == len(batch.minibatches)


def test_minibatches_deal_the_groups() -> None:
    batch = _build([A, B, C], minibatches=2)
    seen = [{int(i) for micro in part for i in micro.tokens.targets_N} for part in batch.minibatches]
    assert seen == [{11, 12, 13, 31, 32, 33}, {21, 22, 23, 24, 25, 26}]
    # 3 + 3 and 6 live response tokens.
    assert batch.normalisers == (6.0, 6.0)


def test_minibatches_that_hold_nothing_are_left_out() -> None:
    batch = _build([A, EMPTY], minibatches=2)
    assert batch.normalisers == (3.0,)
    assert len(batch.minibatches) == 1
    assert _build([EMPTY]) == TrainBatch(minibatches=(), normalisers=(), samples=0)
    assert _build([]).tokens == 0


def test_micro_batches_respect_the_limit() -> None:
    ((*micros,),) = _build([A, B, C], max_tokens=8).minibatches
    assert len(micros) > 1
    assert all(micro.tokens.input_ids_T.size <= 8 for micro in micros)


def test_a_group_beyond_the_limit_is_cut_and_each_part_has_the_prompt() -> None:
    ((*micros,),) = _build([B], max_tokens=4).minibatches
    # One prompt token and responses of 3, 2 and 1: the first fills a micro-batch, the others share one.
    assert [micro.tokens.input_ids_T.tolist() for micro in micros] == [[4, 21, 22, 23], [4, 24, 25, 26]]
    assert [micro.tokens.positions_N.tolist() for micro in micros] == [[0, 1, 2], [0, 1, 0]]


def test_under_a_prompt_beyond_the_limit_responses_are_counted_without_it() -> None:
    ((*micros,),) = _build([A], max_tokens=3).minibatches
    assert [micro.tokens.input_ids_T.tolist() for micro in micros] == [[1, 2, 3, 11, 12, 13]]


def test_where_no_response_has_room_beside_the_prompt_they_are_counted_without_it() -> None:
    # Responses of 3, 2 and 1 tokens: beside a prompt of one there is room for 2, too few for the first.
    ((*micros,),) = _build([B], max_tokens=3).minibatches
    assert [micro.tokens.input_ids_T.tolist() for micro in micros] == [[4, 21, 22, 23], [4, 24, 25, 26]]


def _loss_and_gradient(micros: tuple[RLMicroBatch, ...]) -> tuple[float, npt.NDArray[np.float64]]:
    model = CausalSum(VOCABULARY, 0.3)
    objective = DFGRPOObjective(LossConfig(), temperature=0.8, top_p=0.95)
    total = torch.zeros((), dtype=torch.float64)
    for micro in micros:
        total = total + objective.loss(model, micro, Prepared())[0]
    total.backward()
    assert model.table.grad is not None
    return float(total), model.table.grad.numpy()


@pytest.mark.parametrize("max_tokens", [1, 6, 9, 13, 20, 1000])
def test_the_split_into_micro_batches_does_not_show(max_tokens: int) -> None:
    (whole,) = _build([A, B, C]).minibatches
    (split,) = _build([A, B, C], max_tokens=max_tokens).minibatches
    loss, gradient = _loss_and_gradient(split)
    whole_loss, whole_gradient = _loss_and_gradient(whole)
    assert loss == pytest.approx(whole_loss, rel=1e-6)
    assert np.allclose(gradient, whole_gradient, rtol=1e-5, atol=1e-9)
    assert np.abs(gradient).max() > 0.01


def test_an_empty_micro_batch_changes_nothing() -> None:
    (micros,) = _build([A, B, C]).minibatches
    loss, gradient = _loss_and_gradient(micros)
    longer_loss, longer_gradient = _loss_and_gradient((*micros, empty_micro_batch()))
    assert longer_loss == loss
    assert np.array_equal(longer_gradient, gradient)
