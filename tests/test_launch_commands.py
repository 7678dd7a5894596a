"""`usergpt run` and `usergpt rl`: what is refused costs no start of Ray."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray

from launch.commands import run_recipe, run_rl
from launch.recipe import load_recipe, write_recipe
from records.errors import UserError
from records.files import write_json
from records.locks import held

QUICKSTART = Path("quickstart")
ROLLOUT = ("rl.mode=rollout", "rl.filters.group=false")


class RayStartedError(Exception):
    """In the place of a Ray."""


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(*words: Any, **settings: Any) -> None:
        raise RayStartedError

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def _run(runs: Path, *words: str, force: tuple[str, ...] = (), until: str = "") -> Callable[[], int]:
    return lambda: run_recipe(QUICKSTART, [f"runs_dir={runs}", *words], force, until)


def _rl(runs: Path, *words: str, force: tuple[str, ...] = ()) -> Callable[[], int]:
    return lambda: run_rl(QUICKSTART, [f"runs_dir={runs}", *words], force)


def _simulated(runs: Path, fingerprint: str) -> None:
    """A run of which stage simulate is done."""
    directory = runs / "quickstart"
    (directory / "events").mkdir(parents=True)
    write_recipe(directory / "config.yaml", load_recipe(QUICKSTART))
    entry = {"fingerprint": fingerprint, "done": True, "seconds": 1.0}
    write_json(directory / "manifest.json", {"simulate": entry})


def test_ray_is_started_where_nothing_is_refused(tmp_path: Path) -> None:
    for command in (_run(tmp_path), _rl(tmp_path), _rl(tmp_path, *ROLLOUT)):
        with pytest.raises(RayStartedError):
            command()


def test_a_wrong_stage_is_refused_before_ray(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, named in (
        (_run(tmp_path, force=("stf",)), "no stage 'stf'; stages are simulate, semantize"),
        (_run(tmp_path, until="stf"), "no stage 'stf'"),
        (_run(tmp_path, force=("rl",), until="sft"), "--until sft stops before a stage named by --force"),
        (_rl(tmp_path, force=("bench",)), "--until rl stops before"),
        (_rl(tmp_path, *ROLLOUT, force=("rl",)), "--until sft stops before"),
    ):
        with pytest.raises(UserError, match=named):
            command()
    assert "starting Ray" not in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_run_at_work_is_told_before_ray(tmp_path: Path) -> None:
    told = "another run is at work there; wait for it, or give this one another name"
    with held(tmp_path / "quickstart", ""):
        for command in (_run(tmp_path), _rl(tmp_path), _rl(tmp_path, *ROLLOUT)):
            with pytest.raises(UserError, match=told):
                command()
    with held(tmp_path / "quickstart" / "rl-rollout", ""), pytest.raises(UserError, match=told):
        _rl(tmp_path, *ROLLOUT)()


def test_other_settings_are_told_before_ray(tmp_path: Path) -> None:
    _simulated(tmp_path, "of other settings")
    told = r"simulate was made with other settings \(simulate\.users was 2000, is 1000\); .* --force simulate"
    for command in (_run(tmp_path, "simulate.users=1000"), _rl(tmp_path, "simulate.users=1000", *ROLLOUT)):
        with pytest.raises(UserError, match=told):
            command()
    with pytest.raises(UserError, match="simulate was made by another version of the project"):
        _run(tmp_path)()
    assert (tmp_path / "quickstart" / "events").exists()


def test_a_missing_ledger_is_told_before_ray(tmp_path: Path) -> None:
    for words in ((), (f"rl.replay_from={tmp_path}/nowhere",)):
        with pytest.raises(UserError, match=r"no step_\*\.parquet; name a run or its rl/ledger"):
            _rl(tmp_path, "rl.mode=replay", *words)()
