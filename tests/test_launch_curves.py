"""Curves on disk: what is finite is kept, and a resumed run drops what lies ahead of it."""

import math
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from launch.curves import RunLog, read_curves


def _points(directory: Path, name: str) -> dict[int, float]:
    events = EventAccumulator(str(directory))
    events.Reload()
    return {event.step: event.value for event in events.Scalars(name)}


def test_curves_reach_tensorboard_and_the_file(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "tb", tmp_path / "rl" / "curves.jsonl")
    log.scalars(1, {"reward/probe": 0.5, "learner/kl": math.nan, "learner/loss": math.inf})
    log.scalars(2, {"reward/probe": 0.75})
    log.histogram(2, "reward/group_mean", [0.1, math.nan, 0.2])
    log.histogram(3, "reward/group_mean", [math.nan])
    log.text(2, "rollout/sample", "<b>*hi*</b>\nthere")
    log.close()
    assert read_curves(tmp_path / "rl" / "curves.jsonl") == [
        {"step": 1, "reward/probe": 0.5},
        {"step": 2, "reward/probe": 0.75},
    ]
    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert events.Tags()["scalars"] == ["reward/probe"]
    assert [(e.step, e.histogram_value.num) for e in events.Histograms("reward/group_mean")] == [(2, 2)]
    (text,) = events.Tensors("rollout/sample/text_summary")
    # A code block: sampled text is data, not Markdown.
    assert text.tensor_proto.string_val == [b"    <b>*hi*</b>\n    there"]


def test_a_resumed_run_drops_what_lies_ahead(tmp_path: Path) -> None:
    curves = tmp_path / "curves.jsonl"
    first = RunLog(tmp_path / "tb", curves)
    for step in range(5):
        first.scalars(step, {"reward/probe": float(step)})
    first.close()
    resumed = RunLog(tmp_path / "tb", curves, first_step=2)
    resumed.scalars(3, {"reward/probe": 33.0})
    resumed.close()
    assert [(row["step"], row["reward/probe"]) for row in read_curves(curves)] == [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 33),
    ]
    assert _points(tmp_path / "tb", "reward/probe") == {0: 0.0, 1: 1.0, 2: 2.0, 3: 33.0}


def test_a_run_from_the_start_begins_an_empty_file(tmp_path: Path) -> None:
    curves = tmp_path / "curves.jsonl"
    stopped = RunLog(tmp_path / "tb", curves)
    stopped.scalars(0, {"reward/probe": 1.0})
    stopped.scalars(1, {"reward/probe": 2.0})
    stopped.close()
    again = RunLog(tmp_path / "tb", curves)
    assert read_curves(curves) == []
    again.scalars(0, {"reward/probe": 5.0})
    again.close()
    assert _points(tmp_path / "tb", "reward/probe") == {0: 5.0}


@pytest.mark.parametrize("end", ['{"step": 2, "a":', "{"])
def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path, end: str) -> None:
    curves = tmp_path / "curves.jsonl"
    curves.write_text('{"step": 1, "a": 2.0}\n' + end)
    assert read_curves(curves) == [{"step": 1, "a": 2.0}]
    assert read_curves(tmp_path / "missing.jsonl") == []
