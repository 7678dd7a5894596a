"""A run's trained model as an inducer, with engines of its own."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from actors.cluster import ray_cluster
from actors.placement import check_fit, cluster_nodes, rollout_need
from actors.rollout import RolloutPool
from induce.embedding import SentenceEmbedder
from induce.trained import ASKING_VERSION, ModelInducer
from launch.preflight import check_engines
from launch.recipe import load_recipe
from launch.stages.groupwise import FOLDER as GROUPWISE
from launch.stages.persona_sft import STAGE as SFT
from lm.chat import Progress
from lm.tokenizer import ChatTokenizer
from records.config import PERSONAS, Recipe
from records.errors import UserError
from records.files import directory_digest


def trained_recipe(run: Path, overrides: Sequence[str]) -> tuple[Recipe, Path]:
    """The recipe of a run for personas, and its best model: after groupwise DPO, else after SFT.

    Raises:
        UserError: there is no such run, it is of another task, or it has no model yet.
    """
    config = run / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run}: no run there; run `usergpt run induction` or name one with --run")
    recipe = load_recipe(config, overrides)
    if recipe.task != PERSONAS:
        raise UserError(f"{run}: its model writes {recipe.task}, no personas; name a run of task=personas")
    for model in (run / GROUPWISE / "policy", run / "sft" / SFT):
        if (model / "config.json").is_file():
            check_engines(recipe)
            return recipe, model
    raise UserError(f"{run}: the run has no trained model yet; finish it with `usergpt run`")


def identity(model: Path, recipe: Recipe) -> dict[str, Any]:
    """What tells this inducer from another."""
    most = recipe.bench.max_response_tokens
    return {
        "name": "model",
        "version": ASKING_VERSION,
        "files": directory_digest(model),
        "most_tokens": most,
        "seed": recipe.seed,
    }


@contextmanager
def trained_inducer(model: Path, recipe: Recipe, vectors: Path, progress: Progress) -> Iterator[ModelInducer]:
    """The inducer, while its engines are up; embeddings are kept in `vectors`."""
    clusters = recipe.induce.clusters
    with ray_cluster(recipe.cluster):
        check_fit([rollout_need(recipe.rollout)], cluster_nodes())
        timeout = recipe.cluster.timeout_s
        pool = RolloutPool(model, recipe.rollout, recipe.model.max_length, timeout)
        with closing(pool):
            yield ModelInducer(
                pool,
                ChatTokenizer.load(model),
                SentenceEmbedder(clusters.embeddings, cache=vectors, most=clusters.cached_texts),
                budget=recipe.induce.line_tokens,
                most_tokens=recipe.bench.max_response_tokens,
                quality=recipe.induce.quality,
                seed=recipe.seed,
                progress=progress,
            )
