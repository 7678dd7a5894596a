"""Histories that say the same are found, whatever their numbers."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from records.history import HistoryLine, SemanticHistory
from sft.duplicates import LIKE, near_duplicates


def history(user: str, bodies: Sequence[str]) -> SemanticHistory:
    lines = tuple(
        HistoryLine(number=number, text=f"#{number} {body}", event_ids=())
        for number, body in enumerate(bodies, start=1)
    )
    return SemanticHistory(user_id=user, lines=lines)


def found(mine: dict[str, Sequence[str]], theirs: dict[str, Sequence[str]]) -> dict[str, str]:
    histories = {user: history(user, bodies) for user, bodies in {**mine, **theirs}.items()}
    return near_duplicates(list(mine), list(theirs), histories)


def test_by_hand() -> None:
    mine = {"same": "abcde", "shifted": "xabcd", "near": "abcdefghi", "far": "abxyz", "alone": "vw"}
    theirs = {"other": "zzq", "bench": "abcde", "again": "abcdefghij"}
    # shifted: 4 of 6 lines in common; near: 9 of 10 with again, 5 of 9 with bench.
    assert found(mine, theirs) == {"same": "bench", "near": "again"}


def test_lines_that_everybody_has_tell_only_of_equal_histories() -> None:
    theirs: dict[str, Sequence[str]] = {f"t{n}": ["common", f"own {n}"] for n in range(60)}
    theirs["bare"] = ["common"]
    assert found({"a": ["common"], "b": ["common", "rare"]}, theirs) == {"a": "bare"}


BODIES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6)


@given(st.lists(BODIES, min_size=1, max_size=4), st.lists(BODIES, min_size=1, max_size=4))
def test_it_is_what_comparing_all_with_all_finds(mine: list[list[str]], theirs: list[list[str]]) -> None:
    ours = {f"m{n}": bodies for n, bodies in enumerate(mine)}
    others = {f"t{n}": bodies for n, bodies in enumerate(theirs)}
    expected = {}
    for user, bodies in ours.items():
        like = [
            other
            for other, lines in others.items()
            if len(set(bodies) & set(lines)) / len(set(bodies) | set(lines)) >= LIKE
        ]
        if like:
            expected[user] = like[0]
    assert found(ours, others) == expected
