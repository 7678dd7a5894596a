"""Parts of DF-GRPO alone: rollouts without a learner, and the learner on what was recorded."""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.rollout import RolloutPool
from benchmarks.driver import ACTORS
from launch.pipeline import Run
from launch.progress import Reporter
from launch.stages.rl import CheckedPublisher
from launch.stages.rl_modes import replay
from lm.objective import UpdateReport
from records.config import ClusterConfig, LearnerConfig, LossConfig, Recipe, RLConfig, RolloutConfig
from records.prompt import Prompt, RolloutGroup, Score, ScoredGroup
from rl.from_ledger import RecordedGroups, RecordedRollouts, RecordedScorers
from rl.ledger import read_ledger
from rl.loop import RLRun, train
from rl.prompts import Shuffled
from rl.protocols import Finished
from tests.integration.conftest import usergpt
from tests.integration.test_actors import SEQUENCES
from tests.test_rl_loop import CONFIG as RECORDED
from tests.test_rl_loop import World

CONFIG = RLConfig(
    ledger="tokens",
    steps=3,
    groups_per_step=2,
    group_size=4,
    minibatches=2,
    max_response_tokens=8,
    temperature=2.0,  # a random model is sure of itself
    top_p=0.95,
    lr=1e-3,
    save_every=100,
    probe_every=100,
    loss=LossConfig(kl_beta=0.1),
)
PROMPTS = [
    Prompt(prompt_id=f"p{i}", user_id=f"u{i}", task="tags", tags=("pet",), history_lines=1, token_ids=ids)
    for i, ids in enumerate(SEQUENCES)
]


class Whole(RolloutPool):
    """Takes every response for a whole one: a random model does not end of itself."""

    def poll(self, timeout_s: float = 1.0) -> list[Finished]:
        return [
            replace(done, rollouts=tuple(replace(one, finish_reason="stop") for one in done.rollouts))
            for done in super().poll(timeout_s)
        ]


class EvenTokens:
    """Rewards the share of even token ids."""

    lost: Sequence[str] = ()
    patience_s = 60.0

    def __init__(self) -> None:
        self._scored: list[tuple[int, ScoredGroup]] = []
        self._keys = 0

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        return [
            ScoredGroup(group=group, scores=tuple(self._score(r.token_ids) for r in group.rollouts))
            for group in groups
        ]

    def submit(self, group: RolloutGroup) -> int:
        self._keys += 1
        self._scored += [(self._keys, scored) for scored in self.score([group])]
        return self._keys

    def poll(self, timeout_s: float) -> list[tuple[int, ScoredGroup]]:
        scored, self._scored = self._scored, []
        return scored

    def _score(self, ids: Sequence[int]) -> Score:
        reward = sum(number % 2 == 0 for number in ids) / max(1, len(ids))
        return Score(format_ok=True, format_reason="", reward=reward, atomic=reward, summary=None)


class Curves:
    """Keeps what is logged of each step."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, float]] = {}

    def scalars(self, step: int, values: Any) -> None:
        self.rows.setdefault(step, {}).update(values)

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None: ...

    def text(self, step: int, name: str, text: str) -> None: ...


@pytest.fixture(scope="module")
def cluster() -> Iterator[bool]:
    with ray_cluster(ClusterConfig(cpus=4)) as local:
        yield local


def _weights(directory: Path) -> dict[str, str]:
    files = sorted(directory.glob("*.safetensors"))
    assert files
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_replayed_run_ends_with_the_weights_of_the_run(
    cluster: bool, model_dir: Path, tmp_path: Path
) -> None:
    """Real engines and learner, then the learner alone: the same batches, losses and weights, to the bit."""

    def run(name: str, config: RLConfig, **parts: Any) -> Curves:
        learner = LearnerGroup(
            model_dir, LearnerConfig(micro_batch_tokens=200, threads=1), 120, local=cluster
        )
        log = Curves()
        try:
            train(
                RLRun(
                    config=config,
                    directory=tmp_path / name,
                    seed=5,
                    probe_prompts=(),
                    learner=learner,
                    publish=parts.pop("publisher")(learner),
                    log=log,
                    micro_batch_tokens=200,
                    **parts,
                )
            )
            learner.export(tmp_path / name / "policy")
        finally:
            learner.close()
        return log

    pool = Whole(model_dir, RolloutConfig(threads=1), 256, 120)
    try:
        recorded = run(
            "recorded",
            CONFIG,
            prompts=Shuffled(PROMPTS, seed=5),
            rollouts=pool,
            scorers=EvenTokens(),
            publisher=lambda learner: CheckedPublisher(learner, pool, SEQUENCES[:1], 1e-3),
        )
    finally:
        pool.close()
    groups = RecordedGroups(tmp_path / "recorded" / "ledger", 5, CONFIG.group_size)
    replayed = run(
        "replayed",
        replace(CONFIG, mode="replay"),
        prompts=groups,
        rollouts=RecordedRollouts(groups),
        scorers=RecordedScorers(groups),
        publisher=lambda learner: lambda version: {},
    )
    assert _weights(tmp_path / "replayed" / "policy") == _weights(tmp_path / "recorded" / "policy")
    assert _weights(tmp_path / "replayed" / "policy") != _weights(model_dir)
    norms = [recorded.rows[step]["learner/grad_norm"] for step in (1, 2, 3)]
    assert max(norms) > 0, f"no step trains anything: {norms}"
    for step in (1, 2, 3):
        names = {name for name in recorded.rows[step] if name.startswith(("learner/", "reward/", "filter/"))}
        names = {name for name in names if "seconds" not in name}
        assert {n: recorded.rows[step][n] for n in names} == {n: replayed.rows[step][n] for n in names}
    ledgers = [read_ledger(tmp_path / name / "ledger") for name in ("recorded", "replayed")]
    assert ledgers[0].equals(ledgers[1])


class Killed(LearnerGroup):
    """Its rank is killed as the fourth update of all such learners begins, so that the next one goes on."""

    updates = count(1)

    def update(self, *batch: Any) -> UpdateReport:
        if next(self.updates) == 4:
            (rank,) = [p for p in psutil.Process().children(recursive=True) if is_named(p, ACTORS["learner"])]
            rank.kill()
        return super().update(*batch)


def is_named(process: psutil.Process, title: str) -> bool:
    """Whether the command line of a process that may have ended begins with `title`."""
    with contextlib.suppress(psutil.Error):
        return "".join(process.cmdline()[:1]).startswith(title)
    return False


def test_a_replay_whose_rank_is_killed_ends_with_the_same_weights(
    cluster: bool, model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "recorded")  # made-up groups, of tokens that the model knows
    config = replace(RECORDED, ledger="tokens", steps=4, save_every=2)
    train(
        RLRun(
            config=config,
            directory=world.directory,
            seed=0,
            prompts=Shuffled(PROMPTS, seed=0),
            probe_prompts=(),
            rollouts=world,
            scorers=world.queue,
            learner=world,
            publish=world,
            log=world,
            micro_batch_tokens=200,
        )
    )
    groups = RecordedGroups(world.directory / "ledger", 0, config.group_size)
    learner = LearnerConfig(micro_batch_tokens=200, threads=1)
    recipe = replace(Recipe(), rl=replace(config, mode="replay"), learner=learner)
    directory = tmp_path / "run"
    shutil.copytree(model_dir, directory / "sft" / recipe.rl.init_from)
    for name, kind in (("whole", LearnerGroup), ("killed", Killed)):
        monkeypatch.setattr("launch.stages.rl_modes.LearnerGroup", kind)
        (tmp_path / name).mkdir()
        replay(Run(recipe=recipe, directory=directory, reporter=Reporter()), groups, tmp_path / name)
    (loss,) = json.loads((tmp_path / "killed" / "losses.json").read_text())
    assert loss["step"] == 3
    assert loss["lost"].startswith("learner rank 0 died: ")
    ledgers = [read_ledger(tmp_path / name / "ledger") for name in ("whole", "killed")]
    assert ledgers[0].equals(ledgers[1])
    assert _weights(tmp_path / "killed" / "policy") == _weights(tmp_path / "whole" / "policy")
    assert _weights(tmp_path / "killed" / "policy") != _weights(model_dir)


def test_rollouts_alone_then_a_replay_of_them_beside_a_run(tiny_run: Path) -> None:
    words = (str(tiny_run.parent / "tiny.yaml"), f"runs_dir={tiny_run.parent}")
    before = {path: path.stat().st_mtime_ns for path in (tiny_run / "rl").rglob("*") if path.is_file()}
    config = (tiny_run / "config.yaml").read_bytes()
    done = usergpt("rl", *words, "rl.mode=rollout", "rl.ledger=tokens", "rl.steps=2")
    assert done.returncode == 0, done.stdout + done.stderr
    pilot = read_ledger(tiny_run / "rl-rollout" / "ledger")
    assert pilot["step"].unique().sort().to_list() == [0, 1]
    assert (pilot["staleness"] == 0).all()
    # The first step is that of training, as the model at the start wrote it.
    told = ["group_id", "sample_idx", "seed", "text", "reward", "kept"]
    trained = read_ledger(tiny_run / "rl" / "ledger").filter(pl.col("step") == 0)
    assert pilot.filter(pl.col("step") == 0).select(told).equals(trained.select(told))
    assert not (tiny_run / "rl-rollout" / "policy").exists()

    source = f"rl.replay_from={tiny_run / 'rl-rollout'}"
    done = usergpt("rl", *words, "rl.mode=replay", source, "rl.steps=5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "after 2 of 5 steps" in " ".join(done.stdout.split())
    assert _weights(tiny_run / "rl-replay" / "policy") != _weights(tiny_run / "sft" / "stage3")
    curves = [json.loads(line) for line in (tiny_run / "rl-replay" / "curves.jsonl").read_text().splitlines()]
    assert sum("time/learn" in row for row in curves) == 2

    again = usergpt("rl", *words, "rl.mode=replay", source, "rl.steps=5")
    assert "rl-replay: unchanged, skipped" in again.stdout
    lacks = usergpt("rl", *words, "rl.mode=replay")
    assert lacks.returncode == 2
    assert "holds no token ids and log-probs; record them with rl.ledger=tokens" in lacks.stderr
    # The run itself was not touched.
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert config == (tiny_run / "config.yaml").read_bytes()
