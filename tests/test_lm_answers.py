"""Answers: what is rendered is parsed back, and whatever breaks the schema is named, never mended."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.answers import Answer, Malformed, Sentence, TagAnswer, parse_answer, render_answer
from records.tags import NA, TAG, TAG_NAMES

LINES = 9

TEXT = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", "{}", "</answer>", "</think>", "naïve\n", "</", "[1"]
)
CITED = st.lists(st.integers(1, LINES), unique=True, max_size=4).map(tuple)


def _speaks(text: str) -> bool:
    return bool(text.strip()) and text != NA and "<think>" not in text and "<answer>" not in text


def _tag_answers(name: str) -> st.SearchStrategy[TagAnswer]:
    tag = TAG[name]
    value = TEXT.filter(_speaks) if tag.is_open else st.sampled_from(tag.values)
    values = st.just(()) | st.lists(value, min_size=1, max_size=tag.max_values, unique=True).map(tuple)
    return st.builds(TagAnswer, values=values, lines=CITED)


@st.composite
def _answers(draw: st.DrawFn, *, summary: bool) -> Answer:
    names = draw(st.lists(st.sampled_from(TAG_NAMES), min_size=1, unique=True))
    sentence = st.builds(Sentence, text=TEXT.filter(_speaks), lines=CITED)
    return Answer(
        think=draw(st.text(alphabet=st.characters(exclude_characters="<", exclude_categories=["Cs"]))),
        tags={name: draw(_tag_answers(name)) for name in names},
        summary=tuple(draw(st.lists(sentence, min_size=1, max_size=3))) if summary else (),
        dropped_citations=0,
    )


@settings(max_examples=60, deadline=None)
@given(st.booleans().flatmap(lambda summary: _answers(summary=summary)))
def test_a_rendered_answer_is_parsed_back(answer: Answer) -> None:
    parsed = parse_answer(
        render_answer(answer), tags=tuple(answer.tags), summary=bool(answer.summary), history_lines=LINES
    )
    assert parsed == answer


@settings(max_examples=25, deadline=None)
@given(_answers(summary=True))
def test_without_citations_only_the_lines_are_lost(answer: Answer) -> None:
    text = render_answer(answer, cite=False)
    assert '"lines"' not in text
    parsed = parse_answer(text, tags=tuple(answer.tags), summary=True, history_lines=LINES)
    assert isinstance(parsed, Answer)
    assert {name: tag.values for name, tag in parsed.tags.items()} == {
        name: tag.values for name, tag in answer.tags.items()
    }
    assert parsed.summary_text == answer.summary_text
    assert all(tag.lines == () for tag in (*parsed.tags.values(), *parsed.summary))


def test_the_written_form() -> None:
    answer = Answer(
        think="Cats.",
        tags={
            "gender": TagAnswer(values=(), lines=()),
            "pet": TagAnswer(values=("cat",), lines=(3, 7)),
            "interests": TagAnswer(values=("chess",), lines=(1,)),
        },
        summary=(Sentence(text="The household has a cat.", lines=(3,)),),
        dropped_citations=0,
    )
    assert render_answer(answer) == (
        '<think>Cats.</think><answer>{"gender":{"value":"NA","lines":[]},'
        '"pet":{"value":"cat","lines":[3,7]},"interests":{"value":["chess"],"lines":[1]},'
        '"summary":[{"text":"The household has a cat.","lines":[3]}]}</answer>'
    )


def _wrapped(body: str) -> str:
    return f"<think>t</think><answer>{body}</answer>"


def _parse(text: str, tags: tuple[str, ...] = ("gender",), *, summary: bool = False) -> Answer | Malformed:
    return parse_answer(text, tags=tags, summary=summary, history_lines=LINES)


GOOD = '{"gender":{"value":"female","lines":[3]}}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no_answer"),
        ("The user is a woman.", "no_answer"),
        ("<think>t</think>" + GOOD, "no_answer"),
        ("<think>t", "no_answer"),
        (f"<think>t</think><answer>{GOOD}", "truncated_json"),
        ('<think>t</think><answer>{"gender":{"val', "truncated_json"),
        (f"<answer>{GOOD}</answer>", "extra_text"),
        (f"Sure! {_wrapped(GOOD)}", "extra_text"),
        (f"{_wrapped(GOOD)} I hope this helps.", "extra_text"),
        (f"<think>t</think> so <answer>{GOOD}</answer>", "extra_text"),
        (f"<think>t<think></think><answer>{GOOD}</answer>", "extra_text"),
        (f"<think>t</think><answer><answer>{GOOD}</answer>", "extra_text"),
        (_wrapped(GOOD) + _wrapped(GOOD), "extra_text"),
        (_wrapped(""), "bad_json"),
        (_wrapped("gender: female"), "bad_json"),
        (_wrapped(GOOD + GOOD), "bad_json"),
        (_wrapped('{"gender":{"value":"female"},}'), "bad_json"),
        (_wrapped("{'gender':{'value':'female'}}"), "bad_json"),
        (_wrapped(f"```json\n{GOOD}\n```"), "bad_json"),
        (_wrapped('{"gender":{"value":"female"},"gender":{"value":"male"}}'), "bad_json"),
        (_wrapped('{"gender":{"value":"female","value":"male"}}'), "bad_json"),
        (_wrapped("[" * 100_000), "bad_json"),
    ],
)
def test_reasons_why_a_text_is_no_answer(text: str, reason: str) -> None:
    parsed = _parse(text)
    assert isinstance(parsed, Malformed)
    assert parsed.reason == reason
    assert parsed.detail


@pytest.mark.parametrize(
    "body",
    [
        [],
        "female",
        None,
        {},
        {"gender": {"value": "female"}, "pet": {"value": "cat"}},
        {"Gender": {"value": "female"}},
        {"gender": "female"},
        {"gender": ["female"]},
        {"gender": {"lines": [1]}},
        {"gender": {"values": "female"}},
        {"gender": {"value": "female", "confidence": 1}},
        {"gender": {"value": "Female"}},
        {"gender": {"value": "female "}},
        {"gender": {"value": "woman"}},
        {"gender": {"value": ""}},
        {"gender": {"value": None}},
        {"gender": {"value": 1}},
        {"gender": {"value": {}}},
        {"gender": {"value": ["female"]}},
        {"gender": {"value": "na"}},
        {"gender": {"value": "female", "lines": 3}},
        {"gender": {"value": "female", "lines": ["3"]}},
        {"gender": {"value": "female", "lines": [3.0]}},
        {"gender": {"value": "female", "lines": [True]}},
        {"gender": {"value": "female", "lines": None}},
        {"gender": {"value": "female"}, "summary": [{"text": "A woman."}]},
    ],
)
def test_schema_of_a_tag(body: Any) -> None:
    parsed = _parse(_wrapped(json.dumps(body)))
    assert isinstance(parsed, Malformed)
    assert parsed.reason == "schema"


@pytest.mark.parametrize("value", [[], [NA], ["a", "b", "c", "d"], ["a", 1], [""], "", [["a"]]])
def test_schema_of_a_list_tag(value: Any) -> None:
    parsed = _parse(_wrapped(json.dumps({"interests": {"value": value}})), ("interests",))
    assert isinstance(parsed, Malformed)
    assert parsed.reason == "schema"


def test_what_stands_twice_is_not_mended() -> None:
    parsed = _parse(_wrapped(json.dumps({"interests": {"value": ["chess", "chess"]}})), ("interests",))
    assert isinstance(parsed, Answer)
    assert parsed.tags["interests"].values == ("chess", "chess")


@pytest.mark.parametrize(
    "summary",
    [
        None,
        [],
        "A woman.",
        ["A woman."],
        [{"lines": [1]}],
        [{"text": " "}],
        [{"text": 1}],
        [{"text": "A.", "x": 1}],
    ],
)
def test_schema_of_a_summary(summary: Any) -> None:
    body = {"gender": {"value": "female"}, "summary": summary}
    parsed = _parse(_wrapped(json.dumps(body)), summary=True)
    assert isinstance(parsed, Malformed)
    assert parsed.reason == "schema"


def test_a_summary_asked_for_must_be_there() -> None:
    parsed = _parse(_wrapped(GOOD), summary=True)
    assert isinstance(parsed, Malformed)
    assert parsed.reason == "schema"
    assert "summary" in parsed.detail


def test_citations_of_missing_lines_are_dropped_and_counted() -> None:
    body = {
        "gender": {"value": "female", "lines": [LINES, 0, LINES + 1, -3, 2]},
        "summary": [{"text": "A woman.", "lines": [LINES + 1]}],
    }
    parsed = _parse(_wrapped(json.dumps(body)), summary=True)
    assert isinstance(parsed, Answer)
    assert parsed.tags["gender"].lines == (LINES, 2)
    assert parsed.summary[0].lines == ()
    # 0, 10 and -3 of the tag, 10 of the sentence.
    assert parsed.dropped_citations == 4


def test_whitespace_around_the_parts_is_allowed() -> None:
    parsed = _parse(f" <think>t</think>\n<answer> {GOOD}\n</answer>\n")
    assert isinstance(parsed, Answer)
    assert parsed.tags == {"gender": TagAnswer(values=("female",), lines=(3,))}
