"""What speaks for a claim and against it, memory by memory, worked by hand."""

import pytest

from records.persona import Persona, Statement
from rewards.personas.evidence import evidence
from rewards.personas.subject import Subject
from tests.personas import memory, unit

# 1 January 2026 is a Thursday: days 2 and 3 are a weekend, at noon.
MEMORIES = [
    memory(1, ["Milk"], 0, value=1.0),
    memory(2, ["Milk", "Bib"], 2, category="", value=2.0),
    memory(3, ["Saw"], 3, category="Tools", action="Click"),
    memory(4, ["Milk"], 40, value=9.0),
    memory(5, ["Opera"], 100, category="Music"),
]
SUBJECT = Subject(MEMORIES, unit(*([1.0, 0.0] for _ in MEMORIES)))
PERSONA = (1, 2, 3, 4)


def told(text: str, cites: tuple[int, ...] = (1, 2)) -> tuple[object, ...]:
    said = Statement(text=text, memories=cites)
    (one,) = evidence(said, Persona(label="x", description=(said,), memories=PERSONA), SUBJECT)
    return one.cited, one.whole, one.supports, one.contradicts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Buys Milk.", (True, True, (1, 2, 4), ())),
        ("Buys Milk and Bib.", (True, True, (1, 2, 4), ())),
        ("Buys Saw.", (False, False, (), ())),
        ("Looks at Saw.", (False, True, (3,), ())),
        # Of memories 1 and 2 one of two is Baby, which is not most; of four, two.
        ("Mostly Baby.", (False, False, (1, 4), (3,))),
        ("Mostly on weekends.", (False, False, (2, 3), (1, 4))),
        ("Mostly in the afternoon.", (True, True, (1, 2, 3, 4), ())),
        ("Since 2026-01.", (True, True, (1, 2, 3), ())),
        ("Since 2026-02.", (False, False, (4,), (1, 2, 3))),
        ("Last in 2026-01.", (True, False, (1, 2, 3), (4,))),
        ("Still so when last seen.", (False, False, (4,), ())),
        # Two within a month, and four in 40 days: 3.04 a month.
        ("A few times a month.", (True, True, (1, 2, 3, 4), ())),
        # Thirds of 1, 2, 9 part at 1.67 and 4.33.
        ("Spends a middling sum each time.", (False, True, (2,), (1, 4))),
    ],
)
def test_by_hand(text: str, expected: tuple[object, ...]) -> None:
    assert told(text) == expected


def test_what_is_cited_comes_first_and_may_be_of_another_persona() -> None:
    assert told("Looks at Opera.", (5,)) == (True, False, (5,), ())
    assert told("Buys Milk.", (4,))[2] == (4, 1, 2)


def test_text_that_claims_nothing_has_no_evidence() -> None:
    said = Statement(text="Seems nice.", memories=(1,))
    assert evidence(said, Persona(label="x", description=(said,), memories=PERSONA), SUBJECT) == []
