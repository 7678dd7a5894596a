"""Progress as plain lines, where there is no terminal."""

import io
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from launch.progress import Reporter


def _reporter(every_s: float = 10.0) -> tuple[Reporter, io.StringIO]:
    shown = io.StringIO()
    return Reporter(Console(file=shown, width=200, force_terminal=False), every_s), shown


def _wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds that another thread brings about."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_lines_carry_the_time_and_text_as_it_is() -> None:
    reporter, shown = _reporter()
    reporter.say("rl: [bold]kept[/bold] 3 of 4")
    (line,) = shown.getvalue().splitlines()
    assert line.startswith("[ ")
    assert line.endswith("s] rl: [bold]kept[/bold] 3 of 4")


def test_updates_are_rare_but_the_last_one_is_told() -> None:
    reporter, shown = _reporter()
    with reporter.stage("sft"):
        for done in range(1, 101):
            reporter.update(done, 100, "steps")
    lines = shown.getvalue().splitlines()
    assert lines[0].endswith("sft …")
    assert lines[-1].endswith("sft 100/100 steps")
    assert len(lines) <= 4


def test_a_long_silence_tells_what_is_under_way() -> None:
    reporter, shown = _reporter(0.02)
    with reporter.stage("rl"):
        _wait_for(lambda: "rl: at work (0 s so far)" in shown.getvalue())
        reporter.doing("engines start")
        _wait_for(lambda: shown.getvalue().count("rl: engines start (") >= 2)
        reporter.update(0, 12, "steps")
        _wait_for(lambda: "rl: 0/12 steps (" in shown.getvalue())
    ended = shown.getvalue()
    assert "engines start" in ended
    time.sleep(0.1)
    assert shown.getvalue() == ended  # a stage that is over has nothing to tell


def test_what_is_quick_is_not_told_in_a_log() -> None:
    reporter, shown = _reporter()
    with reporter.stage("rl"):
        reporter.doing("engines start")
        reporter.doing("probe")
    assert len(shown.getvalue().splitlines()) == 1


def test_a_failure_ends_the_telling() -> None:
    reporter, shown = _reporter(0.02)
    with pytest.raises(ValueError, match="no"), reporter.stage("rl"):
        raise ValueError("no")
    ended = shown.getvalue()
    time.sleep(0.1)
    assert shown.getvalue() == ended


def test_a_terminal_has_a_live_bar_of_what_is_waited_for() -> None:
    shown = io.StringIO()
    reporter = Reporter(Console(file=shown, width=100, force_terminal=True), 0.02)
    with reporter.stage("rl"):
        reporter.doing("engines start")
        _wait_for(lambda: "rl: engines start" in shown.getvalue())
        reporter.update(3, 12, "steps")
        _wait_for(lambda: "3/12" in shown.getvalue())
        reporter.doing("the policy is written")
        _wait_for(lambda: "rl: the policy is written" in shown.getvalue())
    assert "so far" not in shown.getvalue()
