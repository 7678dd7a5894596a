"""Whether quality rides on length, by hand."""

import math

import pytest

from rl.groupwise_groups import RankedGroup
from rl.groupwise_lengths import WINDOW, LengthWatch
from tests.groupwise_groups import Said, ranked_group


def _group(pairs: list[tuple[int, Said]]) -> RankedGroup:
    """Responses as (tokens, what their scorer says)."""
    return ranked_group("g", (1,), [((2,) * length, said) for length, said in pairs])


def test_a_correlation_by_hand() -> None:
    # Lengths −1, 0, 1 and qualities −.2, .1, .1 from their means: .3 / √(2 · .06).
    watch = LengthWatch()
    assert watch.add([_group([(1, 0.2), (2, 0.5), (3, 0.5)])]) == pytest.approx(0.3 / math.sqrt(0.12))
    # Neither invalid ones nor failed scores take part.
    found = watch.add([_group([(1, 0.2), (2, 0.5), (90, "schema"), (3, 0.5), (70, None)])])
    assert found == pytest.approx(0.3 / math.sqrt(0.12))


def test_groups_are_taken_from_their_own_means() -> None:
    # Long prompts' groups have long and good responses; within a group the longer is the worse.
    groups = [_group([(1, 0.2), (2, 0.1)]), _group([(21, 0.9), (22, 0.8)])]
    assert LengthWatch().add(groups) == pytest.approx(-1.0)


@pytest.mark.parametrize("pairs", [[(1, 0.5), (1, 0.7)], [(1, 0.5), (2, 0.5)], [(4, 0.5)], [(4, "schema")]])
def test_there_is_no_correlation_of_what_is_alike(pairs: list[tuple[int, Said]]) -> None:
    watch = LengthWatch()
    assert math.isnan(watch.add([_group(pairs)]))
    assert watch.warning() == ""


def test_a_warning_needs_more_than_chance() -> None:
    rising = _group([(1, 0.1), (2, 0.2), (3, 0.3)])
    watch = LengthWatch()
    # 2 degrees of freedom a group: with 8 even a perfect correlation is within 3/√8 > 1, with 10 it is not.
    watch.add([rising] * 4)
    assert watch.warning() == ""
    watch.add([rising])
    assert "quality rises with length" in watch.warning()
    assert "1.00 over the last 2 iterations" in watch.warning()
    falling = LengthWatch()
    falling.add([_group([(3, 0.1), (2, 0.2), (1, 0.3)])] * 9)
    assert "quality falls with length" in falling.warning()


def test_a_weak_correlation_is_none_to_warn_of() -> None:
    # Lengths −1.5, −.5, .5, 1.5 and qualities from 0: (.5 · −.1 … ): r = .4 at 3 · 60 degrees of freedom.
    watch = LengthWatch()
    found = watch.add([_group([(1, 0.2), (2, 0.1), (3, 0.4), (4, 0.2)])] * 60)
    assert 0 < found < 0.5
    assert watch.warning() == ""


def test_warnings_look_back_on_the_last_iterations_alone() -> None:
    watch = LengthWatch()
    watch.add([_group([(1, 0.1), (2, 0.2), (3, 0.3)])] * 20)
    assert watch.warning()
    alike = [_group([(1, 0.2), (2, 0.3), (3, 0.2)])] * 20
    for _ in range(WINDOW):
        watch = LengthWatch(watch.state)  # as a resumed run goes on
        watch.add(alike)
    assert len(watch.state) == WINDOW
    assert watch.warning() == ""
