"""The command line, called in-process: statuses, one-line errors and the help."""

import signal
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launch import cli
from records.errors import UserError


@pytest.fixture(autouse=True)
def _own_signal_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def _raising(error: BaseException) -> Callable[[Namespace], int]:
    def dispatch(arguments: Namespace) -> int:
        raise error

    return dispatch


SWEEP = ["filters", "sweep", "somewhere", "--eps-low", "0", "--eps-high", "1"]


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        cli.main(["--help"])
    assert done.value.code == 0
    shown = capsys.readouterr().out
    for example in (
        "usergpt run recipes/quickstart.yaml",
        "usergpt profile logs.csv",
        "usergpt filters sweep runs/quickstart --eps-low",
        "usergpt submit recipes/quickstart.yaml",
        "usergpt doctor recipes/quickstart.yaml",
    ):
        assert example in shown


def test_the_examples_of_the_help_parse() -> None:
    lines = [line.strip().split("  ")[0].split()[1:] for line in cli._EXAMPLES.splitlines()[1:]]
    assert [cli.parser().parse_args(words).command for words in lines] == [
        "run", "run", "rl", "rl", "simulate", "semantize", "profile", "induce", "bench", "bench", "bench",
        "filters", "submit", "doctor",
    ]  # fmt: skip


def test_overrides_and_options_of_run() -> None:
    arguments = cli.parser().parse_args(
        ["run", "quickstart", "rl.steps=4", "seed=1", "--force", "rl", "--force", "bench", "--until", "bench"]
    )
    assert arguments.recipe == Path("quickstart")
    assert arguments.overrides == ["rl.steps=4", "seed=1"]
    assert (arguments.force, arguments.until) == (["rl", "bench"], "bench")


@pytest.mark.parametrize(
    "words", [[], ["runn"], ["filters"], ["filters", "show", "x"], ["submit", "quickstart"]]
)
def test_bad_usage_is_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        cli.main(words)
    assert done.value.code == 2
    assert "usage: usergpt" in capsys.readouterr().err


def test_the_users_mistake_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "nothing"
    assert cli.main(["filters", "sweep", str(missing), "--eps-low", "0", "--eps-high", "1"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith(f"usergpt: {missing}: ")
    assert "rl/ledger" in line


def test_a_bad_grid_is_the_users_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["filters", "sweep", str(tmp_path), "--eps-low", "0:1", "--eps-high", "1"]) == 2
    assert "start:stop:step" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (UserError("logs.csv: row 3: mend it"), 2, "usergpt: logs.csv: row 3: mend it"),
        (RuntimeError("boom"), 1, "usergpt: RuntimeError: boom (--debug shows the traceback)"),
        (ValueError("bad"), 1, "usergpt: ValueError: bad (--debug shows the traceback)"),
        (KeyboardInterrupt(), 130, "usergpt: interrupted; run it again to go on"),
    ],
)
def test_statuses(
    error: BaseException,
    status: int,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "_dispatch", _raising(error))
    assert cli.main(SWEEP) == status
    assert capsys.readouterr().err == shown + "\n"


@pytest.mark.parametrize("error", [UserError("x"), RuntimeError("boom")])
def test_debug_shows_the_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_dispatch", _raising(error))
    with pytest.raises(type(error)):
        cli.main([*SWEEP, "--debug"])


def test_termination_unwinds_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    unwound = []

    def dispatch(arguments: Namespace) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            unwound.append(True)
        return 0

    monkeypatch.setattr(cli, "_dispatch", dispatch)
    assert cli.main(SWEEP) == 128 + signal.SIGTERM
    assert unwound == [True]


def test_submit_uploads_nothing_but_a_checkout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from launch import submit

    monkeypatch.setattr(submit, "__file__", str(tmp_path / "site-packages" / "launch" / "submit.py"))
    monkeypatch.chdir(tmp_path)
    assert cli.main(["submit", "quickstart", "--address", "http://127.0.0.1:1"]) == 2
    assert "run it from a checkout" in capsys.readouterr().err


def test_a_hang_up_interrupts_like_a_termination() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        received = cli._treat_as_interrupt(signal.SIGHUP)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        assert received == [signal.SIGHUP]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
        cli._treat_as_interrupt(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_interrupted_forced_run_goes_on_without_force(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_dispatch", interrupted)
    assert cli.main(["run", "quickstart", "--force", "rl"]) == 130
    assert "run it again without --force to go on" in capsys.readouterr().err


def test_a_place_that_cannot_hold_a_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file")
    assert cli.main(["run", "quickstart", f"runs_dir={tmp_path / 'taken'}", "--until", "simulate"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path / "taken") in line
    assert line.endswith("choose another path")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "quickstart", "rl.mode=rollout"), "rl.mode is rollout: that is for `usergpt rl`"),
        (
            ("rl", "quickstart", "rl.mode=rollout", "rl.steps=0", "bench.models=[sft]"),
            "rl.steps is 0; say how many steps rl.mode=rollout shall do",
        ),
        (
            ("rl", "complete-journey", "rl.prompts=live"),
            "rl.prompts=live simulates users, and log.input names a log; set rl.prompts=recorded",
        ),
    ],
)
def test_a_mode_that_cannot_be_is_refused(
    words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(list(words)) == 2
    assert told in capsys.readouterr().err
