"""What a ledger says of groups, read back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.filters import outcome
from rl.ledger import LEDGER_SCHEMA, read_ledger, write_step
from rl.length_buckets import quarters
from rl.recorded import read_group, read_recording, recorded_groups
from tests.ledgers import Group, Sample, write_ledger

FILTERS = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.3, eps_high=0.9)})
MIXED = Group(
    name="000002-0-000",
    task="composite",
    prompt_tokens=7,
    samples=[
        Sample(atomic=0.5, summary=0.25, tokens=3),
        Sample(atomic=0.5, summary=0.5, tokens=9, cut=True),
        Sample(format_ok=False, summary=0.0, tokens=2),
        Sample(error="E: x", tokens=4),
    ],
)
HARD = Group(name="000002-0-001", prompt_tokens=4, samples=[Sample(atomic=0.1), Sample(atomic=0.2, tokens=2)])
EASY = Group(name="000010-1-000", prompt_tokens=5, samples=[Sample(atomic=0.9), Sample(atomic=1.0)])


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    write_ledger(tmp_path, {2: [MIXED, HARD], 10: [EASY]}, FILTERS, text=True)
    return tmp_path


def test_recorded_groups_are_what_the_filters_saw_and_said(tmp_path: Path) -> None:
    judged = write_ledger(tmp_path, {2: [MIXED, HARD], 10: [EASY]}, FILTERS)
    groups = list(recorded_groups(read_ledger(tmp_path)))
    assert [group.step for group in groups] == [2, 2, 10]
    assert [group.group_id for group in groups] == [MIXED.name, HARD.name, EASY.name]
    assert [group.task for group in groups] == ["composite", "tags", "tags"]
    assert [group.prompt_tokens for group in groups] == [7, 4, 5]
    assert [group.response_tokens for group in groups] == [(3, 9, 2, 4), (1, 2), (1, 1)]
    assert [group.live for group in groups] == [(True, False, False, False), (True, True), (True, True)]
    assert [group.reasons for group in groups] == [("too_few_live",), ("too_hard",), ("too_easy",)]
    for group, one in zip(groups, judged, strict=True):
        mine = [outcome(r, s) for r, s in zip(one.scored.group.rollouts, one.scored.scores, strict=True)]
        assert repr(list(group.outcomes)) == repr(mine)  # NaN is not equal to itself


def test_a_recording_of_one_task(ledger: Path) -> None:
    both = read_recording(ledger)
    assert both.tasks == ("composite", "tags")
    assert both.task_N.tolist() == [0, 1, 1]
    assert both.buckets.bounds == ((4, 4), (5, 5), (7, 7))
    tags = read_recording(ledger, "tags")
    assert [group.group_id for group in tags.groups] == [HARD.name, EASY.name]
    assert (tags.tasks, tags.task_N.tolist()) == (("tags",), [0, 0])
    with pytest.raises(UserError, match="no groups of task 'tag'; it has composite, tags"):
        read_recording(ledger, "tag")


def test_an_empty_ledger_is_refused(tmp_path: Path) -> None:
    write_step(tmp_path / "step_000000.parquet", 0, [], {}, keep="verdicts")
    with pytest.raises(UserError, match="the ledger holds no groups"):
        read_recording(tmp_path)


def test_the_rows_of_one_group(ledger: Path) -> None:
    frame = read_group(ledger, HARD.name)
    assert frame.columns == list(LEDGER_SCHEMA)
    assert frame["sample_idx"].to_list() == [0, 1]
    assert set(frame["group_id"]) == {HARD.name}


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("000002-0-002", "000002-0-001"),
        ("2-0-1", HARD.name),
        ("10-1-0", EASY.name),
        ("000010-1-001", EASY.name),
        ("", ""),
    ],
)
def test_an_unknown_group_names_the_nearest(ledger: Path, wrong: str, nearest: str) -> None:
    with pytest.raises(UserError) as refused:
        read_group(ledger, wrong)
    assert f"no group {wrong!r}; the nearest are {nearest}" in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        # By spelling 000013-000055 would be nearer.
        ("000003-000055", "000003-000050, 000003-000070, 000004-000055"),
        ("3-71", "000003-000070, 000003-000050, 000004-000055"),
        ("14-0", "000013-000055, 000004-000055, 000003-000050"),
        ("9" * 30, "000013-000055, 000004-000055, 000003-000070"),
    ],
)
def test_the_nearest_groups_are_of_the_nearest_step(tmp_path: Path, wrong: str, nearest: str) -> None:
    names = {3: ("000003-000050", "000003-000070"), 4: ("000004-000055",), 13: ("000013-000055",)}
    steps = {step: [replace(HARD, name=name) for name in named] for step, named in names.items()}
    write_ledger(tmp_path, steps, FILTERS)
    with pytest.raises(UserError) as refused:
        read_group(tmp_path, wrong)
    assert str(refused.value).endswith(f"no group {wrong!r}; the nearest are {nearest}")


def test_quarters_by_hand() -> None:
    buckets = quarters(np.array([8, 1, 3, 2, 7, 5, 4, 6]))
    assert buckets.bounds == ((1, 2), (3, 4), (5, 6), (7, 8))
    assert buckets.bucket_N.tolist() == [3, 0, 1, 0, 3, 2, 1, 2]
    # The example of the docstring: what is equal stays together.
    tied = quarters(np.array([1, 2, 3, 4, 5, 5, 5, 5]))
    assert tied.bounds == ((1, 2), (3, 4), (5, 5))
    assert tied.bucket_N.tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    assert quarters(np.array([9])).bounds == ((9, 9),)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_every_length_is_in_its_bucket_and_none_is_empty(lengths: list[int]) -> None:
    buckets = quarters(np.array(lengths))
    assert 1 <= len(buckets.bounds) <= 4
    assert set(buckets.bucket_N.tolist()) == set(range(len(buckets.bounds)))
    for length, bucket in zip(lengths, buckets.bucket_N, strict=True):
        least, most = buckets.bounds[bucket]
        assert least <= length <= most
    ends = [end for bounds in buckets.bounds for end in bounds]
    assert ends == sorted(ends)
    # Up to the b-th bucket there are at least b quarters of the groups.
    counts = np.bincount(buckets.bucket_N)
    for bucket in range(len(counts) - 1):
        assert 4 * counts[: bucket + 1].sum() >= (bucket + 1) * len(lengths)
