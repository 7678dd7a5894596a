"""The order of prompts, and seeds that depend on place alone."""

import itertools

import pytest

from records.prompt import Prompt
from rl.prompts import Draw, PromptStream, Shuffled
from rl.seeds import derived_seed

PROMPTS = [
    Prompt(prompt_id=f"p{i}", user_id=f"u{i}", task="tags", tags=("pet",), history_lines=1, token_ids=(i,))
    for i in range(5)
]


def _ids(draws: list[Draw]) -> list[str]:
    return [draw.prompt.prompt_id for draw in draws]


def test_every_epoch_is_a_new_permutation() -> None:
    stream = PromptStream(Shuffled(PROMPTS, seed=1), seed=1)
    epochs = [_ids(stream.take(5)) for _ in range(4)]
    for epoch in epochs:
        assert sorted(epoch) == ["p0", "p1", "p2", "p3", "p4"]
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert stream.cursor == 20


def test_the_cursor_alone_is_the_state() -> None:
    whole = _ids(PromptStream(Shuffled(PROMPTS, seed=1), seed=1).take(13))
    stream = PromptStream(Shuffled(PROMPTS, seed=1), seed=1)
    first = _ids(stream.take(4))
    assert (
        first + _ids(PromptStream(Shuffled(PROMPTS, seed=1), seed=1, cursor=stream.cursor).take(9)) == whole
    )
    assert _ids(PromptStream(Shuffled(PROMPTS, seed=2), seed=2).take(13)) != whole


def test_what_was_under_way_comes_again_first() -> None:
    whole = PromptStream(Shuffled(PROMPTS, seed=1), seed=1).take(13)
    assert [draw.cursor for draw in whole] == list(range(13))
    stream = PromptStream(Shuffled(PROMPTS, seed=1), seed=1, cursor=8, again=[3, 6])
    assert stream.take(1) == [whole[3]]
    assert (stream.not_taken_again(), stream.cursor) == ([6], 8)
    assert stream.take(3) == [whole[6], whole[8], whole[9]]
    assert (stream.not_taken_again(), stream.cursor) == ([], 10)


def test_prompts_whose_groups_were_dropped_have_fewer_turns() -> None:
    stream = PromptStream(Shuffled(PROMPTS, seed=1), seed=1, dropped_weight=0.5)
    for prompt in PROMPTS[1:4]:
        stream.note(prompt, kept=False)
    for _ in range(5):
        stream.note(PROMPTS[3], kept=False)
    stream.note(PROMPTS[2], kept=True)
    assert stream.dropped == {"p1": 1, "p3": 6}
    names = _ids(stream.take(3200))
    turns = stream.cursor / 5
    assert stream.cursor == 3200 + stream.passed_over
    shares = {name: names.count(name) / turns for name in ("p0", "p1", "p2", "p3")}
    assert shares == {
        "p0": pytest.approx(1, abs=0.01),
        "p1": pytest.approx(0.5, abs=0.06),
        "p2": pytest.approx(1, abs=0.01),
        "p3": pytest.approx(0.05, abs=0.03),  # 1/64 would be next to never
    }
    again = PromptStream(Shuffled(PROMPTS, seed=1), seed=1, dropped_weight=0.5, dropped={"p1": 1, "p3": 6})
    assert _ids(again.take(3200)) == names


def test_every_count_of_drops_throws_anew() -> None:
    """A place that once passed a prompt over does not do so whatever comes of the prompt."""

    def places(times: int) -> set[int]:
        stream = PromptStream(Shuffled(PROMPTS[:1], 1), 1, dropped_weight=0.5, dropped={"p0": times})
        return {draw.cursor for draw in stream.take(400 // 2**times)}

    once, twice = places(1), places(2)
    # Half of all turns and a quarter; as much of the quarter is outside the half as in it.
    assert len(once) == 200
    assert len(twice) == 100
    assert len(twice - once) / 100 == pytest.approx(0.5, abs=0.15)


def test_by_default_nothing_is_passed_over() -> None:
    stream = PromptStream(Shuffled(PROMPTS, seed=1), seed=1)
    stream.note(PROMPTS[0], kept=False)
    assert stream.dropped == {}
    assert _ids(stream.take(40)) == _ids(PromptStream(Shuffled(PROMPTS, seed=1), seed=1).take(40))


def test_seeds_differ_by_place_and_repeat() -> None:
    places = list(itertools.product((0, 7), range(6), range(3), range(16)))
    seeds = {place: derived_seed("train", *place) for place in places}
    assert len(set(seeds.values())) == len(places)
    assert all(derived_seed("train", *place) == seed for place, seed in seeds.items())
    assert all(0 <= seed < 2**31 for seed in seeds.values())
