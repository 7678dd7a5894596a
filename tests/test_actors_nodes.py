"""What a node says of itself."""

import platform
from dataclasses import replace
from pathlib import Path

import pytest

from actors.nodes import Facts, existing, look, told_shared
from records.errors import UserError

FACTS = Facts(
    name="10.0.0.1",
    cpus=4,
    gpus=0,
    gpu_gib=(),
    versions={},
    shared="",
    has_model=True,
    disk_gib=10,
    shm_gib=1,
    object_store_gib=1,
)


def test_a_node_that_sees_the_token_says_so(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc")
    (tmp_path / "config.json").write_text("{}")
    told = look()(str(token), "abc", str(tmp_path))
    assert told["shared"] == ""
    assert told["has_model"]
    assert told["disk_gib"] > 0
    assert told["versions"]["python"] == platform.python_version()
    assert {"ray", "torch", "vllm", "deepspeed", "transformers"} <= told["versions"].keys()


@pytest.mark.parametrize(
    ("token", "shared"),
    [
        ("nowhere/token", "no such directory there"),
        ("none", "another directory of that name lies there"),
        ("token", "another file of that name lies there"),
    ],
)
def test_a_node_that_does_not_says_why(
    token: str, shared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    (tmp_path / "token").write_text("other")
    told = look()(str(tmp_path / token), "abc", "")
    assert told["shared"] == shared
    assert not told["has_model"]


def test_nodes_that_do_not_see_the_run_directory_are_named(tmp_path: Path) -> None:
    assert told_shared(tmp_path / "run", [FACTS, FACTS]) == f"run directory: seen by 2 nodes at {tmp_path}"
    blind = replace(FACTS, name="10.0.0.2", shared="no such directory there")
    with pytest.raises(UserError, match=r"node 10\.0\.0\.2 \(no such directory there\) does not see it; let"):
        told_shared(tmp_path / "run", [FACTS, blind])


def test_the_nearest_directory_that_is_there(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path
    assert existing(tmp_path) == tmp_path
