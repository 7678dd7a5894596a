"""The filters that a ledger was written under."""

from collections.abc import Sequence
from pathlib import Path

from launch.recipe import load_filters
from records.config import FilterConfig


def config_of(ledger: Path) -> Path | None:
    """The recipe beside a ledger, as its run had it; None for a ledger on its own."""
    config = ledger.resolve().parent / "config.yaml"
    return config if config.is_file() else None


def recorded_filters(ledger: Path, overrides: Sequence[str] = ()) -> FilterConfig:
    """The filters of the run that the ledger belongs to (of a ledger on its own: the defaults, which have
    no thresholds), with `overrides` of their fields, each `rl.filters.key=value`.

    Raises:
        UserError: the recipe or an override is at fault.
    """
    return load_filters(config_of(ledger), overrides)
