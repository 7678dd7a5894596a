"""A small recipe and a small model for tests on the real stack: Ray, vLLM and DeepSpeed on CPU."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lm.model import create_model
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import ModelConfig

ROOT = Path(__file__).resolve().parent.parent.parent

TINY_RECIPE = """
name: tiny
simulate: {users: 60, min_days: 60, max_days: 120}
semantize: {token_budget: 220}
model: {vocab_size: 1024, hidden_size: 64, layers: 2, heads: 2, kv_heads: 1, max_length: 640}
learner: {threads: 1, weight_decay: 0.5}
rollout: {threads: 1}
sft:
  rl_users: 12
  probe_users: 4
  stage1: {examples: 48}
  stage2: {examples: 16}
  stage3: {examples: 32, composite_share: 0.5}
rl:
  steps: 3
  groups_per_step: 4
  group_size: 2
  max_response_tokens: 64
  lr: 0.02
  probe_samples: 2
  save_every: 1
  filters: {sample: false, group: false}
  refill: {max_rounds: 1}
bench: {users: 6, k: 2, max_response_tokens: 64}
"""
"""So small a model, so little trained, writes nothing well formed: filters off, all else is real. All
rewards are 0, so it is the weight decay that moves the policy from step to step."""

MARK = "USERGPT_TEST_SESSION"
os.environ[MARK] = str(os.getpid())


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer model with a tokenizer, in Hugging Face format."""
    directory = tmp_path_factory.mktemp("model")
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk, Bread"] * 4, 300))
    config = ModelConfig(hidden_size=64, layers=2, heads=2, kv_heads=1, max_length=256)
    create_model(config, tokenizer, 0, directory)
    return directory


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe; returns its directory."""
    place = tmp_path_factory.mktemp("runs")
    recipe = place / "tiny.yaml"
    recipe.write_text(TINY_RECIPE)
    done = usergpt("run", str(recipe), f"runs_dir={place}")
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "tiny"


def usergpt(*arguments: str, timeout: float = 280) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "launch.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
        check=False,
    )


def ray_processes() -> set[int]:
    """Ids of the Ray processes on this machine that these tests started, directly or not."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if any(mark in words for mark in ("raylet", "gcs_server", "ray::", "dashboard/agent.py")):
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == os.environ[MARK]:
                    found.add(process.pid)
    return found


@pytest.fixture(autouse=True, scope="module")
def nothing_left_running() -> Iterator[None]:
    """No Ray process outlives the tests of a file, which start before their own cluster and end after it."""
    before = ray_processes()
    yield
    left = psutil.wait_procs(
        [psutil.Process(pid) for pid in ray_processes() - before if psutil.pid_exists(pid)], timeout=20
    )[1]
    for process in left:
        process.kill()
    assert not left, f"left running: {[p.pid for p in left]}"
