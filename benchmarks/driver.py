"""The command line at work in a process of its own, and the processes below it, to be killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent

COMMAND = [sys.executable, "-m", "launch.cli"]

ACTORS = {"rollout": "ray::RolloutEngine", "scorer": "ray::Scorer", "learner": "ray::LearnerRank"}
"""What the processes of a run's actors are called, by kind."""

CLUSTER = ("raylet", "gcs_server")
"""The programs without which a Ray is gone."""

AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Ray's own helpers on a node. When all of it was killed they try for a minute to tell its control store."""

GONE_S, AGENTS_GONE_S = 30.0, 90.0
"""Longest that a driver's processes, and that agents, may outlive it, seconds."""


class Driver:
    """`usergpt WORDS`, started; what it prints goes to the end of `log`."""

    def __init__(self, words: list[str], log: Path) -> None:
        self.log = log
        self._seen: set[psutil.Process] = set()
        with log.open("a") as out:
            self.process = subprocess.Popen(
                [*COMMAND, *words],
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
                start_new_session=True,
            )

    def below(self) -> list[psutil.Process]:
        """All processes that the driver started, directly or not."""
        found: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            found = psutil.Process(self.process.pid).children(recursive=True)
        self._seen.update(found)  # who loses its parent is no longer found below the driver
        return found

    def named(self, title: str) -> list[psutil.Process]:
        """Those whose command line begins with `title`, a program's path left out; the oldest first."""
        found = []
        for process in self.below():
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if words and Path(words[0]).name.startswith(title):
                    found.append((process.create_time(), process.pid, process))
        return [process for *_, process in sorted(found)]

    def until(self, holds: Callable[[], bool], timeout_s: float = 120.0, look_s: float = 0.005) -> None:
        """Wait until `holds`.

        Raises:
            RuntimeError: the driver ended first, or the time was up; with the end of its log.
        """
        deadline = time.monotonic() + timeout_s
        while not holds():
            if self.process.poll() is not None or time.monotonic() > deadline:
                state = f"running after {timeout_s:g} s" if self.process.poll() is None else "at its end"
                raise RuntimeError(f"the driver is {state}, too early or too late\n{self.tail()}")
            time.sleep(look_s)

    def rest(self, seconds: float) -> None:
        """Let it work for so long, or until it ends."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def wait(self, timeout_s: float) -> int:
        """The exit status; a driver that takes longer is killed.

        Raises:
            RuntimeError: processes outlived it, or it took longer.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.below()
            if self.process.poll() is not None:
                self._see_gone(GONE_S)
                return self.process.returncode
            time.sleep(0.2)
        self.kill()
        raise RuntimeError(f"the driver did not end within {timeout_s:g} s\n{self.tail()}")

    def kill(self) -> None:
        """SIGKILL to the driver alone, and wait until all that it started has gone too.

        Raises:
            RuntimeError: some of it has not.
        """
        self.below()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self._see_gone(GONE_S)

    def tail(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4000:]

    def see_agents_gone(self) -> None:
        """Wait for Ray's agents too, for which no other method does.

        Raises:
            RuntimeError: they are still there.
        """
        self._see_gone(AGENTS_GONE_S, agents=True)

    def _see_gone(self, patience_s: float, *, agents: bool = False) -> None:
        waited_for = [one for one in self._seen if agents or not _title(one).startswith(AGENTS)]
        left = psutil.wait_procs(waited_for, timeout=patience_s)[1]
        names = []
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(_title(process)[:60])
                process.kill()
        if names:
            raise RuntimeError(f"outlived their driver by {patience_s:g} s: {'; '.join(names)}")


def _title(process: psutil.Process) -> str:
    """The command line of a process; empty once it has ended."""
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline()).strip()
    return ""
