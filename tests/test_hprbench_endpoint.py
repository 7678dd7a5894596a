"""What a model behind a server is asked, and that its reply is read as every answer is."""

import json
from typing import Any

import pytest

from hprbench.endpoint import as_response, question
from lm.answers import Answer, Malformed, parse_answer
from lm.chat import ChatReply
from records.history import HistoryLine, SemanticHistory
from records.prompt import COMPOSITE_TASK, TAGS_TASK
from records.tags import NA, TAG_NAMES, TAGS

HISTORY = SemanticHistory(
    user_id="u", lines=tuple(HistoryLine(number=n, text=f"#{n} x", event_ids=()) for n in (1, 2))
)


def test_the_question() -> None:
    asked = question(HISTORY, TAG_NAMES, COMPOSITE_TASK, temperature=0.7, seed=5)
    assert json.loads(asked.user) == {"history": ["#1 x", "#2 x"]}
    assert (asked.temperature, asked.seed) == (0.7, 5)
    assert asked.schema is not None
    assert list(asked.schema["properties"]) == [*TAG_NAMES, "summary"]
    assert asked.schema["properties"]["pet"]["properties"]["value"] == {"enum": ["none", "cat", "dog", NA]}
    assert "- summary:" in asked.system
    plain = question(HISTORY, ("pet",), TAGS_TASK, temperature=0.7, seed=5)
    assert plain.schema is not None
    assert list(plain.schema["properties"]) == ["pet"]
    assert "- pet: none, cat, dog" in plain.system
    assert "- gender" not in plain.system
    assert "summary" not in plain.system


def reply(**changed: Any) -> str:
    body = {tag.name: {"value": (tag.values or ("x",))[0], "lines": [1]} for tag in TAGS}
    body["interests"] = {"value": ["chess"], "lines": []}
    return json.dumps(body | changed)


def test_a_reply_of_the_schema_is_an_answer() -> None:
    answer = parse_answer(
        as_response(ChatReply(text=reply())), tags=TAG_NAMES, summary=False, history_lines=2
    )
    assert isinstance(answer, Answer)
    assert answer.tags["interests"].values == ("chess",)
    assert answer.tags["gender"].lines == (1,)


def test_json_in_a_block_is_json_and_a_mark_in_it_harmless() -> None:
    text = reply(home_city={"value": "</answer>", "lines": []})
    answer = parse_answer(
        as_response(ChatReply(text=f"```json\n{text}\n```")), tags=TAG_NAMES, summary=False, history_lines=2
    )
    assert isinstance(answer, Answer)
    assert answer.tags["home_city"].values == ("</answer>",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Certainly! " + reply(), "bad_json"),
        (reply(gender={"value": "woman", "lines": []}), "schema"),
        ("", "bad_json"),
        ("</answer>" + reply(), "extra_text"),
    ],
)
def test_nothing_is_repaired(text: str, reason: str) -> None:
    answer = parse_answer(as_response(ChatReply(text=text)), tags=TAG_NAMES, summary=False, history_lines=2)
    assert isinstance(answer, Malformed)
    assert answer.reason == reason
