"""`usergpt run`."""

from collections.abc import Sequence
from pathlib import Path

from launch.pipeline import open_run, run_stages
from launch.preflight import preflight
from launch.progress import Reporter
from launch.recipe import load_recipe


def run_recipe(recipe_path: Path, overrides: Sequence[str], force: Sequence[str], until: str) -> int:
    """Run a recipe's stages; one Ray serves all of them."""
    recipe = load_recipe(recipe_path, overrides)
    preflight(recipe)
    from actors.cluster import ray_cluster
    from actors.nodes import check_shared
    from actors.placement import check_fit, cluster_nodes, rl_needs
    from launch.stages.all import STAGES

    reporter = Reporter()
    run = open_run(recipe, reporter)
    reporter.say("starting Ray")
    with ray_cluster(recipe.cluster):
        check_fit(rl_needs(recipe), cluster_nodes())
        check_shared(run.directory, recipe.cluster.timeout_s)
        run_stages(run, STAGES, force=force, until=until)
    reporter.say(f"done: {run.directory}")
    return 0
