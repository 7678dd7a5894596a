"""Ray's job server, seen from outside the cluster."""

import asyncio
import contextlib
import http.client
import os
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from ray.exceptions import RayError
from ray.job_submission import JobStatus, JobSubmissionClient

from records.errors import UserError

EXCLUDES = ("runs/", ".venv/", ".git/", "dist/", "build/", "**/__pycache__/")
"""Never uploaded (what .gitignore names is left out as well)."""

AGENT_S = 60.0
"""How long a cluster may take to be ready for jobs, seconds."""

ANSWER_S = 20.0
"""How long the job server may take to answer at all, seconds."""

SILENCE_S = 60.0
"""How long the server of a running job may be away before the job is given up, seconds."""

QUIET_S = 300.0
"""How long a log may be quiet before its connection is made anew, seconds."""

RETRY_S = 2.0
"""Between two attempts, seconds."""


def run_job(address: str, command: Sequence[str], working_dir: Path, excludes: Sequence[str] = ()) -> int:
    """Upload `working_dir` but for EXCLUDES and `excludes`, run `command` in it, print its log as it comes.

    Returns the exit status.

    Whatever ends the watching ends the job: one that nobody watches shall not go on.

    Raises:
        UserError: the job server refuses.
    """
    _check_server(address)
    if (Path.home() / ".ray" / "auth_token").exists():
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        client = JobSubmissionClient(address)
        job = _submitted(client, shlex.join(command), working_dir, [*EXCLUDES, *excludes])
    except (RuntimeError, OSError, ValueError, RayError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"Ray job server {address!r}: {reason}") from None
    print(f"submitted {job} to {address}", flush=True)
    try:
        _follow(client, job, address)
    except BaseException:
        _stop(client, job, address)
        raise
    info = client.get_job_info(job)
    print(f"{job}: {info.status}")
    if info.driver_exit_code is not None:
        return int(info.driver_exit_code)
    return 0 if info.status == JobStatus.SUCCEEDED else 1


def _submitted(
    client: JobSubmissionClient, entrypoint: str, working_dir: Path, excludes: Sequence[str]
) -> str:
    """Submit; a cluster that has just started gets AGENT_S to bring up what takes jobs."""
    deadline = time.monotonic() + AGENT_S
    while True:
        try:
            job = client.submit_job(
                entrypoint=entrypoint,
                runtime_env={"working_dir": str(working_dir), "excludes": list(excludes)},
            )
            return str(job)
        except RuntimeError as error:
            if "No available agent" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(RETRY_S)


def _check_server(address: str) -> None:
    """Ray's client waits for ever for a server that takes the connection and says nothing."""
    try:
        urllib.request.urlopen(f"{address.rstrip('/')}/api/version", timeout=ANSWER_S).close()
    except urllib.error.HTTPError:
        return  # it answers, be it that it wants a token
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise UserError(f"{address!r} is no Ray job server: {error}") from None


def _stop(client: JobSubmissionClient, job: str, address: str) -> None:
    """End the job; where that cannot be, say so: what led here is the failure to tell."""
    try:
        _check_server(address)
        client.stop_job(job)
    except (UserError, RuntimeError, OSError) as error:
        print(f"{job} could not be stopped and may go on: {error}", flush=True)


def _follow(client: JobSubmissionClient, job: str, address: str) -> None:
    """Print the job's log until the job has ended; a connection that drops is taken up where it was.

    Raises:
        UserError, RuntimeError, OSError: the server stays away for SILENCE_S.
    """
    printed = _Printed()
    ended = False
    while not ended:
        # One more look at the log of a job that has ended meanwhile.
        ended = _status(client, job, address).is_terminal()
        with contextlib.suppress(RuntimeError, OSError, aiohttp.ClientError):
            asyncio.run(_print_log(client, job, printed))
        if not ended:
            time.sleep(RETRY_S)


def _status(client: JobSubmissionClient, job: str, address: str) -> JobStatus:
    """The job's status; a server that does not answer gets SILENCE_S to come back."""
    deadline = time.monotonic() + SILENCE_S
    while True:
        try:
            _check_server(address)  # which, other than the client, waits ANSWER_S only
            return client.get_job_status(job)
        except (UserError, RuntimeError, OSError):
            if time.monotonic() > deadline:
                raise
        time.sleep(RETRY_S)


@dataclass
class _Printed:
    """How many characters of a log were printed."""

    characters: int = 0


async def _print_log(client: JobSubmissionClient, job: str, printed: _Printed) -> None:
    """Print what is new of the log, which the server tells from its beginning."""
    told = 0
    log = client.tail_job_logs(job)
    while True:
        try:
            # A connection may end without a word; a job that says nothing for long is asked for its status.
            text = await asyncio.wait_for(anext(log), QUIET_S)
        except (StopAsyncIteration, TimeoutError):
            return
        print(text[max(0, printed.characters - told) :], end="", flush=True)
        told += len(text)
        printed.characters = max(printed.characters, told)
