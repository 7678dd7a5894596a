"""What can be known to fail before anything starts."""

import psutil

from actors.cluster import check_address, cluster_address
from actors.engine import check_kv_cache
from launch.shape import Shape, model_shape
from lm.sentences import encoder_directory
from records.config import PERSONAS, Recipe
from records.errors import UserError
from rewards.checks import check_scorer_here
from rl.modes import REPLAY

CPU_HEAD_SIZES = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Head sizes for which vLLM's CPU attention has a kernel."""


def preflight(recipe: Recipe) -> None:
    """Refuse what cannot work in a run.

    Raises:
        UserError: the first problem found, with its mend.
    """
    if recipe.task == PERSONAS:
        encoder_directory(recipe.induce.clusters.embeddings, "induce.clusters.embeddings")
        check_engines(recipe)
    elif recipe.rl.mode != REPLAY:  # which has neither
        check_scorer_here(recipe.scorer)
        check_engines(recipe)


def check_engines(recipe: Recipe) -> None:
    """The same for engines alone, where nothing is scored.

    Raises:
        UserError: as `preflight`.
    """
    address = cluster_address(recipe.cluster)
    if address not in ("", "local"):
        check_address(address)
    shape = model_shape(recipe.model)
    _check_engine(recipe, shape)
    check_kv_cache(
        recipe.rollout,
        layers=shape.layers,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        max_length=recipe.model.max_length,
        free_gib=psutil.virtual_memory().available / 2**30,
    )


def _check_engine(recipe: Recipe, shape: Shape) -> None:
    """Refuse a network that engines cannot serve."""
    tensor_parallel, on_cpu = recipe.rollout.tensor_parallel, recipe.rollout.gpus_per_actor == 0
    whole = shape.kv_heads % tensor_parallel == 0 or tensor_parallel % shape.kv_heads == 0
    if shape.heads % tensor_parallel or shape.intermediate % tensor_parallel or not whole:
        raise UserError(
            f"rollout.tensor_parallel is {tensor_parallel}: {shape.where} has {shape.heads} attention heads, "
            f"{shape.kv_heads} of keys and values, and {shape.intermediate} wide layers; take a number that "
            "divides them"
        )
    if on_cpu and shape.head_dim not in CPU_HEAD_SIZES:
        raise UserError(
            f"{shape.where}: head_dim is {shape.head_dim}; vLLM on CPU takes "
            f"{', '.join(map(str, CPU_HEAD_SIZES))}"
        )
    if shape.longest and shape.longest < recipe.model.max_length:
        raise UserError(
            f"{shape.where}: the model reads {shape.longest} tokens; lower model.max_length "
            f"{recipe.model.max_length}"
        )
