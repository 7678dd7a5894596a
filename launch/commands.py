"""`usergpt run` and `usergpt rl`."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from launch.pipeline import WAIT, Run, Stage, open_run, run_stages
from launch.preflight import preflight
from launch.progress import Reporter
from launch.recipe import load_recipe
from records.config import PERSONAS, TAGS, Recipe
from records.errors import UserError
from records.locks import held
from rl.ledger import ledger_of
from rl.modes import REPLAY, TRAIN


def run_recipe(recipe_path: Path, overrides: Sequence[str], force: Sequence[str], until: str) -> int:
    """Run a recipe's stages; one Ray serves all of them."""
    recipe = load_recipe(recipe_path, overrides)
    if recipe.rl.mode != TRAIN:
        raise UserError(f"rl.mode is {recipe.rl.mode}: that is for `usergpt rl`; a whole run trains")
    preflight(recipe)
    run = open_run(recipe, Reporter())
    with ExitStack() as parts:
        run_stages(run, stages_of(recipe), force=force, until=until, begin=lambda: _join_ray(run, parts))
    run.reporter.say(f"done: {run.directory}")
    return 0


def stages_of(recipe: Recipe) -> tuple[Stage, ...]:
    """The stages of a run, by what its model learns."""
    if recipe.task == PERSONAS:
        from launch.stages.personas import PERSONA_STAGES

        return PERSONA_STAGES
    from launch.stages.all import STAGES

    return STAGES


def run_rl(recipe_path: Path, overrides: Sequence[str], force: Sequence[str]) -> int:
    """Run stage rl of a recipe as `rl.mode` says, after the stages before it, as far as they are not done."""
    recipe = load_recipe(recipe_path, overrides)
    if recipe.task != TAGS:
        raise UserError(
            f"`usergpt rl` is of task=tags; groupwise DPO is a stage: `usergpt run {recipe_path} --until "
            "groupwise`"
        )
    if recipe.rl.mode == TRAIN:
        return run_recipe(recipe_path, overrides, force, "rl")
    if not recipe.rl.steps:
        raise UserError(f"rl.steps is 0; say how many steps rl.mode={recipe.rl.mode} shall do")
    preflight(recipe)
    from launch.stages.all import STAGES, scoring
    from launch.stages.rl_modes import mode_folder, mode_stage

    run = open_run(recipe, Reporter())
    folder = mode_folder(run)
    as_trained = replace(recipe, rl=replace(recipe.rl, mode=TRAIN, replay_from=""))

    def begin() -> None:
        if recipe.rl.mode == REPLAY:
            ledger_of(Path(recipe.rl.replay_from or run.directory))
        with held(folder, WAIT):  # and once more below: stages before it may take hours
            pass
        _join_ray(run, parts)

    with ExitStack() as parts:
        run_stages(replace(run, recipe=as_trained), STAGES, force=force, until="sft", begin=begin)
        stage = mode_stage(run, scoring(recipe.scorer))
        run_stages(replace(run, directory=folder), (stage,))
    run.reporter.say(f"done: {folder}")
    return 0


def _join_ray(run: Run, parts: ExitStack) -> None:
    """Join or start Ray, until `parts` close, and see that it has what the run asks for.

    Raises:
        UserError: it has not, or nobody answers.
    """
    from actors.cluster import ray_cluster
    from actors.nodes import check_shared
    from actors.placement import check_fit, cluster_nodes, rl_needs

    run.reporter.say("starting Ray")
    parts.enter_context(ray_cluster(run.recipe.cluster))
    check_fit(rl_needs(run.recipe), cluster_nodes())
    check_shared(run.directory, run.recipe.cluster.timeout_s)
