"""What a language model says and the log refutes is left out, by reason, worked by hand."""

from hypothesis import given, settings
from hypothesis import strategies as st

from induce.checking import checked
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from rewards.personas.claims import parse
from rewards.personas.facts import Facts, holds, setting_of
from tests.induction import line_sets, memories, shown
from tests.personas import memory

MEMORIES = [memory(1, ["Milk"]), memory(2, ["Bib"], 9), memory(3, ["Saw"], 20, category="Tools")]


def said(*texts: tuple[str, tuple[int, ...]]) -> PersonaSet:
    description = tuple(Statement(text=text, memories=cites) for text, cites in texts)
    return PersonaSet(user_id="u", personas=(Persona(label="x", description=description, memories=(1, 2)),))


def test_each_reason() -> None:
    found, faults = checked(
        said(
            ("Buys Milk.", (1,)),
            ("Buys Milk.", (2,)),
            ("Buys Bib.", (1,)),  # it cites what does not show it
            ("Buys Saw.", (3,)),  # it cites what is another persona's
            ("Buys Bib and Milk.", (1, 2, 3)),  # in part
            ("Buys Hammer.", ()),
            ("Only once.", (1,)),  # true of what it cites, and not of the persona
            ("Mostly Baby.", (1, 2)),
            ("Still so when last seen.", (2,)),  # of a log of three weeks nobody can tell
            ("A young family.", (1,)),
            ("A young family, too.", ()),
        ),
        MEMORIES,
    )
    (persona,) = found.personas
    kept = ["Buys Milk.", "Buys Bib and Milk.", "Mostly Baby.", "Still so when last seen.", "A young family."]
    assert [one.text for one in persona.description] == kept
    assert persona.description[1].memories == (1, 2)
    assert dict(faults) == {"repeated": 1, "unsupported": 4, "untrue": 1}


def test_a_persona_of_which_nothing_is_left() -> None:
    found, faults = checked(said(("Buys Saw.", (1,)), ("Mostly Tools.", (1,))), MEMORIES)
    assert (found.personas, found.error) == ((), "unsaid")
    assert dict(faults) == {"unsupported": 2, "unsaid": 1}
    nobody = PersonaSet(user_id="u", personas=(), error="truncated")
    assert checked(nobody, []) == (nobody, {})


@settings(max_examples=60, deadline=None)
@given(memories(), st.data())
def test_nothing_that_stays_is_refuted(log: list[IntentMemory], data: st.DataObject) -> None:
    lines = shown(log)
    if not lines.lines:
        return
    given_set = data.draw(line_sets(lines))
    found, faults = checked(given_set, log)
    by_number, setting = {one.number: one for one in log}, setting_of(log)
    left = 0
    for persona in found.personas:
        left += len(persona.description)
        for statement in persona.description:
            for numbers in (statement.memories, persona.memories):
                facts = Facts([by_number[number] for number in numbers], setting)
                assert all(holds(claim, facts) is not False for claim in parse(statement.text))
    assert left + faults.total() - faults["unsaid"] == sum(len(one.description) for one in given_set.personas)
    assert checked(found, log)[0] == found
