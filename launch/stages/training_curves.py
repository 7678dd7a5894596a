"""What the report plots of the training: curves, the ledger and the probes of a run."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hprbench.curves import ACTORS, Curves
from hprbench.intervals import pooled, share_of
from launch.curves import read_curves
from launch.pipeline import Run
from launch.stages.sft import PILOT, STAGES
from rl.filter_cost import NOT_CHOSEN
from rl.ledger import read_ledger

_WASTED = "filter/tokens_wasted/"
_MISMATCH = {"sampled": "learner/rollout_mismatch_kl", "checked": "sync/mismatch_kl"}
_IDLE = {"seconds": "time/cycle", **{kind: f"time/idle/{kind}" for kind in ACTORS}}


def training_curves(run: Run) -> Curves:
    """The curves of SFT and of DF-GRPO; what a run has not stays empty."""
    rows: dict[int, dict[str, Any]] = {}
    for row in read_curves(run.directory / "rl" / "curves.jsonl"):
        rows.setdefault(row["step"], {}).update(row)
    steps = [row for _, row in sorted(rows.items())]
    probes = probe_intervals(run.directory / "rl" / "probe", run.recipe.seed)
    rewards = {name: f"reward/{name}" for name in ("pre_filter", "post_filter", "probe")}
    return Curves(
        reward=[
            {**row, **probes.get(int(row["step"] or 0), {})} for row in _named(steps, rewards, always=True)
        ],
        filter_reasons=dropped_samples(run.directory / "rl" / "ledger") if run.recipe.rl.steps else (),
        tokens_wasted=[
            {"step": row["step"], **{name.removeprefix(_WASTED): row[name] for name in names}}
            for row in steps
            if (names := [name for name in row if name.startswith(_WASTED)]) or "filter/tokens_wasted" in row
        ],
        mismatch=_named(steps, _MISMATCH),
        idle=_named(steps, _IDLE),
        tokens={
            "generated": sum(row.get("rollout/tokens", 0.0) for row in steps),
            "trained": sum(row.get("learner/tokens", 0.0) for row in steps),
        }
        if steps
        else {},
        sft_loss={
            name: [
                row.get(f"sft/{name}/answer_loss", math.nan)
                for row in read_curves(run.directory / "sft" / f"{name}.jsonl")
            ]
            for name in (PILOT, *STAGES)
        },
    )


def _named(
    steps: Iterable[Mapping[str, Any]], names: Mapping[str, str], *, always: bool = False
) -> list[dict[str, float | None]]:
    """Of each step the numbers of these curves, by other names; a step without any stays away."""
    found = [{"step": row["step"], **{ours: row.get(name) for ours, name in names.items()}} for row in steps]
    return [row for row in found if always or any(row[ours] is not None for ours in names)]


def rewards_by_user(probe: Path) -> dict[str, float]:
    """The mean reward of each user in a probe's file."""
    frame = pl.read_parquet(probe).group_by("user_id").agg(pl.col("reward").mean()).sort("user_id")
    return dict(frame.iter_rows())


def probe_intervals(folder: Path, seed: int) -> dict[int, dict[str, float | None]]:
    """`probe_low` and `probe_high` of every probe, by step: 95 % over users."""
    found: dict[int, dict[str, float | None]] = {}
    for path in sorted(folder.glob("step_*.parquet")):
        rewards = rewards_by_user(path)
        share = share_of(pooled(tuple(rewards), list(rewards.values()), np.ones(len(rewards))), seed=seed)
        if share is not None:
            low, high = share.interval
            found[int(path.stem.removeprefix("step_"))] = {"probe_low": low, "probe_high": high}
    return found


def dropped_samples(ledger: Path) -> list[dict[str, float | None]]:
    """Per step, how many samples each reason dropped; one with several counts under its first."""
    if not ledger.is_dir():  # a run without DF-GRPO
        return []
    samples = read_ledger(ledger, ("step", "drop_reasons", "kept"))
    samples = samples.with_columns(reason=pl.col("drop_reasons").list.first())
    samples = samples.with_columns(pl.col("reason").fill_null(NOT_CHOSEN))
    dropped = samples.filter(~pl.col("kept")).group_by("step", "reason").len()
    steps: dict[int, dict[str, float | None]] = {
        step: {"step": step + 1} for step in samples["step"].unique().sort()
    }
    for step, reason, count in dropped.sort("step", "reason").iter_rows():
        steps[step][reason] = count
    return list(steps.values())
