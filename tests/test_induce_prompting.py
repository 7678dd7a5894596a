"""The prompt about memory lines, and lessons made of persona sets."""

from collections import Counter

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from induce.answers import PersonaAnswer, parse_personas
from induce.lessons import MOST_CITED, as_shown, persona_lessons
from induce.lines import memory_lines
from induce.prompting import persona_message, persona_prompt
from lm.tokenizer import END, PAD, START, ChatTokenizer, train_tokenizer
from records.persona import IntentMemory, Persona, PersonaSet, Statement
from records.prompt import PERSONAS_TASK
from rewards.personas.claims import parse
from rewards.personas.facts import Facts, holds, setting_of
from tests.induction import by_letter, counted, line_sets, memories, shown
from tests.personas import memory

# Days 0 (Thursday), 2 (Saturday), 9 (Saturday), 100 (Saturday, 2026-04-11); all at noon.
LOG = [
    memory(1, ["Drill"], 0, category="Tools", action="Click"),
    memory(2, ["Milk"], 2),
    memory(3, ["Milk"], 9),
    memory(4, ["Wipes"], 100),
]
LINES = shown(LOG)
"""Memory 1 is line 1; 2 and 3 are line 2; 4 is line 3."""

TOKENIZER = ChatTokenizer(train_tokenizer([persona_message(LINES.text)] * 4, 700))
CONTROL = {TOKENIZER.tokenizer.convert_tokens_to_ids(token) for token in (PAD, START, END)}


def persona(label: str, numbers: tuple[int, ...], *said: tuple[str, tuple[int, ...]]) -> Persona:
    description = tuple(Statement(text=text, memories=cited) for text, cited in said)
    return Persona(label=label, description=description, memories=numbers)


def found(*personas: Persona) -> PersonaSet:
    return PersonaSet(user_id="u", personas=personas)


def test_the_prompt_asks_for_personas_of_the_lines() -> None:
    prompt = persona_prompt(TOKENIZER, LINES)
    assert (prompt.prompt_id, prompt.task, prompt.history_lines) == ("u/personas", PERSONAS_TASK, 3)
    text = TOKENIZER.tokenizer.decode(list(prompt.token_ids))
    assert f'user\nMemories:\n{LINES.text}\n\nAnswer ["personas"].' in text


@settings(max_examples=25, deadline=None)
@given(memories())
def test_log_text_holds_no_control_token(log: list[IntentMemory]) -> None:
    lines = memory_lines("u", log, 300, TOKENIZER.count)
    assert TOKENIZER.count([lines.text])[0] <= 300
    ids = persona_prompt(TOKENIZER, lines).token_ids
    assert sum(token in CONTROL for token in ids) == 3  # the template's own: two turns begin, one ends


def test_a_sentence_stays_if_lines_show_it() -> None:
    baby = persona(
        "Baby",
        (2, 4),  # of line 2 only one memory: the line comes whole
        ("Buys Milk and Wipes.", (2, 4)),
        ("Buys Milk, Saw and Wipes.", (4,)),  # without what no line shows it is the same again
        ("Mostly on weekdays.", (2,)),
        ("Since 2026-01.", (4,)),  # true, but not of what it cites
        ("A few times a month.", (2, 3)),  # 2 in the least span of a month; of all three: about once
        ("About once a month.", (2,)),
        ("Young parents.", (4,)),
        ("Young at heart.", ()),
    )
    tools = persona("Tools", (1,), ("Looks at Drill.", (1,)))
    gone = persona("Gone", (7,), ("Looks at Drill.", (7,)))
    mute = persona("Mute", (), ("Looks at Drill.", (1,)))
    kept, faults = as_shown(found(tools, baby, gone, mute), LINES, LOG)
    assert kept.personas == (
        tools,
        persona(
            "Baby",
            (2, 3, 4),
            ("Buys Milk and Wipes.", (2, 3, 4)),
            ("Since 2026-01.", (2, 3, 4)),
            ("About once a month.", (2, 3, 4)),
            ("Young parents.", (4,)),
        ),
    )
    assert faults == {"repeated": 1, "untrue": 2, "unsupported": 1, "unseen": 2}


def test_a_persona_of_which_nothing_can_be_said_is_left_out() -> None:
    kept, faults = as_shown(found(persona("Tools", (1,), ("Buys Drill.", (1,)))), LINES, LOG)
    assert kept == found()
    assert faults == {"untrue": 1, "unsaid": 1}


def test_the_order_is_of_first_lines() -> None:
    lines = memory_lines("u", LOG, 10_000, counted, by_letter)
    assert [line.memories for line in lines.lines] == [(1,), (4,), (2, 3)]
    one, two, three = (persona(str(at), at, ("Mostly on weekends.", at)) for at in ((4,), (2, 3), (1,)))
    kept, _ = as_shown(found(two, three, one), lines, LOG)
    assert [mine.label for mine in kept.personas] == ["(4,)", "(2, 3)"]


def test_lessons_are_what_the_loop_takes() -> None:
    tools = found(persona("Tools <|im_end|>", (1,), ("Looks at Drill.", (1,))))
    sets = [tools, PersonaSet(user_id="u", personas=(), error="all_noise")]
    examples, faults = persona_lessons(sets, {"u": LOG}, {"u": LINES}, TOKENIZER, most_tokens=2000)
    (lesson,) = examples
    assert faults == {"no_persona": 1}
    assert lesson.prompt_ids == persona_prompt(TOKENIZER, LINES).token_ids
    assert lesson.shared_id == "u/personas"
    assert lesson.response_ids[-1] == TOKENIZER.end_id
    assert not CONTROL.intersection(lesson.response_ids[:-1])
    text = TOKENIZER.decode(lesson.response_ids)
    assert parse_personas(text, LINES) == PersonaAnswer(personas=tools, dropped_citations=0)
    size = len(lesson.prompt_ids) + len(lesson.response_ids)
    told = persona_lessons([tools], {"u": LOG}, {"u": LINES}, TOKENIZER, most_tokens=size - 1)
    assert told == ([], Counter(too_long=1))


def test_a_label_that_cannot_be_written_makes_no_lesson() -> None:
    broken = found(persona("\ud800", (1,), ("Looks at Drill.", (1,))))
    told = persona_lessons([broken], {"u": LOG}, {"u": LINES}, TOKENIZER, most_tokens=2000)
    assert told == ([], Counter(schema=1))


@settings(max_examples=30, deadline=None)
@given(memories(), st.data())
def test_what_is_taught_holds_of_what_it_cites(log: list[IntentMemory], data: st.DataObject) -> None:
    lines = shown(log)
    assume(lines.lines)
    given_set = data.draw(line_sets(lines))
    kept, _ = as_shown(given_set, lines, log)
    by_number = {one.number: one for one in log}
    for one in kept.personas:
        for statement in one.description:
            assert len({lines.line_of[number] for number in statement.memories}) in range(1, MOST_CITED + 1)
            assert set(statement.memories) <= set(one.memories)
            facts = Facts([by_number[number] for number in statement.memories], setting_of(log))
            assert all(holds(claim, facts) for claim in parse(statement.text))
    again, _ = as_shown(kept, lines, log)
    assert again == kept
    firsts = [min(lines.line_of[number] for number in one.memories) for one in kept.personas]
    assert firsts == sorted(firsts)
