"""Progress as plain lines, where there is no terminal."""

import io

from rich.console import Console

from launch.progress import Reporter


def _reporter() -> tuple[Reporter, io.StringIO]:
    shown = io.StringIO()
    return Reporter(Console(file=shown, width=200, force_terminal=False)), shown


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
