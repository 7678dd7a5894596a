"""Parts of DF-GRPO alone: rollouts without a learner, and the learner on recorded groups.

Each works beside the run that it looks at, in a folder of its own, `rl-rollout` or `rl-replay`, and touches
nothing else.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.placement import reserved, rl_needs
from actors.rollout import RolloutPool, Weights
from actors.scorer import ScorerPool
from actors.transport import SameWeights
from actors.work import IdleClock
from launch.pipeline import Run, Stage
from launch.recipe import directory_state
from launch.stages.losses import Losses
from launch.stages.rl import Shown, say_scorers, until_done
from launch.stages.rl_prompts import producers_of, prompts_of, questions
from lm import checkpoint
from lm.objective import UpdateReport
from records.config import RLConfig
from records.errors import UserError
from records.files import read_json
from rl.from_ledger import RecordedGroups, RecordedRollouts, RecordedScorers
from rl.ledger import ledger_of
from rl.loop import RLRun, train
from rl.modes import REPLAY
from rl.protocols import PromptsEndedError
from rl.stopping import forget_from


class FrozenLearner:
    """A policy that no update changes."""

    ranks = 1

    def update(self, *batch: Any) -> UpdateReport:
        """No optimiser step."""
        return UpdateReport(optimizer_steps=0, grad_norm=0.0, metrics={})

    def save(self, directory: Path) -> None:
        """There is nothing to save."""

    def load(self, directory: Path) -> None:
        """There is nothing to load."""


def mode_folder(run: Run) -> Path:
    """Where the mode of a run's recipe works."""
    return run.directory / f"rl-{run.recipe.rl.mode}"


def mode_stage(run: Run, scoring: Sequence[Any]) -> Stage:
    """The one stage of the mode that `run.recipe` asks for; `run` has gone through stage sft.

    `scoring` are the settings that scores depend on.

    Raises:
        UserError: the ledger cannot be replayed.
    """
    recipe = run.recipe
    start = read_json(run.directory / "manifest.json")["sft"]["fingerprint"]
    work, depends = partial(rollout, run), [recipe.rollout, *scoring]
    if recipe.rl.mode == REPLAY:
        source = ledger_of(Path(recipe.rl.replay_from or run.directory))
        groups = RecordedGroups(source, recipe.seed, recipe.rl.group_size)
        work = partial(replay, run, groups)
        depends = [recipe.learner, str(source.absolute()), directory_state(str(source))]
    return Stage(
        name=f"rl-{recipe.rl.mode}",
        work=lambda inner: work(inner.directory),
        reads=lambda recipe: [start, recipe.rl, *depends],
        outputs=("ledger", "curves.jsonl"),
        traces=(
            *("checkpoints", "policy", "judge", "prompts.parquet", "prompts.json"),
            *("scorers.json", "losses.json", "tb"),
        ),
        cheap=True,
    )


def rollout(run: Run, folder: Path) -> None:
    """Generate, score and judge as in training, always with the model at the start."""
    recipe, asked = run.recipe, questions(run, folder)
    timeout = recipe.cluster.timeout_s
    losses = Losses(folder / "losses.json", run.reporter.say)
    replies, length = folder / "judge", recipe.model.max_length
    with (
        ray_cluster(recipe.cluster),
        reserved(rl_needs(recipe), timeout) as places,
        closing(ScorerPool(asked.references, recipe.scorer, timeout, replies, places["scorer"])) as scorers,
        prompts_of(run, asked, losses, places) as prompts,
    ):
        losses.watch(scorers.lost, "scored again")

        def attempt(log: Shown, parts: ExitStack) -> None:
            pool = RolloutPool(asked.start, recipe.rollout, length, timeout, places["rollout"])
            parts.callback(pool.close)
            losses.watch(pool.lost, "generated again")

            def publish(version: int) -> dict[str, float]:
                """The same weights, by the name that the loop looks for."""
                pool.set_weights(Weights(version=version, transport=SameWeights(timeout)))
                return {}

            _loop(
                run,
                folder,
                recipe.rl,
                log,
                prompts=prompts,
                rollouts=pool,
                scorers=scorers,
                learner=FrozenLearner(),
                publish=publish,
                idle=IdleClock({"rollout": pool, "scorer": scorers, **producers_of(prompts)}).look,
            )

        until_done(run, folder, folder / "tb", losses, attempt)
        say_scorers(run, scorers, folder)
    run.reporter.say(f"rl: a pilot is in {folder}; `usergpt filters suggest {folder}` reads it")


def replay(run: Run, groups: RecordedGroups, folder: Path) -> None:
    """Train on recorded groups, by the present filters, advantages and loss; export the policy.

    Raises:
        UserError: the groups are spent before the first update.
    """
    recipe = run.recipe
    run.reporter.say(f"rl: {len(groups):,} groups in {groups.directory}")
    start, timeout = run.directory / "sft" / recipe.rl.init_from, recipe.cluster.timeout_s
    with ray_cluster(recipe.cluster) as local, reserved(rl_needs(recipe), timeout) as places:

        def attempt(log: Shown, parts: ExitStack) -> None:
            learner = LearnerGroup(start, recipe.learner, timeout, local=local, places=places["learner"])
            parts.callback(learner.close)
            try:
                _loop(
                    run,
                    folder,
                    replace(recipe.rl, max_staleness=0),  # nothing is generated that could run ahead
                    log,
                    prompts=groups,
                    rollouts=RecordedRollouts(groups),
                    scorers=RecordedScorers(groups),
                    learner=learner,
                    publish=lambda version: {},
                    idle=IdleClock({"learner": learner}).look,
                )
            except PromptsEndedError as error:
                done = checkpoint.step_of(checkpoint.latest(folder / "checkpoints"))
                if not done:
                    raise UserError(f"{error} before one step is full; lower rl.groups_per_step") from None
                forget_from(folder / "ledger", done)  # a step that was not full trained nothing
                run.reporter.say(f"rl: after {done} of {recipe.rl.steps} steps {error}")
            learner.export(folder / "policy")

        losses = Losses(folder / "losses.json", run.reporter.say)
        until_done(run, folder, folder / "tb", losses, attempt)


def _loop(run: Run, folder: Path, config: RLConfig, log: Shown, **parts: Any) -> None:
    """The loop with these parts, without a probe."""
    train(
        RLRun(
            config=config,
            directory=folder,
            seed=run.recipe.seed,
            probe_prompts=(),
            log=log,
            micro_batch_tokens=run.recipe.learner.micro_batch_tokens,
            **parts,
        )
    )
