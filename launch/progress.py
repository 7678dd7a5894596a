"""Progress of long work: a live bar on a terminal, a line every few seconds elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

_LINE_EVERY_S = 10.0

LOG_WIDTH = 160
"""Columns of tables where the output is not a terminal."""


class Reporter:
    """Prints stages and their progress. On a terminal the bar is live; in a log it is plain lines.

    No stage is silent: where nothing was said for `every_s` seconds, a line tells what is under way.
    """

    def __init__(self, console: Console | None = None, every_s: float = _LINE_EVERY_S) -> None:
        # A log has no width of its own; rich would squeeze tables into 80 columns.
        width = None if sys.stdout.isatty() else LOG_WIDTH
        self.console = console or Console(file=sys.stdout, soft_wrap=True, width=width)
        self.every_s = every_s
        self._started = self._said = self._begun = time.monotonic()
        self._last_line = 0.0
        self._bar: Progress | None = None
        self._stage = self._doing = ""

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        self._said = time.monotonic()
        self.console.print(
            f"[{time.monotonic() - self._started:6.1f}s] {text}", markup=False, highlight=False
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Progress inside the block belongs to stage `name`."""
        self._stage = name
        self.say(f"{name} …")
        self._note("at work")
        over, telling = threading.Event(), None
        if self.console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.add_task(name, total=None)
            self._bar.start()
        else:
            telling = threading.Thread(target=self._tell_until, args=(over,), daemon=True)
            telling.start()
        try:
            yield
        finally:
            over.set()
            if telling is not None:
                telling.join()
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    def doing(self, what: str) -> None:
        """Tell what the current stage is at, or waits for, where that cannot be counted.

        On a terminal at once, in a log if it takes long.
        """
        self._note(what)
        if self._bar is not None:
            task = self._bar.tasks[0]
            task.total = None  # which `update` would take for "as it was"
            self._bar.update(task.id, completed=0, description=f"{self._stage}: {what}")

    def update(self, done: int, total: int, detail: str = "") -> None:
        """Tell how far the current stage is."""
        self._note(f"{done}/{total} {detail}".rstrip())
        if self._bar is not None:
            task = self._bar.tasks[0]
            self._bar.update(
                task.id, completed=done, total=total, description=f"{self._stage} {detail}".strip()
            )
        elif time.monotonic() - self._last_line >= self.every_s or done == total:
            self._last_line = time.monotonic()
            self.say(f"{self._stage} {done}/{total} {detail}".rstrip())

    def _note(self, what: str) -> None:
        self._doing, self._begun = what, time.monotonic()

    def _tell_until(self, over: threading.Event) -> None:
        while not over.wait(max(0.01, self._said + self.every_s - time.monotonic())):
            now = time.monotonic()
            if now - self._said >= self.every_s:
                self.say(f"{self._stage}: {self._doing} ({now - self._begun:.0f} s so far)")
