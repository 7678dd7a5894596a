"""Stage rl: DF-GRPO with rollout engines, scorers and the learner as Ray actors."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.placement import Places, reserved, rl_needs
from actors.rollout import Logprobs, RolloutPool, Weights
from actors.scorer import ScorerPool
from actors.supervision import ActorDiedError
from actors.transport import engine_dtype, transport_between
from actors.weights import check_parity
from actors.work import IdleClock
from launch.curves import RunLog
from launch.pipeline import Run
from launch.recipe import write_recipe
from launch.stages.losses import Losses
from launch.stages.rl_prompts import Questions, producers_of, prompts_of, questions
from lm import checkpoint
from records.files import write_json
from records.interrupts import heed
from rl.loop import RLRun, train
from rl.protocols import Prompts


class CheckedPublisher:
    """Brings the learner's weights to every engine, and has log-probs of fixed sequences (`probe`) compared.

    All engines take them together, bucket by bucket. Where generation runs ahead (`overlapped`), each takes
    them when what it is at is done, out of a snapshot, and what is told is of the last weights that all of
    them took. There is one snapshot at most, a full copy in the object store; it goes once all have had it.
    `sync/seconds` is what bringing them took, or making a snapshot and the slowest engine's taking it;
    `sync/probe_seconds` what the slowest rank and engine say.
    """

    def __init__(
        self,
        learner: LearnerGroup,
        pool: RolloutPool,
        probe: Sequence[tuple[int, ...]],
        tolerance: float,
        *,
        overlapped: bool = False,
    ) -> None:
        self.learner = learner
        self.pool = pool
        self.probe = tuple(probe)
        self.tolerance = tolerance
        self.overlapped = overlapped
        self.transport = transport_between(learner, pool.config, overlapped=overlapped)
        self._told: dict[str, float] = {}

    def __call__(self, version: int) -> Mapping[str, float]:
        """Publish; returns `sync/…` metrics.

        Raises:
            StaleWeightsError: an engine does not agree with the learner afterwards.
        """
        if self.overlapped:
            self.pool.release_snapshot()
        dtype = engine_dtype(self.pool.config)
        started = time.monotonic()
        snapshot = tuple(self.learner.buckets(dtype)) if self.overlapped else ()
        snapshot_s = time.monotonic() - started
        ours = self.learner.logprobs(self.probe)
        probe_s = self.learner.longest_s["logprobs"]
        before = self.pool.received_bytes
        parity: dict[str, tuple[float, float]] = {}

        def check(name: str, theirs: Logprobs) -> None:
            parity[name] = check_parity(ours, theirs, self.tolerance, name)
            if len(parity) == len(self.pool.engines):
                self._told = {
                    "sync/seconds": snapshot_s + self.pool.longest_s["update_weights"],
                    "sync/bytes": float(self.pool.received_bytes - before),
                    "sync/probe_seconds": probe_s + self.pool.longest_s["logprobs"],
                    "sync/max_logprob_diff": max(worst for worst, _ in parity.values()),
                    "sync/mismatch_kl": max(kl for _, kl in parity.values()),
                }

        self.pool.set_weights(
            Weights(
                version=version,
                transport=self.transport,
                available=lambda: not self.learner.busy,
                snapshot=snapshot,
                probe=self.probe,
                check=check,
            )
        )
        if not self.overlapped:
            self.pool.settle_weights()
        return self._told


class Shown:
    """A log that also tells the terminal how far the run is and what it lost; `step` is the last update's."""

    stage, measure = "rl", "reward"
    """The stage, and what it is told by."""
    mean, probe, warning = "reward/pre_filter", "reward/probe", "filter/warning"
    """Curves and the text that are told: a step's mean, the probe's, a warning."""

    def __init__(self, run: Run, log: RunLog, losses: Losses, step: int) -> None:
        self.run = run
        self.log = log
        self.losses = losses
        self.step = step
        self._up = False

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.run.recipe.rl.steps

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.log.scalars(step, values)
        self.losses.tell(step)
        if not self._up:  # the first weights are published
            self._up = True
            self.run.reporter.doing("first probe and step")
        if self.mean in values:
            self.step = step
            self.run.reporter.update(step, self.steps, f"steps, {self.measure} {values[self.mean]:.3f}")
        if self.probe in values:
            self.run.reporter.say(
                f"{self.stage}: probe {self.measure} {values[self.probe]:.4f} after {step} steps"
            )

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None:
        self.log.histogram(step, name, values)

    def text(self, step: int, name: str, text: str) -> None:
        self.log.text(step, name, text)
        if name == self.warning:
            self.run.reporter.say(f"{self.stage}: after {step} steps {text}")


def say_scorers(run: Run, scorers: ScorerPool, folder: Path) -> None:
    """Keep what scorers did in `folder`/scorers.json, and tell what went wrong."""
    judges = scorers.stats()
    write_json(folder / "scorers.json", {"judges": judges})
    for judge in judges:
        if judge.get("failed"):
            told = ", ".join(f"{count:,} {reason}" for reason, count in judge["failed"].items())
            run.reporter.say(
                f"rl: the judge failed on {told} of {judge['judged']:,}; see {folder}/scorers.json"
            )


def until_done(
    run: Run,
    folder: Path,
    tb: Path,
    losses: Losses,
    attempt: Callable[[Shown, ExitStack], None],
    kind: type[Shown] = Shown,
) -> None:
    """Have `attempt` train from `folder`'s newest checkpoint to the end, again where a learner rank dies.

    It is given a log of that `kind`, and a stack for what it starts and what is to end with it, such as
    learner and engines: without the lost rank they hold nothing of use.

    Raises:
        ActorError: ranks died LIVES times, and the run got no further (`Losses.of_learner`).
        UserError: the disk is full, be it for a checkpoint, the ledger, a probe or the curves.
    """
    while True:
        newest = checkpoint.step_of(checkpoint.latest(folder / "checkpoints"))
        with checkpoint.full_disk_told(folder, folder / "checkpoints"), ExitStack() as parts:
            log = RunLog(tb, folder / "curves.jsonl", newest)
            parts.callback(log.close)
            shown = kind(run, log, losses, newest)
            parts.callback(lambda shown: losses.tell(shown.step), shown)
            try:
                attempt(shown, parts)
                return
            except ActorDiedError as error:
                heed(error)
                losses.tell(shown.step)
                saved = checkpoint.step_of(checkpoint.latest(folder / "checkpoints"))
                losses.of_learner(error, shown.step, saved)


def run_rl(run: Run) -> None:
    """Train from the newest checkpoint (or the SFT stage named) and export the policy."""
    recipe, directory = run.recipe, run.directory
    folder = directory / "rl"
    if not recipe.rl.steps:
        folder.mkdir(exist_ok=True)
        run.reporter.say("rl: none (rl.steps is 0)")
        return
    asked = questions(run, folder)
    write_recipe(folder / "config.yaml", recipe)
    losses = Losses(folder / "losses.json", run.reporter.say)
    timeout, replies = recipe.cluster.timeout_s, folder / "judge"
    with (
        ray_cluster(recipe.cluster) as local,
        reserved(rl_needs(recipe), timeout) as places,
        # Scorers stay when ranks are lost: what their judges have spent of the budget is theirs.
        closing(ScorerPool(asked.references, recipe.scorer, timeout, replies, places["scorer"])) as scorers,
        prompts_of(run, asked, losses, places) as prompts,
    ):
        losses.watch(scorers.lost, "scored again")
        attempt = partial(_train, run, asked, prompts, scorers, losses, places, local=local)
        until_done(run, folder, directory / "tb" / "rl", losses, attempt)
        say_scorers(run, scorers, folder)


def engines_and_learner(
    run: Run,
    start: Path,
    losses: Losses,
    places: Mapping[str, Places],
    parts: ExitStack,
    *,
    local: bool,
) -> tuple[RolloutPool, LearnerGroup]:
    """Engines and a learner of the model `start`, which end with `parts`; engines that are lost are told."""
    recipe, timeout = run.recipe, run.recipe.cluster.timeout_s
    run.reporter.doing("engines, learner and scorers start")
    pool = RolloutPool(start, recipe.rollout, recipe.model.max_length, timeout, places["rollout"])
    parts.callback(pool.close)
    losses.watch(pool.lost, "generated again")
    learner = LearnerGroup(start, recipe.learner, timeout, local=local, places=places["learner"])
    parts.callback(learner.close)
    return pool, learner


def _train(
    run: Run,
    asked: Questions,
    prompts: Prompts,
    scorers: ScorerPool,
    losses: Losses,
    places: Mapping[str, Places],
    log: Shown,
    parts: ExitStack,
    *,
    local: bool,
) -> None:
    """Train from the newest checkpoint to the end, with engines and a learner of its own, and export."""
    recipe, folder = run.recipe, run.directory / "rl"
    known = asked.prompts or asked.probe_prompts
    pool, learner = engines_and_learner(run, asked.start, losses, places, parts, local=local)
    train(
        RLRun(
            config=recipe.rl,
            directory=folder,
            seed=recipe.seed,
            prompts=prompts,
            probe_prompts=asked.probe_prompts,
            rollouts=pool,
            scorers=scorers,
            learner=learner,
            publish=CheckedPublisher(
                learner=learner,
                pool=pool,
                probe=[p.token_ids for p in known[: recipe.rl.sync_probe_prompts]],
                tolerance=recipe.rl.sync_tolerance,
                overlapped=recipe.rl.max_staleness > 0,
            ),
            log=log,
            idle=IdleClock(
                {"rollout": pool, "scorer": scorers, "learner": learner, **producers_of(prompts)}
            ).look,
            micro_batch_tokens=recipe.learner.micro_batch_tokens,
        )
    )
    run.reporter.doing("the policy is written")
    learner.export(folder / "policy")
