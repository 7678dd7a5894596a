"""Parts of DF-GRPO alone, with plain classes in the place of actors: what they make, where, and when anew."""

import io
import json
import os
import resource
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from actors.placement import ANYWHERE
from actors.rollout import Weights
from actors.supervision import ActorDiedError, ActorError
from actors.tasks import LIVES
from actors.transport import SameWeights
from launch.curves import read_curves
from launch.pipeline import Run, run_stages
from launch.progress import Reporter
from launch.recipe import write_recipe
from launch.stages import rl, rl_modes
from launch.stages.rl_modes import mode_folder, mode_stage
from launch.stages.rl_prompts import Questions
from lm import checkpoint
from lm.objective import UpdateReport
from records.config import FilterConfig, Recipe, RLConfig, ThresholdConfig
from records.errors import UserError
from records.files import write_json
from rl.ledger import read_ledger
from rl.prompts import Shuffled
from tests.test_rl_loop import PROMPTS, World

RL = RLConfig(
    mode="rollout",
    ledger="tokens",
    steps=3,
    groups_per_step=2,
    group_size=4,
    filters=FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.1, eps_high=0.9)}),
)


class Pool(World):
    """Engines and scorers that hold the same weights by another name."""

    seats, busy_s = 1, 0.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(Path())
        self.lost: list[str] = []

    def set_weights(self, weights: Weights) -> None:
        assert isinstance(weights.transport, SameWeights)
        self.published = (weights.version, 1.0)

    def close(self) -> None: ...


class Scorers(Pool):
    """The scorers of the same world."""

    def submit(self, group: Any) -> int:  # type: ignore[override]
        return self.queue.submit(group)

    def poll(self, timeout_s: float) -> list[Any]:
        return self.queue.poll(timeout_s)

    def stats(self) -> list[dict[str, Any]]:
        return [{"judged": 1}]


class Learner:
    """Counts its updates."""

    ranks = seats = 1
    busy_s = 0.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.updates = 0

    def update(self, minibatches: Sequence[Any], *rest: Any) -> UpdateReport:
        self.updates += 1
        return UpdateReport(optimizer_steps=len(minibatches), grad_norm=1.0, metrics={})

    def save(self, directory: Path) -> None:
        write_json(directory / "updates.json", self.updates)

    def load(self, directory: Path) -> None:
        self.updates = json.loads((directory / "updates.json").read_text())

    def export(self, directory: Path) -> None:
        write_json(directory / "updates.json", self.updates)

    def close(self) -> None: ...


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that has gone through stage sft."""

    @contextmanager
    def prompts_of(run: Run, asked: Questions, *others: Any) -> Iterator[Shuffled]:
        yield Shuffled(asked.prompts, run.recipe.seed)

    asked = Questions(start=tmp_path, prompts=PROMPTS, probe_prompts=PROMPTS[:1], references={})
    fakes = {
        "questions": lambda run, folder: asked,
        "prompts_of": prompts_of,
        "ray_cluster": lambda config: nullcontext(True),
        "reserved": lambda needs, timeout_s: nullcontext({need.kind: ANYWHERE for need in needs}),
        "RolloutPool": Pool,
        "ScorerPool": Scorers,
        "LearnerGroup": Learner,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(rl_modes, name, fake)
        monkeypatch.setattr(rl, name, fake)
    directory = tmp_path / "run"
    write_json(directory / "manifest.json", {"sft": {"fingerprint": "f", "done": True, "seconds": 1.0}})
    reporter = Reporter(Console(file=io.StringIO(), width=1000))
    return Run(recipe=replace(Recipe(), rl=RL), directory=directory, reporter=reporter)


def _work(run: Run, **changes: Any) -> tuple[Path, str]:
    """Run the mode; returns its folder and what was told."""
    run = replace(run, recipe=replace(run.recipe, rl=replace(RL, **changes)))
    stage = mode_stage(run, [])
    run_stages(replace(run, directory=mode_folder(run)), (stage,))
    told = run.reporter.console.file
    assert isinstance(told, io.StringIO)
    return mode_folder(run), told.getvalue()


def test_rollouts_alone_fill_a_ledger_and_train_nothing(run: Run) -> None:
    folder, told = _work(run)
    assert folder == run.directory / "rl-rollout"
    ledger = read_ledger(folder / "ledger")
    assert ledger["step"].unique().sort().to_list() == [0, 1, 2]
    # The same model under the name of each version: nothing is stale.
    assert ledger["policy_version"].to_list() == ledger["step"].to_list()
    assert "stale" not in set(ledger["drop_reasons"].explode())
    assert not (folder / "policy").exists()
    assert not (folder / "probe").exists()
    assert f"filters suggest {folder}" in told
    assert "unchanged, skipped" in _work(run)[1]


def test_a_replay_trains_on_them_beside_the_run(run: Run) -> None:
    source, _ = _work(run)
    folder, _ = _work(run, mode="replay", replay_from=str(source))
    assert folder == run.directory / "rl-replay"
    assert json.loads((folder / "policy" / "updates.json").read_text()) == 3
    assert read_ledger(folder / "ledger").equals(read_ledger(source / "ledger"))
    assert {path.name for path in run.directory.iterdir()} == {"manifest.json", "rl-rollout", "rl-replay"}


def test_a_replay_ends_where_the_ledger_does(run: Run) -> None:
    source, _ = _work(run)
    folder, told = _work(run, mode="replay", replay_from=str(source), steps=9)
    groups = read_ledger(source / "ledger")["group_id"].n_unique()
    assert f"after 3 of 9 steps {source}/ledger: its {groups} groups are spent" in told.replace("\n", "")
    assert json.loads((folder / "policy" / "updates.json").read_text()) == 3
    with pytest.raises(UserError, match="groups are spent before one step is full; lower rl.groups_per_step"):
        _work(run, mode="replay", replay_from=str(source), groups_per_step=64)


class Filling(Learner):
    """From its second update on no file may grow beyond `limit` bytes, as on a full disk."""

    limit = 0

    def update(self, minibatches: Sequence[Any], *rest: Any) -> UpdateReport:
        if self.updates == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, resource.RLIM_INFINITY))
        return super().update(minibatches, *rest)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard's writer
@pytest.mark.parametrize("limit", [0, 2000, 6000])
def test_a_ledger_or_curves_on_a_full_disk_end_the_run_as_a_checkpoint_does(
    run: Run, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Curves cannot grow at all, curves have room for a step, or the ledger's next step has none."""
    source, _ = _work(run, steps=9)
    monkeypatch.setattr(Filling, "limit", limit)
    monkeypatch.setattr(rl_modes, "LearnerGroup", Filling)
    replayed = {"mode": "replay", "replay_from": str(source), "steps": 9, "save_every": 1}
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(UserError) as caught:
            _work(run, **replayed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    folder = run.directory / "rl-replay"
    newest = checkpoint.latest(folder / "checkpoints")
    assert newest is not None
    assert str(caught.value).startswith(f"{folder}: the disk is full, or ")
    assert str(caught.value).endswith(f"make room and run it again: it goes on from {newest.name}")
    # With room it goes on, and ends as if nothing had been.
    monkeypatch.setattr(rl_modes, "LearnerGroup", Learner)
    _work(run, **replayed)
    assert read_ledger(folder / "ledger").equals(read_ledger(source / "ledger"))
    assert {row["step"] for row in read_curves(folder / "curves.jsonl")} == set(range(10))


class Mortal(Learner):
    """Dies of its calls by `deaths`, names and numbers of updates done, each once; `signals` come with it."""

    deaths: ClassVar[list[tuple[str, int]]] = []
    signals: ClassVar[list[int]] = []
    closed = 0

    def update(self, minibatches: Sequence[Any], *rest: Any) -> UpdateReport:
        self._die_at("update")
        return super().update(minibatches, *rest)

    def save(self, directory: Path) -> None:
        self._die_at("save")
        super().save(directory)

    def export(self, directory: Path) -> None:
        self._die_at("export")
        super().export(directory)

    def close(self) -> None:
        Mortal.closed += 1

    def _die_at(self, call: str) -> None:
        if (call, self.updates) in self.deaths:
            self.deaths.remove((call, self.updates))
            for number in self.signals:
                os.kill(os.getpid(), number)
            raise ActorDiedError("learner rank 0", "died: out of memory")


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> type[Mortal]:
    """The learner of training and of a replay."""
    monkeypatch.setattr(Mortal, "deaths", [])
    monkeypatch.setattr(Mortal, "signals", [])
    monkeypatch.setattr(Mortal, "closed", 0)
    for module in (rl, rl_modes):
        monkeypatch.setattr(module, "LearnerGroup", Mortal)
    return Mortal


@pytest.mark.parametrize(
    ("deaths", "save_every", "told"),
    [
        ([("update", 0)], 1, [(0, 0)]),
        ([("update", 2)], 1, [(2, 2)]),
        ([("save", 2), ("export", 3)], 1, [(2, 1), (3, 3)]),
        # No checkpoint is due until the groups are spent.
        ([("save", 3)], 9, [(3, 0)]),
    ],
)
def test_a_replay_goes_on_from_its_newest_checkpoint_when_a_rank_dies(
    run: Run,
    mortal: type[Mortal],
    deaths: list[tuple[str, int]],
    save_every: int,
    told: list[tuple[int, int]],
) -> None:
    source, _ = _work(run)
    mortal.deaths += deaths
    folder, said = _work(run, mode="replay", replay_from=str(source), steps=9, save_every=save_every)
    assert json.loads((folder / "policy" / "updates.json").read_text()) == 3
    assert read_ledger(folder / "ledger").equals(read_ledger(source / "ledger"))
    assert mortal.closed == len(deaths) + 1
    died = "learner rank 0 died: out of memory"
    assert json.loads((folder / "losses.json").read_text()) == [{"step": at, "lost": died} for at, _ in told]
    for at, newest in told:
        assert f"lost learner rank 0 after {at} steps; all ranks begin again from step {newest}" in said


def test_training_goes_on_from_its_newest_checkpoint_when_a_rank_dies(
    run: Run, mortal: type[Mortal], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Publisher:
        """Has engines take the version that they are given."""

        def __init__(self, *, pool: Pool, **others: Any) -> None:
            self.pool = pool

        def __call__(self, version: int) -> dict[str, float]:
            self.pool.published = (version, 1.0)
            return {}

    monkeypatch.setattr(rl, "CheckedPublisher", Publisher)
    mortal.deaths += [("update", 1), ("export", 3)]
    training = replace(run, recipe=replace(run.recipe, rl=replace(RL, mode="train", save_every=1)))
    rl.run_rl(training)
    folder = run.directory / "rl"
    assert json.loads((folder / "policy" / "updates.json").read_text()) == 3
    assert [row["step"] for row in json.loads((folder / "losses.json").read_text())] == [1, 3]
    assert read_ledger(folder / "ledger")["step"].unique().sort().to_list() == [0, 1, 2]
    assert mortal.closed == 3


def test_a_replay_whose_ranks_keep_dying_ends(run: Run, mortal: type[Mortal]) -> None:
    source, _ = _work(run)
    mortal.deaths += [("update", 1)] * LIVES
    with pytest.raises(ActorError, match=f"lost {LIVES} times at this step, after 1 updates"):
        _work(run, mode="replay", replay_from=str(source))
    assert mortal.closed == LIVES


@pytest.mark.parametrize(("call", "saved"), [("update", 2), ("save", 1)])
def test_a_signal_that_comes_with_the_death_of_a_rank_ends_the_run(
    run: Run, mortal: type[Mortal], call: str, saved: int
) -> None:
    source, _ = _work(run)
    mortal.deaths += [(call, 2)]
    mortal.signals += [signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        _work(run, mode="replay", replay_from=str(source), save_every=1)
    folder = run.directory / "rl-replay"
    assert checkpoint.step_of(checkpoint.latest(folder / "checkpoints")) == saved
    assert mortal.closed == 1
    # Run again, it goes on from there.
    mortal.signals.clear()
    _work(run, mode="replay", replay_from=str(source), save_every=1)
    assert json.loads((folder / "policy" / "updates.json").read_text()) == 3


def test_a_ledger_that_cannot_be_replayed_costs_no_earlier_replay(run: Run) -> None:
    source, _ = _work(run)
    folder, _ = _work(run, mode="replay", replay_from=str(source))
    with pytest.raises(UserError, match=r"no step_\*\.parquet; name a run or its rl/ledger"):
        _work(run, mode="replay")
    assert (folder / "policy").exists()


def test_the_folder_tells_its_own_settings(run: Run, tmp_path: Path) -> None:
    folder, _ = _work(run)
    write_recipe(tmp_path / "expected.yaml", run.recipe)
    assert (folder / "config.yaml").read_text() == (tmp_path / "expected.yaml").read_text()
