"""`usergpt filters suggest`: thresholds from a pilot, as YAML to paste into a recipe."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import yaml

from launch.filters.plain import escaped, plain_json
from launch.filters.settings import recorded_filters
from records.config import FilterConfig
from rl.ledger import ledger_of
from rl.recorded import Recording, read_recording
from rl.suggest import Suggestion, suggest
from rl.sweep import Tally


def show_suggestion(
    path: Path, task: str, quantiles: tuple[float, float], overrides: Sequence[str], *, as_json: bool
) -> int:
    """Print thresholds by quantiles of the group means in a pilot's ledger, and what they would have kept.

    Raises:
        UserError: there is no ledger, or a task has too few groups in it.
    """
    ledger = ledger_of(path)
    filters = recorded_filters(ledger, overrides)
    recording = read_recording(ledger, task)
    suggestion = suggest(recording, filters, quantiles)
    if as_json:
        print(plain_json(_as_json(ledger, recording, quantiles, filters, suggestion)))
        return 0
    for line in _told(ledger, recording, quantiles, suggestion):
        print(f"# {escaped(line)}")
    print(yaml.safe_dump({"rl": {"filters": _section(filters, suggestion)}}, sort_keys=False), end="")
    return 0


def _section(filters: FilterConfig, suggestion: Suggestion) -> dict[str, Any]:
    """Thresholds, and every other setting by which their means were taken where it is not the default."""
    usual = FilterConfig()
    names = [one.name for one in fields(FilterConfig)]
    others = [name for name in names if name not in ("group", "thresholds", "ramp_steps")]
    return {
        **{name: value for name in others if (value := getattr(filters, name)) != getattr(usual, name)},
        "thresholds": {task: _bounds(suggestion, task) for task in suggestion.thresholds},
    }


def _bounds(suggestion: Suggestion, task: str) -> dict[str, float]:
    bounds = suggestion.thresholds[task]
    return {"eps_low": bounds.eps_low, "eps_high": bounds.eps_high}


def _told(
    ledger: Path, recording: Recording, quantiles: tuple[float, float], suggestion: Suggestion
) -> list[str]:
    low, high = quantiles
    steps = [group.step for group in recording.groups]
    lines = [
        f"Quantiles {low:g} and {high:g} of group means in {ledger}, steps {min(steps)} to {max(steps)}.",
        "What these thresholds would have kept there:",
    ]
    for task, count in suggestion.rests_on.items():
        tally = suggestion.kept.by_task[task]
        lines.append(f"{task} (quantiles of {count:,} means): {_kept(tally)}")
    for (least, most), tally in zip(recording.buckets.bounds, suggestion.kept.by_length, strict=True):
        lines.append(f"prompts of {least:,} to {most:,} tokens: {_kept(tally)}")
    return lines


def _kept(tally: Tally) -> str:
    return (
        f"{tally.groups_kept:,} of {tally.groups:,} groups ({tally.share:.0%}), "
        f"{tally.samples_kept:,} of {tally.samples:,} samples, "
        f"{tally.tokens_kept:,} of {tally.tokens:,} tokens"
    )


def _as_json(
    ledger: Path,
    recording: Recording,
    quantiles: tuple[float, float],
    filters: FilterConfig,
    suggestion: Suggestion,
) -> dict[str, Any]:
    return {
        "ledger": str(ledger),
        "quantiles": quantiles,
        "filters": _section(filters, suggestion),
        "rests_on": dict(suggestion.rests_on),
        "prompt_tokens": recording.buckets.bounds,
        "kept": asdict(suggestion.kept),
    }
