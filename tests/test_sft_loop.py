"""The SFT loop with a learner that only remembers what it was given."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lm.objective import Objective, UpdateReport
from records.sft import SFTConfig, SFTStageConfig
from sft.loop import FINAL_LR, schedule, train_stage
from sft.objective import SFTExample, SFTMicroBatch, SFTObjective


class Recorder:
    """A learner, log and progress in one, that notes every call."""

    ranks = 1

    def __init__(self) -> None:
        self.updates: list[tuple[Sequence[Sequence[Any]], Sequence[float], Objective, float, Any]] = []
        self.curves: list[tuple[int, dict[str, float]]] = []
        self.shown: list[tuple[int, int, float]] = []
        self.loaded: list[str] = []

    def update(
        self,
        minibatches: Sequence[Sequence[Any]],
        normalisers: Sequence[float],
        objective: Objective,
        lr: float,
        empty: Any,
    ) -> UpdateReport:
        self.updates.append((minibatches, normalisers, objective, lr, empty))
        # Metrics are means by the normaliser: 6/16 nats over 2/16 answer tokens are 3 nats a token.
        metrics = {
            "loss": 0.5 * len(self.updates),
            "answer_loss": 6 / 16 * len(self.updates),
            "answer_tokens": 2 / 16,
        }
        return UpdateReport(optimizer_steps=1, grad_norm=0.25, metrics=metrics)

    def save(self, directory: Path) -> None:
        (directory / "weights").write_text(str(len(self.updates)))

    def load(self, directory: Path) -> None:
        self.loaded.append(directory.name)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self.curves.append((step, dict(values)))

    def histogram(self, step: int, name: str, values: Sequence[float]) -> None:
        raise AssertionError("SFT draws no histogram")

    def text(self, step: int, name: str, text: str) -> None:
        raise AssertionError("SFT shows no text")

    def progress(self, done: int, total: int, loss: float) -> None:
        self.shown.append((done, total, loss))


def _train(examples: int, checkpoints: Path) -> tuple[float, Recorder]:
    recorder = Recorder()
    last = train_stage(
        "stage1",
        [SFTExample(prompt_ids=(i, i), response_ids=(i, 9)) for i in range(1, examples + 1)],
        SFTConfig(batch_size=2, warmup=0.5, answer_weight=4.0, save_every=2),
        SFTStageConfig(lr=0.1, history_weight=0.0),
        recorder,
        recorder,
        checkpoints=checkpoints,
        micro_batch_tokens=4,
        progress=recorder.progress,
    )
    return last, recorder


def test_one_optimiser_step_a_batch(tmp_path: Path) -> None:
    last, recorder = _train(5, tmp_path)
    # Five examples in order, in batches of two, each example (4 tokens) a micro-batch of its own.
    first_tokens = [
        [int(micro.tokens.input_ids_T[0]) for micro in minibatches[0]] for minibatches, *_ in recorder.updates
    ]
    assert first_tokens == [[1, 2], [3, 4], [5]]
    for minibatches, normalisers, objective, _, empty in recorder.updates:
        assert len(minibatches) == 1
        # Two answer tokens an example, at weight 4.
        assert normalisers == [8.0 * len(minibatches[0])]
        assert isinstance(objective, SFTObjective)
        assert isinstance(empty, SFTMicroBatch)
        assert empty.weights_N.sum() == 0
    # The third step's report: (3 · 6/16) / (2/16) nats an answer token.
    assert last == pytest.approx(9.0)


def test_a_stage_goes_on_from_its_newest_checkpoint(tmp_path: Path) -> None:
    _, whole = _train(9, tmp_path)
    # Five steps; a checkpoint after 2, 4 and the last, of which the newest stays.
    assert [path.name for path in tmp_path.iterdir()] == ["step_000005"]
    last, nothing = _train(9, tmp_path)
    assert math.isnan(last)
    assert (nothing.updates, nothing.loaded) == ([], ["step_000005"])
    # Killed in the fifth step: the fourth's stands, and half of the fifth's.
    (tmp_path / "step_000005").rename(tmp_path / "step_000004")
    (tmp_path / "step_000004" / "state.json").write_text('{"step": 4}')
    (tmp_path / "step_000005").mkdir()
    _, again = _train(9, tmp_path)
    assert again.loaded == ["step_000004"]
    (rest,), (last_update,) = again.updates[0][0], whole.updates[-1][0]
    assert [micro.tokens.input_ids_T.tolist() for micro in rest] == [
        micro.tokens.input_ids_T.tolist() for micro in last_update
    ]
    assert again.updates[0][3] == whole.updates[-1][3]  # the learning rate goes on too
    assert [step for step, _ in again.curves] == [5]


def test_curves_and_progress(tmp_path: Path) -> None:
    _, recorder = _train(5, tmp_path)
    # Warm-up is round(3 · .5) = 2 steps: .05 and .1; then the cosine starts at its peak.
    assert [lr for *_, lr, _ in recorder.updates] == pytest.approx([0.05, 0.1, 0.1])
    assert [step for step, _ in recorder.curves] == [1, 2, 3]
    assert recorder.curves[1][1] == pytest.approx(
        {
            "sft/stage1/loss": 1.0,
            "sft/stage1/answer_loss": 6.0,
            "sft/stage1/grad_norm": 0.25,
            "sft/stage1/lr": 0.1,
        }
    )
    assert recorder.shown == [
        (1, 3, pytest.approx(3.0)),
        (2, 3, pytest.approx(6.0)),
        (3, 3, pytest.approx(9.0)),
    ]


def test_no_examples_no_step(tmp_path: Path) -> None:
    last, recorder = _train(0, tmp_path)
    assert math.isnan(last)
    assert recorder.updates == []


def test_schedule_by_hand() -> None:
    # 10 steps, a fifth of them warm-up: 1/2, 1, then .05 + .95·(1 + cos(π·k/8))/2 for k = 0 … 7.
    assert [schedule(step, 10, 0.2) for step in range(3)] == pytest.approx([0.5, 1.0, 1.0])
    # k = 4 is half way: .05 + .95/2
    assert schedule(6, 10, 0.2) == pytest.approx(0.525)
    assert schedule(9, 10, 0.2) == pytest.approx(0.05 + 0.95 * (1 + math.cos(math.pi * 7 / 8)) / 2)
    rates = [schedule(step, 10, 0.2) for step in range(2, 10)]
    assert rates == sorted(rates, reverse=True)
    assert schedule(10, 10, 0.2) == pytest.approx(FINAL_LR)
    # Without warm-up the first step is at the peak at once.
    assert schedule(0, 10, 0.0) == 1.0
    assert schedule(0, 1, 0.0) == 1.0
