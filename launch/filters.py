"""`usergpt filters`."""

import json
from dataclasses import asdict
from pathlib import Path

from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from records.config import FilterConfig
from rl.replay import parse_grid, sweep


def show_sweep(ledger: Path, eps_low: str, eps_high: str, task: str, *, as_json: bool) -> int:
    """Replay the ledger for every pair of thresholds and print what each keeps."""
    rows = sweep(ledger, parse_grid(eps_low), parse_grid(eps_high), recorded_filters(ledger), task)
    if as_json:
        print(json.dumps([asdict(row) for row in rows]))
        return 0
    table = Table(title=f"{rows[0].groups} recorded groups of {ledger}")
    for heading in (
        "eps_low", "eps_high", "groups kept", "samples kept", "tokens kept", "tokens wasted", "wasted",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for row in rows:
        tokens = row.tokens_kept + row.tokens_wasted
        table.add_row(
            f"{row.eps_low:g}",
            f"{row.eps_high:g}",
            str(row.groups_kept),
            str(row.samples_kept),
            f"{row.tokens_kept:,}",
            f"{row.tokens_wasted:,}",
            f"{row.tokens_wasted / max(1, tokens):.0%}",
        )
    Console().print(table)
    return 0


def recorded_filters(ledger: Path) -> FilterConfig:
    """The filter settings of the run the ledger belongs to; the defaults for a ledger on its own."""
    config = ledger.resolve().parent / "config.yaml"
    if not config.is_file():
        return FilterConfig()
    merged = OmegaConf.merge(OmegaConf.structured(FilterConfig), OmegaConf.load(config).rl.filters)
    filters = OmegaConf.to_object(merged)
    assert isinstance(filters, FilterConfig)
    return filters
