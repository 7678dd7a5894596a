"""Progress of long work: a live bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

_LINE_EVERY_S = 10.0

LOG_WIDTH = 160
"""Columns of tables where the output is not a terminal."""


class Reporter:
    """Prints stages and their progress. On a terminal the bar is live; in a log it is plain lines."""

    def __init__(self, console: Console | None = None) -> None:
        # A log has no width of its own; rich would squeeze tables into 80 columns.
        width = None if sys.stdout.isatty() else LOG_WIDTH
        self.console = console or Console(file=sys.stdout, soft_wrap=True, width=width)
        self._started = time.monotonic()
        self._last_line = 0.0
        self._bar: Progress | None = None
        self._stage = ""

    def say(self, text: str) -> None:
        """One line with the time since the start."""
        self.console.print(
            f"[{time.monotonic() - self._started:6.1f}s] {text}", markup=False, highlight=False
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Progress inside the block belongs to stage `name`."""
        self._stage = name
        self.say(f"{name} …")
        if self.console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed}/{task.total}"),
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
            )
            self._bar.add_task(name, total=None)
            self._bar.start()
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    def update(self, done: int, total: int, detail: str = "") -> None:
        """Tell how far the current stage is."""
        if self._bar is not None:
            task = self._bar.tasks[0]
            self._bar.update(
                task.id, completed=done, total=total, description=f"{self._stage} {detail}".strip()
            )
        elif time.monotonic() - self._last_line >= _LINE_EVERY_S or done == total:
            self._last_line = time.monotonic()
            self.say(f"{self._stage} {done}/{total} {detail}".rstrip())
