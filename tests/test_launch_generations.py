"""Answers are asked for in batches; what a killed run had stays."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from hprbench.build import Benchmark
from hprbench.candidates import stratify
from launch.stages import generations
from launch.stages.generations import GENERATIONS_SCHEMA, generate
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import BenchConfig
from records.history import HistoryLine, SemanticHistory
from records.prompt import Request, Rollout, Sampling
from records.tags import TAG_NAMES, GoldTag

TOKENIZER = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk"], 300))
USERS = tuple(f"u{number}" for number in range(5))


@pytest.fixture
def benchmark() -> Benchmark:
    line = HistoryLine(number=1, text="#1 [Source: Shop] | Milk", event_ids=("e1",))
    histories = {user: SemanticHistory(user_id=user, lines=(line,)) for user in USERS}
    gold = {
        user: {
            tag: GoldTag(user_id=user, tag=tag, values=(), event_ids=(), difficulty="explicit")
            for tag in TAG_NAMES
        }
        for user in USERS
    }
    return Benchmark(
        version=1,
        users=USERS,
        gold=gold,
        strata=stratify(USERS, gold, histories, dict.fromkeys(USERS, 9)),
        histories=histories,
        reviews=(),
        extractor_version="x",
    )


class Engines:
    """Answers with its seed, and dies after so many batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches
        self.asked: list[str] = []

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked += [request.prompt.user_id for request in requests]
        return [
            [_rollout(request, number, request.seed + number) for number in range(request.samples)]
            for request in requests
        ]


def _rollout(request: Request, number: int, seed: int) -> Rollout:
    return Rollout(
        prompt_id=request.prompt.prompt_id,
        sample_idx=number,
        seed=seed,
        token_ids=(),
        logprobs=(),
        text=f"{request.prompt.task} {seed}",
        finish_reason="stop",
        policy_version=0,
        gen_seconds=0.0,
    )


def ask(path: Path, benchmark: Benchmark, engines: Engines) -> list[tuple[int, int]]:
    heard: list[tuple[int, int]] = []
    generate(
        path,
        benchmark,
        TOKENIZER,
        engines,
        BenchConfig(),
        runs=3,
        seed=7,
        progress=lambda done, total: heard.append((done, total)),
    )
    return heard


def test_a_killed_run_goes_on_and_gives_what_an_undisturbed_one_gives(
    tmp_path: Path, benchmark: Benchmark, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(tmp_path / "whole.parquet", benchmark, Engines(1))
    monkeypatch.setattr(generations, "BATCH", 2)
    path = tmp_path / "generations" / "model.parquet"
    with pytest.raises(KeyboardInterrupt):
        ask(path, benchmark, Engines(2))
    assert not path.exists()
    later = Engines(9)
    assert ask(path, benchmark, later) == [(2, 5), (4, 5), (5, 5)]
    # The two batches before it were not asked again: one user is left, asked two questions.
    assert later.asked == ["u4", "u4"]
    found = pl.read_parquet(path)
    assert found.equals(pl.read_parquet(tmp_path / "whole.parquet"))
    assert dict(found.schema) == GENERATIONS_SCHEMA
    assert found.height == 5 * (3 + 1)
    assert [file.name for file in path.parent.iterdir()] == ["model.parquet"]
