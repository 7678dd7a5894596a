"""Which users of a run do what."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from records.files import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Users by purpose; no user has two. `bench` are the benchmark's candidates, in the order drawn,
    `unlabelled` those of a log of which nothing is known."""

    bench: tuple[str, ...]
    probe: tuple[str, ...]
    rl: tuple[str, ...]
    sft: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()


def load_splits(directory: Path) -> Splits:
    """The splits of a run."""
    return Splits(**{name: tuple(users) for name, users in read_json(directory / "splits.json").items()})


def load_taught(directory: Path) -> list[str]:
    """SFT users, less those whose history says the same as that of a benchmark, probe or RL user; sorted.

    Whatever is fitted to be compared with the model is fitted on them.
    """
    labels = pl.read_parquet(directory / "sft" / "labels" / "labels.parquet", columns=["user_id"])
    return sorted(labels["user_id"].unique().to_list())
