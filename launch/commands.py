"""`usergpt run` and `usergpt rl`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from launch.pipeline import open_run, run_stages
from launch.preflight import preflight
from launch.progress import Reporter
from launch.recipe import load_recipe
from records.errors import UserError
from rl.modes import TRAIN


def run_recipe(recipe_path: Path, overrides: Sequence[str], force: Sequence[str], until: str) -> int:
    """Run a recipe's stages; one Ray serves all of them."""
    recipe = load_recipe(recipe_path, overrides)
    if recipe.rl.mode != TRAIN:
        raise UserError(f"rl.mode is {recipe.rl.mode}: that is for `usergpt rl`; a whole run trains")
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


def run_rl(recipe_path: Path, overrides: Sequence[str], force: Sequence[str]) -> int:
    """Run stage rl of a recipe as `rl.mode` says, after the stages before it, as far as they are not done."""
    recipe = load_recipe(recipe_path, overrides)
    if recipe.rl.mode == TRAIN:
        return run_recipe(recipe_path, overrides, force, "rl")
    if not recipe.rl.steps:
        raise UserError(f"rl.steps is 0; say how many steps rl.mode={recipe.rl.mode} shall do")
    preflight(recipe)
    from actors.cluster import ray_cluster
    from actors.nodes import check_shared
    from actors.placement import check_fit, cluster_nodes, rl_needs
    from launch.stages.all import STAGES, scoring
    from launch.stages.rl_modes import mode_folder, mode_stage

    reporter = Reporter()
    run = open_run(recipe, reporter)
    as_trained = replace(recipe, rl=replace(recipe.rl, mode=TRAIN, replay_from=""))
    with ray_cluster(recipe.cluster):
        check_fit(rl_needs(recipe), cluster_nodes())
        check_shared(run.directory, recipe.cluster.timeout_s)
        run_stages(replace(run, recipe=as_trained), STAGES, force=force, until="sft")
        stage = mode_stage(run, scoring(recipe.scorer))
        run_stages(replace(run, directory=mode_folder(run)), (stage,))
    reporter.say(f"done: {mode_folder(run)}")
    return 0
