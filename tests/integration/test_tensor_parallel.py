"""An engine whose network is divided over two processes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from safetensors.numpy import load_file

from actors.cluster import ray_cluster
from actors.rollout import RolloutPool, Weights
from actors.transport import BucketTransport
from actors.weights import check_parity, saved_weights
from lm.model import create_model
from lm.tokenizer import ChatTokenizer
from records.config import ClusterConfig, ModelConfig, RolloutConfig
from records.prompt import Prompt, Request, Sampling
from records.tags import TAG_NAMES
from tests.integration.conftest import actor_processes

SEQUENCES = [tuple(np.random.default_rng(i).integers(5, 250, 40 + i).tolist()) for i in range(3)]
PROMPT = Prompt(
    prompt_id="p", user_id="u", task="tags", tags=TAG_NAMES, history_lines=1, token_ids=SEQUENCES[0]
)
REQUEST = Request(prompt=PROMPT, samples=3, seed=11)
SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_tokens=8)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    with ray_cluster(ClusterConfig(cpus=4)):
        yield


def _processes() -> list[psutil.Process]:
    """The two processes that a tensor-parallel engine started."""
    (engine,) = actor_processes("RolloutEngine")
    return [p for p in engine.children(recursive=True) if "Worker" in p.name() or "spawn" in str(p.cmdline())]


def test_two_processes_answer_as_one_take_weights_and_are_replaced_together(
    model_dir: Path, tmp_path: Path
) -> None:
    other = ModelConfig(hidden_size=64, layers=2, heads=2, kv_heads=1, max_length=256)
    create_model(other, ChatTokenizer.load(model_dir), 1, tmp_path)
    whole = RolloutPool(tmp_path, RolloutConfig(threads=1), 256, 120)
    try:
        (expected,) = whole.logprobs(SEQUENCES)
        (samples,) = whole.generate([REQUEST], SAMPLING)
    finally:
        whole.close()

    config = RolloutConfig(threads=2, tensor_parallel=2)
    pool = RolloutPool(model_dir, config, 256, 120)
    checked: list[float] = []
    try:
        (before,) = pool.logprobs(SEQUENCES)
        assert np.abs(np.concatenate(before) - np.concatenate(expected)).max() > 0.1
        pool.set_weights(
            Weights(
                version=1,
                transport=BucketTransport(partial(saved_weights, tmp_path), 120),
                probe=tuple(SEQUENCES),
                check=lambda name, theirs: checked.append(check_parity(expected, theirs, 1e-4, name)[0]),
            )
        )
        pool.settle_weights()
        assert len(checked) == 1
        # Each process is given every weight, and takes its part.
        (file,) = tmp_path.glob("*.safetensors")
        size = sum(array.nbytes for array in load_file(file).values())
        assert pool.received_bytes == 2 * size
        (shared,) = pool.generate([REQUEST], SAMPLING)
        assert [r.token_ids for r in shared] == [r.token_ids for r in samples]
        assert [r.policy_version for r in shared] == [1, 1, 1]

        processes = _processes()
        assert len(processes) >= 2
        processes[-1].kill()
        (again,) = pool.generate([REQUEST], SAMPLING)
        assert [r.token_ids for r in again] == [r.token_ids for r in samples]
        assert pool.lost == ["rollout engine 0 with 1 jobs: it died"]
        assert len(checked) == 2
        assert not psutil.wait_procs(processes, timeout=20)[1]
    finally:
        pool.close()
