"""Weights on their way from the learner to engines, on the real stack."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

import actors.rounds
from actors.cluster import ray_cluster
from actors.direct import Meta, Sender, Source
from actors.learner import LearnerGroup
from actors.rollout import RolloutPool
from actors.supervision import ActorError
from actors.transport import BucketTransport
from actors.weights import StaleWeightsError, saved_weights
from launch.stages.rl import CheckedPublisher
from lm.model import create_model
from lm.tokenizer import ChatTokenizer
from records.config import ClusterConfig, ModelConfig, RolloutConfig
from records.prompt import Prompt, Request, Sampling
from records.tags import TAG_NAMES
from tests.integration.test_actors import SEQUENCES, make_learner, one_step, published
from tests.test_actors_direct import FakeEngine

SMALL = 40_000
"""Bytes a bucket, where there shall be many."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[bool]:
    with ray_cluster(ClusterConfig(cpus=4)) as local:
        yield local


class Watched(BucketTransport):
    """Small buckets; `live` tells after each how many that had been made were still held anywhere.

    `then` is called with the number of each.
    """

    def __init__(self, learner: LearnerGroup, then: Any = lambda number: None) -> None:
        super().__init__(self.watch, learner.timeout_s)
        self.learner = learner
        self.then = then
        self.live: list[int] = []

    def watch(self) -> Iterator[ray.ObjectRef]:
        seen = set()
        for number, bucket in enumerate(self.learner.buckets("float32", SMALL)):
            seen.add(bucket.hex())
            self.then(number)
            yield bucket
            del bucket
            held = ray._private.worker.global_worker.core_worker.get_all_reference_counts()
            self.live.append(len(seen & set(held)))


def one_layer_stale(learner: LearnerGroup, before: dict[str, Any]) -> Iterator[ray.ObjectRef]:
    """The learner's weights, but for one layer as it was `before`."""
    stale = next(name for name in before if "layers.1" in name and "mlp" in name)
    for ref in learner.buckets():
        bucket = ray.get(ref)
        changed = {stale: ("float32", before[stale])} if stale in bucket else {}
        yield ray.put({**bucket, **changed})


def test_engine_follows_learner_and_a_stale_layer_stops_the_run(cluster: bool, model_dir: Path) -> None:
    learner = make_learner(model_dir, cluster)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    publish = CheckedPublisher(learner, pool, SEQUENCES, 1e-4)
    faulty = CheckedPublisher(learner, pool, SEQUENCES, 1e-4)
    try:
        before = published(learner)
        faulty.transport = BucketTransport(partial(one_layer_stale, learner, before), 120)
        one_step(learner)
        with pytest.raises(StaleWeightsError, match=r"rollout engine 0 .* stale"):
            faulty(1)

        metrics = publish(2)
        assert metrics["sync/max_logprob_diff"] < 1e-4
        assert metrics["sync/mismatch_kl"] < 1e-6
        assert metrics["sync/bytes"] == sum(array.nbytes for array in before.values())

        prompt = Prompt(
            prompt_id="p", user_id="u", task="tags", tags=TAG_NAMES, history_lines=1, token_ids=SEQUENCES[0]
        )
        sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=8)
        request = Request(prompt=prompt, samples=3, seed=11)
        first, again = pool.generate([request], sampling), pool.generate([request], sampling)
        assert [r.token_ids for r in first[0]] == [r.token_ids for r in again[0]]
        assert [r.policy_version for r in first[0]] == [2, 2, 2]
        assert [r.seed for r in first[0]] == [11, 12, 13]
    finally:
        learner.close()
        pool.close()


def test_an_engine_takes_the_weights_of_another_directory(
    cluster: bool, model_dir: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    other = ModelConfig(hidden_size=64, layers=2, heads=2, kv_heads=1, max_length=256)
    create_model(other, ChatTokenizer.load(model_dir), 1, tmp_path)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    try:
        before = pool.logprobs(SEQUENCES[:1])[0][0]
        pool.update_weights(1, BucketTransport(partial(saved_weights, tmp_path), 120))
        after = pool.logprobs(SEQUENCES[:1])[0][0]
    finally:
        pool.close()
    ids = torch.tensor([SEQUENCES[0]])
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)(ids).logits
    expected = torch.log_softmax(logits[0, :-1], -1).gather(1, ids[0, 1:, None])[:, 0]
    np.testing.assert_allclose(after, expected.numpy(), atol=1e-4)
    assert np.abs(after - before).max() > 0.1


def test_one_bucket_is_held_at_a_time_and_an_engine_that_dies_meanwhile_is_replaced(
    cluster: bool, model_dir: Path
) -> None:
    """Two engines; one is killed amid the transfer. Both hold the weights in the end, and work."""
    learner = make_learner(model_dir, cluster, ranks=2, zero_stage=3)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1, actors=2), 256, 120)
    publish = CheckedPublisher(learner, pool, SEQUENCES, 1e-4)
    killed: list[int] = []

    def kill_once(number: int) -> None:
        if number == 3 and not killed:
            killed.append(number)
            ray.kill(pool.engines[1])

    watched = publish.transport = Watched(learner, kill_once)
    try:
        one_step(learner)
        metrics = publish(1)
        assert pool.lost == ["rollout engine 1 with 0 jobs: it died"]
        assert metrics["sync/max_logprob_diff"] < 1e-4
        assert [seat.version for seat in pool._seats] == [1, 1]
        # One transfer to both, one to the newcomer. Beside the bucket in use only the next one is there.
        count = sum(1 for _ in learner.buckets("float32", SMALL))
        assert count > 10
        assert len(watched.live) == 2 * count
        assert set(watched.live) == {0}
        ours = np.concatenate(learner.logprobs(SEQUENCES))
        for theirs in pool.logprobs(SEQUENCES):
            np.testing.assert_allclose(np.concatenate(theirs), ours, atol=1e-4)
    finally:
        learner.close()
        pool.close()


def test_the_store_itself_holds_a_fraction_of_the_model(
    cluster: bool, model_dir: Path, tmp_path: Path
) -> None:
    """Bytes that the object store says are in use, asked for at every bucket of half a MiB."""
    from ray._private.internal_api import node_stats

    larger = ModelConfig(hidden_size=256, layers=4, heads=4, kv_heads=2, max_length=256)
    size = 4 * create_model(larger, ChatTokenizer.load(model_dir), 0, tmp_path)
    learner = make_learner(tmp_path, cluster)
    pool = RolloutPool(tmp_path, RolloutConfig(threads=1), 256, 120)
    node = ray.nodes()[0]
    used: list[int] = []

    def watched() -> Iterator[ray.ObjectRef]:
        for bucket in learner.buckets("float32", 2**19):
            stats = node_stats(node["NodeManagerAddress"], node["NodeManagerPort"], include_memory_info=False)
            used.append(stats.store_stats.object_store_bytes_used)
            yield bucket
            del bucket

    try:
        assert pool.update_weights(1, BucketTransport(watched, 120)) == size
    finally:
        learner.close()
        pool.close()
    assert len(used) > 12
    assert 0 < max(used) < size / 3


def test_a_learner_rank_that_dies_meanwhile_is_named(cluster: bool, model_dir: Path) -> None:
    learner = make_learner(model_dir, cluster, ranks=2, zero_stage=3)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    publish = CheckedPublisher(learner, pool, SEQUENCES, 1e-4)
    publish.transport = Watched(learner, lambda number: number or ray.kill(learner.actors[1]))
    try:
        with pytest.raises(ActorError, match="learner rank 1 died"):
            publish(1)
    finally:
        learner.close()
        pool.close()


def test_a_snapshot_goes_when_all_have_had_it_and_a_newcomer_gets_the_weights_all_the_same(
    cluster: bool, model_dir: Path
) -> None:
    learner = make_learner(model_dir, cluster)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    publish = CheckedPublisher(learner, pool, SEQUENCES, 1e-4, overlapped=True)
    try:
        assert publish(0) == {}
        assert pool._weights is not None
        assert pool._weights.snapshot
        pool.settle_weights()
        assert pool._weights.snapshot == ()

        ray.kill(pool.engines[0])
        pool.submit(_request(), Sampling(temperature=1.0, top_p=1.0, max_tokens=2))
        learner.busy = True  # amid an update there is nothing to give
        while not pool.lost or not pool._seats[0].stands:
            assert pool.poll(0.1) == []
        assert pool.poll(0.1) == []
        assert pool._seats[0].version is None
        learner.busy = False
        found = pool.poll(0.1)
        while not found:
            found = pool.poll(0.1)
        assert [rollout.policy_version for rollout in found[0].rollouts] == [0]
        one_step(learner)
        assert publish(1)["sync/max_logprob_diff"] < 1e-4
        pool.settle_weights()
        assert [seat.version for seat in pool._seats] == [1]
    finally:
        learner.close()
        pool.close()


def _request() -> Request:
    prompt = Prompt(
        prompt_id="p", user_id="u", task="tags", tags=TAG_NAMES, history_lines=1, token_ids=SEQUENCES[0]
    )
    return Request(prompt=prompt, samples=1, seed=11)


def test_a_tied_output_layer_follows_its_embeddings(cluster: bool, model_dir: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, Qwen3ForCausalLM

    config = AutoModelForCausalLM.from_pretrained(model_dir).config
    config.tie_word_embeddings = True
    Qwen3ForCausalLM(config).save_pretrained(tmp_path)
    ChatTokenizer.load(model_dir).tokenizer.save_pretrained(tmp_path)
    learner = make_learner(tmp_path, cluster)
    pool = RolloutPool(tmp_path, RolloutConfig(threads=1), 256, 120)
    try:
        before = np.concatenate(pool.logprobs(SEQUENCES)[0])
        for step in (1, 2):
            one_step(learner, lr=3e-2)
            told = CheckedPublisher(learner, pool, SEQUENCES, 1e-4)(step)
            assert told["sync/max_logprob_diff"] < 1e-4
        assert "lm_head.weight" not in published(learner)
        assert np.abs(np.concatenate(pool.logprobs(SEQUENCES)[0]) - before).max() > 0.1
    finally:
        learner.close()
        pool.close()


def test_vllms_own_nccl_trainer_reads_our_weights_and_calls_our_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it but the broadcast, which takes GPUs; what engines are told is what vLLM's worker reads."""
    import torch
    from vllm.distributed.weight_transfer import nccl_engine

    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(nccl_engine, "open_trainer_endpoint", lambda info: info)
    monkeypatch.setattr(
        nccl_engine, "packed_nccl_broadcast_producer", lambda iterator, **others: sent.extend(iterator)
    )
    monkeypatch.setattr(actors.rounds, "wait_for", lambda ref, who, timeout_s: None)
    weights = [("w", torch.ones(2, 3, dtype=torch.bfloat16)), ("v", torch.ones(5, dtype=torch.bfloat16))]
    metas = [Meta(name=name, dtype=w.dtype, shape=tuple(w.shape)) for name, w in weights]
    log: list[Any] = []
    sender = Sender(0, Source(metas, lambda: iter(weights)))
    engines = {name: FakeEngine(name, log) for name in ("one", "two")}
    received = sender.send("nccl", engines, {"one": 2, "two": 1}, "127.0.0.1:29500", 3, 60)
    assert received == {"one": 22, "two": 22}
    assert [name for name, _ in sent] == ["w", "v"]
    assert [call[1] for call in log[::2]] == [
        "join_transfer",
        "start_transfer",
        "take_transfer",
        "finish_transfer",
    ]
    joined = [nccl_engine.NCCLWeightTransferInitInfo(**call[3]) for call in log[:2]]
    assert [(info.rank_offset, info.world_size, info.packed) for info in joined] == [
        (1, 4, True),
        (3, 4, True),
    ]
    told = nccl_engine.NCCLWeightTransferUpdateInfo(**log[4][2])
    assert (told.names, told.dtype_names, told.shapes) == (["w", "v"], ["bfloat16"] * 2, [[2, 3], [5]])
    assert log[-1] == ("two", "finish_transfer", 3)
