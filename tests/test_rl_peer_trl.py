"""Advantages, losses and gradients are those of TRL 1.16 under matching options, on one small model.

TRL's side is its own GRPOTrainer in an environment and a process of its own (`tests/peer_trl.py`). Ours is
what the loop does: verdicts, advantages, packed micro-batches that share prompts, the learner's network. Both
are in float32, in which TRL computes log-probs whatever the model is in.

What matches what (ours: `rl.loss`, theirs: GRPOConfig):

    mean_over tokens / sequences / length    loss_type dapo / grpo / dr_grpo
    scale_by_std                             scale_rewards group / none
    clip_low, clip_high                      epsilon, epsilon_high
    kl_beta                                  beta
    kl_bias_correction (off)                 use_bias_correction_kl (on by default)
    tis_cap, per token                       vllm_importance_sampling_mode token_truncate, …_clip_max

Ours has an importance weight always, TRL with vLLM only: in cases without one the rollout policy is the old
policy itself, and the weight 1. TRL counts a sample whose score failed in its denominators, with advantage 0;
ours does not, and TRL is told to mask its tokens, which under `dapo` comes to the same. A nucleus (top-p
below 1) is left to `test_rl_policies`: TRL samples from one and computes log-probs without.
"""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lm.model import create_model
from lm.objective import TokenBatch
from lm.packing import Tree, pack
from lm.scorer import TokenScorer, load_network, run_scorer
from lm.scoring import Ask
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import LossConfig, ModelConfig
from rl.advantages import group_advantages
from rl.batching import build_batch
from rl.filters import JudgedGroup
from rl.loss import DFGRPOObjective, Prepared
from tests.gradients import assert_gradients
from tests.rl_groups import Response, judged_group

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "build" / "trl" / "bin" / "python"
"""Made by `make build/trl/ready`."""

TEMPERATURE = 0.7
MAX_RESPONSE_TOKENS = 12
CPU = torch.device("cpu")

TRL_LOSS = {"tokens": "dapo", "sequences": "grpo", "length": "dr_grpo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`batch`: rollouts by the old policy (`own`), by another one (`other`), or that with samples dropped.

    Off-policy, the current policy is one optimiser step beyond the old one. `importance_weights`: whether TRL
    has any.
    """

    batch: str = "own"
    off_policy: bool = False
    importance_weights: bool = False
    loss: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> LossConfig:
        return replace(LossConfig(entropy=True), **self.loss)

    @property
    def told(self) -> dict[str, Any]:
        """The case as TRL's side reads it."""
        config = self.config
        return {
            "batch": self.batch,
            "off_policy": self.off_policy,
            "importance_weights": self.importance_weights,
            "options": {
                "loss_type": TRL_LOSS[config.mean_over],
                "scale_rewards": "group" if config.scale_by_std else "none",
                "epsilon": config.clip_low,
                "epsilon_high": config.clip_high,
                "beta": config.kl_beta,
                "use_bias_correction_kl": config.kl_bias_correction,
                "vllm_importance_sampling_mode": "token_truncate",
                "vllm_importance_sampling_clip_max": config.tis_cap,
            },
        }


CASES = {
    "on policy": Case(),
    "on policy, KL": Case(loss={"kl_beta": 0.1}),
    "advantages without deviation": Case(loss={"scale_by_std": False}),
    "importance weights": Case(batch="other", importance_weights=True),
    "importance weights, a cap below most": Case(
        batch="other", importance_weights=True, loss={"tis_cap": 0.9}
    ),
    "DAPO, off policy": Case(off_policy=True),
    "DAPO, clip-higher": Case(off_policy=True, loss={"clip_high": 0.28}),
    "DAPO, narrow clips": Case(off_policy=True, loss={"clip_low": 0.05, "clip_high": 0.1}),
    "GRPO, off policy": Case(off_policy=True, loss={"mean_over": "sequences"}),
    "GRPO, KL": Case(off_policy=True, loss={"mean_over": "sequences", "kl_beta": 0.04}),
    "Dr.GRPO, off policy": Case(off_policy=True, loss={"mean_over": "length", "scale_by_std": False}),
    "Dr.GRPO, KL": Case(
        off_policy=True, loss={"mean_over": "length", "scale_by_std": False, "kl_beta": 0.04}
    ),
    "KL": Case(off_policy=True, loss={"kl_beta": 0.5}),
    "KL, bias-corrected": Case(off_policy=True, loss={"kl_beta": 0.5, "kl_bias_correction": True}),
    "three policies and a reference": Case(
        batch="other", off_policy=True, importance_weights=True, loss={"kl_beta": 0.1, "clip_high": 0.28}
    ),
    "three policies and a reference, bias-corrected, GRPO": Case(
        batch="other",
        off_policy=True,
        importance_weights=True,
        loss={"kl_beta": 0.1, "kl_bias_correction": True, "mean_over": "sequences"},
    ),
    "samples dropped": Case(batch="dropped", off_policy=True, importance_weights=True, loss={"kl_beta": 0.1}),
}


def _perturbed(base: Path, seed: int, size: float, directory: Path) -> Path:
    """The model with noise added to every weight."""
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)
    network.save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of the old, the current and the reference model."""
    place = tmp_path_factory.mktemp("policies")
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk, Bread"] * 4, 300))
    config = ModelConfig(hidden_size=32, layers=2, heads=2, kv_heads=1, max_length=128)
    create_model(config, tokenizer, 0, place / "old")
    return {
        "old": place / "old",
        "current": _perturbed(place / "old", 1, 0.02, place / "current"),
        "reference": _perturbed(place / "old", 2, 0.03, place / "reference"),
    }


def _logprobs(network: TokenScorer, prompt: list[int], response: list[int]) -> list[float]:
    ids_T, segments, (place,) = pack([Tree(prompt_ids=prompt, responses=[response])])
    batch = TokenBatch(
        input_ids_T=ids_T, segments=segments, positions_N=place.positions[0], targets_N=np.array(response)
    )
    with torch.no_grad():
        return run_scorer(network, batch, Ask(temperature=TEMPERATURE), CPU).logprobs_N.tolist()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def batches(policies: dict[str, Path]) -> dict[str, list[dict[str, Any]]]:
    """Three groups of four, by batch: prompts, responses, their log-probs and rewards, and who is live."""
    random = np.random.default_rng(0)
    old = load_network(policies["old"], torch.float32)
    own, other, dropped = [], [], []
    for prompt_length in (3, 17, 9):
        prompt = random.integers(5, 250, prompt_length).tolist()
        samples = []
        for _ in range(4):
            ids = random.integers(5, 250, random.integers(1, MAX_RESPONSE_TOKENS + 1)).tolist()
            reward = float(random.integers(0, 20)) / 10
            logprobs = _logprobs(old, prompt, ids)
            samples.append({"ids": ids, "logprobs": logprobs, "reward": reward, "live": True})
        shifted = [
            {**s, "logprobs": [lp + float(random.normal(0, 0.5)) for lp in s["logprobs"]]} for s in samples
        ]
        dead = random.choice(4, size=len(own), replace=False)  # 0, 1 and 2 of them
        own.append({"prompt_ids": prompt, "samples": samples})
        other.append({"prompt_ids": prompt, "samples": shifted})
        partly = [{**s, "live": i not in dead} for i, s in enumerate(shifted)]
        dropped.append({"prompt_ids": prompt, "samples": partly})
    return {"own": own, "other": other, "dropped": dropped}


@pytest.fixture(scope="module")
def peer(
    policies: dict[str, Path],
    batches: dict[str, list[dict[str, Any]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, torch.Tensor]:
    """What TRL computes, as case/what."""
    assert PEER.exists(), f"{PEER} is missing; run `make build/trl/ready`"
    place = tmp_path_factory.mktemp("peer")
    work = {
        "policies": {name: str(path) for name, path in policies.items()},
        "temperature": TEMPERATURE,
        "max_response_tokens": MAX_RESPONSE_TOKENS,
        "batches": batches,
        "cases": {name: case.told for name, case in CASES.items()},
    }
    (place / "work.json").write_text(json.dumps(work))
    script = ROOT / "tests" / "peer_trl.py"
    done = subprocess.run(
        [PEER, script, place / "work.json", place / "results.safetensors"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=place,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return load_file(place / "results.safetensors")


def _judged(number: int, group: dict[str, Any]) -> JudgedGroup:
    """A group as the loop has it; what is not live is a score that failed."""
    responses = [
        Response(ids=s["ids"], logprobs=s["logprobs"], reward=s["reward"] if s["live"] else None)
        for s in group["samples"]
    ]
    return judged_group(f"g{number}", group["prompt_ids"], responses)


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient_are_those_of_trl(
    name: str,
    policies: dict[str, Path],
    batches: dict[str, list[dict[str, Any]]],
    peer: dict[str, torch.Tensor],
) -> None:
    case = CASES[name]
    theirs = {
        key.removeprefix(f"{name}/"): value for key, value in peer.items() if key.startswith(f"{name}/")
    }
    config = case.config
    groups = [_judged(number, group) for number, group in enumerate(batches[case.batch])]
    advantages = np.concatenate(
        [group_advantages(group.verdict, scale_by_std=config.scale_by_std) for group in groups]
    )
    np.testing.assert_allclose(np.nan_to_num(advantages), theirs["advantages"].numpy(), rtol=0, atol=1e-6)

    batch = build_batch(
        groups,
        minibatches=1,
        scale_by_std=config.scale_by_std,
        mean_over=config.mean_over,
        max_response_tokens=MAX_RESPONSE_TOKENS,
        max_tokens=40,  # several micro-batches, and groups that are cut
    )
    (micros,), (normaliser,) = batch.minibatches, batch.normalisers
    assert len(micros) > 2
    old, current, reference = (
        load_network(policies[which], torch.float32) for which in ("old", "current", "reference")
    )
    objective = DFGRPOObjective(config, temperature=TEMPERATURE, top_p=1.0)

    def policy(network: TokenScorer) -> Any:
        return partial(run_scorer, network, device=CPU)

    trained = current if case.off_policy else old
    loss = 0.0
    metrics: dict[str, float] = {}
    for micro in micros:
        with torch.no_grad():
            prepared: Prepared = objective.prepare(
                policy(old) if case.off_policy else None,
                policy(reference) if objective.needs_reference else None,
                micro,
            )
        summed, told = objective.loss(policy(trained), micro, prepared)
        (summed / normaliser).backward()  # type: ignore[no-untyped-call]
        loss += float(summed.detach()) / normaliser
        for key, value in told.items():
            metrics[key] = metrics.get(key, 0.0) + value / normaliser

    assert loss == pytest.approx(float(theirs["loss"]), rel=1e-5, abs=1e-6)
    assert metrics["clip_frac"] == pytest.approx(float(theirs["clip_frac"]), abs=1e-6)
    assert metrics.get("kl", 0.0) == pytest.approx(float(theirs["kl"]), rel=1e-4, abs=1e-6)
    assert metrics["entropy"] == pytest.approx(float(theirs["entropy"]), rel=1e-5)
    assert_gradients(trained.network, theirs, within=1e-5)


def test_the_cases_reach_what_they_are_about(peer: dict[str, torch.Tensor]) -> None:
    """Clips clip, the KL is there, and no two losses are the same."""
    assert 0.1 < float(peer["DAPO, off policy/clip_frac"]) < 0.6
    assert float(peer["KL/kl"]) > 0.01
    losses = [round(float(peer[f"{name}/loss"]), 6) for name in CASES]
    assert len(set(losses)) == len(losses)
