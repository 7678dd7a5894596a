"""The loop of groupwise DPO in a small world: a policy of one table samples digits and is trained for real.

What is sampled depends on the seed and on the weights published, so that a resumed run equals an
uninterrupted one only if learner, optimiser, prompt cursor and seeds are all restored.
"""

import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from lm.objective import Objective, UpdateReport
from records.errors import UserError
from records.groupwise import GroupwiseConfig
from records.prompt import Prompt, Request, Rollout, RolloutGroup, Sampling
from records.quality import QualityScore
from rl.groupwise_batches import GroupwiseMicroBatch
from rl.groupwise_loop import GroupwiseRun, train_groupwise
from rl.groupwise_objective import GroupwiseObjective
from rl.ledger import ledger_path, read_ledger
from rl.refill import StarvedError
from tests.policies import CausalSum

torch.set_num_threads(1)
DIGITS, END = 10, 10
PROMPTS = [
    Prompt(
        prompt_id=f"p{i}", user_id=f"u{i}", task="personas", tags=(), history_lines=1, token_ids=(i, i + 1)
    )
    for i in range(7)
]
CONFIG = GroupwiseConfig(
    steps=5,
    groups_per_step=4,
    group_size=4,
    epochs=2,
    minibatches=2,
    beta=0.2,
    tie_within=0.05,
    max_response_tokens=6,
    lr=0.05,
    warmup_steps=2,
    probe_every=2,
    probe_samples=3,
    save_every=2,
)


class InterruptionError(Exception):
    """Stands for a kill."""


def quality_of(text: str) -> QualityScore:
    """The share of sevens; a text with a zero in it is malformed, and of one that begins with 99 the scorer
    dies."""
    if text.startswith("99"):
        return QualityScore(error="the scorer is gone")
    if "0" in text or not text:
        return QualityScore(invalid="zero" if text else "empty")
    return QualityScore(quality=text.count("7") / len(text))


class World:
    """Generator, scorers, learner, publisher and log in one."""

    ranks = 1

    def __init__(
        self,
        directory: Path,
        *,
        fail_at: int = -1,
        signal_at: int = -1,
        rule: Callable[[str], QualityScore] = quality_of,
    ) -> None:
        self.directory = directory
        self.fail_at, self.signal_at = fail_at, signal_at
        self.rule = rule
        self.policy = CausalSum(DIGITS + 1, scale=0.3)
        self.reference = deepcopy(self.policy).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.policy.parameters(), lr=0.0)
        self.published = (-1, self.policy.table.detach().clone())
        self.updates: list[tuple[int, list[float], float]] = []
        self.orders: list[list[list[int]]] = []
        self.generated = 0
        self.clock = count()
        self.curves: list[tuple[int, dict[str, float]]] = []
        self.texts: list[tuple[int, str, str]] = []

    # The generator.
    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Rollout]]:
        assert sampling == Sampling(temperature=1.0, top_p=1.0, max_tokens=6)
        self.generated += len(requests)
        return [
            [self._rollout(request, index, sampling.max_tokens) for index in range(request.samples)]
            for request in requests
        ]

    def _rollout(self, request: Request, index: int, most: int) -> Rollout:
        version, table = self.published
        generator = torch.Generator().manual_seed(request.seed + index)
        state = table[list(request.prompt.token_ids)].sum(dim=0)
        tokens: list[int] = []
        while len(tokens) < most and END not in tokens:
            tokens.append(int(torch.multinomial(torch.softmax(state, -1), 1, generator=generator)))
            state = state + table[tokens[-1]]
        return Rollout(
            prompt_id=request.prompt.prompt_id,
            sample_idx=index,
            seed=request.seed + index,
            token_ids=tuple(tokens),
            logprobs=(-1.0,) * len(tokens),
            text="".join(map(str, tokens)).removesuffix(str(END)),
            finish_reason="stop" if END in tokens else "length",
            policy_version=version,
            gen_seconds=float(next(self.clock)),
        )

    # The scorers.
    def score(self, groups: Sequence[RolloutGroup]) -> list[list[QualityScore]]:
        return [[self.rule(rollout.text) for rollout in group.rollouts] for group in groups]

    # The learner.
    def update(
        self,
        minibatches: Sequence[Sequence[Any]],
        normalisers: Sequence[float],
        objective: Objective,
        lr: float,
        empty: Any,
        meanwhile: Callable[[], None] | None = None,
    ) -> UpdateReport:
        step = self.published[0]
        assert ledger_path(self.directory / "ledger", step).is_file(), "the ledger comes before the update"
        if step == self.signal_at:
            os.kill(os.getpid(), signal.SIGINT)
        assert isinstance(objective, GroupwiseObjective)
        assert isinstance(empty, GroupwiseMicroBatch)
        self.optimizer.param_groups[0]["lr"] = lr
        totals: dict[str, float] = {}
        prepared = [
            [objective.prepare(None, self.reference, micro) for micro in part] for part in minibatches
        ]
        for part, ready, normaliser in zip(minibatches, prepared, normalisers, strict=True):
            self.optimizer.zero_grad()
            for micro, precomputed in zip(part, ready, strict=True):
                loss, metrics = objective.loss(self.policy, micro, precomputed)
                (loss / normaliser).backward()  # type: ignore[no-untyped-call]
                for name, value in {"loss": float(loss.detach()), **metrics}.items():
                    totals[name] = totals.get(name, 0.0) + value / sum(normalisers)
            self.optimizer.step()
        if step == self.fail_at:
            raise InterruptionError  # in the midst of an iteration: some of its steps are taken
        self.updates.append((step, list(normalisers), lr))
        self.orders.append(
            [
                response.tolist()
                for part in minibatches
                for micro in part
                for response in np.split(micro.tokens.targets_N, np.cumsum(micro.lengths_R)[:-1])
            ]
        )
        return UpdateReport(optimizer_steps=len(minibatches), grad_norm=1.0, metrics=totals)

    def save(self, directory: Path) -> None:
        torch.save([self.policy.state_dict(), self.optimizer.state_dict()], directory / "learner.pt")

    def load(self, directory: Path) -> None:
        policy, optimizer = torch.load(directory / "learner.pt", weights_only=True)
        self.policy.load_state_dict(policy)
        self.optimizer.load_state_dict(optimizer)

    # The publisher.
    def __call__(self, version: int) -> Mapping[str, float]:
        self.published = (version, self.policy.table.detach().clone())
        return {"sync/seconds": 0.0}

    # The log.
    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.curves.append((step, dict(values)))

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None:
        assert name == "quality/valid"
        assert values

    def text(self, step: int, name: str, text: str) -> None:
        self.texts.append((step, name, text))

    def curve(self, name: str) -> dict[int, float]:
        return {step: values[name] for step, values in self.curves if name in values}

    def train(self, config: GroupwiseConfig = CONFIG, micro_batch_tokens: int = 60) -> "World":
        train_groupwise(
            GroupwiseRun(
                config=config,
                directory=self.directory,
                seed=3,
                prompts=PROMPTS,
                probe_prompts=PROMPTS[:3],
                rollouts=self,
                scorers=self,
                learner=self,
                publish=self,
                log=self,
                micro_batch_tokens=micro_batch_tokens,
            )
        )
        return self


def _ledger(directory: Path) -> pl.DataFrame:
    return read_ledger(directory / "ledger").drop("gen_seconds")


def _probes(directory: Path) -> dict[str, pl.DataFrame]:
    return {path.name: pl.read_parquet(path) for path in sorted((directory / "probe").iterdir())}


def test_a_run_from_start_to_end(tmp_path: Path) -> None:
    world = World(tmp_path).train()
    # Two epochs an iteration; warm-up over two iterations: .025, then .05.
    assert [step for step, _, _ in world.updates] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [lr for _, _, lr in world.updates] == pytest.approx([0.025] * 2 + [0.05] * 8)
    assert world.published[0] == 5
    assert torch.equal(world.published[1], world.policy.table)
    ledger = _ledger(tmp_path)
    assert len(ledger) == 5 * 4 * 4
    # Every sample comes from the weights that it trains.
    assert ledger["policy_version"].to_list() == ledger["step"].to_list()
    # Twenty draws from seven prompts: each two or three times.
    drawn = ledger.group_by("prompt_id").agg(pl.col("group_id").n_unique())["group_id"]
    assert sorted(drawn.to_list()) == [2, 3, 3, 3, 3, 3, 3]
    for step, normalisers, _ in world.updates:
        live = ledger.filter((pl.col("step") == step) & (pl.col("dropped") == ""))["group_id"].n_unique()
        assert sum(normalisers) == live
    assert torch.equal(world.reference.table, World(tmp_path / "fresh").policy.table)


def test_epochs_train_on_the_same_groups_in_another_order(tmp_path: Path) -> None:
    world = World(tmp_path).train(replace(CONFIG, epochs=3))
    for first in range(0, 15, 3):
        epochs = world.orders[first : first + 3]
        assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(epochs[2])
    assert any(world.orders[first] != world.orders[first + 1] for first in range(0, 15, 3))


def test_the_ledger_tells_what_became_of_every_response(tmp_path: Path) -> None:
    World(tmp_path).train()
    ledger = _ledger(tmp_path)
    for row in ledger.iter_rows(named=True):
        said = quality_of(row["text"])
        if row["finish_reason"] == "length" and not said.error:
            said = QualityScore(invalid="truncated")
        assert (row["quality"], row["invalid"], row["score_error"]) == (
            said.quality,
            said.invalid,
            said.error,
        )
        assert (row["level"] is None) == (said.quality is None)
        assert row["trains"] == (row["dropped"] == "" and not said.error)
    # All that the rule can say was said.
    assert {"truncated", "zero"} <= set(ledger["invalid"])
    assert set(ledger["score_error"]) == {"", "the scorer is gone"}
    assert "no_valid" in set(ledger["dropped"])
    for (_,), group in ledger.group_by("group_id"):
        valid = group.filter(pl.col("quality").is_not_null()).sort("level")
        assert group["n_valid"].unique().to_list() == [len(valid)]
        # Better levels hold better qualities, and no level holds more than τ.
        spans = valid.group_by("level", maintain_order=True).agg(
            pl.col("quality").min().alias("low"), pl.col("quality").max().alias("high")
        )
        assert (spans["high"] - spans["low"]).max() is None or (spans["high"] - spans["low"]).max() <= 0.05
        assert all(spans["low"][i] > spans["high"][i + 1] for i in range(len(spans) - 1))


def test_what_an_iteration_shows(tmp_path: Path) -> None:
    world = World(tmp_path).train()
    ledger = _ledger(tmp_path)
    for step, mean in world.curve("quality/mean").items():
        mine = ledger.filter(pl.col("step") == step - 1)
        assert mean == pytest.approx(mine["quality"].mean())
        scored = mine.filter(pl.col("score_error") == "")
        share = scored["quality"].is_not_null().mean()
        assert world.curve("quality/valid_share")[step] == pytest.approx(share)
        groups = mine.unique("group_id")
        assert world.curve("groups/live")[step] == (groups["dropped"] == "").sum()
        assert world.curve("groups/no_valid")[step] == (groups["dropped"] == "no_valid").sum()
        assert world.curve("invalid/truncated").get(step, 0.0) == (mine["invalid"] == "truncated").sum()
    everywhere = (
        "learner/loss",
        "learner/kl",
        "learner/win_rate",
        "learner/margin",
        "learner/lr",
        "time/step",
    )
    for name in everywhere:
        assert sorted(world.curve(name)) == [1, 2, 3, 4, 5]
    assert sorted(world.curve("sync/seconds")) == [0, 1, 2, 3, 4, 5]
    # The KL is that of before training at first, and away from the reference it is more than nothing.
    assert world.curve("learner/kl")[1] + world.curve("learner/kl")[5] > 0
    assert [step for step, name, _ in world.texts if name == "rollout/sample"] == [1, 2, 3, 4, 5]


def test_training_wins_against_the_reference(tmp_path: Path) -> None:
    world = World(tmp_path).train(replace(CONFIG, steps=25, probe_every=25, probe_samples=24))
    rates = world.curve("probe/win_rate")
    # The probe of the beginning is the reference's own.
    assert rates[0] == 0.5
    assert rates[25] > 0.65
    assert world.curve("probe/valid_share")[25] > world.curve("probe/valid_share")[0] + 0.2
    assert world.curve("learner/win_rate")[25] > 0.5
    assert world.curve("learner/kl")[25] > world.curve("learner/kl")[1]


@pytest.mark.parametrize("fail_at", [0, 1, 2, 3, 4])
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path: Path, fail_at: int) -> None:
    whole = World(tmp_path / "whole").train()
    with pytest.raises(InterruptionError):
        World(tmp_path / "broken", fail_at=fail_at).train()
    resumed = World(tmp_path / "broken").train()
    # Only the iterations since the last checkpoint (every second) are done again, in two epochs each.
    assert len(resumed.updates) == 2 * (5 - fail_at // 2 * 2)
    assert torch.equal(resumed.policy.table, whole.policy.table)
    for ours, theirs in zip(
        resumed.optimizer.state_dict()["state"][0].values(),
        whole.optimizer.state_dict()["state"][0].values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    assert _ledger(tmp_path / "broken").equals(_ledger(tmp_path / "whole"))
    probes, expected = _probes(tmp_path / "broken"), _probes(tmp_path / "whole")
    assert probes.keys() == expected.keys() == {f"step_{step:06d}.parquet" for step in (0, 2, 4, 5)}
    assert all(probe.equals(expected[name]) for name, probe in probes.items())
    states = [
        json.loads((tmp_path / name / "checkpoints" / "step_000005" / "state.json").read_text())
        for name in ("whole", "broken")
    ]
    assert states[0] == states[1]
    assert len(states[0]["lengths"]) == 5


def test_equal_seeds_are_equal_runs_and_a_finished_one_does_nothing_more(tmp_path: Path) -> None:
    first, second = (World(tmp_path / name).train() for name in ("a", "b"))
    assert torch.equal(first.policy.table, second.policy.table)
    assert _ledger(tmp_path / "a").equals(_ledger(tmp_path / "b"))
    again = World(tmp_path / "a").train()
    assert again.updates == []
    assert again.generated == 0


def test_checkpoints_are_saved_when_due_and_the_last_few_kept(tmp_path: Path) -> None:
    World(tmp_path).train()
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step_000004",
        "step_000005",
    ]


def test_an_interrupt_waits_for_the_iteration_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    whole = World(tmp_path / "whole").train()
    broken = World(tmp_path / "broken", signal_at=2)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    # Both epochs of the iteration were done.
    assert [step for step, _, _ in broken.updates] == [0, 0, 1, 1, 2, 2]
    state = json.loads((tmp_path / "broken" / "checkpoints" / "step_000003" / "state.json").read_text())
    assert (state["step"], state["cursor"]) == (3, 12)
    resumed = World(tmp_path / "broken").train()
    assert torch.equal(resumed.policy.table, whole.policy.table)
    assert _ledger(tmp_path / "broken").equals(_ledger(tmp_path / "whole"))


def test_how_a_batch_is_cut_does_not_show(tmp_path: Path) -> None:
    """A group a micro-batch, or all groups in one."""
    one, all_in_one = (
        World(tmp_path / "a").train(micro_batch_tokens=26),
        World(tmp_path / "b").train(micro_batch_tokens=1000),
    )
    torch.testing.assert_close(one.policy.table, all_in_one.policy.table, rtol=1e-6, atol=1e-9)


def test_a_run_without_anything_valid_ends_and_says_why(tmp_path: Path) -> None:
    broken = World(tmp_path, rule=lambda text: QualityScore(invalid="bad_json"))
    with pytest.raises(
        StarvedError, match=r"3 iterations in a row.*groups dropped: no_valid 4; .*not valid: .*bad_json \d+"
    ):
        broken.train()
    # Iterations without a live group count, take no optimiser step, and leave a checkpoint.
    assert broken.updates == []
    assert broken.curve("groups/live") == {1: 0.0, 2: 0.0}
    assert "learner/loss" not in broken.curves[1][1]
    state = json.loads((tmp_path / "checkpoints" / "step_000002" / "state.json").read_text())
    assert (state["step"], state["empty_steps"]) == (2, 2)
    # They are counted over interruptions; one with something valid begins the count anew.
    with pytest.raises(StarvedError):
        World(tmp_path, rule=lambda text: QualityScore(invalid="bad_json")).train()
    mended = World(tmp_path).train()
    assert [step for step, _, _ in mended.updates] == [2, 2, 3, 3, 4, 4]


def test_a_dead_scorer_is_no_verdict(tmp_path: Path) -> None:
    """Failed scores alone leave no group to train on, and no response is taken for a bad one."""
    with pytest.raises(StarvedError, match="not valid: score_error 16"):
        World(tmp_path, rule=lambda text: QualityScore(error="gone")).train()
    assert not _ledger(tmp_path)["trains"].any()
    assert _ledger(tmp_path)["invalid"].unique().to_list() == [""]


def test_groups_that_might_not_fit_are_refused_before_anything_is_sampled(tmp_path: Path) -> None:
    # A prompt of 2 and four responses of 6.
    world = World(tmp_path)
    with pytest.raises(UserError, match=r"learner\.micro_batch_tokens is 25, and a group may take 26"):
        world.train(micro_batch_tokens=25)
    assert world.generated == 0


def test_a_quality_that_is_length_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, rule=lambda text: QualityScore(quality=float(len(text)))).train()
    assert all(value > 0.9 for value in world.curve("quality/length_correlation").values())
    warnings = [text for _, name, text in world.texts if name == "quality/warning"]
    assert warnings
    assert "quality rises with length" in warnings[0]
    assert not [name for _, name, _ in World(tmp_path / "b").train().texts if name == "quality/warning"]
