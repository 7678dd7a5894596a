"""Running through Ray's job server, on a cluster started for the test."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT, TINY_RECIPE, usergpt

PORT, DASHBOARD, AGENT = 6391, 8291, 52391


@pytest.fixture(scope="module")
def job_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A one-node cluster with its job server on loopback."""
    bin_dir = Path(sys.executable).parent
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PATH": f"{bin_dir}:{os.environ['PATH']}",  # as in an activated environment: jobs run `python`
    }
    ray = [str(bin_dir / "ray")]
    start = [
        *ray, "start", "--head", f"--port={PORT}", "--node-ip-address=127.0.0.1", "--num-cpus=2",
        "--dashboard-host=127.0.0.1", f"--dashboard-port={DASHBOARD}", "--object-store-memory=200000000",
        # Rays of other tests have the usual port, and a job is told to the agent.
        f"--dashboard-agent-listen-port={AGENT}", "--block",
    ]  # fmt: skip
    before = os.environ.get("RAY_AUTH_MODE")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    address = f"http://127.0.0.1:{DASHBOARD}"
    # Blocking, it ends what it started; `ray stop` would end every Ray of the machine.
    head = subprocess.Popen(start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        deadline = time.monotonic() + 120
        while not _answers(address) and time.monotonic() < deadline and head.poll() is None:
            time.sleep(0.5)
        assert _answers(address)
        yield address
    finally:
        head.terminate()
        head.wait(timeout=60)
        if before is None:  # tests that follow start Rays of their own
            del os.environ["RAY_AUTH_MODE"]
        else:
            os.environ["RAY_AUTH_MODE"] = before


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/version", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    """The tiny recipe inside the project: only what lies there is uploaded."""
    path = ROOT / "recipes" / f"_test_{os.getpid()}.yaml"
    path.write_text(TINY_RECIPE)
    yield path
    path.unlink()


def test_submit_streams_the_log_and_returns_the_exit_status(
    job_server: str, recipe: Path, tmp_path: Path
) -> None:
    done = usergpt(
        "submit", str(recipe), "--address", job_server, f"runs_dir={tmp_path}",
        "--until", "sft",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sft: stage3" in done.stdout
    assert (tmp_path / "tiny" / "sft" / "stage3" / "model.safetensors").is_file()
    assert not (tmp_path / "tiny" / "rl").exists()

    failed = usergpt(
        "submit", str(recipe), "--address", job_server, f"runs_dir={tmp_path}", "learner.cpus_per_rank=9"
    )
    assert failed.returncode == 2
    assert "the cluster has no room for learner" in failed.stdout


def test_a_local_run_beside_a_started_cluster_has_a_ray_of_its_own(
    job_server: str, recipe: Path, tmp_path: Path
) -> None:
    done = usergpt("run", str(recipe), f"runs_dir={tmp_path}", "cluster.cpus=3", "--until", "simulate")
    assert done.returncode == 0, done.stdout + done.stderr


def _ray_job_submit(job_server: str, *command: str) -> subprocess.CompletedProcess[str]:
    submit = [
        str(Path(sys.executable).parent / "ray"), "job", "submit", "--address", job_server,
        "--working-dir", ".", "--", *command,
    ]  # fmt: skip
    deadline = time.monotonic() + 60
    while True:
        done = subprocess.run(submit, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
        if "No available agent" not in done.stderr or time.monotonic() > deadline:
            return done
        time.sleep(2)


def test_plain_ray_job_submit_works_too(job_server: str, recipe: Path, tmp_path: Path) -> None:
    done = _ray_job_submit(
        job_server, "python", "-m", "launch.cli", "run", f"recipes/{recipe.name}",
        f"runs_dir={tmp_path}", "--until", "simulate",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "tiny" / "events" / "events-00000.parquet").is_file()


def test_a_job_and_its_actors_run_what_was_uploaded_and_no_run_is(job_server: str) -> None:
    """The tests' own environment has the project installed; neither the driver nor a worker may use that."""
    made = ROOT / "runs" / f"_test_{os.getpid()}"
    made.mkdir(parents=True)
    (made / "weights").write_text("large")
    where = (
        "import launch.cli, ray, os; ray.init(log_to_driver=False, logging_level='ERROR'); "
        "place = lambda: __import__('actors.weights').weights.__file__; "
        "files = sorted(os.path.join(at, name) for at, _, names in os.walk('.') for name in names); "
        "print('FOUND', launch.cli.__file__, ray.get(ray.remote(place).remote()), *files)"
    )
    try:
        done = _ray_job_submit(job_server, "python", "-c", where)
    finally:
        shutil.rmtree(made)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    driver, worker, *files = line.split()[1:]
    assert "working_dir_files" in driver
    assert "working_dir_files" in worker
    assert "./records/config.py" in files
    assert not [file for file in files if file.startswith(("./runs/", "./.venv/", "./.git/"))]
