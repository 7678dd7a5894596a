"""The doctor says what works and what does not."""

from pathlib import Path

import pytest

from launch.doctor import doctor

QUICKSTART = Path("quickstart")


def test_a_recipe_that_works_here_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}", "cluster.cpus=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 5
    assert "actors ask for 2 of 2 CPUs and 0 of " in lines[2]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rollout.actors=4", "actors ask for 5 CPUs, there are 2"),
        ("rollout.gpus_per_actor=1000", "actors ask for 1000 GPUs"),
        ("rollout.kv_cache_gib=100000", "are free; lower it"),
        ("cluster.address=127.0.0.1:1", "nobody answers"),
    ],
)
def test_what_will_not_work_is_named(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}", "cluster.cpus=2", override]) == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert message in line


def test_a_cluster_named_by_the_environment_is_knocked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}"]) == 2
    shown = capsys.readouterr().out
    assert "are checked on 127.0.0.1:1 when the run joins it" in shown
    assert "FAIL  Ray address '127.0.0.1:1'" in shown
