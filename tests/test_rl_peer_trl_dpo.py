"""For groups of two, groupwise DPO has the loss, gradient and metrics of TRL 1.16's DPO, on one small model.

TRL's side is its own DPOTrainer in an environment and a process of its own (`tests/peer_trl_dpo.py`), with
`loss_type="sigmoid"`, its other defaults (no label smoothing, reverse KL, no length term) and nothing cut.
Ours is what the loop does: ranked groups, packed micro-batches that share prompts, the learner's network.
Both are in float32.
"""

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from lm.model import create_model
from lm.objective import Policy
from lm.scorer import load_network, run_scorer
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import ModelConfig
from rl.groupwise_batches import build_groupwise_batch
from rl.groupwise_groups import RankedGroup
from rl.groupwise_objective import METRICS, GroupwiseObjective
from tests.gradients import assert_gradients
from tests.groupwise_groups import ranked_group

torch.set_num_threads(1)
ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / "build" / "trl" / "bin" / "python"
"""Made by `make build/trl/ready`."""

BETAS = (0.1, 0.5, 20.0)
"""At the last, log σ is far from straight."""

Pair = dict[str, list[int]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A policy and a reference, random and different."""
    place = tmp_path_factory.mktemp("models")
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Milk, Bread"] * 4, 300))
    config = ModelConfig(hidden_size=32, layers=2, heads=2, kv_heads=1, max_length=128)
    for seed, name in enumerate(("policy", "reference")):
        create_model(config, tokenizer, seed, place / name)
    return place / "policy", place / "reference"


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    """Pairs of responses of uneven lengths to prompts of uneven lengths."""
    random = np.random.default_rng(0)

    def ids(low: int, high: int) -> list[int]:
        return random.integers(5, 250, random.integers(low, high)).tolist()  # type: ignore[no-any-return]

    return [
        {"prompt_ids": ids(2, 20), "chosen_ids": ids(1, 13), "rejected_ids": ids(1, 13)} for _ in range(6)
    ]


@pytest.fixture(scope="module")
def peer(
    models: tuple[Path, Path], pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, torch.Tensor]:
    """What TRL computes, as β/what."""
    assert PEER.exists(), f"{PEER} is missing; run `make build/trl/ready`"
    place = tmp_path_factory.mktemp("peer")
    work = {"policy": str(models[0]), "reference": str(models[1]), "pairs": pairs, "betas": BETAS}
    (place / "work.json").write_text(json.dumps(work))
    done = subprocess.run(
        [PEER, ROOT / "tests" / "peer_trl_dpo.py", place / "work.json", place / "results.safetensors"],
        capture_output=True,
        text=True,
        timeout=240,
        cwd=place,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return load_file(place / "results.safetensors")


def _groups(pairs: list[Pair]) -> list[RankedGroup]:
    """Each pair as a group: both valid, in either order, or the rejected one invalid."""
    found = []
    for number, pair in enumerate(pairs):
        chosen, rejected = (pair["chosen_ids"], 0.75), (pair["rejected_ids"], 0.5 if number % 3 else "schema")
        both = [chosen, rejected] if number % 2 else [rejected, chosen]
        found.append(ranked_group(f"g{number}", pair["prompt_ids"], both))
    return found


@pytest.mark.parametrize("beta", BETAS)
def test_loss_gradient_and_metrics_are_those_of_trl(
    beta: float, models: tuple[Path, Path], pairs: list[Pair], peer: dict[str, torch.Tensor]
) -> None:
    theirs = {
        key.removeprefix(f"{beta}/"): value for key, value in peer.items() if key.startswith(f"{beta}/")
    }
    policy, reference = (load_network(directory, torch.float32) for directory in models)

    def scored(network: Any) -> Policy:
        return partial(run_scorer, network, device=torch.device("cpu"))

    batch = build_groupwise_batch(_groups(pairs), minibatches=1, max_tokens=50)
    (micros,), (normaliser,) = batch.minibatches, batch.normalisers
    assert len(micros) > 1
    assert normaliser == len(pairs)
    objective = GroupwiseObjective(beta)
    loss, metrics = 0.0, dict.fromkeys(METRICS, 0.0)
    for micro in micros:
        with torch.no_grad():
            prepared = objective.prepare(None, scored(reference), micro)
        summed, told = objective.loss(scored(policy), micro, prepared)
        (summed / normaliser).backward()  # type: ignore[no-untyped-call]
        loss += float(summed.detach()) / normaliser
        metrics = {name: metrics[name] + value / normaliser for name, value in told.items()}

    assert loss == pytest.approx(float(theirs["loss"]), rel=1e-5)
    assert metrics["win_rate"] == pytest.approx(float(theirs["win_rate"]), abs=1e-6)
    assert metrics["margin"] == pytest.approx(float(theirs["margin"]), rel=1e-4, abs=1e-5)
    assert_gradients(policy.network, theirs, within=2e-5)


def test_some_pairs_are_won_and_some_lost(peer: dict[str, torch.Tensor]) -> None:
    assert 0 < float(peer["0.1/win_rate"]) < 1
    losses = [float(peer[f"{beta}/loss"]) for beta in BETAS]
    assert len({round(loss, 4) for loss in losses}) == len(BETAS)
