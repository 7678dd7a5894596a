"""Packed rows: segments by hand, bins, and attention that keeps sequences apart."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AttentionInterface, Qwen3Config, Qwen3ForCausalLM

from lm.attention import ATTENTION, AttentionPlan, packed_attention
from lm.objective import TokenBatch
from lm.packing import Segment, Tree, balanced, first_fit, pack, position_ids
from lm.scorer import TokenScorer, run_scorer
from lm.scoring import Ask

torch.set_num_threads(1)


def test_a_row_by_hand() -> None:
    shared = Tree(prompt_ids=[1, 2, 3], responses=[[4, 5], [6]])
    ids_T, segments, places = pack(
        [shared, Tree(prompt_ids=[7], responses=[[8, 9]]), Tree(prompt_ids=[3, 2])]
    )
    assert ids_T.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 2]
    assert segments == (
        Segment(length=3),
        Segment(length=2, parent=0),
        Segment(length=1, parent=0),
        Segment(length=3),
        Segment(length=2),
    )
    # Both responses' first tokens are predicted by the prompt's last, which stands at 2.
    assert [positions.tolist() for positions in places[0].positions] == [[2, 3], [2]]
    assert [positions.tolist() for positions in places[1].positions] == [[6, 7]]
    assert [place.start for place in places] == [0, 6, 9]
    # Responses go on after the prompt's three tokens; other sequences begin anew.
    assert position_ids(segments).tolist() == [0, 1, 2, 3, 4, 3, 0, 1, 2, 0, 1]


def test_a_parent_is_counted_from_the_row_s_beginning() -> None:
    tree = Tree(prompt_ids=[1], responses=[[2], [3]])
    assert [segment.parent for segment in pack([tree, tree])[1]] == [None, 0, 0, None, 3, 3]


def test_bins_by_hand() -> None:
    # 5, then 4 beside it (9), 3 opens the second bin, 1 finds no room beside 9 but beside 3.
    assert first_fit([3, 5, 1, 4], 9) == [[1, 3], [0, 2]]


def test_what_exceeds_the_limit_stands_alone() -> None:
    assert first_fit([2, 50, 2], 10) == [[1], [0, 2]]
    assert first_fit([3, 4], 0) == [[1], [0]]
    assert first_fit([], 10) == []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=20), st.integers(0, 100))
def test_everything_once_and_no_bin_too_full(sizes: list[int], limit: int) -> None:
    bins = first_fit(sizes, limit)
    assert sorted(i for indices in bins for i in indices) == list(range(len(sizes)))
    for indices in bins:
        assert len(indices) == 1 or sum(sizes[i] for i in indices) <= limit


def test_balanced_bins_by_hand() -> None:
    # One rank: as few as first fit needs, but 6 + 2 and 5 + 2 instead of 6 + 2 + 2 and 5.
    assert balanced([6, 5, 2, 2], 10, 1) == [[0, 3], [1, 2]]
    # Two bins would do; three ranks get one each.
    assert balanced([6, 5, 2, 2], 10, 3) == [[0], [1], [2, 3]]
    # Three are needed; four give two ranks two rounds each, like beside like.
    assert balanced([6, 6, 6, 3, 3], 9, 2) == [[0], [1], [2], [3, 4]]
    # More ranks than sequences: what is left over gets nothing to do.
    assert balanced([3, 1], 10, 4) == [[0], [1]]
    assert balanced([], 10, 2) == []


def test_what_evenly_would_not_fit_is_packed_as_first_fit_does() -> None:
    # 5, 4 and 3, 3, 3 fill two bins; evenly it were 5 + 3 + 3 = 11.
    assert balanced([5, 4, 3, 3, 3], 9, 1) == first_fit([5, 4, 3, 3, 3], 9) == [[0, 1], [2, 3, 4]]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=20), st.integers(1, 100), st.integers(1, 5))
def test_balanced_bins_hold_everything_once(sizes: list[int], limit: int, ranks: int) -> None:
    bins = balanced(sizes, limit, ranks)
    assert sorted(i for indices in bins for i in indices) == list(range(len(sizes)))
    filled = [sum(sizes[i] for i in indices) for indices in bins]
    assert all(len(one) == 1 or total <= limit for one, total in zip(bins, filled, strict=True))
    assert filled == sorted(filled, reverse=True)
    # No more rounds than first fit needs.
    assert -(-len(bins) // ranks) == -(-len(first_fit(sizes, limit)) // ranks)


VOCABULARY = 50


def _network(kv_heads: int) -> Qwen3ForCausalLM:
    torch.manual_seed(0)
    network = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=VOCABULARY,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=kv_heads,
            head_dim=8,
            tie_word_embeddings=False,
            attn_implementation="sdpa",
        )
    )
    for parameter in network.parameters():  # large enough for attention to matter
        parameter.data.mul_(5 if parameter.ndim > 1 else 1)
    return network.double()


IDS = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=9)
TREES = st.lists(
    st.builds(lambda p, r: Tree(prompt_ids=p, responses=r), IDS, st.lists(IDS, min_size=1, max_size=4)),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("kv_heads", [4, 2])
@settings(max_examples=15, deadline=None)
@given(trees=TREES)
def test_log_probs_and_gradients_are_those_of_the_sequences_one_by_one(
    trees: list[Tree], kv_heads: int
) -> None:
    network = _network(kv_heads)
    apart = []
    for tree in trees:
        for response in tree.responses:
            ids = torch.tensor([[*tree.prompt_ids, *response]])
            logprobs = torch.log_softmax(network(ids).logits[0, len(tree.prompt_ids) - 1 : -1], -1)
            apart.append(logprobs.gather(1, torch.tensor(response)[:, None])[:, 0])
    weights = torch.linspace(-1, 1, sum(map(len, apart)), dtype=torch.float64)
    (torch.cat(apart) * weights).sum().backward()
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]

    AttentionInterface.register(ATTENTION, packed_attention)
    network.set_attn_implementation(ATTENTION)
    network.zero_grad()
    ids_T, segments, places = pack(trees)
    positions_N = np.concatenate([positions for place in places for positions in place.positions])
    targets_N = np.array([token for tree in trees for response in tree.responses for token in response])
    batch = TokenBatch(input_ids_T=ids_T, segments=segments, positions_N=positions_N, targets_N=targets_N)
    packed_N = run_scorer(TokenScorer(network), batch, Ask(), torch.device("cpu")).logprobs_N
    (packed_N * weights).sum().backward()

    assert (packed_N - torch.cat(apart)).abs().max() < 1e-5
    # Of all parameters together: transformers' normalisation computes in float32 whatever the weights are.
    expected = torch.cat([gradient.flatten() for gradient in gradients])
    actual = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    assert (actual - expected).norm() <= 1e-5 * expected.norm() + 1e-5


def test_gradients_are_the_same_bits_whatever_the_threads_do() -> None:
    """The prompt's last position stands for every response, so that threads that add at once would meet."""
    network = _network(2).float()
    AttentionInterface.register(ATTENTION, packed_attention)
    network.set_attn_implementation(ATTENTION)
    tree = Tree(prompt_ids=[1, 2, 3], responses=[[4 + i % 40] for i in range(1200)])
    ids_T, segments, (place,) = pack([tree])
    positions_N = np.concatenate(place.positions)
    batch = TokenBatch(
        input_ids_T=ids_T,
        segments=segments,
        positions_N=positions_N,
        targets_N=np.concatenate(tree.responses),
    )
    scorer = TokenScorer(network)
    weights_N = torch.randn(len(positions_N), generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(2)
    try:
        gradients = set()
        for _ in range(4):
            network.zero_grad()
            (run_scorer(scorer, batch, Ask(), torch.device("cpu")).logprobs_N * weights_N).sum().backward()
            embedding = network.get_input_embeddings().weight.grad
            assert embedding is not None
            gradients.add(embedding.numpy().tobytes())
    finally:
        torch.set_num_threads(1)
    assert len(gradients) == 1


@pytest.mark.parametrize("trees", [([], [[1]]), ([1], [[2], []])])
def test_nothing_to_predict_is_refused(trees: tuple[list[int], list[list[int]]]) -> None:
    with pytest.raises(ValueError, match="at least one token each"):
        Tree(prompt_ids=trees[0], responses=trees[1])


def test_attention_that_is_more_than_causal_is_refused() -> None:
    heads = torch.zeros(1, 1, 2, 4)
    plan = AttentionPlan.of((Segment(length=2),), heads.device)
    layer = torch.nn.Identity()
    for feature in ({"sliding_window": 2}, {"dropout": 0.1}, {"softcap": 30.0}):
        with pytest.raises(ValueError, match=f"knows no {next(iter(feature))}"):
            packed_attention(layer, heads, heads, heads, None, plan=plan, **feature)
    assert packed_attention(layer, heads, heads, heads, None, plan=plan)[0].shape == (1, 2, 1, 4)
