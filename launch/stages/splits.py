"""Which users of a run do what."""

from dataclasses import dataclass
from pathlib import Path

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
