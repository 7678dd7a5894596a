"""Ranked groups and their micro-batches: whole groups, exact positions, nothing of what is dropped."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.packing import Segment
from records.errors import UserError
from records.groupwise import GroupwiseConfig
from records.quality import QualityScore
from rl.groupwise import INVALID
from rl.groupwise_batches import build_groupwise_batch, check_room, empty_micro_batch
from rl.groupwise_groups import RankedGroup, ranked, reasons_told
from tests.groupwise_groups import Said, ranked_group

FAILED_TOKEN = 59
"""Stands only in responses whose scoring failed."""

A = ranked_group(
    "a", (1, 2, 3), [((11, 12), 0.5), ((FAILED_TOKEN,) * 9, None), ((13,), 1.0), ((14,), "schema")]
)
B = ranked_group("b", (4,), [((21, 22, 23), 0.5), ((24, 25), 0.25), ((26,), 0.0)])
NOTHING = ranked_group("n", (7,), [((31,), "schema"), ((32,), "bad_json")])
ALONE = ranked_group("l", (8,), [((33,), 1.0), ((FAILED_TOKEN,), None)])


def test_a_micro_batch_by_hand() -> None:
    batch = build_groupwise_batch([NOTHING, A, ALONE], minibatches=1, max_tokens=100)
    ((micro,),) = batch.minibatches
    # The prompt once, then all responses but that whose scoring failed; the invalid one is there.
    assert micro.tokens.input_ids_T.tolist() == [1, 2, 3, 11, 12, 13, 14]
    assert micro.tokens.segments == (
        Segment(length=3),
        Segment(length=2, parent=0),
        Segment(length=1, parent=0),
        Segment(length=1, parent=0),
    )
    # The prompt's last token (2) predicts each first; 11 (at 3) predicts 12.
    assert micro.tokens.positions_N.tolist() == [2, 3, 2, 2]
    assert micro.tokens.targets_N.tolist() == [11, 12, 13, 14]
    assert micro.lengths_R.tolist() == [2, 1, 1]
    assert micro.levels_R.tolist() == [1, 0, INVALID]
    assert micro.sizes == (3,)
    # The normaliser counts live groups: one of three.
    assert batch.normalisers == (1.0,)


def test_why_groups_are_dropped() -> None:
    assert [group.dropped for group in (A, B, NOTHING, ALONE)] == ["", "", "no_valid", "too_few"]
    # With scoring failed for all, there is nothing valid either.
    assert ranked_group("f", (1,), [((2,), None), ((3,), None)]).dropped == "no_valid"
    # One alone valid beside an invalid one is a pair.
    assert ranked_group("p", (1,), [((2,), "schema"), ((3,), 0.0)]).dropped == ""
    assert reasons_told([A, NOTHING, NOTHING, ALONE]) == (
        "groups dropped: no_valid 2, too_few 1; responses not valid: schema 3, score_error 2, bad_json 2"
    )


def test_what_hit_the_length_limit_is_invalid() -> None:
    group = ranked_group("t", (1,), [((2,), 0.9), ((3,), "schema"), ((4,), None)], finish_reason="length")
    assert [score.invalid for score in group.scores] == ["truncated", "truncated", ""]
    assert group.scores[2].error
    assert group.levels_G.tolist() == [INVALID] * 3


@pytest.mark.parametrize(
    "said", [{}, {"quality": 0.5, "invalid": "schema"}, {"quality": float("nan")}, {"quality": float("inf")}]
)
def test_a_score_says_one_thing(said: dict[str, float | str]) -> None:
    with pytest.raises(ValueError, match="QualityScore"):
        QualityScore(**said)  # type: ignore[arg-type]


def test_there_is_a_score_for_each_response() -> None:
    with pytest.raises(ValueError, match="group a: 4 responses and 1 scores"):
        ranked(A.group, [QualityScore(quality=1.0)], 0.0)


def test_a_group_that_does_not_fit_is_refused_by_name() -> None:
    assert len(build_groupwise_batch([A], minibatches=1, max_tokens=7).minibatches[0]) == 1
    with pytest.raises(UserError, match=r"group a has 7 tokens.*raise learner\.micro_batch_tokens \(6\)"):
        build_groupwise_batch([A, B], minibatches=1, max_tokens=6)


def test_settings_under_which_a_group_might_not_fit_are_refused() -> None:
    config = GroupwiseConfig(group_size=4, max_response_tokens=10)
    check_room(config, longest_prompt=60, max_tokens=100)
    with pytest.raises(UserError, match=r"micro_batch_tokens is 100, and a group may take 101.*to 101"):
        check_room(config, longest_prompt=61, max_tokens=100)


def test_micro_batches_are_as_many_for_every_rank() -> None:
    # 7 tokens each: one micro-batch holds all four, and three ranks want three, two or one of them.
    groups = [A, B, A, B]
    found = [
        len(build_groupwise_batch(groups, minibatches=1, max_tokens=100, ranks=ranks).minibatches[0])
        for ranks in (1, 2, 3, 4, 5)
    ]
    assert found == [1, 2, 3, 4, 4]


def test_the_empty_micro_batch_has_no_group() -> None:
    assert empty_micro_batch().sizes == ()
    assert empty_micro_batch().lengths_R.sum() == len(empty_micro_batch().tokens.positions_N)


SAID: st.SearchStrategy[Said] = st.one_of(st.floats(0, 1), st.sampled_from(["schema", None]))


@st.composite
def _groups(draw: st.DrawFn) -> list[RankedGroup]:
    """Groups in which every token is another one, so that none can stand for another."""
    token, found = 1, []
    for number in range(draw(st.integers(0, 7))):
        sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
        prompt, *responses = np.split(np.arange(sum(sizes) + 2) + token, np.cumsum([2, *sizes])[:-1])
        token += sum(sizes) + 2
        said = [draw(SAID) for _ in sizes]
        found.append(
            ranked_group(
                f"g{number}", prompt.tolist(), list(zip(map(np.ndarray.tolist, responses), said, strict=True))
            )
        )
    return found


@settings(deadline=None, max_examples=60)
@given(_groups(), st.integers(1, 3), st.integers(27, 60), st.integers(1, 3))
def test_all_that_is_live_stands_in_the_batch_once(
    groups: list[RankedGroup], minibatches: int, max_tokens: int, ranks: int
) -> None:
    batch = build_groupwise_batch(groups, minibatches=minibatches, max_tokens=max_tokens, ranks=ranks)
    live = [group for group in groups if not group.dropped]
    assert sum(batch.normalisers) == len(live)
    micros = [micro for part in batch.minibatches for micro in part]
    assert sum(len(micro.sizes) for micro in micros) == len(live)
    found = {}
    for micro in micros:
        assert len(micro.tokens.input_ids_T) <= max_tokens
        assert sum(micro.sizes) == len(micro.lengths_R) == len(micro.levels_R)
        ends = np.cumsum(micro.lengths_R)[:-1]
        responses = [tuple(part.tolist()) for part in np.split(micro.tokens.targets_N, ends)]
        first = 0
        for size in micro.sizes:
            found[tuple(responses[first : first + size])] = micro.levels_R[first : first + size].tolist()
            first += size
    assert found == {
        tuple(group.group.rollouts[i].token_ids for i in group.compared): group.levels_G[
            group.compared
        ].tolist()
        for group in live
    }
