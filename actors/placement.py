"""Where the actors of a run live: room reserved through Ray placement groups, for all of them or for none.

A bundle holds one actor and lies on one node, so an engine's tensor-parallel processes share a machine. A
bundle whose node dies is placed anew by Ray, and whoever replaces its actor finds it on another node.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from records.config import LearnerConfig, LiveConfig, Recipe, RolloutConfig, ScorerConfig
from records.errors import UserError
from rl.modes import LIVE, REPLAY, ROLLOUT

_LOOK_S = 1.0
"""Seconds between looks at whether a group is placed; an interrupt waits as long."""

_SHOWN = 8
"""Nodes that an error tells of."""

HOMELESS = "a node died, and no other had room for what was on it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Room for `count` actors of a kind, each with so many Ray CPUs and GPUs on one node.

    Spread actors take as many nodes as there are, others as few as hold them. `settings` name the fields of a
    recipe that say how many CPUs one takes, and how many GPUs.
    """

    kind: str
    count: int
    cpus: float
    gpus: float = 0.0
    spread: bool = False
    settings: tuple[str, str] = ("its CPUs", "its GPUs")

    def __str__(self) -> str:
        return f"{self.kind} {self.count} × ({_told(self.cpus, self.gpus)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of a cluster and what is on it: of all its Ray CPUs and GPUs, or of those free now."""

    name: str
    cpus: float
    gpus: float = 0.0

    def __str__(self) -> str:
        return f"{self.name} {_told(self.cpus, self.gpus)}"


def learner_need(config: LearnerConfig) -> Need:
    """Ranks talk to each other most: as few nodes as hold them."""
    return Need(
        kind="learner",
        count=config.ranks,
        cpus=config.cpus_per_rank,
        gpus=config.gpus_per_rank,
        settings=("learner.cpus_per_rank", "learner.gpus_per_rank"),
    )


def rollout_need(config: RolloutConfig) -> Need:
    """Engines do not talk to each other: spread, a node that dies takes few of them.

    Those of several GPUs are packed all the same: spread, they would leave each node too little for the next.
    """
    gpus = "rollout.gpus_per_actor" + (" and rollout.tensor_parallel" if config.tensor_parallel > 1 else "")
    return Need(
        kind="rollout",
        count=config.actors,
        cpus=config.cpus_per_actor,
        gpus=config.gpus_per_actor,
        spread=config.gpus_per_actor <= 1,
        settings=("rollout.cpus_per_actor", gpus),
    )


def scorer_gpus(config: ScorerConfig) -> float:
    """Ray GPUs of a scorer: a sliver, as it shares one, where embeddings are computed there."""
    return 0.01 if config.embeddings and config.embeddings_device != "cpu" else 0.0


def scorer_need(config: ScorerConfig) -> Need:
    """Scorers work each on its own."""
    return Need(
        kind="scorer",
        count=config.actors,
        cpus=config.cpus_per_actor,
        gpus=scorer_gpus(config),
        spread=True,
        settings=("scorer.cpus_per_actor", "scorer.embeddings_device"),
    )


def producer_need(config: LiveConfig) -> Need:
    """Producers of live prompts work each on its own."""
    return Need(
        kind="producer",
        count=config.workers,
        cpus=config.cpus_per_worker,
        spread=True,
        settings=("rl.live.cpus_per_worker", "its GPUs"),
    )


def rl_needs(recipe: Recipe) -> tuple[Need, ...]:
    """What the RL stage asks for, which holds the most actors at once, in its mode."""
    mode, live = recipe.rl.mode, recipe.rl.prompts == LIVE
    learner = (learner_need(recipe.learner),) if mode != ROLLOUT else ()
    if mode == REPLAY:
        return learner
    producers = (producer_need(recipe.rl.live),) if live else ()
    return (*learner, rollout_need(recipe.rollout), scorer_need(recipe.scorer), *producers)


def check_fit(needs: Sequence[Need], nodes: Sequence[Node]) -> None:
    """Refuse actors that `nodes` cannot hold, were nothing else on them: Ray would wait for ever.

    Raises:
        UserError: saying what is asked for and what there is.
    """
    homeless = _homeless(needs, nodes)
    if homeless:
        _check_one_fits(homeless, nodes)
        raise UserError(
            f"the cluster has no room for {homeless.kind}, of which each must fit on one node: the actors "
            f"ask for {_listed(needs)}; the cluster has {_cluster(nodes)}; lower the number of actors, or "
            "their cpus and gpus"
        )


def _check_one_fits(need: Need, nodes: Sequence[Node]) -> None:
    """Refuse an actor that is too large for every node, whatever else is there."""
    enough = [[node.cpus >= need.cpus - 1e-6, node.gpus >= need.gpus - 1e-6] for node in nodes]
    if any(map(all, enough)):
        return
    short = [not any(have) for have in zip(*enough, strict=True)]
    if not any(short):  # no node has enough of both
        short = [True, True]
    fields = " and ".join(name for name, lacks in zip(need.settings, short, strict=True) if lacks)
    largest = max(nodes, key=lambda node: (node.gpus, node.cpus) if short[1] else (node.cpus, node.gpus))
    raise UserError(
        f"the cluster has no room for {need.kind}, of which each must fit on one node: one takes "
        f"{_told(need.cpus, need.gpus)} ({fields}), and the largest node, {largest.name}, has "
        f"{_told(largest.cpus, largest.gpus)}; change {fields}, or add a larger node"
    )


def _homeless(needs: Iterable[Need], nodes: Sequence[Node]) -> Need | None:
    """The first need that is not met, when actors are put, the largest first, where the least is left."""
    left = [[node.gpus, node.cpus] for node in nodes]
    for need in _largest_first(needs):
        for _ in range(need.count):
            fits = [room for room in left if room[0] >= need.gpus - 1e-6 and room[1] >= need.cpus - 1e-6]
            if not fits:
                return need
            room = min(fits)
            room[0] -= need.gpus
            room[1] -= need.cpus
    return None


def _largest_first(needs: Iterable[Need]) -> list[Need]:
    """What takes the most of a node goes first; small actors find room between."""
    return sorted(needs, key=lambda need: (-need.gpus, -need.cpus))


def cluster_nodes(*, free: bool = False) -> list[Node]:
    """The nodes that are alive, with all that is on them or only what is free now."""
    now: Mapping[str, Mapping[str, float]] = available_resources_per_node() if free else {}
    return [
        Node(
            name=node["NodeManagerAddress"],
            cpus=float(have.get("CPU", 0.0)),
            gpus=float(have.get("GPU", 0.0)),
        )
        for node in ray.nodes()
        if node["Alive"]
        for have in [now.get(node["NodeID"], {}) if free else node["Resources"]]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The bundles reserved for actors of one kind; without a group Ray puts each where it likes."""

    group: PlacementGroup | None = None

    def placed(self, number: int) -> bool:
        """Whether the bundle of that actor has its place; not where its node died and no other has room."""
        return self.group is None or bool(placement_group_table(self.group)["bundles_to_node_id"][number])

    def of(self, number: int) -> dict[str, Any]:
        """Options of the actor number so-and-so, and of whoever replaces it."""
        if self.group is None:
            return {}
        strategy = PlacementGroupSchedulingStrategy(self.group, placement_group_bundle_index=number)
        return {"scheduling_strategy": strategy}


ANYWHERE = Places()
"""Nothing is reserved: for tests, benchmarks and stages with actors of one kind."""


@contextmanager
def reserved(needs: Sequence[Need], timeout_s: float) -> Iterator[dict[str, Places]]:
    """Reserve room for all of `needs`, by kind; after the block it is given back, and whoever is there ended.

    Raises:
        UserError: not all have their place within `timeout_s` seconds; nothing stays reserved.
    """
    check_fit(needs, cluster_nodes())
    groups: dict[str, PlacementGroup] = {}
    deadline = time.monotonic() + timeout_s
    try:
        for need in _largest_first(needs):
            bundle = {name: have for name, have in (("CPU", need.cpus), ("GPU", need.gpus)) if have}
            if not bundle:
                continue
            strategy = "SPREAD" if need.spread else "PACK"
            groups[need.kind] = group = placement_group([bundle] * need.count, strategy=strategy)
            while not group.wait(_LOOK_S):
                if time.monotonic() > deadline:
                    raise UserError(
                        f"no place for {need} within {timeout_s:g} s (cluster.timeout_s): the actors ask "
                        f"for {_listed(needs)}; the cluster has {_cluster(cluster_nodes())}, of which are "
                        f"left {_cluster(cluster_nodes(free=True))}"
                    )
        yield {need.kind: Places(group=groups.get(need.kind)) for need in needs}
    finally:
        for group in groups.values():
            remove_placement_group(group)


def _told(cpus: float, gpus: float) -> str:
    return f"{cpus:g} CPUs" + (f" {gpus:g} GPUs" if gpus else "")


def _listed(needs: Sequence[Need]) -> str:
    total = _told(sum(n.count * n.cpus for n in needs), sum(n.count * n.gpus for n in needs))
    return f"{', '.join(map(str, needs))}, in all {total}"


def _cluster(nodes: Sequence[Node]) -> str:
    shown = ", ".join(str(node) for node in nodes[:_SHOWN])
    return shown + (f" and {len(nodes) - _SHOWN} more nodes" if len(nodes) > _SHOWN else "")
