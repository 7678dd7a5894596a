"""Whether the nodes that are to hold a run can: room, versions, storage, memory."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from actors.cluster import cluster_address, ray_cluster
from actors.nodes import LOOK_S, PACKAGES, Facts, existing, look, look_everywhere, told_shared
from actors.placement import Node, check_fit, rl_needs
from launch.doctor.check import Check
from launch.doctor.memory import check_gpu_memory, disk_gib, store_gib
from launch.recipe import run_directory
from launch.shape import NO_CONFIG, model_shape
from records.config import Recipe
from records.errors import UserError

COMPARED = ("python", *PACKAGES)
"""Versions that must be the driver's on every node: weights and functions travel between them."""

HERE = "this machine"
"""What the only node is called where no cluster is named."""


def nodes_of(recipe: Recipe, stack: ExitStack) -> list[Facts]:
    """What the nodes of the cluster say, which is left with `stack`; without a cluster, this machine.

    Raises:
        UserError: a file is in the place of the run directory, the cluster cannot be joined, or a node does
            not answer.
    """
    place, model_dir = existing(run_directory(recipe)), recipe.model.init_dir
    if not place.is_dir():
        raise UserError(f"{place}: a file, where the run directory is to be; set runs_dir to a directory")
    if cluster_address(recipe.cluster) not in ("", "local"):
        stack.enter_context(ray_cluster(recipe.cluster))
        return look_everywhere(place, model_dir, min(LOOK_S, recipe.cluster.timeout_s))
    if not os.access(place, os.W_OK):
        raise UserError(f"{place}: not writable; set runs_dir")
    from torch.cuda import device_count

    told = look()(str(place / "here"), "", model_dir) | {"shared": ""}
    cpus = float(recipe.cluster.cpus or os.cpu_count() or 1)
    store = recipe.cluster.object_store_gib
    return [Facts(name=HERE, cpus=cpus, gpus=float(device_count()), object_store_gib=store, **told)]


def node_checks(recipe: Recipe, directory: Path, nodes: Sequence[Facts]) -> Iterator[Check]:
    """Everything that `nodes` are asked for by a run in `directory`."""
    yield Check(name="actors", says=partial(room, recipe, nodes))
    if len(nodes) > 1:
        yield Check(name="run directory", says=partial(told_shared, directory, nodes))
    if cluster_address(recipe.cluster) not in ("", "local"):
        ours = look()("", "", "")["versions"]
        yield Check(name="versions", says=partial(versions, ours, nodes))
    if recipe.model.init_dir:
        yield Check(name="model", says=partial(models, recipe.model.init_dir, nodes))
    # Of sizes nothing is known without the model's shape.
    yield Check(name="disk", says=partial(disk, recipe, directory, nodes), needs=("model",))
    yield Check(name="object store", says=partial(object_store, recipe, nodes), needs=("model",))
    if any(node.gpus for node in nodes):
        yield Check(name="GPU memory", says=partial(gpu_memory, recipe, nodes), needs=("model",))


def node_check_names(recipe: Recipe) -> list[str]:
    """What `node_checks` would look at, where nobody knows the nodes."""
    joins = cluster_address(recipe.cluster) not in ("", "local")
    on_gpu = recipe.learner.gpus_per_rank > 0 or recipe.rollout.gpus_per_actor > 0
    return [
        "actors",
        *(["run directory", "versions"] if joins else []),
        *(["model"] if recipe.model.init_dir else []),
        *("disk", "object store"),
        *(["GPU memory"] if on_gpu else []),
    ]


def room(recipe: Recipe, nodes: Sequence[Facts]) -> str:
    """What actors ask for, and that there is as much."""
    needs = rl_needs(recipe)
    check_fit(needs, [Node(name=node.name, cpus=node.cpus, gpus=node.gpus) for node in nodes])
    cpus, gpus = sum(n.count * n.cpus for n in needs), sum(n.count * n.gpus for n in needs)
    return (
        f"actors ask for {cpus:g} of {sum(node.cpus for node in nodes):g} CPUs and {gpus:g} of "
        f"{sum(node.gpus for node in nodes):g} GPUs: {', '.join(map(str, needs))}"
    )


def versions(ours: dict[str, str], nodes: Sequence[Facts]) -> str:
    """That nodes have what the driver has."""
    for node in nodes:
        for name in COMPARED:
            theirs, own = node.versions.get(name, "none"), ours.get(name, "none")
            if theirs != own:
                raise UserError(f"node {node.name} has {name} {theirs}, here it is {own}; install the same")
    return f"versions: {', '.join(COMPARED)} are the same on {len(nodes)} node(s)"


def models(init_dir: str, nodes: Sequence[Facts]) -> str:
    """That nodes have the model to start from: any of them may be where a submitted job begins."""
    without = [node.name for node in nodes if not node.has_model]
    if without == [HERE]:  # in the words of all others who look for it, so that it is told once
        raise UserError(f"model.init_dir {init_dir!r}: {NO_CONFIG}")
    if without:
        raise UserError(
            f"model.init_dir {init_dir!r}: no config.json on {', '.join(without)}; put it on shared storage"
        )
    return f"model: {init_dir} is there on {len(nodes)} node(s)"


def disk(recipe: Recipe, directory: Path, nodes: Sequence[Facts]) -> str:
    """That the run's files have room."""
    free, needed = min(node.disk_gib for node in nodes), disk_gib(recipe, model_shape(recipe.model))
    if free < needed:
        raise UserError(
            f"{existing(directory)}: {free:.1f} GiB free, checkpoints and models of a run take up to "
            f"{needed:.1f}; make room"
        )
    return f"disk: {free:.1f} GiB free at {existing(directory)}, a run takes up to {needed:.1f}"


def object_store(recipe: Recipe, nodes: Sequence[Facts]) -> str:
    """That weights have room on their way to engines."""
    on_gpu, snapshot = recipe.rollout.gpus_per_actor > 0, recipe.rl.max_staleness > 0
    needed = store_gib(model_shape(recipe.model), on_gpu=on_gpu, snapshot=snapshot)
    for node in nodes:
        if node.object_store_gib < needed:
            raise UserError(
                f"{node.name}: Ray's object store has {node.object_store_gib:.2f} GiB, weights on their "
                f"way to engines take {needed:.2f}; start Ray with more (--object-store-memory, or "
                "cluster.object_store_gib)"
            )
        if cluster_address(recipe.cluster) in ("", "local") and node.shm_gib < node.object_store_gib:
            raise UserError(
                f"/dev/shm has {node.shm_gib:.2f} GiB free, cluster.object_store_gib is "
                f"{node.object_store_gib:g}; lower it, or enlarge /dev/shm"
            )
    least = min(node.object_store_gib for node in nodes)
    return f"object store: {least:.2f} GiB at least, weights on their way to engines take {needed:.2f}"


def gpu_memory(recipe: Recipe, nodes: Sequence[Facts]) -> str:
    """That learner and engines have room on the smallest GPU."""
    sizes = [size for node in nodes if node.gpus for size in node.gpu_gib]
    if not sizes:
        raise UserError("Ray has GPUs, and nvidia-smi tells of none: their memory is not known")
    return check_gpu_memory(recipe, model_shape(recipe.model), min(sizes))
