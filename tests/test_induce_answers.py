"""Persona sets as a model writes them: what is rendered is parsed back, what breaks the form is named."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from induce.answers import MOST_PERSONAS, PersonaAnswer, parse_personas, render_personas
from induce.lines import memory_lines
from lm.answers import Malformed
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from tests.induction import by_letter, counted, line_sets, memories, shown
from tests.personas import memory

LINES = shown([memory(1, ["Milk"]), memory(2, ["Saw"]), memory(3, ["Milk"]), memory(4, ["Tea"])])
"""Memories 1 and 3 are line 1, 2 is line 2, 4 is line 3."""


def persona(**changes: Any) -> dict[str, Any]:
    return {"label": "Baby", "lines": [1], "description": [{"text": "Buys Milk.", "lines": [1]}], **changes}


def answer(*personas: Any) -> str:
    return f"<answer>{json.dumps({'personas': list(personas)})}</answer>"


def reason(text: str) -> str:
    parsed = parse_personas(text, LINES)
    assert isinstance(parsed, Malformed)
    assert parsed.detail
    return parsed.reason


@pytest.mark.parametrize("text", ["a\nb", "a\0", "\u202ea", "a" * 2001])
def test_labels_and_sentences_are_lines_that_can_be_shown(text: str) -> None:
    assert reason(answer(persona(label=text))) == "schema"
    assert reason(answer(persona(description=[{"text": text, "lines": [1]}]))) == "schema"


def test_the_written_form() -> None:
    said = (Statement(text="Buys Milk.", memories=(3,)), Statement(text="Since <b>.", memories=(1, 4)))
    personas = (Persona(label="Baby", description=said, memories=(1, 3, 4)),)
    text = render_personas(PersonaSet(user_id="u", personas=personas), LINES)
    assert text == (
        "<think>#1: a\n#2: -\n#3: a</think>"
        '<answer>{"personas":[{"label":"Baby","lines":[1,3],"description":[{"text":"Buys @1.","lines":[1]},'
        '{"text":"Since \\u003cb>.","lines":[1,3]}]}]}</answer>'
    )


def test_the_thought_says_how_near_lines_are() -> None:
    lines = memory_lines(
        "u", [memory(1, ["Milk"]), memory(2, ["Saw"]), memory(3, ["Melon"])], 999, counted, by_letter
    )
    personas = tuple(
        Persona(label=label, description=(Statement(text="x", memories=numbers),), memories=numbers)
        for label, numbers in (("Baby", (1, 3)), ("Tools", (2,)))
    )
    text = render_personas(PersonaSet(user_id="u", personas=personas), lines)
    assert text.startswith("<think>#1: a\n#2: 9, a\n#3: 0, b</think>")


def test_a_line_belongs_to_whom_most_of_its_memories_do() -> None:
    lines = shown([memory(number, ["Milk"]) for number in range(1, 4)] + [memory(4, ["Saw"])])
    said = (Statement(text="x", memories=(1,)),)
    first, second, unseen = (
        Persona(label=label, description=said, memories=numbers)
        for label, numbers in (("a", (1, 4)), ("b", (2, 3)), ("c", (9,)))
    )
    text = render_personas(PersonaSet(user_id="u", personas=(first, second, unseen)), lines)
    parsed = parse_personas(text, lines)
    assert isinstance(parsed, PersonaAnswer)
    assert [(one.label, one.memories) for one in parsed.personas.personas] == [("a", (4,)), ("b", (1, 2, 3))]


@settings(max_examples=80, deadline=None)
@given(memories(), st.data())
def test_what_is_rendered_is_parsed_back(log: list[IntentMemory], data: st.DataObject) -> None:
    lines = shown(log)
    assume(lines.lines)
    personas = data.draw(line_sets(lines))
    parsed = parse_personas(render_personas(personas, lines), lines)
    assert parsed == PersonaAnswer(personas=personas, dropped_citations=0)


def test_thoughts_before_the_answer_are_not_looked_at() -> None:
    assert isinstance(parse_personas(f"<think>{{</think>\n{answer(persona())}", LINES), PersonaAnswer)


def test_lines_that_there_are_not_are_dropped_and_counted() -> None:
    said = [{"text": "Buys Milk.", "lines": [0, 2, 2]}]
    parsed = parse_personas(answer(persona(lines=[9, 1, -1], description=said)), LINES)
    assert isinstance(parsed, PersonaAnswer)
    assert parsed.dropped_citations == 3
    assert parsed.personas.user_id == "u"
    (only,) = parsed.personas.personas
    assert only.memories == (1, 3)
    assert only.description == (Statement(text="Buys Milk.", memories=(2,)),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Baby", "no_answer"),
        ("<answer>{", "truncated_json"),
        (answer(persona()) + ".", "extra_text"),
        (answer(persona()) * 2, "extra_text"),
        ("<answer>{</answer>", "bad_json"),
        ('<answer>{"personas":[],"personas":[]}</answer>', "bad_json"),
        ("<answer>" + "[" * 100_000 + "</answer>", "bad_json"),
        (f"<answer>{'9' * 5000}</answer>", "bad_json"),
        ("<answer>[]</answer>", "schema"),
        ('<answer>{"personas":{}}</answer>', "schema"),
        (answer(), "no_persona"),
        (answer(*[persona(lines=[1])] * (MOST_PERSONAS + 1)), "too_many"),
        (answer(persona(), persona()), "overlap"),
        (answer(persona(label=" ")), "empty"),
        (answer(persona(description=[])), "empty"),
        (answer(persona(description=[{"text": "", "lines": [1]}])), "empty"),
        (answer(persona(lines=[7])), "no_line"),
        (answer(persona(lines=[])), "no_line"),
        (answer(persona(lines=[True])), "schema"),
        (answer(persona(lines=[1.0])), "schema"),
        (answer(persona(label=1)), "schema"),
        (answer(persona(label="\ud800")), "schema"),
        (answer(persona(description="Buys Milk.")), "schema"),
        (answer(persona(description=[{"text": "Buys Milk."}])), "schema"),
        (answer(persona(colour="red")), "schema"),
        (answer("Baby"), "schema"),
    ],
)
def test_what_breaks_the_form_is_named(text: str, expected: str) -> None:
    assert reason(text) == expected


_KEYS = st.sampled_from(["personas", "label", "lines", "text"])
_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(st.text() | _JSON.map(lambda body: f"<answer>{json.dumps(body)}</answer>"))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert isinstance(parse_personas(text, LINES), PersonaAnswer | Malformed)
