"""What fits on a cluster, and what is said where it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import placement
from actors.placement import ANYWHERE, Need, Node, Places, check_fit, rl_needs, rollout_need
from records.config import Recipe, RolloutConfig
from records.errors import UserError

TWO_NODES = [Node(name="a", cpus=64, gpus=8), Node(name="b", cpus=64, gpus=8)]


def test_what_the_rl_stage_asks_for() -> None:
    recipe = Recipe()
    recipe.rollout = RolloutConfig(actors=2, gpus_per_actor=4, cpus_per_actor=4, tensor_parallel=4)
    assert [str(need) for need in rl_needs(recipe)] == [
        "learner 1 × (0.5 CPUs)",
        "rollout 2 × (4 CPUs 4 GPUs)",
        "scorer 1 × (0.5 CPUs)",
    ]


def test_engines_of_one_gpu_are_spread_and_larger_ones_packed() -> None:
    assert rollout_need(RolloutConfig(gpus_per_actor=1)).spread
    assert not rollout_need(RolloutConfig(gpus_per_actor=4, tensor_parallel=4)).spread


def test_the_largest_are_placed_first() -> None:
    """Learner ranks of one GPU leave a node whole for the engine that needs all of one."""
    learner = Need(kind="learner", count=8, cpus=1, gpus=1)
    engine = Need(kind="rollout", count=1, cpus=1, gpus=8)
    check_fit([learner, engine], TWO_NODES)


@pytest.mark.parametrize(
    ("engine", "nodes", "told"),
    [
        (
            RolloutConfig(cpus_per_actor=4, gpus_per_actor=4, tensor_parallel=4),
            [Node(name="10.0.0.1", cpus=16, gpus=1), Node(name="10.0.0.2", cpus=8, gpus=2)],
            "one takes 4 CPUs 4 GPUs (rollout.gpus_per_actor and rollout.tensor_parallel), and the largest "
            "node, 10.0.0.2, has 8 CPUs 2 GPUs; change rollout.gpus_per_actor and rollout.tensor_parallel",
        ),
        (
            RolloutConfig(cpus_per_actor=32, gpus_per_actor=1),
            [Node(name="10.0.0.1", cpus=16, gpus=1), Node(name="10.0.0.2", cpus=8, gpus=2)],
            "one takes 32 CPUs 1 GPUs (rollout.cpus_per_actor), and the largest node, 10.0.0.1, has "
            "16 CPUs 1 GPUs; change rollout.cpus_per_actor",
        ),
        (
            RolloutConfig(cpus_per_actor=16, gpus_per_actor=1),
            [Node(name="10.0.0.1", cpus=16), Node(name="10.0.0.2", cpus=8, gpus=2)],
            "one takes 16 CPUs 1 GPUs (rollout.cpus_per_actor and rollout.gpus_per_actor), and the largest "
            "node, 10.0.0.2, has 8 CPUs 2 GPUs; change rollout.cpus_per_actor and rollout.gpus_per_actor",
        ),
    ],
)
def test_an_engine_that_no_node_can_ever_hold_is_refused_by_the_setting(
    engine: RolloutConfig, nodes: list[Node], told: str
) -> None:
    with pytest.raises(UserError) as refused:
        check_fit([Need(kind="scorer", count=1, cpus=0.5), rollout_need(engine)], nodes)
    assert str(refused.value) == (
        "the cluster has no room for rollout, of which each must fit on one node: "
        f"{told}, or add a larger node"
    )


def test_engines_that_fit_on_no_node_beside_each_other_are_refused_with_all_that_is_asked_for() -> None:
    nodes = [Node(name="10.0.0.1", cpus=8, gpus=2), Node(name="10.0.0.2", cpus=8, gpus=2)]
    with pytest.raises(UserError) as refused:
        check_fit([Need(kind="rollout", count=3, cpus=4, gpus=2)], nodes)
    assert str(refused.value) == (
        "the cluster has no room for rollout, of which each must fit on one node: the actors ask for rollout "
        "3 × (4 CPUs 2 GPUs), in all 12 CPUs 6 GPUs; the cluster has 10.0.0.1 8 CPUs 2 GPUs, 10.0.0.2 8 CPUs "
        "2 GPUs; lower the number of actors, or their cpus and gpus"
    )


def test_a_long_list_of_nodes_is_cut() -> None:
    nodes = [Node(name=f"n{number}", cpus=1) for number in range(11)]
    with pytest.raises(UserError, match=r"n7 1 CPUs and 3 more nodes; lower"):
        check_fit([Need(kind="scorer", count=12, cpus=1)], nodes)


@given(
    st.lists(
        st.sampled_from([(8,), (4, 4), (4, 2, 2), (4, 2, 1, 1), (2, 2, 2, 2), (1,) * 8]),
        min_size=1,
        max_size=6,
    )
)
def test_what_nodes_were_cut_into_fits_on_them(cuts: list[tuple[int, ...]]) -> None:
    """With GPUs in powers of two, putting the largest first where the least is left finds every fit."""
    sizes = [size for cut in cuts for size in cut]
    needs = [
        Need(kind=f"of {size}", count=sizes.count(size), cpus=2 * size, gpus=size)
        for size in sorted(set(sizes))
    ]
    nodes = [Node(name=str(number), cpus=16, gpus=8) for number in range(len(cuts))]
    check_fit(needs, nodes)
    with pytest.raises(UserError):
        check_fit([*needs, Need(kind="one more", count=1, cpus=0, gpus=1)], nodes)


def test_without_a_reservation_ray_places() -> None:
    assert ANYWHERE.of(3) == {}


def test_each_bundle_has_its_place_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is as a whole being placed anew where the node of one of its bundles died."""
    table = {"bundles_to_node_id": {0: "a", 1: ""}}
    monkeypatch.setattr(placement, "placement_group_table", lambda group: table)
    places = Places(group="g")  # type: ignore[arg-type]
    assert [places.placed(number) for number in (0, 1)] == [True, False]
    assert ANYWHERE.placed(1)
