"""Live prompts: the same at every place whoever makes them, so many in advance and no more."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.prompt import Prompt
from rl.live import LivePrompts, MadePrompt
from rl.prompts import PromptStream
from rl.protocols import PromptsEndedError

SIZE = 4


class Makers:
    """Producers that keep count; every fifth user has no history, and there are users for 6 batches."""

    size = SIZE

    def __init__(self) -> None:
        self.under_way: set[int] = set()
        self.begun: list[int] = []
        self.dropped: list[int] = []
        self.most = 0
        self.made: set[int] = set()

    def begin(self, batch: int) -> None:
        assert batch not in self.under_way
        self.under_way.add(batch)
        self.begun.append(batch)
        self.most = max(self.most, len(self.under_way))

    def ready(self, batch: int) -> bool:
        return batch in self.made

    def take(self, batch: int) -> Sequence[MadePrompt | None]:
        if batch >= 6:
            raise PromptsEndedError("all 24 live users were asked")
        self.under_way.remove(batch)
        return [self._made(batch * SIZE + place) for place in range(SIZE)]

    def drop(self, batch: int) -> None:
        self.under_way.remove(batch)
        self.dropped.append(batch)

    def _made(self, place: int) -> MadePrompt | None:
        if place % 5 == 4:
            return None
        prompt = Prompt(
            prompt_id=f"u{place}/tags",
            user_id=f"u{place}",
            task="tags",
            tags=("pet",),
            history_lines=1,
            token_ids=(place,),
        )
        return MadePrompt(prompt=prompt, reference={"pet": ("cat",) * (place % 2)})


def _users(stream: PromptStream, count: int) -> list[str]:
    return [draw.prompt.user_id for draw in stream.take(count)]


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_prompts_come_in_order_each_once_and_those_without_a_history_are_passed_over(ahead: int) -> None:
    makers = Makers()
    stream = PromptStream(LivePrompts(makers, ahead, {}), seed=1)
    assert _users(stream, 12) == [f"u{place}" for place in (0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13)]
    assert (stream.cursor, stream.passed_over) == (14, 2)
    assert makers.begun == list(range(4 + ahead))


@given(st.integers(1, 4), st.lists(st.integers(1, 5), max_size=4))
def test_no_more_are_under_way_than_the_queue_holds(ahead: int, counts: list[int]) -> None:
    makers = Makers()
    stream = PromptStream(LivePrompts(makers, ahead, {}), seed=1)
    for count in counts:
        stream.take(count)
        # Beyond the batch in use, as many as the queue holds: a full queue begins nothing.
        assert makers.begun == list(range((stream.cursor - 1) // SIZE + 1 + ahead))
    assert makers.most <= ahead


@given(st.integers(0, 18), st.integers(1, 3))
def test_a_resumed_run_goes_on_at_its_place(cursor: int, ahead: int) -> None:
    whole = [draw for draw in PromptStream(LivePrompts(Makers(), 2, {}), seed=1).take(18)]
    makers = Makers()
    stream = PromptStream(LivePrompts(makers, ahead, {}), seed=1, cursor=cursor)
    left = [draw for draw in whole if draw.cursor >= cursor]
    assert stream.take(len(left)) == left
    # What lies before it is not made again.
    assert not left or min(makers.begun) == cursor // SIZE


def test_what_was_under_way_is_made_again_and_what_lies_between_is_let_go() -> None:
    makers = Makers()
    stream = PromptStream(LivePrompts(makers, 2, {}), seed=1, cursor=21, again=[1, 6])
    assert [draw.cursor for draw in stream.take(4)] == [1, 6, 21, 22]
    assert makers.begun == [0, 1, 2, 3, 5, 6, 7]
    assert makers.dropped == [2, 3]
    assert makers.under_way == {6, 7}


def test_whoever_asks_whether_a_prompt_is_there_does_not_wait_for_it() -> None:
    makers = Makers()
    stream = PromptStream(LivePrompts(makers, 2, {}), seed=1)
    assert not stream.ready()
    assert makers.begun == [0, 1]
    makers.made.add(0)
    assert stream.ready()
    stream.take(3)
    assert stream.ready()  # the fourth of the batch in use
    stream.take(1)
    assert not stream.ready()


def test_whoever_takes_what_is_there_stops_at_the_first_that_is_not() -> None:
    """Also where places between have no prompt: the last of a batch may be passed over, its next is not."""
    makers = Makers()
    stream = PromptStream(LivePrompts(makers, 2, {}), seed=1)
    makers.made = {0, 2}
    assert [draw.cursor for draw in stream.take(9, wait=False)] == [0, 1, 2, 3]
    assert stream.take(1, wait=False) == []
    makers.made.add(1)
    assert [draw.cursor for draw in stream.take(9, wait=False)] == [5, 6, 7, 8, 10, 11]
    assert stream.cursor == 12  # and not a place further
    assert makers.begun == [0, 1, 2, 3, 4]


def test_no_more_are_under_way_when_a_run_goes_back() -> None:
    makers = Makers()
    prompts = LivePrompts(makers, 2, {})
    prompts.at(13)
    assert makers.under_way == {4, 5}
    prompts.at(4)
    assert makers.under_way == {2, 3}


def test_true_values_are_known_of_whoever_is_asked_about() -> None:
    references = {"probe": {"pet": ("dog",)}}
    stream = PromptStream(LivePrompts(Makers(), 1, references), seed=1)
    stream.take(2)
    assert references == {"probe": {"pet": ("dog",)}, "u0": {"pet": ()}, "u1": {"pet": ("cat",)}}


def test_the_last_user_is_the_end() -> None:
    stream = PromptStream(LivePrompts(Makers(), 2, {}), seed=1)
    stream.take(20)
    with pytest.raises(PromptsEndedError, match="all 24 live users were asked"):
        stream.take(1)
