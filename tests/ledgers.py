"""Ledgers for tests: groups by rewards, judged and written as a run does it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from records.config import FilterConfig, ThresholdConfig
from records.prompt import Prompt, Rollout, RolloutGroup, Score, ScoredGroup
from rl.advantages import group_advantages
from rl.filters import JudgedGroup, filters_at, judge
from rl.ledger import ledger_path, write_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One response; `error` is a score that failed, `summary` None that of a task without one."""

    atomic: float = 0.0
    summary: float | None = None
    tokens: int = 1
    cut: bool = False
    format_ok: bool = True
    error: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group, of a prompt with `prompt_tokens` tokens."""

    name: str
    samples: Sequence[Sample]
    task: str = "tags"
    prompt_tokens: int = 1
    history_lines: int = 1
    user: str = "u"


def scored(group: Group) -> ScoredGroup:
    """The group as scorers return it."""
    prompt = Prompt(
        prompt_id=f"p-{group.name}",
        user_id=group.user,
        task=group.task,
        tags=("pet",),
        history_lines=group.history_lines,
        token_ids=(1,) * group.prompt_tokens,
    )
    rollouts = tuple(
        Rollout(
            prompt_id=prompt.prompt_id,
            sample_idx=index,
            seed=index,
            token_ids=(1,) * sample.tokens,
            logprobs=(-1.0,) * sample.tokens,
            text=sample.text,
            finish_reason="length" if sample.cut else "stop",
            policy_version=0,
            gen_seconds=0.0,
        )
        for index, sample in enumerate(group.samples)
    )
    return ScoredGroup(
        group=RolloutGroup(group_id=group.name, round=0, attempt=0, prompt=prompt, rollouts=rollouts),
        scores=tuple(_score(sample) for sample in group.samples),
    )


def _score(sample: Sample) -> Score:
    if sample.error:
        return Score(
            format_ok=False,
            format_reason="",
            reward=math.nan,
            atomic=math.nan,
            summary=None,
            error=sample.error,
        )
    return Score(
        format_ok=sample.format_ok,
        format_reason="" if sample.format_ok else "bad_json",
        reward=sample.atomic + (sample.summary or 0.0),
        atomic=sample.atomic,
        summary=sample.summary,
        reasons=("tag:pet",),
    )


def write_ledger(
    directory: Path, steps: Mapping[int, Sequence[Group]], filters: FilterConfig, *, text: bool = False
) -> list[JudgedGroup]:
    """Write a ledger of these groups by step, judged by `filters`; returns them in order."""
    everything = []
    for step, groups in steps.items():
        at = filters_at(filters, step)
        judged = [JudgedGroup(scored=one, verdict=judge(one, at)) for one in map(scored, groups)]
        trained = {
            one.scored.group.group_id: list(group_advantages(one.verdict, scale_by_std=True))
            for one in judged
            if one.verdict.kept
        }
        write_step(ledger_path(directory, step), step, judged, trained, keep="text" if text else "verdicts")
        everything += judged
    return everything


RECORDED = FilterConfig(
    thresholds={
        "tags": ThresholdConfig(eps_low=0.3, eps_high=0.9),
        "composite": ThresholdConfig(eps_low=0.3, eps_high=1.5),
    }
)
HARD = Group(name="hard", prompt_tokens=10, samples=[Sample(tokens=10), Sample(atomic=0.4, tokens=20)])
MIDDLE = Group(
    name="middle",
    prompt_tokens=20,
    samples=[
        Sample(tokens=7, cut=True),
        Sample(atomic=0.6, tokens=5),
        Sample(atomic=1.0, tokens=6),
        Sample(error="E: x", tokens=4),
    ],
)
EASY = Group(
    name="easy",
    task="composite",
    prompt_tokens=30,
    samples=[Sample(atomic=0.9, summary=0.5, tokens=8), Sample(atomic=0.9, summary=0.9, tokens=9)],
)
FLAT = Group(
    name="flat",
    task="composite",
    prompt_tokens=40,
    samples=[Sample(atomic=0.5, summary=0.3, tokens=3), Sample(atomic=0.3, summary=0.5, tokens=2)],
)
"""Live means .2, .8, 1.6 and .8 (without signal, in total)."""
