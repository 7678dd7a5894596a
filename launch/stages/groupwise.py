"""Stage groupwise: groupwise DPO with rollout engines, scorers and the learner as Ray actors."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from functools import partial

from actors.cluster import ray_cluster
from actors.persona_scorer import PersonaScorerPool
from actors.placement import Places, reserved, rl_needs
from induce.prompting import persona_prompt
from launch.curves import read_curves
from launch.pipeline import Run
from launch.recipe import write_recipe
from launch.stages.losses import Losses
from launch.stages.persona_data import load_cases, load_population, vectors_path
from launch.stages.persona_sft import STAGE as SFT
from launch.stages.rl import CheckedPublisher, Shown, engines_and_learner, until_done
from launch.stages.splits import load_splits
from lm.tokenizer import ChatTokenizer
from records.errors import UserError
from records.prompt import Prompt
from rl.groupwise_loop import GroupwiseRun, train_groupwise

FOLDER = "groupwise"


class ShownGroups(Shown):
    """The same of groupwise DPO."""

    stage, measure = "groupwise", "quality"
    mean, probe, warning = "quality/mean", "probe/quality", "quality/warning"

    @property
    def steps(self) -> int:
        return self.run.recipe.groupwise.steps


def run_groupwise(run: Run) -> None:
    """Train from the newest checkpoint (or the SFT model) and export the policy."""
    recipe, directory = run.recipe, run.directory
    folder = directory / FOLDER
    folder.mkdir(exist_ok=True)
    if not recipe.groupwise.steps:
        run.reporter.say("groupwise: none (groupwise.steps is 0)")
        return
    splits = load_splits(directory)
    cases = load_cases(run, [*splits.rl, *splits.probe])
    tokenizer = ChatTokenizer.load(directory / "model")
    asked = {user: persona_prompt(tokenizer, case.lines) for user, case in cases.items() if case.lines.lines}
    prompts, probe = ([asked[user] for user in users if user in asked] for users in (splits.rl, splits.probe))
    if not prompts or not probe:
        raise UserError(
            f"induce.line_tokens {recipe.induce.line_tokens}: no line of memories fits it, of any user of "
            "groupwise DPO or of the probe; raise it"
        )
    write_recipe(folder / "config.yaml", recipe)
    losses = Losses(folder / "losses.json", run.reporter.say, FOLDER)
    timeout = recipe.cluster.timeout_s
    with ray_cluster(recipe.cluster) as local, reserved(rl_needs(recipe), timeout) as places:
        pool = PersonaScorerPool(
            cases,
            recipe.induce,
            load_population(run),
            vectors_path(run),
            recipe.scorer,
            timeout,
            places["scorer"],
        )
        with closing(pool) as scorers:
            losses.watch(scorers.lost, "scored again")
            attempt = partial(_train, run, prompts, probe, scorers, losses, places, local=local)
            until_done(run, folder, directory / "tb" / FOLDER, losses, attempt, ShownGroups)
    rows = read_curves(folder / "curves.jsonl")
    if not sum(row.get("groups/live", 0) for row in rows):
        counts = {
            reason: sum(row.get(f"groups/{reason}", 0) for row in rows) for reason in ("no_valid", "too_few")
        }
        told = ", ".join(f"{count:,.0f} {reason}" for reason, count in counts.items() if count)
        run.reporter.say(f"groupwise: nothing was learned, no group was live ({told}); SFT taught too little")


def _train(
    run: Run,
    prompts: list[Prompt],
    probe: list[Prompt],
    scorers: PersonaScorerPool,
    losses: Losses,
    places: Mapping[str, Places],
    log: Shown,
    parts: ExitStack,
    *,
    local: bool,
) -> None:
    """Train from the newest checkpoint to the end, with engines and a learner of its own, and export."""
    recipe, folder = run.recipe, run.directory / FOLDER
    start = run.directory / "sft" / SFT
    pool, learner = engines_and_learner(run, start, losses, places, parts, local=local)
    train_groupwise(
        GroupwiseRun(
            config=recipe.groupwise,
            directory=folder,
            seed=recipe.seed,
            prompts=prompts,
            probe_prompts=probe,
            rollouts=pool,
            scorers=scorers,
            learner=learner,
            publish=CheckedPublisher(
                learner=learner,
                pool=pool,
                probe=[prompt.token_ids for prompt in prompts[: recipe.rl.sync_probe_prompts]],
                tolerance=recipe.rl.sync_tolerance,
            ),
            log=log,
            micro_batch_tokens=recipe.learner.micro_batch_tokens,
        )
    )
    run.reporter.doing("the policy is written")
    learner.export(folder / "policy")
