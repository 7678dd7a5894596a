"""Names by pointer: what is pointed is expanded again, whatever a log calls things."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from induce.pointers import expanded, pointed
from records.persona import IntentMemory
from rewards.personas.claims import Claim, render
from tests.induction import NAMES, memories, shown
from tests.personas import memory

LINES = shown(
    [memory(1, ["Milk", "Bed and Bath"]), memory(2, ["Saw"]), memory(3, ["Tea", "Milk"]), memory(4, ["@2"])]
)
"""Four lines, one a memory."""


@pytest.mark.parametrize(
    ("text", "prefer", "written"),
    [
        ("Buys Milk.", [1], "Buys @1."),
        ("Buys Milk.", [3], "Buys @3b."),
        ('Buys "Bed and Bath", Saw and Tea.', [1], "Buys @1b, @2 and @3."),
        ("Buys Bread and Saw.", [1], "Buys Bread and @2."),
        ("Buys milk.", [1], "Buys milk."),  # as no line has it
        ("Mostly Milk. Since 2026-01.", [1], "Mostly Milk. Since 2026-01."),
        ("Buys @2.", [2], "Buys @4."),
        ("Buys @3.", [2], "Buys @@3."),
        ("Baby: Milk, Bed and Bath", [1], "Baby: @1, @1b"),
        ("Milkshake and Milk", [1], "Milkshake and @1"),
        ("See @1 or @1b or @@7", [2], "See @@1 or @@1b or @@@7"),
        ("a@1.com", [2], "a@1.com"),
    ],
)
def test_what_is_written(text: str, prefer: list[int], written: str) -> None:
    assert pointed(text, LINES, prefer) == written
    assert expanded(written, LINES) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("Buys @9.", "Buys @9."),
        ("Buys @1f and @2.", "Buys @1f and Saw."),
        ("Buys @1 and @3b.", "Buys Milk."),
        ("@1, @9", "Milk, @9"),
        ("@0 @1x @12345678", "@0 @1x @12345678"),
    ],
)
def test_what_points_nowhere_stays(written: str, text: str) -> None:
    assert expanded(written, LINES) == text


@settings(max_examples=150, deadline=None)
@given(memories(), st.data())
def test_expanded_undoes_pointed(log: list[IntentMemory], data: st.DataObject) -> None:
    lines = shown(log)
    prefer = data.draw(st.lists(st.integers(1, max(len(lines.lines), 1)), unique=True))
    prefer = [number for number in prefer if number <= len(lines.lines)]
    tricky = st.sampled_from(["@1", "@@2", "@1b", "@1.", "x @3, y"]) | NAMES
    names = data.draw(st.lists(tricky.filter(bool), min_size=1, max_size=3, unique=True))
    own = [name for line in lines.lines for name in line.names]
    if own:
        names = list(dict.fromkeys([*names[:2], data.draw(st.sampled_from(own))]))
    claim = render((Claim(kind="wants", arguments=("buys", *names)), Claim(kind="until", arguments=("now",))))
    assert expanded(pointed(claim, lines, prefer), lines) == claim
    free = " and ".join(names)
    assert expanded(pointed(free, lines, prefer), lines) == free
