"""`usergpt submit`: the same run through the job server of a Ray cluster."""

import asyncio
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from actors.cluster import check_address
from launch.recipe import load_recipe
from records.errors import UserError

EXCLUDES = ["runs/", ".venv/", ".git/", "dist/", "build/", "**/__pycache__/"]
"""Never uploaded (what .gitignore names is left out as well)."""


def submit(recipe_path: Path, overrides: Sequence[str], address: str) -> int:
    """Submit, stream the log, and return the job's exit status.

    The run directory is `runs_dir` as seen from here, made absolute: on a cluster it lies on shared storage.

    Raises:
        UserError: the recipe is at fault or nobody answers at `address`.
    """
    recipe = load_recipe(recipe_path, overrides)
    check_address(address)
    if (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    from ray.job_submission import JobSubmissionClient

    root = Path(__file__).resolve().parent.parent
    working_dir = root if (root / "pyproject.toml").is_file() else Path.cwd()
    runs_dir = f"runs_dir={Path(recipe.runs_dir).absolute()}"
    command = [*_run_command(recipe_path, working_dir), *overrides, runs_dir]
    try:
        client = JobSubmissionClient(address)
        job = client.submit_job(
            entrypoint=shlex.join(command),
            runtime_env={"working_dir": str(working_dir), "excludes": EXCLUDES},
        )
    except (RuntimeError, ConnectionError) as error:
        raise UserError(f"Ray job server {address!r}: {str(error).splitlines()[0]}") from None
    print(f"submitted {job} to {address}", flush=True)
    try:
        asyncio.run(_stream(client, job))
    except (KeyboardInterrupt, SystemExit):
        client.stop_job(job)
        raise
    info = client.get_job_info(job)
    print(f"{job}: {info.status}")
    if info.driver_exit_code is not None:
        return int(info.driver_exit_code)
    return 0 if info.status == "SUCCEEDED" else 1


def _run_command(recipe_path: Path, working_dir: Path) -> list[str]:
    """The entry point; a recipe outside the uploaded directory must be a shipped one."""
    path = recipe_path
    if path.is_file():
        if not path.resolve().is_relative_to(working_dir):
            raise UserError(f"{path}: only files below {working_dir} are uploaded; move the recipe there")
        path = path.resolve().relative_to(working_dir)
    return ["python", "-m", "launch.cli", "run", str(path)]


async def _stream(client: object, job: str) -> None:
    async for text in client.tail_job_logs(job):  # type: ignore[attr-defined]
        print(text, end="", flush=True)
