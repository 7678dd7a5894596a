"""The probe of groupwise DPO: held-out prompts and fixed seeds, against what the reference wrote to them.

The reference is the policy that training began with, so its responses are those of the probe of step 0.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from records.errors import UserError
from records.prompt import Prompt, Sampling
from rl.groupwise import ROUNDING
from rl.groupwise_groups import QualityScorers, ranked
from rl.ledger import write_table
from rl.probe import probe_path, sample_probe
from rl.protocols import Generator

PROBE_SCHEMA = {
    "prompt_id": pl.String,
    "user_id": pl.String,
    "sample_idx": pl.Int64,
    "response_tokens": pl.Int64,
    "quality": pl.Float64,
    "invalid": pl.String,
}
"""Columns of a probe's file, one row a response whose scoring did not fail; `quality` is null where it is
invalid."""


def write_probe(
    path: Path,
    prompts: Sequence[Prompt],
    samples: int,
    generator: Generator,
    scorers: QualityScorers,
    sampling: Sampling,
    seed: int,
) -> None:
    """Sample and score `samples` responses a prompt, and write them to `path`."""
    groups = sample_probe(prompts, samples, generator, sampling, seed)
    scored = [
        ranked(group, scores, tie_within=0.0)
        for group, scores in zip(groups, scorers.score(groups), strict=True)
    ]
    rows = [
        {
            "prompt_id": one.group.prompt.prompt_id,
            "user_id": one.group.prompt.user_id,
            "sample_idx": index,
            "response_tokens": len(one.group.rollouts[index].token_ids),
            "quality": one.scores[index].quality,
            "invalid": one.scores[index].invalid,
        }
        for one in scored
        for index in one.compared
    ]
    write_table(path, pl.DataFrame(rows, schema=PROBE_SCHEMA, orient="row"))


def probe_metrics(directory: Path, step: int, tie_within: float) -> Mapping[str, float]:
    """Of the probe of `step`: mean quality of valid responses, their share, and the win rate against the
    reference; what cannot be told, as all scoring failed, is left out.

    Raises:
        UserError: the reference's probe is not there.
    """
    path = probe_path(directory, 0)
    if not path.exists():
        raise UserError(
            f"{path}: the reference's responses are not there; remove {directory.parent} and begin anew"
        )
    policy, reference = (pl.read_parquet(probe_path(directory, at), glob=False) for at in (step, 0))
    metrics = {
        "probe/quality": policy["quality"].mean(),
        "probe/valid_share": policy["quality"].is_not_null().mean(),
        "probe/win_rate": win_rate(policy, reference, tie_within),
    }
    return {
        name: float(value)  # type: ignore[arg-type]
        for name, value in metrics.items()
        if value is not None and np.isfinite(value)  # type: ignore[arg-type]
    }


def win_rate(policy: pl.DataFrame, reference: pl.DataFrame, tie_within: float) -> float:
    """How often a response of the policy is better than one of the reference to the same prompt.

    The mean over all pairs of a prompt, then over prompts: 1 for a better one, half for a tie (within τ, or
    both invalid); valid beats invalid. NaN where no prompt has both.
    """
    theirs = dict(zip(*_by_prompt(reference), strict=True))
    rates = [
        _rate(ours, theirs[prompt], tie_within)
        for prompt, ours in zip(*_by_prompt(policy), strict=True)
        if prompt in theirs
    ]
    return float(np.mean(rates)) if rates else float("nan")


def _by_prompt(probe: pl.DataFrame) -> tuple[list[str], list[npt.NDArray[np.float64]]]:
    groups = probe.group_by("prompt_id", maintain_order=True).agg(pl.col("quality").fill_null(-np.inf))
    return groups["prompt_id"].to_list(), [np.array(values) for values in groups["quality"].to_list()]


def _rate(ours_S: npt.NDArray[np.float64], theirs_S: npt.NDArray[np.float64], tie_within: float) -> float:
    with np.errstate(invalid="ignore"):  # −∞ − −∞: both invalid
        gaps_SS = np.nan_to_num(ours_S[:, None] - theirs_S[None, :], posinf=np.inf, neginf=-np.inf)
    gaps_SS[np.abs(gaps_SS) <= tie_within + ROUNDING] = 0
    return float(np.mean((np.sign(gaps_SS) + 1) / 2))
