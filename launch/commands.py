"""`usergpt run`."""

from collections.abc import Sequence
from pathlib import Path

from launch.pipeline import open_run, run_stages
from launch.preflight import cpu_shares, gpu_share, preflight
from launch.progress import Reporter
from launch.recipe import load_recipe


def run_recipe(recipe_path: Path, overrides: Sequence[str], force: Sequence[str], until: str) -> int:
    """Run a recipe's stages; one Ray serves all of them."""
    recipe = load_recipe(recipe_path, overrides)
    preflight(recipe)
    from actors.cluster import check_cpus, ray_cluster
    from launch.stages.all import STAGES

    reporter = Reporter()
    run = open_run(recipe, reporter)
    reporter.say("starting Ray")
    with ray_cluster(recipe.cluster):
        check_cpus(cpu_shares(recipe), gpu_share(recipe))
        run_stages(run, STAGES, force=force, until=until)
    reporter.say(f"done: {run.directory}")
    return 0
