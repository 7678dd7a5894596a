"""Ray's job server, seen from outside the cluster."""

import asyncio
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from ray.job_submission import JobStatus, JobSubmissionClient

from records.errors import UserError

EXCLUDES = ["runs/", ".venv/", ".git/", "dist/", "build/", "**/__pycache__/"]
"""Never uploaded (what .gitignore names is left out as well)."""


def run_job(address: str, command: Sequence[str], working_dir: Path) -> int:
    """Upload `working_dir`, run `command` in it, print its log as it comes; returns its exit status.

    Whatever ends the watching ends the job: one that nobody watches shall not go on.

    Raises:
        UserError: the job server refuses.
    """
    if (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
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
        asyncio.run(_print_log(client, job))
    except BaseException:
        client.stop_job(job)
        raise
    info = client.get_job_info(job)
    print(f"{job}: {info.status}")
    if info.driver_exit_code is not None:
        return int(info.driver_exit_code)
    return 0 if info.status == JobStatus.SUCCEEDED else 1


async def _print_log(client: JobSubmissionClient, job: str) -> None:
    async for text in client.tail_job_logs(job):
        print(text, end="", flush=True)
