"""The loop on recorded groups: the same learner updates from the same settings, others from others."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lm.objective import UpdateReport
from records.config import FilterConfig, RefillConfig, RLConfig, ThresholdConfig
from records.errors import UserError
from rl.from_ledger import RecordedGroups, RecordedRollouts, RecordedScorers
from rl.ledger import read_ledger
from rl.loop import RLRun, train
from rl.modes import check_modes
from rl.prompts import Shuffled
from rl.protocols import PromptsEndedError
from tests.test_rl_loop import AHEAD, CONFIG, PROMPTS, World

RECORDING = replace(CONFIG, ledger="tokens", probe_every=1)


class Watched(World):
    """A world that keeps what its learner is given, which is at work on its own where it replays."""

    def __init__(self, directory: Path, *, ahead: bool = False) -> None:
        super().__init__(directory, ahead=ahead)
        self.given: list[tuple[Any, ...]] = []

    def update(self, minibatches: Sequence[Sequence[Any]], *others: Any) -> UpdateReport:
        _, _, lr, *_ = others
        for micro in (micro for micros in minibatches for micro in micros):
            arrays = (micro.tokens.input_ids_T, micro.tokens.targets_N, micro.rollout_logprobs_N)
            self.given.append((lr, *(tuple(array.tolist()) for array in (*arrays, micro.advantages_N))))
        return super().update(minibatches, *others)


def _record(directory: Path, config: RLConfig = RECORDING, *, ahead: bool = False) -> Watched:
    world = Watched(directory, ahead=ahead)
    train(_run(world, config, Shuffled(PROMPTS, seed=3), world, world.queue))
    return world


def _replay(directory: Path, source: Path, config: RLConfig = RECORDING, *, seed: int = 3) -> Watched:
    world = Watched(directory)
    config = replace(config, mode="replay")
    groups = RecordedGroups(source / "ledger", seed, config.group_size)
    run = _run(world, config, groups, RecordedRollouts(groups), RecordedScorers(groups))
    train(replace(run, probe_prompts=(), seed=seed))
    return world


def _run(world: World, config: RLConfig, prompts: Any, rollouts: Any, scorers: Any) -> RLRun:
    return RLRun(
        config=config,
        directory=world.directory,
        seed=3,
        prompts=prompts,
        probe_prompts=PROMPTS[:2],
        rollouts=rollouts,
        scorers=scorers,
        learner=world,
        publish=world,
        log=world,
        micro_batch_tokens=12,
    )


NARROW = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.45, eps_high=0.55)})


@pytest.mark.parametrize(
    "config",
    [
        RECORDING,
        replace(RECORDING, minibatches=2, filters=NARROW),  # steps that are not full
        replace(RECORDING, filters=NARROW, refill=RefillConfig(max_rounds=6, dropped_weight=0.3)),
    ],
)
@pytest.mark.parametrize("seed", [3, 8])
def test_the_same_settings_give_the_same_updates_and_ledger(
    tmp_path: Path, config: RLConfig, seed: int
) -> None:
    """Of the run's own ledger; another seed is that of another run, which may replay it as well, as long as
    no turn depends on the seed."""
    if config.refill.dropped_weight < 1 and seed != 3:
        seed = 3
    recorded = _record(tmp_path / "recorded", config)
    replayed = _replay(tmp_path / "replayed", tmp_path / "recorded", config, seed=seed)
    assert replayed.given == recorded.given
    assert replayed.weight == recorded.weight
    assert replayed.updates == recorded.updates > 0
    ledgers = [read_ledger(tmp_path / name / "ledger") for name in ("recorded", "replayed")]
    assert ledgers[0].equals(ledgers[1])
    assert not (tmp_path / "replayed" / "probe").exists()


def test_an_interrupted_replay_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    recorded = _record(tmp_path / "recorded")
    _replay(tmp_path / "broken", tmp_path / "recorded", replace(RECORDING, steps=2))
    resumed = _replay(tmp_path / "broken", tmp_path / "recorded")
    assert resumed.updates == 4
    assert resumed.weight == recorded.weight


def test_other_filters_take_other_groups_of_whatever_age(tmp_path: Path) -> None:
    _record(tmp_path / "recorded", replace(RECORDING, filters=NARROW))
    wide = replace(RECORDING, steps=20, filters=FilterConfig(group=False))
    with pytest.raises(PromptsEndedError, match=r"ledger: its \d+ groups are spent"):
        _replay(tmp_path / "wide", tmp_path / "recorded", wide)
    recorded, replayed = (read_ledger(tmp_path / name / "ledger") for name in ("recorded", "wide"))
    # All that has a signal trains, two groups a step, long after the version that generated it.
    assert replayed["kept"].sum() > recorded["kept"].sum()
    assert "stale" not in set(replayed["drop_reasons"].explode())
    assert replayed["staleness"].max() > 0
    told = ["policy_version", "seed", "reward", "response_ids", "logprobs", "gen_seconds"]
    cursors = [
        frame.with_columns(pl.col("group_id").str.split("-").list.last().alias("cursor"))
        for frame in (recorded, replayed)
    ]
    shared = cursors[1].join(cursors[0], on=["cursor", "sample_idx"], suffix="_recorded")
    assert len(shared) == len(replayed)
    for name in told:
        assert shared[name].equals(shared[f"{name}_recorded"], check_names=False)


def test_stricter_filters_reach_into_what_came_later(tmp_path: Path) -> None:
    _record(tmp_path / "recorded")
    narrow = replace(RECORDING, steps=3, filters=NARROW, refill=RefillConfig(max_rounds=2))
    _replay(tmp_path / "narrow", tmp_path / "recorded", narrow)
    assert read_ledger(tmp_path / "narrow" / "ledger")["staleness"].min() < 0


def test_a_replay_that_ends_early_leaves_a_checkpoint_of_its_last_whole_step(tmp_path: Path) -> None:
    _record(tmp_path / "recorded")
    longer = replace(RECORDING, steps=20, save_every=100)
    with pytest.raises(PromptsEndedError):
        _replay(tmp_path / "replayed", tmp_path / "recorded", longer)
    assert [path.name for path in (tmp_path / "replayed" / "checkpoints").iterdir()] == ["step_000006"]


def test_what_ran_ahead_is_replayed_without_being_stale(tmp_path: Path) -> None:
    _record(tmp_path / "recorded", replace(AHEAD, ledger="tokens"), ahead=True)
    config = replace(RECORDING, steps=4, refill=RefillConfig(max_rounds=20))
    replayed = _replay(tmp_path / "replayed", tmp_path / "recorded", config)
    ledger = read_ledger(tmp_path / "replayed" / "ledger")
    assert replayed.updates == 4
    assert (ledger["staleness"] != 0).any()
    assert "stale" not in set(ledger["drop_reasons"].explode())


def test_a_ledger_that_cannot_be_replayed_is_named(tmp_path: Path) -> None:
    _record(tmp_path / "text", replace(RECORDING, ledger="text"))
    lacks = r"step_000000\.parquet: holds no token ids and log-probs; record them with rl.ledger=tokens"
    with pytest.raises(UserError, match=lacks):
        RecordedGroups(tmp_path / "text" / "ledger", 3, 4)
    old = tmp_path / "old"
    old.mkdir()
    read_ledger(tmp_path / "text" / "ledger").drop("response_ids").write_parquet(old / "step_000000.parquet")
    with pytest.raises(UserError, match=lacks):
        RecordedGroups(old, 3, 4)
    _record(tmp_path / "tokens")
    with pytest.raises(UserError, match=r"group 000000-000000 has 4 samples; set rl.group_size=4, now 8"):
        RecordedGroups(tmp_path / "tokens" / "ledger", 3, 8)
    with pytest.raises(UserError, match=r"no step_\*\.parquet"):
        RecordedGroups(tmp_path, 3, 4)
    empty = tmp_path / "empty"
    empty.mkdir()
    read_ledger(tmp_path / "text" / "ledger").head(0).write_parquet(empty / "step_000000.parquet")
    with pytest.raises(UserError, match="the ledger holds no groups"):
        RecordedGroups(empty, 3, 4)


def test_tokens_are_kept_once_a_prompt_and_once_a_sample(tmp_path: Path) -> None:
    _record(tmp_path)
    ledger = read_ledger(tmp_path / "ledger")
    first = ledger.filter(sample_idx=0)
    assert first["prompt_ids"].list.len().equals(first["prompt_tokens"].cast(pl.UInt32), check_names=False)
    assert ledger.filter(pl.col("sample_idx") > 0)["prompt_ids"].null_count() == len(ledger) - len(first)
    for name in ("response_ids", "logprobs"):
        lengths = ledger[name].list.len().cast(pl.Int64)
        assert lengths.equals(ledger["response_tokens"], check_names=False)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (RLConfig(mode="play"), r"rl.mode is 'play'; it must be one of train, rollout, replay"),
        (RLConfig(ledger="all"), r"rl.ledger is 'all'; it must be one of verdicts, text, tokens"),
        (RLConfig(replay_from="runs/x"), r"rl.replay_from is for rl.mode=replay, and rl.mode is train"),
    ],
)
def test_modes_that_make_no_sense_are_refused(config: RLConfig, told: str) -> None:
    with pytest.raises(UserError, match=told):
        check_modes(config)
