"""Counts over memories, and claims checked against them, by hand."""

from dataclasses import replace

import pytest

from rewards.personas.claims import Claim, parse
from rewards.personas.evidence import says
from rewards.personas.facts import Facts, Setting, holds, setting_of, spend_terciles
from tests.induction import shown
from tests.personas import START, memory


def true_of(text: str, facts: Facts) -> bool | None:
    (claim,) = parse(text)
    return holds(claim, facts)


# Days 0 (Thursday), 2 (Saturday), 3 (Sunday), 100 (Saturday, 2026-04-11); all at noon.
LOG = (
    memory(1, ["Milk", "Wipes"], 0, value=1.0),
    memory(2, ["Milk"], 2, value=2.0),
    memory(3, ["Drill"], 3, category="Tools", action="Search"),
    memory(4, ["Saw"], 100, category="Tools", action="Click", source="Market", value=9.0),
)


@pytest.mark.parametrize(
    ("text", "numbers", "truth"),
    [
        ("Buys Milk and Wipes.", (1, 2), True),
        ("Buys milk.", (2,), True),
        ("Buys Wipes.", (2,), False),
        ("Buys Drill.", (3,), False),  # searched for only
        ("Searches for Drill.", (3,), True),
        ("Looks at Drill and Milk.", (2, 3), True),  # what was bought was looked at
        ("Mostly Baby.", (1, 2, 3), True),
        ("Mostly Baby.", (2, 3), False),  # half is not most
        ("Mostly on Shop.", (1, 2, 3, 4), True),
        ("Mostly on Shop.", (4,), False),
        ("Mostly on weekends.", (2, 3), True),
        ("Mostly on weekends.", (1, 2), False),
        ("Mostly on weekdays.", (1,), True),
        ("Mostly on weekdays.", (1, 2), False),
        ("Mostly in the afternoon.", (1, 2), True),
        ("Mostly in the evening.", (1, 2), False),
        ("Since 2026-01.", (1, 4), True),
        ("Since 2026-01.", (4,), False),
        ("Last in 2026-04.", (1, 4), True),
        ("Last in 2026-01.", (1, 4), False),
        ("Still so when last seen.", (4,), True),
        ("Still so when last seen.", (1, 2), False),
        ("Only once.", (1,), True),
        ("Only once.", (1, 2), False),
        # 2 memories in 2 days count as 2 a month; 4 in 100 days are 4 x 30.44 / 100 = 1.2 a month.
        ("A few times a month.", (1, 2), True),
        ("About once a month.", (1, 2, 3, 4), True),
        # Of 1, 2 and 9 the terciles are 5/3 and 13/3.
        ("Spends little each time.", (1,), True),
        ("Spends a middling sum each time.", (2,), True),
        ("Spends much each time.", (4,), True),
        ("Spends much each time.", (3,), None),  # no sum is known
        ("Mostly Baby.", (), False),
    ],
)
def test_claims_against_memories(text: str, numbers: tuple[int, ...], truth: bool | None) -> None:
    facts = Facts([LOG[number - 1] for number in numbers], setting_of(LOG))
    assert true_of(text, facts) is truth


def test_what_was_only_seen_was_not_bought() -> None:
    order = replace(memory(1, ["Milk", "Saw"]), only_seen=("Saw",))
    facts = Facts([order])
    assert facts.names == {"buys": {"milk": 1}, "looks": {"saw": 1}}
    buys, looks = (
        {name: Claim(kind="wants", arguments=(verb, name)) for name in order.wants}
        for verb in ("buys", "looks")
    )
    assert (holds(buys["Milk"], facts), holds(buys["Saw"], facts)) == (True, False)
    assert (holds(looks["Milk"], facts), holds(looks["Saw"], facts)) == (True, True)
    assert (says(buys["Milk"], order, facts), says(buys["Saw"], order, facts)) == (True, None)
    assert says(looks["Saw"], order, facts) is True
    (line,) = shown([order]).lines
    assert line.names == ("Milk",)


def test_a_basket_comes_once_however_much_it_holds() -> None:
    basket = [memory(number, ["Milk"], 0.01 * number) for number in range(1, 9)]
    assert Facts(basket).often == "once"
    later = [*basket, memory(9, ["Milk"], 180), memory(10, ["Bib"], 365)]
    assert Facts(later).days == 3
    assert Facts(later).rate == pytest.approx(3 * 30.44 / 365, rel=1e-3)
    assert Facts(later).often == "rarely"


def test_what_came_back_and_noise_are_no_spending() -> None:
    spent = [memory(number, ["Milk"], number, value=value) for number, value in enumerate((1.0, 2.0, 9.0), 1)]
    back = [memory(4, ["Milk"], 5, value=-9.0), memory(5, ["Saw"], 6, value=80.0, noise="gift")]
    assert setting_of([*spent, *back]).spend_cuts == pytest.approx((5 / 3, 13 / 3))
    same = [memory(number, ["Milk"], number, value=89.0) for number in range(1, 9)]
    assert setting_of([*same, *back]).spend_cuts is None  # nothing is much where all is one


def test_counts() -> None:
    facts = Facts(LOG)
    assert facts.names == {"buys": {"milk": 2, "wipes": 1}, "searches": {"drill": 1}, "looks": {"saw": 1}}
    assert facts.categories == {"baby": 2, "tools": 2}
    assert facts.sources == {"shop": 3, "market": 1}
    assert facts.families == {"buys": 2, "searches": 1, "looks": 1}
    assert facts.weekdays == {3: 1, 5: 2, 6: 1}
    assert facts.hours == {12: 4}
    assert facts.rate == pytest.approx(4 * 30.44 / 100)
    assert facts.setting.end == LOG[3].end


def test_what_a_log_does_not_tell_is_neither_true_nor_false() -> None:
    bare = memory(1, [], -0.5, category="", source="")  # at midnight, as dates are
    facts = Facts((bare,))
    for text in (
        "Buys Milk.",
        "Mostly Baby.",
        "Mostly on Shop.",
        "Mostly in the evening.",
        "Still so when last seen.",
    ):
        assert true_of(text, facts) is None
    assert holds(Claim(kind="often", arguments=("once",)), facts) is True


def test_terciles_of_a_population_go_before_the_users_own() -> None:
    assert spend_terciles([1, 2, 9]) == pytest.approx((5 / 3, 13 / 3))
    assert spend_terciles([1, 2]) is None
    assert spend_terciles([2, 2, 2]) is None
    setting = Setting(start=START, end=START, spend_cuts=(0.1, 0.5))
    assert true_of("Spends much each time.", Facts(LOG[:1], setting)) is True
