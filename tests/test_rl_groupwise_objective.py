"""The objective of groupwise DPO: neither packing nor splits show, and gradients are those of plain torch."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lm.model import create_model
from lm.objective import Metrics, Policy, TokenBatch
from lm.packing import Tree, pack
from lm.scorer import load_network, run_scorer
from lm.scoring import Ask
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import ModelConfig
from rl.groupwise import INVALID, group_loss
from rl.groupwise_batches import build_groupwise_batch, empty_micro_batch
from rl.groupwise_groups import RankedGroup
from rl.groupwise_objective import METRICS, GroupwiseObjective
from tests.groupwise_groups import Said, ranked_group
from tests.policies import CausalSum

torch.set_num_threads(1)
CPU = torch.device("cpu")
BETA = 0.3
TIE_WITHIN = 0.1


def _groups(seed: int, vocabulary: int) -> list[RankedGroup]:
    """Groups of four with a tie, invalid and failed ones, one of two, and one that is dropped."""
    random = np.random.default_rng(seed)
    said: list[list[Said]] = [
        [0.5, 0.9, 0.1, 0.3],
        [0.5, 0.55, "schema", 0.9],
        ["schema", 0.2, None, "bad_json"],
        [0.4, 0.41, 0.42, 0.43],
        ["schema", "schema"],
        [0.1, 0.9],
    ]
    return [
        ranked_group(
            f"g{number}",
            random.integers(5, vocabulary, random.integers(1, 12)).tolist(),
            [(random.integers(5, vocabulary, random.integers(1, 9)).tolist(), one) for one in mine],
            tie_within=TIE_WITHIN,
        )
        for number, mine in enumerate(said)
    ]


def _run(
    groups: Sequence[RankedGroup], policy: Policy, reference: Policy, max_tokens: int, empty: int = 0
) -> tuple[float, Metrics]:
    """One mini-batch as a learner runs it: gradients accumulate in the policy."""
    objective = GroupwiseObjective(BETA)
    batch = build_groupwise_batch(groups, minibatches=1, max_tokens=max_tokens)
    (micros,), (normaliser,) = batch.minibatches, batch.normalisers
    total, metrics = 0.0, dict.fromkeys(METRICS, 0.0)
    for micro in [*micros, *[empty_micro_batch()] * empty]:
        with torch.no_grad():
            prepared = objective.prepare(None, reference, micro)
        loss, told = objective.loss(policy, micro, prepared)
        (loss / normaliser).backward()  # type: ignore[no-untyped-call]
        total += float(loss.detach()) / normaliser
        assert told.keys() == metrics.keys()
        metrics = {name: metrics[name] + value / normaliser for name, value in told.items()}
    return total, metrics


def _sums() -> tuple[CausalSum, CausalSum]:
    policy, reference = CausalSum(30), CausalSum(30, scale=0.8)
    return policy, reference


def test_packed_groups_are_sequences_one_by_one() -> None:
    """Each response alone behind its prompt, and the loss by groups."""
    groups = _groups(0, 30)
    policy, reference = _sums()
    loss, _ = _run(groups, policy, reference, max_tokens=1000)
    alone, _ = _sums()

    def logprob(network: Policy, group: RankedGroup, index: int) -> torch.Tensor:
        response = group.group.rollouts[index].token_ids
        ids_T, segments, (place,) = pack(
            [Tree(prompt_ids=group.group.prompt.token_ids, responses=[response])]
        )
        batch = TokenBatch(
            input_ids_T=ids_T, segments=segments, positions_N=place.positions[0], targets_N=np.array(response)
        )
        return network(batch, Ask()).logprobs_N.sum()

    live = [group for group in groups if not group.dropped]
    losses = [
        group_loss(
            BETA
            * torch.stack(
                [logprob(alone, one, i) - logprob(reference, one, i).detach() for i in one.compared]
            ),
            one.levels_G[one.compared],
        )
        for one in live
    ]
    expected = torch.stack(losses).sum() / len(live)
    expected.backward()  # type: ignore[no-untyped-call]
    assert loss == pytest.approx(float(expected.detach()), abs=1e-12)
    torch.testing.assert_close(policy.table.grad, alone.table.grad, rtol=1e-9, atol=1e-12)


def test_accumulation_is_one_batch_and_empty_micro_batches_do_not_show() -> None:
    groups = _groups(1, 30)
    whole, reference = _sums()
    expected, told = _run(groups, whole, reference, max_tokens=1000)
    for max_tokens, empty in ((45, 0), (45, 2), (1000, 1)):
        parted, _ = _sums()
        loss, metrics = _run(groups, parted, reference, max_tokens=max_tokens, empty=empty)
        assert loss == pytest.approx(expected, abs=1e-12)
        assert metrics == pytest.approx(told, abs=1e-12)
        torch.testing.assert_close(parted.table.grad, whole.table.grad, rtol=1e-9, atol=1e-12)
    micros = build_groupwise_batch(groups, minibatches=1, max_tokens=45).minibatches[0]
    assert len(micros) > 2
    assert max(len(micro.sizes) for micro in micros) > 1


def test_dropped_groups_and_failed_scores_have_no_gradient() -> None:
    """Tokens that stand there alone are not even looked at."""
    live = ranked_group("a", (1, 2), [((3,), 1.0), ((9, 9), None), ((4, 5), "schema")])
    dropped = ranked_group("b", (8,), [((8,), "schema"), ((8, 8), "schema")])
    policy, reference = _sums()
    _run([live, dropped], policy, reference, max_tokens=100)
    gradient = policy.table.grad
    assert gradient is not None
    assert gradient[[8, 9]].abs().max() == 0
    assert gradient[[1, 2]].abs().max() > 0


def test_an_empty_micro_batch_alone_moves_nothing() -> None:
    policy, reference = _sums()
    objective = GroupwiseObjective(BETA)
    empty = empty_micro_batch()
    loss, told = objective.loss(policy, empty, objective.prepare(None, reference, empty))
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == 0
    assert told == dict.fromkeys(METRICS, 0.0)
    # But every parameter took part, as ranks that wait for each other need it.
    assert policy.table.grad is not None
    assert policy.table.grad.abs().max() == 0


def test_at_the_reference_the_loss_counts_orders() -> None:
    """All f are 0: each choice of s costs log s, ties or not, and the KL is 0."""
    policy, _ = _sums()
    loss, metrics = _run(_groups(2, 30), policy, policy, max_tokens=1000)
    # Live groups: 4 valid (log 4! / 3), 3 valid of 4 (the same), 1 of 3 compared (log 3), 4 tied, and a pair.
    expected = (3 * math.log(24) / 3 + math.log(3) + math.log(2)) / 5
    assert loss == pytest.approx(expected, abs=1e-9)
    # Of the five, the one all tied has no pair; f are equal in the others.
    assert metrics == pytest.approx({"kl": 0.0, "win_rate": 4 / 10, "margin": 0.0, "paired": 4 / 5}, abs=1e-9)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A policy and a reference, random and different."""
    place = tmp_path_factory.mktemp("models")
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk, Bread"] * 4, 300))
    config = ModelConfig(hidden_size=32, layers=2, heads=2, kv_heads=1, max_length=64)
    for seed, name in enumerate(("policy", "reference")):
        create_model(config, tokenizer, seed, place / name)
    return place / "policy", place / "reference"


def _plain_loss(group: RankedGroup, scores: list[torch.Tensor]) -> torch.Tensor:
    """As it is written down: every order of tied ones in turn, log-softmax over what is left."""
    levels = group.levels_G[group.compared].tolist()
    valid = [i for i, level in enumerate(levels) if level != INVALID]
    invalid = [i for i, level in enumerate(levels) if level == INVALID]
    choices = min(len(valid), len(levels) - 1)
    orders = [
        [*order, *invalid]
        for order in permutations(valid)
        if [levels[i] for i in order] == sorted(levels[i] for i in order)
    ]
    losses = [
        -torch.log_softmax(torch.stack([scores[j] for j in order[place:]]), dim=0)[0] / choices
        for order in orders
        for place in range(choices)
    ]
    return torch.stack(losses).sum() / len(orders)


def test_a_network_has_the_loss_and_gradient_of_plain_torch(models: tuple[Path, Path]) -> None:
    """Transformers, one sequence after the other, against packed rows through the learner's network."""
    from transformers import AutoModelForCausalLM

    groups = _groups(3, 250)
    ours, reference = (load_network(directory, torch.float32) for directory in models)

    def policy(network: Any) -> Policy:
        return partial(run_scorer, network, device=CPU)

    loss, _ = _run(groups, policy(ours), policy(reference), max_tokens=70)
    # Log-probs come in float32; what is summed of them is not.
    assert (
        GroupwiseObjective(BETA).prepare(None, policy(reference), empty_micro_batch()).dtype == torch.float64
    )

    plain, frozen = (
        AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval() for directory in models
    )

    def logprob(network: Any, prompt: Sequence[int], response: Sequence[int]) -> torch.Tensor:
        logits = network(torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1]
        picked = torch.log_softmax(logits, dim=-1).gather(1, torch.tensor(response)[:, None])
        return picked.double().sum()

    live = [group for group in groups if not group.dropped]
    losses = []
    for group in live:
        scores = []
        for index in group.compared:
            sides = (group.group.prompt.token_ids, group.group.rollouts[index].token_ids)
            scores.append(BETA * (logprob(plain, *sides) - logprob(frozen, *sides).detach()))
        losses.append(_plain_loss(group, scores))
    expected = torch.stack(losses).sum() / len(live)
    expected.backward()  # type: ignore[no-untyped-call]
    assert loss == pytest.approx(float(expected.detach()), rel=1e-5)
    theirs = dict(plain.named_parameters())
    largest = max(float(parameter.grad.abs().max()) for parameter in theirs.values())
    assert largest > 1e-3
    for name, parameter in ours.network.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs[name].grad, rtol=0, atol=1e-5 * largest, msg=name)
