"""The doctor says what works and what does not."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from actors.nodes import Facts, look
from launch.cli import main
from launch.doctor import nodes
from launch.doctor.command import doctor

QUICKSTART = Path("quickstart")


def test_a_recipe_that_works_here_is_ok(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}", "cluster.cpus=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 7
    assert lines[2].startswith("ok    batch: 16 groups × 8 samples")
    assert "actors ask for 2 of 2 CPUs and 0 of " in lines[3]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rollout.actors=4", "no room for rollout, of which each must fit on one node"),
        ("learner.gpus_per_rank=1000", "no room for learner"),
        ("learner.micro_batch_tokens=512", "the longest prompt"),
        ("cluster.object_store_gib=0.1", "Ray's object store has 0.10 GiB, weights on their way"),
        ("cluster.object_store_gib=1000000", "/dev/shm has "),
        ("rollout.kv_cache_gib=100000", "are free; lower it"),
        ("cluster.address=127.0.0.1:1", "nobody answers"),
        ("model.init_dir=/", "model.init_dir '/': no config.json; name a Hugging Face model directory"),
    ],
)
def test_what_will_not_work_is_named(
    override: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}", "cluster.cpus=2", override]) == 2
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert message in line


def _told(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Every line of the doctor but what works."""
    assert doctor(QUICKSTART, ["cluster.cpus=2", *words]) == 2
    return [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ok ")]


def test_a_file_in_the_place_of_the_runs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "runs").write_text("")
    assert _told(capsys, f"runs_dir={tmp_path}/runs") == [
        f"FAIL  {tmp_path}/runs: a file, where the run directory is to be; set runs_dir to a directory",
        "not checked: actors, disk, object store (mend the above first)",
    ]


def test_what_a_missing_model_leaves_unchecked_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _told(capsys, f"runs_dir={tmp_path}", "model.init_dir=/") == [
        "FAIL  model.init_dir '/': no config.json; name a Hugging Face model directory",
        "not checked: disk, object store, memory (mend the above first)",
    ]


@pytest.mark.parametrize("here", [False, True])
def test_a_model_that_nodes_are_without_is_told_once(
    here: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if here:
        (tmp_path / "config.json").write_text("{}")
    facts = Facts(
        name="n1", cpus=8, gpus=0, gpu_gib=(), versions=look()("", "", "")["versions"], shared="",
        has_model=False, disk_gib=99, shm_gib=9, object_store_gib=9,
    )  # fmt: skip
    monkeypatch.setattr(nodes, "nodes_of", lambda recipe, stack: [facts, replace(facts, name="n2")])
    monkeypatch.setattr(nodes, "cluster_address", lambda config: "somewhere:1")
    assert _told(capsys, f"runs_dir={tmp_path}", f"model.init_dir={tmp_path}") == [
        f"FAIL  model.init_dir '{tmp_path}': no config.json on n1, n2; put it on shared storage",
        "not checked: disk, object store, memory (mend the above first)",
    ]


def test_what_a_silent_cluster_leaves_unchecked_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failed, left_out = _told(capsys, f"runs_dir={tmp_path}", "cluster.address=127.0.0.1:1")
    assert failed.startswith("FAIL  Ray address '127.0.0.1:1': nobody answers")
    names = "actors, run directory, versions, disk, object store, memory"
    assert left_out == f"not checked: {names} (mend the above first)"


def test_a_cluster_named_by_the_environment_is_knocked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}"]) == 2
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 1
    assert failed[0].startswith("FAIL  Ray address '127.0.0.1:1': nobody answers")


def test_a_judge_that_does_not_answer_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judge = ["scorer.judge=llm", "scorer.llm.model=m", "scorer.llm.base_url=http://127.0.0.1:1/v1"]
    assert doctor(QUICKSTART, [f"runs_dir={tmp_path}", "cluster.cpus=2", *judge]) == 2
    assert "FAIL  scorer.llm.base_url http://127.0.0.1:1/v1: nobody answers" in capsys.readouterr().out


def test_a_judge_that_answers_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        judge = ["scorer.judge=llm", "scorer.llm.model=m", f"scorer.llm.base_url={url}"]
        assert doctor(QUICKSTART, [f"runs_dir={tmp_path}", "cluster.cpus=2", *judge]) == 0
    assert f"ok    judge: {url} answers" in capsys.readouterr().out


def test_overrides_may_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["doctor"])
    told = capsys.readouterr().err
    assert "usage: usergpt doctor [-h] [--debug] recipe [key=value ...]" in told
    assert told.endswith("the following arguments are required: recipe\n")
