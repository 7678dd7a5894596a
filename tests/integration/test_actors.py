"""Learner, engines and scorers on the real stack."""

import contextlib
import ipaddress
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ray

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.rollout import RolloutPool
from actors.scorer import ScorerPool
from actors.supervision import ActorError
from launch.stages.rl import CheckedPublisher
from lm.objective import TokenBatch, UpdateReport
from lm.packing import Tree, pack
from lm.scorer import load_network, recompute_activations, run_scorer
from lm.scoring import Ask, TokenScores
from records.config import (
    ClusterConfig,
    LearnerConfig,
    LoraConfig,
    LossConfig,
    RefillConfig,
    RLConfig,
    RolloutConfig,
    ScorerConfig,
)
from records.prompt import Prompt, Request, Sampling
from records.sft import SFTConfig, SFTStageConfig
from records.tags import TAG_NAMES
from rewards.case import Reference
from rl.batching import empty_micro_batch as empty_rl_micro_batch
from rl.collector import Collected, Collector
from rl.filters import JudgedGroup
from rl.loss import DFGRPOObjective, RLMicroBatch
from rl.prompts import PromptStream, Shuffled
from sft.loop import train_stage
from sft.objective import SFTExample, SFTObjective, empty_micro_batch, sft_micro_batches
from tests.integration.conftest import actor_processes, ray_processes
from tests.policies import scores_of

SEQUENCES = [tuple(np.random.default_rng(i).integers(5, 250, 40 + i).tolist()) for i in range(4)]
EXAMPLES = [SFTExample(prompt_ids=s[:20], response_ids=s[20:]) for s in SEQUENCES]


@pytest.fixture(scope="module")
def cluster() -> Iterator[bool]:
    with ray_cluster(ClusterConfig(cpus=4)) as local:
        yield local


def make_learner(model_dir: Path, local: bool, **changes: int) -> LearnerGroup:
    config = LearnerConfig(**{"micro_batch_tokens": 100, "threads": 1, **changes})  # type: ignore[arg-type]
    return LearnerGroup(model_dir, config, 120, local=local)


def published(learner: LearnerGroup) -> dict[str, Any]:
    """The learner's weights, by name."""
    return {name: array for ref in learner.buckets() for name, (_, array) in ray.get(ref).items()}


def one_step(learner: LearnerGroup, lr: float = 1e-2) -> UpdateReport:
    micros, weight = sft_micro_batches(EXAMPLES, history_weight=1, answer_weight=4, max_tokens=100)
    return learner.update([micros], [weight], SFTObjective(), lr, empty_micro_batch())


@pytest.mark.parametrize("end", ["killed", "hanging"])
def test_an_engine_lost_at_work_is_replaced_and_holds_the_weights_of_the_day(
    cluster: bool, model_dir: Path, end: str
) -> None:
    learner = make_learner(model_dir, cluster)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    publish = CheckedPublisher(learner, pool, SEQUENCES, 1e-4)
    prompt = Prompt(
        prompt_id="p", user_id="u", task="tags", tags=TAG_NAMES, history_lines=1, token_ids=SEQUENCES[0]
    )
    sampling, request = (
        Sampling(temperature=0.7, top_p=0.9, max_tokens=8),
        Request(prompt=prompt, samples=3, seed=11),
    )
    try:
        one_step(learner)
        publish(1)
        expected = pool.generate([request], sampling)
        at_work = pool.busy_s
        assert at_work > 0
        (engine,) = actor_processes("RolloutEngine")
        engine.suspend()  # with the job under way
        pool.timeout_s = 5
        key = pool.submit(request, sampling)
        assert pool.poll(0.1) == []
        if end == "killed":
            engine.kill()
        else:
            time.sleep(5)
        deadline = time.monotonic() + 30
        while not pool.lost and time.monotonic() < deadline:
            assert pool.poll(0.1) == []
        cause = "it died" if end == "killed" else "no answer within 5 s (cluster.timeout_s)"
        assert pool.lost == [f"rollout engine 0 with 1 jobs: {cause}"]
        assert pool.busy_s == at_work  # what it was at came to nothing
        pool.timeout_s = 120
        found = pool.poll(0.1)
        while not found:
            found = pool.poll(1)
        assert [(one.key, one.attempt) for one in found] == [(key, 1)]
        assert found[0].rollouts[0].policy_version == 1
        # The same weights and seeds: the same tokens.
        assert [r.token_ids for r in found[0].rollouts] == [r.token_ids for r in expected[0]]
        assert pool.under_way == 0
        assert pool.busy_s > at_work
    finally:
        learner.close()
        pool.close()


def _collect(model_dir: Path, actors: int) -> tuple[Collected, list[int]]:
    """One step's groups from so many engines and scorers, and how many were judged at each record."""
    prompts = [
        Prompt(prompt_id=f"p{i}", user_id=f"u{i}", task="tags", tags=("pet",), history_lines=1, token_ids=ids)
        for i, ids in enumerate(SEQUENCES * 2)
    ]
    references: dict[str, Reference] = {prompt.user_id: {"pet": ("cat",)} for prompt in prompts}
    refill = RefillConfig(max_rounds=2)
    config = RLConfig(groups_per_step=3, group_size=2, max_response_tokens=6, refill=refill)
    engines = RolloutPool(model_dir, RolloutConfig(threads=1, actors=actors), 256, 120)
    scorers = ScorerPool(references, ScorerConfig(actors=actors, embeddings=""), 60, model_dir)
    recorded: list[int] = []

    def record(judged: Sequence[JudgedGroup], training: Sequence[JudgedGroup]) -> None:
        recorded.append(len(judged))

    try:
        collector = Collector(config, PromptStream(Shuffled(prompts, seed=0), seed=0), engines, scorers, 0)
        return collector.collect(0, record), recorded
    finally:
        engines.close()
        scorers.close()


def test_several_engines_and_scorers_answer_as_one_does(cluster: bool, model_dir: Path) -> None:
    """Whatever their number, the same samples come back in the same order; what is dropped is replaced."""
    samples = []
    for actors in (1, 2):
        collected, recorded = _collect(model_dir, actors)
        # A random network writes nothing well formed, so a second round asks for all three again.
        assert recorded == [3, 6, 6]
        assert (collected.rounds, collected.training) == (2, ())
        groups = [judged.scored.group for judged in collected.judged]
        assert [group.round for group in groups] == [0, 0, 0, 1, 1, 1]
        assert len({group.prompt.prompt_id for group in groups}) == 6
        assert all(len(judged.scored.scores) == 2 for judged in collected.judged)
        assert {reason for g in collected.judged for reason in g.verdict.group_reasons} == {"too_few_live"}
        samples.append([(r.prompt_id, r.seed, r.token_ids) for group in groups for r in group.rollouts])
    assert samples[0] == samples[1]


def test_sampled_logprobs_are_those_of_the_tempered_nucleus(cluster: bool, model_dir: Path) -> None:
    """What the rollout policy reports is what the learner computes for the same temperature and nucleus."""
    import torch
    from transformers import AutoModelForCausalLM

    from lm.nucleus import nucleus_mask

    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    prompt = Prompt(
        prompt_id="p", user_id="u", task="tags", tags=TAG_NAMES, history_lines=1, token_ids=SEQUENCES[0]
    )
    try:
        # So hot that the nucleus holds some hundred tokens: below 1 this network is certain of one.
        sampling = Sampling(temperature=1.5, top_p=0.9, max_tokens=16)
        rollouts = pool.generate([Request(prompt=prompt, samples=4, seed=3)], sampling)[0]
    finally:
        pool.close()
    network = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    for rollout in rollouts:
        ids = torch.tensor([[*SEQUENCES[0], *rollout.token_ids]])
        targets = torch.tensor(rollout.token_ids)
        with torch.no_grad():
            logits = network(ids).logits[0, len(SEQUENCES[0]) - 1 : -1] / 1.5
        masked = logits.masked_fill(~nucleus_mask(logits, targets, 0.9), float("-inf"))
        expected = torch.log_softmax(masked, -1).gather(1, targets[:, None])[:, 0].numpy()
        assert expected.mean() < -1
        gaps = np.abs(np.array(rollout.logprobs) - expected)
        # A token on the edge of the nucleus, of a thousandth or so, may fall on either side of it.
        assert np.median(gaps) < 1e-5
        assert gaps.max() < 3e-3


@pytest.fixture(scope="module")
def plain_steps(cluster: bool, model_dir: Path) -> tuple[list[UpdateReport], Any]:
    """Two steps of one rank without any feature, and the log-probs after them."""
    learner = make_learner(model_dir, cluster)
    try:
        return [one_step(learner), one_step(learner)], np.concatenate(learner.logprobs(SEQUENCES))
    finally:
        learner.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"zero_stage": 2},
        {"ranks": 2, "zero_stage": 1},
        {"ranks": 2, "zero_stage": 3, "gradient_checkpointing": True},
    ],
    ids=["zero2", "two-ranks-zero1", "two-ranks-zero3-checkpointing"],
)
def test_ranks_zero_stages_and_recomputation_agree(
    cluster: bool, model_dir: Path, plain_steps: tuple[list[UpdateReport], Any], changes: dict[str, int]
) -> None:
    learner = make_learner(model_dir, cluster, **changes)
    try:
        reports = [one_step(learner), one_step(learner)]
        logprobs = np.concatenate(learner.logprobs(SEQUENCES))
    finally:
        learner.close()
    expected, expected_logprobs = plain_steps
    for report, want in zip(reports, expected, strict=True):
        assert report.metrics["loss"] == pytest.approx(want.metrics["loss"], rel=1e-5)
        assert report.grad_norm == pytest.approx(want.grad_norm, rel=1e-4)
    np.testing.assert_allclose(logprobs, expected_logprobs, atol=2e-3)


@pytest.mark.parametrize("changes", [{}, {"ranks": 2, "zero_stage": 3}], ids=["one-rank", "two-ranks-zero3"])
def test_adapters_train_alone_and_leave_merged(
    cluster: bool, model_dir: Path, tmp_path: Path, changes: dict[str, int]
) -> None:
    """What is published and exported is the trained network; the reference is the one of before; resume."""
    import torch
    from transformers import AutoModelForCausalLM

    config = LearnerConfig(micro_batch_tokens=100, threads=1, lora=LoraConfig(rank=4), **changes)  # type: ignore[arg-type]
    objective = DFGRPOObjective(LossConfig(kl_beta=0.1), temperature=1.0, top_p=1.0)
    micro = _rl_micro_batch(SEQUENCES[0], (0, 1, 2, 3))
    learner = LearnerGroup(model_dir, config, 120, local=cluster)
    try:
        before = learner.logprobs(SEQUENCES)
        # Nothing has moved: there is no KL to the reference.
        first = learner.update([[micro]], [30.0], objective, 1e-2, empty_rl_micro_batch())
        assert first.metrics["kl"] == pytest.approx(0.0, abs=1e-7)
        one_step(learner, lr=3e-2)
        moved = learner.logprobs(SEQUENCES)
        assert np.abs(np.concatenate(moved) - np.concatenate(before)).max() > 0.01
        weights = published(learner)
        learner.export(tmp_path / "merged")
        learner.save(tmp_path)
        last = learner.update([[micro]], [30.0], objective, 0.0, empty_rl_micro_batch())
        assert last.metrics["kl"] > 1e-6
    finally:
        learner.close()
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    assert weights.keys() == dict(network.named_parameters()).keys()
    for sequence, logprobs in zip(SEQUENCES, moved, strict=True):
        ids = torch.tensor([sequence])
        with torch.no_grad():
            all_logprobs = torch.log_softmax(network(ids).logits[0, :-1], -1)
        np.testing.assert_allclose(logprobs, all_logprobs.gather(1, ids[0, 1:, None])[:, 0], atol=1e-4)
    # The reference is the network that training began with: k3 of a frozen copy and the merged weights.
    frozen = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    kl = 0.0
    for response in RESPONSES:
        ids = torch.tensor([[*SEQUENCES[0], *response]])
        with torch.no_grad():
            now_R, before_R = (
                torch.log_softmax(of(ids).logits[0, len(SEQUENCES[0]) - 1 : -1], -1).gather(
                    1, torch.tensor(response)[:, None]
                )
                for of in (network, frozen)
            )
        kl += float((torch.exp(before_R - now_R) - (before_R - now_R) - 1).sum()) / 30
    assert last.metrics["kl"] == pytest.approx(kl, rel=1e-3)
    again = LearnerGroup(model_dir, config, 120, local=cluster)
    try:
        again.load(tmp_path)
        np.testing.assert_array_equal(np.concatenate(again.logprobs(SEQUENCES)), np.concatenate(moved))
        repeated = again.update([[micro]], [30.0], objective, 0.0, empty_rl_micro_batch())
        assert repeated.metrics == pytest.approx(last.metrics, rel=1e-6)
    finally:
        again.close()


def test_questions_on_one_history_are_learnt_as_if_each_had_its_own(cluster: bool, model_dir: Path) -> None:
    history = SEQUENCES[0]
    asked = [
        SFTExample(prompt_ids=(*history, *SEQUENCES[n][:3]), response_ids=SEQUENCES[n][3:12], shared_id="h")
        for n in range(1, 4)
    ]
    reports = []
    for examples in (asked, [replace(example, shared_id="") for example in asked]):
        micros, weight = sft_micro_batches(examples, history_weight=1, answer_weight=4, max_tokens=200)
        learner = make_learner(model_dir, cluster)
        try:
            reports.append(learner.update([micros], [weight], SFTObjective(), 1e-2, empty_micro_batch()))
        finally:
            learner.close()
    shared, alone = reports
    assert shared.metrics == pytest.approx(alone.metrics, rel=1e-5)
    assert shared.grad_norm == pytest.approx(alone.grad_norm, rel=1e-5)


def test_activations_are_computed_again(model_dir: Path) -> None:
    """Of a prompt that responses share too, and the gradients are the same."""
    import torch

    counts, gradients = [], []
    for recomputed in (False, True):
        module = load_network(model_dir, torch.float32)
        if recomputed:
            recompute_activations(module)
        calls: list[Any] = []
        for layer in module.network.model.layers:
            layer.mlp.register_forward_pre_hook(lambda *_, calls=calls: calls.append(1))
        responses = [[5, 6, 7], [8, 9]]
        ids_T, segments, (place,) = pack([Tree(prompt_ids=SEQUENCES[0], responses=responses)])
        batch = TokenBatch(
            input_ids_T=ids_T,
            segments=segments,
            positions_N=np.concatenate(place.positions),
            targets_N=np.concatenate(responses),
        )
        run_scorer(module, batch, Ask(), torch.device("cpu")).logprobs_N.sum().backward()  # type: ignore[no-untyped-call]
        counts.append(len(calls))
        gradients.append(torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None]))
    assert counts == [2, 4]
    assert torch.equal(*gradients)


def test_sft_goes_on_bit_for_bit(cluster: bool, model_dir: Path, tmp_path: Path) -> None:
    """Stopped after the third of four steps, a stage goes on from the second's checkpoint."""
    config = SFTConfig(batch_size=2, save_every=2)
    curves: dict[str, list[dict[str, float]]] = {}

    class Curves:
        def __init__(self, name: str) -> None:
            self.rows = curves.setdefault(name, [])

        def scalars(self, step: int, values: Mapping[str, float]) -> None:
            self.rows.append({"step": step, **values})

        def histogram(self, step: int, name: str, values: Sequence[float]) -> None: ...

        def text(self, step: int, name: str, text: str) -> None: ...

    def train(name: str, folder: str, stop_after: int) -> Any:
        def progress(step: int, steps: int, loss: float) -> None:
            if step == stop_after:
                raise KeyboardInterrupt

        small = LearnerConfig(micro_batch_tokens=100, threads=1)
        learner = LearnerGroup(model_dir, small, 120, local=cluster, optimizer="muon")
        try:
            with contextlib.suppress(KeyboardInterrupt):
                train_stage(
                    "stage1", EXAMPLES * 2, config, SFTStageConfig(lr=1e-2), learner, Curves(name),
                    checkpoints=tmp_path / folder, micro_batch_tokens=100, progress=progress,
                )  # fmt: skip
            return np.concatenate(learner.logprobs(SEQUENCES))
        finally:
            learner.close()

    whole = train("whole", "a", 99)
    train("first", "b", 3)
    rest = train("rest", "b", 99)
    assert [row["step"] for row in curves["rest"]] == [3, 4]
    assert curves["first"][:2] + curves["rest"] == curves["whole"]
    np.testing.assert_array_equal(rest, whole)


RESPONSES = [tuple(np.random.default_rng(9 + i).integers(5, 250, 6 + i).tolist()) for i in range(4)]
ADVANTAGES = (1.0, -1.0, 0.5, -0.25)


def _rl_micro_batch(prompt: tuple[int, ...], samples: Sequence[int]) -> RLMicroBatch:
    """Responses to one prompt that another policy sampled."""
    responses = [RESPONSES[i] for i in samples]
    ids_T, segments, (place,) = pack([Tree(prompt_ids=prompt, responses=responses)])
    targets_N = np.concatenate(responses)
    return RLMicroBatch(
        tokens=TokenBatch(
            input_ids_T=ids_T,
            segments=segments,
            positions_N=np.concatenate(place.positions),
            targets_N=targets_N,
        ),
        rollout_logprobs_N=np.linspace(-7, -5, len(targets_N), dtype=np.float32),
        advantages_N=np.concatenate(
            [np.full(len(RESPONSES[i]), ADVANTAGES[i], dtype=np.float32) for i in samples]
        ),
        counts_N=np.ones(len(targets_N), dtype=np.float32),
    )


@pytest.mark.parametrize(
    ("ranks", "minibatches", "zero_stage"), [(1, 1, 0), (1, 2, 0), (2, 2, 0), (2, 2, 2), (2, 2, 3)]
)
def test_df_grpo_on_the_learner_is_what_plain_torch_does(
    cluster: bool, model_dir: Path, ranks: int, minibatches: int, zero_stage: int
) -> None:
    """Shared prompts against sequences one by one; nucleus, KL, a rank without a share, off-policy parts."""
    import torch
    from transformers import AutoModelForCausalLM

    parts = {
        1: [[(SEQUENCES[0], (0, 1, 2)), (SEQUENCES[1], (3,))]],
        2: [[(SEQUENCES[0], (0, 1, 2)), (SEQUENCES[2], (1, 3))], [(SEQUENCES[1], (2, 3))]],
    }[minibatches]
    micros = [[_rl_micro_batch(*micro) for micro in part] for part in parts]
    normalisers = [float(sum(len(micro.counts_N) for micro in part)) for part in micros]
    objective = DFGRPOObjective(LossConfig(kl_beta=0.1), temperature=0.7, top_p=0.8)

    network = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    frozen = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    sequences = {
        id(micro): [(prompt, RESPONSES[i]) for i in samples]
        for part, row in zip(parts, micros, strict=True)
        for (prompt, samples), micro in zip(part, row, strict=True)
    }

    def logits(micro: RLMicroBatch, of: Any = network) -> torch.Tensor:
        rows = [
            of(torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1]
            for prompt, response in sequences[id(micro)]
        ]
        return torch.cat(rows)

    def policy(micro: RLMicroBatch, batch: TokenBatch, ask: Ask, of: Any = network) -> TokenScores:
        return scores_of(logits(micro, of), batch, ask)

    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=0.0)
    with torch.no_grad():
        before = torch.log_softmax(logits(micros[0][0]), -1)
        prepared = [
            [objective.prepare(partial(policy, m), partial(policy, m, of=frozen), m) for m in part]
            for part in micros
        ]
    kl = 0.0
    for part, ready, normaliser in zip(micros, prepared, normalisers, strict=True):
        optimizer.zero_grad()
        for micro, behaviour in zip(part, ready, strict=True):
            loss, metrics = objective.loss(partial(policy, micro), micro, behaviour)
            (loss / normaliser).backward()  # type: ignore[no-untyped-call]
            kl += metrics["kl"] / sum(normalisers)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()

    learner = make_learner(model_dir, cluster, ranks=ranks, zero_stage=zero_stage)
    try:
        report = learner.update(micros, normalisers, objective, 1e-2, empty_rl_micro_batch())
        ours = learner.logprobs(SEQUENCES[:3])
    finally:
        learner.close()
    assert report.optimizer_steps == minibatches
    assert report.metrics["kl"] == pytest.approx(kl, rel=1e-3, abs=1e-6)
    assert (kl > 1e-3) == (minibatches > 1)
    with torch.no_grad():
        after = torch.log_softmax(logits(micros[0][0]), -1)
        assert (after - before).abs().max() > 0.1
        for sequence, logprobs in zip(SEQUENCES, ours, strict=False):
            ids = torch.tensor([sequence])
            all_logprobs = torch.log_softmax(network(ids).logits[0, :-1], -1)
            expected = all_logprobs.gather(1, ids[0, 1:, None])[:, 0]
            np.testing.assert_allclose(logprobs, expected.numpy(), atol=2e-3)


def test_a_nucleus_follows_its_request_through_the_batch() -> None:
    """Rows as vLLM's runner moves them: added, swapped, moved, removed, with and without a nucleus."""
    import torch
    from vllm import SamplingParams
    from vllm.v1.sample.logits_processor import BatchUpdate, MoveDirectionality

    from actors.nucleus import TOP_P, NucleusProcessor

    processor = NucleusProcessor(None, torch.device("cpu"), False)
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])

    def kept() -> list[int]:
        logits = processor.apply(probabilities.log().repeat(3, 1))
        return torch.isfinite(logits).sum(dim=-1).tolist()

    def update(**changes: Any) -> None:
        processor.update_state(
            BatchUpdate(**{"batch_size": 3, "removed": [], "added": [], "moved": [], **changes})
        )

    narrow, wide = ({"extra_args": {TOP_P: top_p}} for top_p in (0.4, 0.7))
    update(
        added=[
            (0, SamplingParams(**narrow), None, []),
            (1, SamplingParams(), None, []),
            (2, SamplingParams(**wide), None, []),
        ]
    )
    assert kept() == [1, 4, 2]
    update(moved=[(0, 1, MoveDirectionality.SWAP)])
    assert kept() == [4, 1, 2]
    update(removed=[2], moved=[(1, 0, MoveDirectionality.UNIDIRECTIONAL)])
    assert kept() == [1, 4, 4]
    update(added=[(row, SamplingParams(**wide), None, []) for row in range(3)])
    assert kept() == [2, 2, 2]


def test_checkpoint_continues_bit_for_bit(cluster: bool, model_dir: Path, tmp_path: Path) -> None:
    learner = make_learner(model_dir, cluster)
    try:
        one_step(learner)
        learner.save(tmp_path / "checkpoint")
        uninterrupted = one_step(learner), np.concatenate(learner.logprobs(SEQUENCES))
    finally:
        learner.close()
    resumed = make_learner(model_dir, cluster)
    try:
        resumed.load(tmp_path / "checkpoint")
        continued = one_step(resumed), np.concatenate(resumed.logprobs(SEQUENCES))
        resumed.export(tmp_path / "export")
    finally:
        resumed.close()
    assert continued[0] == uninterrupted[0]
    np.testing.assert_array_equal(continued[1], uninterrupted[1])
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        file.name for file in (tmp_path / "export").iterdir()
    }


def test_muon_learns_and_keeps_its_learning_rates_apart(cluster: bool, model_dir: Path) -> None:
    config = LearnerConfig(micro_batch_tokens=100, threads=1)
    learner = LearnerGroup(model_dir, config, 120, local=cluster, optimizer="muon")
    try:
        losses = [one_step(learner, lr=2e-3).metrics["answer_loss"] for _ in range(6)]
    finally:
        learner.close()
    assert losses[-1] < 0.8 * losses[0]


def test_dead_actor_is_named_at_once(cluster: bool, model_dir: Path) -> None:
    learner = make_learner(model_dir, cluster)
    try:
        ray.kill(learner.actors[0])
        with pytest.raises(ActorError, match="learner rank 0 died"):
            learner.logprobs(SEQUENCES)
    finally:
        learner.close()


def test_of_ranks_that_fail_together_the_dead_one_is_named(cluster: bool, model_dir: Path) -> None:
    learner = make_learner(model_dir, cluster, ranks=2)
    try:
        one_step(learner)
        ray.kill(learner.actors[1])
        with pytest.raises(ActorError, match="learner rank 1 died"):
            one_step(learner)
    finally:
        learner.close()


def test_an_engine_that_cannot_start_says_why(cluster: bool, tmp_path: Path) -> None:
    pool = RolloutPool(tmp_path, RolloutConfig(threads=1), 256, 120)
    try:
        with pytest.raises(ActorError, match=r"^rollout engine 0 could not start: .*no tokenizer\.json"):
            pool.logprobs(SEQUENCES)
    finally:
        pool.close()


def test_an_incomplete_checkpoint_is_refused(cluster: bool, model_dir: Path, tmp_path: Path) -> None:
    learner = make_learner(model_dir, cluster)
    try:
        with pytest.raises(ActorError, match="learner rank 0 failed: .*checkpoint is incomplete"):
            learner.load(tmp_path)
    finally:
        learner.close()


def test_nothing_listens_beyond_loopback(cluster: bool, model_dir: Path) -> None:
    learner = make_learner(model_dir, cluster, ranks=2)
    pool = RolloutPool(model_dir, RolloutConfig(threads=1), 256, 120)
    try:
        one_step(learner)
        pool.logprobs(SEQUENCES)
        ours = ray_processes()
        listening = {
            ipaddress.ip_address(socket.laddr.ip.removeprefix("::ffff:"))  # IPv4 on an IPv6 socket
            for socket in psutil.net_connections("inet")
            if socket.pid in ours and socket.status == psutil.CONN_LISTEN
        }
    finally:
        learner.close()
        pool.close()
    assert listening
    assert all(address.is_loopback for address in listening), listening
