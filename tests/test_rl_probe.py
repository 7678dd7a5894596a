"""The probe's mean reward, by hand."""

import math
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling, ScoredGroup
from rl.probe import run_probe
from tests.ledgers import Group, Sample, scored

SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_tokens=8)
PROMPTS = [
    Prompt(prompt_id=name, user_id="u", task="tags", tags=("pet",), history_lines=1, token_ids=(1,))
    for name in "ab"
]
FAILED = Sample(error="E: gone")


class Given:
    """Generator and scorers that answer with these samples, prompt by prompt."""

    def __init__(self, answers: Sequence[Sequence[Sample]]) -> None:
        self.answers = [
            scored(Group(name=prompt.prompt_id, samples=samples))
            for prompt, samples in zip(PROMPTS, answers, strict=True)
        ]
        self.seeds: list[int] = []

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        assert sampling == SAMPLING
        self.seeds += [request.seed for request in requests]
        return [list(answer.group.rollouts) for answer in self.answers]

    def score(self, groups: Sequence[RolloutGroup]) -> list[ScoredGroup]:
        return self.answers

    def mean(self, path: Path, seed: int = 0) -> float:
        return run_probe(path, PROMPTS, 2, self, self, SAMPLING, seed)  # type: ignore[arg-type]


def test_failures_count_as_they_scored_and_failed_scores_not_at_all(tmp_path: Path) -> None:
    answers = [[Sample(atomic=0.9), Sample(atomic=0.0, format_ok=False)], [FAILED, Sample(atomic=0.3)]]
    # (.9 + 0 + .3) / 3
    assert Given(answers).mean(tmp_path / "probe.parquet") == pytest.approx(0.4)
    rows = pl.read_parquet(tmp_path / "probe.parquet")
    assert rows.select("reward", "sample_idx").rows() == [(0.9, 0), (0.0, 1), (0.3, 1)]


def test_without_any_score_there_is_no_mean(tmp_path: Path) -> None:
    assert math.isnan(Given([[FAILED, FAILED], [FAILED, FAILED]]).mean(tmp_path / "probe.parquet"))


def test_every_probe_of_a_run_has_the_same_seeds(tmp_path: Path) -> None:
    world = Given([[Sample(), Sample()], [Sample(), Sample()]])
    for number, seed in enumerate((0, 0, 1)):
        world.mean(tmp_path / f"{number}.parquet", seed)
    first, second, other = world.seeds[:2], world.seeds[2:4], world.seeds[4:]
    assert first == second
    assert not set(first) & set(other)
