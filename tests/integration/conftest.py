"""A small recipe and a small model for tests on the real stack: Ray, vLLM and DeepSpeed on CPU."""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
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
semantize: {token_budget: 220, short_term_days: 30, top_k: 5, long_low_impact: 0, drop_implied: false}
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
  lr: 0.005
  loss: {kl_beta: 0.1}
  probe_samples: 2
  save_every: 1
  filters: {sample: false, group: false}
  refill: {max_rounds: 1}
bench: {users: 6, k: 2, max_response_tokens: 64}
"""
"""So small a model, so little trained, writes nothing well formed: filters off, all else is real. All
rewards are 0, so it is the weight decay that moves the policy away from the reference in the first step; from
then on the KL's gradient, which is of the very tokens that were sampled, moves it as well."""

MARK = "USERGPT_TEST_SESSION"
os.environ[MARK] = str(os.getpid())


CHAT = ("test_author", "test_chat_judge_and_teacher", "test_chat_titles", "test_client")
"""Files that talk to the chat server, in order: the last ends it."""


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes a file has one of them, and those that share the chat server share that."""
    for item in items:
        name = item.path.stem
        item.add_marker(pytest.mark.xdist_group("chat" if name in CHAT else name))


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer model with a tokenizer, in Hugging Face format."""
    return random_model(tmp_path_factory.mktemp("model"), 256)


def random_model(directory: Path, max_length: int) -> Path:
    """Write a random two-layer model to `directory`; returns that."""
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk, Bread"] * 4, 300))
    config = ModelConfig(hidden_size=64, layers=2, heads=2, kv_heads=1, max_length=max_length)
    create_model(config, tokenizer, 0, directory)
    return directory


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny recipe; returns its directory, in which tests may do more.

    Of several processes the first runs it, and each has a copy.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny"
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "tiny" / "report.json").exists():
            recipe = shared / "tiny.yaml"
            recipe.write_text(TINY_RECIPE)
            done = usergpt("run", str(recipe), f"runs_dir={shared}")
            assert done.returncode == 0, done.stdout + done.stderr
    place = tmp_path_factory.mktemp("runs")
    shutil.copytree(shared, place, dirs_exist_ok=True)
    return place / "tiny"


CHAT_LENGTH = 4096
CHAT_MODEL = "tiny"
"""What the chat server calls its model."""


@pytest.fixture(scope="session")
def chat_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A vLLM server of a small random model on loopback; yields its base URL (…/v1).

    A prompt and its reply have CHAT_LENGTH tokens together; a token is about a character. One server, which
    takes most of a minute to start, serves all; the last test of test_client.py ends it.
    """
    model_dir = random_model(tmp_path_factory.mktemp("model"), CHAT_LENGTH)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model_dir),
        "--served-model-name", CHAT_MODEL, "--dtype", "float32", "--enforce-eager",
        "--no-enable-chunked-prefill",  # it rewinds seeded generators, which CPU generators cannot do
        "--host", "127.0.0.1", "--port", str(port),
        # Between two values of JSON a random model would write spaces until its tokens are spent.
        "--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}',
    ]  # fmt: skip
    environment = {
        **os.environ,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_HOST_IP": "127.0.0.1",
        "VLLM_NO_USAGE_STATS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TORCHDYNAMO_DISABLE": "1",
    }
    log = tmp_path_factory.mktemp("chat") / "server.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment, start_new_session=True
        )
    try:
        if not _is_healthy(f"http://127.0.0.1:{port}/health", server, 180):
            pytest.fail(f"the chat server did not start\n{log.read_text(errors='replace')[-8000:]}")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        end_group(server.pid)
        server.wait(timeout=10)


def _is_healthy(url: str, server: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Whether `url` answers before the server ends or the time is up."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError), direct.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
        time.sleep(0.5)
    return False


def end_group(group: int) -> None:
    """End every process of a process group: asked first, and killed where that does not help."""
    for number, patience_s in ((signal.SIGTERM, 20), (signal.SIGKILL, 10)):
        members = [process for process in psutil.process_iter() if _group_of(process) == group]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        if not psutil.wait_procs(members, timeout=patience_s)[1]:
            return


def _group_of(process: psutil.Process) -> int | None:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(process.pid)
    return None


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


def killed(*arguments: str, when: Callable[[], bool]) -> None:
    """Run the command line in a process of its own and end it as soon as `when` holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "launch.cli", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not when():
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


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


def actor_processes(name: str) -> list[psutil.Process]:
    """The processes in which actors of that class of these tests run."""
    found = []
    for pid in ray_processes():
        with contextlib.suppress(psutil.Error):  # it may have ended since it was listed
            process = psutil.Process(pid)
            if f"ray::{name}" in " ".join(process.cmdline()):
                found.append(process)
    return found


@pytest.fixture(autouse=True, scope="module")
def nothing_left_running() -> Iterator[None]:
    """No Ray process outlives the tests of a file, which start before their own cluster and end after it."""
    before = ray_processes()
    yield
    left = psutil.wait_procs(  # agents of a Ray that was killed whole take a minute
        [psutil.Process(pid) for pid in ray_processes() - before if psutil.pid_exists(pid)], timeout=90
    )[1]
    for process in left:
        process.kill()
    assert not left, f"left running: {[p.pid for p in left]}"
