"""The SFT objective: positions and weights by hand, and a loss that does not see the grouping."""

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sft.objective import SFTExample, SFTMicroBatch, SFTObjective, empty_micro_batch, sft_micro_batches
from tests.policies import CausalSum, scores_of

torch.set_num_threads(1)
VOCABULARY = 7


def _example(prompt: tuple[int, ...], response: tuple[int, ...], shared_id: str = "") -> SFTExample:
    return SFTExample(prompt_ids=prompt, response_ids=response, shared_id=shared_id)


EXAMPLES = [_example((1, 2), (3, 4)), _example((5, 6, 1), (2,)), _example((4,), (3,))]


def _micros(
    examples: list[SFTExample], max_tokens: int, history_weight: float = 0.5
) -> tuple[list[SFTMicroBatch], float]:
    return sft_micro_batches(
        examples, history_weight=history_weight, answer_weight=4.0, max_tokens=max_tokens
    )


def test_positions_and_weights_by_hand() -> None:
    (micro,), normaliser = _micros(EXAMPLES, 100)
    assert micro.tokens.input_ids_T.tolist() == [1, 2, 3, 4, 5, 6, 1, 2, 4, 3]
    assert [segment.length for segment in micro.tokens.segments] == [4, 4, 2]
    # Each position predicts the token after it; rows begin at 0, 4 and 8.
    assert micro.tokens.positions_N.tolist() == [0, 1, 2, 4, 5, 6, 8]
    assert micro.tokens.targets_N.tolist() == [2, 3, 4, 6, 1, 2, 3]
    # The last prompt token already predicts the answer.
    assert micro.is_answer_N.tolist() == [False, True, True, False, False, True, True]
    assert micro.weights_N.tolist() == [0.5, 4.0, 4.0, 0.5, 0.5, 4.0, 4.0]
    # Four answer tokens at 4 and three of history at .5.
    assert normaliser == 17.5


def test_without_history_weight_only_answers_are_predicted() -> None:
    (micro,), normaliser = _micros(EXAMPLES, 100, history_weight=0.0)
    assert micro.tokens.positions_N.tolist() == [1, 2, 6, 8]
    assert micro.tokens.targets_N.tolist() == [3, 4, 2, 3]
    assert micro.is_answer_N.all()
    assert normaliser == 16.0


def test_loss_by_hand() -> None:
    (micro,), _ = _micros([_example((1, 2), (3,))], 100)
    # The two predictions give their targets (2 and 3) the probabilities 1/2 and 1/4.
    probabilities = torch.tensor([[0.1, 0.1, 0.5, 0.3], [0.25, 0.25, 0.25, 0.25]])
    loss, metrics = SFTObjective().loss(partial(scores_of, probabilities.log()), micro, None)
    # .5 · ln 2 + 4 · ln 4 = 8.5 ln 2
    assert float(loss) == pytest.approx(8.5 * math.log(2))
    # The metric is the answer's loss without weight.
    assert metrics == {"answer_loss": pytest.approx(2 * math.log(2)), "answer_tokens": 1.0}


def _total(
    examples: list[SFTExample], max_tokens: int, history_weight: float = 0.5
) -> tuple[float, np.ndarray[Any, Any], dict[str, float]]:
    model, objective = CausalSum(VOCABULARY), SFTObjective()
    micros, normaliser = _micros(examples, max_tokens, history_weight)
    total = torch.zeros((), dtype=torch.float64)
    sums = {"normaliser": normaliser}
    for micro in micros:
        loss, metrics = objective.loss(model, micro, None)
        total = total + loss
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + value
    total.backward()
    assert model.table.grad is not None
    return float(total), model.table.grad.numpy(), sums


RESTS = st.lists(st.integers(1, VOCABULARY - 1), max_size=4)
IDS = st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=6).map(tuple)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.builds(_example, IDS, IDS), min_size=1, max_size=6), st.integers(1, 40))
def test_the_grouping_does_not_show(examples: list[SFTExample], max_tokens: int) -> None:
    loss, gradient, sums = _total(examples, max_tokens)
    whole_loss, whole_gradient, whole_sums = _total(examples, 10_000)
    assert loss == pytest.approx(whole_loss, rel=1e-9)
    assert np.allclose(gradient, whole_gradient, rtol=1e-9, atol=1e-9)
    assert sums == pytest.approx(whole_sums, rel=1e-6)


def test_questions_on_one_history_by_hand() -> None:
    first, other, second = (
        _example((1, 2, 3), (6,), "a"),
        _example((4,), (5,), "b"),
        _example((1, 2, 4, 5), (6, 1), "a"),
    )
    (micro,), normaliser = _micros([first, other, second], 100)
    # The prefix 1 2 with the branches 3 6 and 4 5 6 1, then 4 5 by itself.
    assert micro.tokens.input_ids_T.tolist() == [1, 2, 3, 6, 4, 5, 6, 1, 4, 5]
    assert [(segment.length, segment.parent) for segment in micro.tokens.segments] == [
        (2, None), (2, 0), (4, 0), (2, None),
    ]  # fmt: skip
    assert micro.tokens.positions_N.tolist() == [0, 1, 2, 1, 4, 5, 6, 8]
    assert micro.tokens.targets_N.tolist() == [2, 3, 6, 4, 5, 6, 1, 5]
    # What both share weighs twice.
    assert micro.weights_N.tolist() == [1.0, 0.5, 4.0, 0.5, 0.5, 4.0, 4.0, 4.0]
    assert normaliser == 18.5
    # Without room for both there are two trees.
    micros, same = _micros([first, other, second], 6)
    assert sorted(len(one.tokens.input_ids_T) for one in micros) == [6, 6]
    assert same == normaliser


def test_prompts_that_have_nothing_in_common_are_no_family() -> None:
    with pytest.raises(ValueError, match="prompts of 'a' have no beginning in common"):
        _micros([_example((1,), (2,), "a"), _example((2,), (2,), "a")], 100)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.lists(st.integers(1, 6), max_size=4), IDS), min_size=1, max_size=6
    ),
    st.integers(1, 60),
    st.sampled_from([0.0, 0.5]),
)
def test_sharing_does_not_show(
    asked: list[tuple[str, list[int], tuple[int, ...]]], max_tokens: int, history_weight: float
) -> None:
    """Loss, gradients and metrics are those of the examples one by one."""
    history = {"a": (1, 2, 3), "b": (1, 4)}
    alone = [_example((*history[name], *rest), answer) for name, rest, answer in asked]
    shared = [_example((*history[name], *rest), answer, name) for name, rest, answer in asked]
    loss, gradient, sums = _total(shared, max_tokens, history_weight)
    whole_loss, whole_gradient, whole_sums = _total(alone, 10_000, history_weight)
    assert loss == pytest.approx(whole_loss, rel=1e-6)
    assert np.allclose(gradient, whole_gradient, rtol=1e-6, atol=1e-6)
    assert sums == pytest.approx(whole_sums, rel=1e-6)


def test_an_empty_micro_batch_adds_nothing() -> None:
    model = CausalSum(VOCABULARY)
    loss, metrics = SFTObjective().loss(model, empty_micro_batch(), None)
    loss.backward()
    assert model.table.grad is not None
    assert float(loss.detach()) == 0.0
    assert float(model.table.grad.abs().sum()) == 0.0
    assert metrics == {"answer_loss": 0.0, "answer_tokens": 0.0}


def test_the_objective_needs_no_reference() -> None:
    assert SFTObjective.needs_reference is False


def test_answers_that_weigh_nothing_are_told_all_the_same() -> None:
    (micro,), normaliser = sft_micro_batches(EXAMPLES, history_weight=0.5, answer_weight=0.0, max_tokens=100)
    assert micro.is_answer_N.sum() == 4
    assert normaliser == 1.5
    _, metrics = SFTObjective().loss(CausalSum(VOCABULARY), micro, None)
    assert metrics["answer_tokens"] == 4.0
