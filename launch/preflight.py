"""What can be known to fail before anything starts."""

from pathlib import Path

import psutil

from actors.cluster import check_address, cluster_address
from actors.engine import check_kv_cache
from actors.scorer import scorer_gpus
from records.config import Recipe
from records.errors import UserError
from records.files import read_json
from rewards.checks import check_scorer_here

CPU_HEAD_SIZES = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256)
"""Head sizes for which vLLM's CPU attention has a kernel."""


def cpu_shares(recipe: Recipe) -> dict[str, float]:
    """Ray CPUs of the RL stage, which holds the most actors at once, by kind of actor."""
    return {
        "rollout": recipe.rollout.actors * recipe.rollout.cpus_per_actor,
        "learner": recipe.learner.ranks * recipe.learner.cpus_per_rank,
        "scorer": recipe.scorer.actors * recipe.scorer.cpus_per_actor,
    }


def gpu_share(recipe: Recipe) -> float:
    """Ray GPUs of the RL stage."""
    return (
        recipe.rollout.actors * recipe.rollout.gpus_per_actor
        + recipe.learner.ranks * recipe.learner.gpus_per_rank
        + recipe.scorer.actors * scorer_gpus(recipe.scorer)
    )


def preflight(recipe: Recipe) -> None:
    """Refuse what cannot work in a run.

    Raises:
        UserError: the first problem found, with its mend.
    """
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
    layers, kv_heads, head_dim = _shape(recipe)
    check_kv_cache(
        recipe.rollout,
        layers=layers,
        kv_heads=kv_heads,
        head_dim=head_dim,
        max_length=recipe.model.max_length,
        free_gib=psutil.virtual_memory().available / 2**30,
    )


def _shape(recipe: Recipe) -> tuple[int, int, int]:
    """Layers, key/value heads and head size of the model."""
    model = recipe.model
    if not model.init_dir:
        if model.hidden_size % model.heads or model.heads % model.kv_heads:
            raise UserError(
                f"model: hidden_size {model.hidden_size} must be a multiple of heads {model.heads}, "
                f"and heads of kv_heads {model.kv_heads}"
            )
        _check_head_size("model: hidden_size / heads", model.hidden_size // model.heads, recipe)
        return model.layers, model.kv_heads, model.hidden_size // model.heads
    path = Path(model.init_dir) / "config.json"
    if not path.is_file():
        raise UserError(
            f"model.init_dir {model.init_dir!r}: no config.json; name a Hugging Face model directory"
        )
    try:
        config = read_json(path)
        heads = config["num_attention_heads"]
        shape = (
            config["num_hidden_layers"],
            config.get("num_key_value_heads", heads),
            config.get("head_dim") or config["hidden_size"] // heads,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no readable model config ({error!r})") from None
    _check_head_size(f"{path}: head_dim", shape[2], recipe)
    longest = config.get("max_position_embeddings", model.max_length)
    if longest < model.max_length:
        raise UserError(
            f"{path}: the model reads {longest} tokens; lower model.max_length {model.max_length}"
        )
    return shape


def _check_head_size(what: str, size: int, recipe: Recipe) -> None:
    if not recipe.rollout.gpus_per_actor and size not in CPU_HEAD_SIZES:
        raise UserError(f"{what} is {size}; vLLM on CPU takes {', '.join(map(str, CPU_HEAD_SIZES))}")
