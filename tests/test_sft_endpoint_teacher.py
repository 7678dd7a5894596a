"""A language model as a teacher, with its client replaced."""

import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from lm.chat import ChatReply, ChatRequest
from records.errors import UserError
from records.tags import NA, TAG_NAMES, TAGS
from sft.endpoint_teacher import EndpointTeacher, question, read_tags
from tests.test_sft_curriculum import HISTORIES

NOTHING: dict[str, Any] = {tag.name: [] if tag.max_values > 1 else NA for tag in TAGS}


class Server:
    def __init__(self, *replies: ChatReply) -> None:
        self.replies = list(replies)
        self.requests: list[ChatRequest] = []
        self.stats = SimpleNamespace(asked=2, cached=1, prompt_tokens=5, completion_tokens=6)

    def complete(
        self, requests: Sequence[ChatRequest], progress: Callable[[int, int], None] | None = None
    ) -> list[ChatReply]:
        self.requests += requests
        return [self.replies.pop(0) for _ in requests]


def test_the_history_is_data_and_the_schema_strict() -> None:
    asked = question(HISTORIES["u0"], 0.7, 3)
    assert json.loads(asked.user) == {"history": ["#1 a", "#2 b", "#3 c"]}
    assert (asked.temperature, asked.seed) == (0.7, 3)
    assert asked.schema is not None
    assert asked.schema["required"] == list(TAG_NAMES)
    assert asked.schema["properties"]["gender"] == {"enum": ["female", "male", "NA"]}
    assert asked.schema["properties"]["interests"]["maxItems"] == 3
    assert all(f"- {name}" in asked.system for name in TAG_NAMES)


def test_answers_come_in_the_order_of_users_and_samples() -> None:
    said = [NOTHING | {"home_city": city} for city in ("A", "B", "C", "D")]
    server = Server(*[ChatReply(text=json.dumps(one)) for one in said])
    answers = EndpointTeacher("first", server, HISTORIES).ask(["u0", "u1"], 2)
    assert [[a and a["home_city"] for a in samples] for samples in answers] == [
        [("A",), ("B",)],
        [("C",), ("D",)],
    ]
    first_seed = server.requests[0].seed
    assert [one.seed - first_seed for one in server.requests] == [0, 1, 0, 1]
    first = answers[0][0]
    assert first is not None
    assert {name: values for name, values in first.items() if values} == {"home_city": ("A",)}


def test_what_cannot_be_read_is_no_answer_and_counted() -> None:
    server = Server(ChatReply(text="Certainly!"), ChatReply(text="{}"))
    teacher = EndpointTeacher("first", server, HISTORIES)
    assert teacher.ask(["u0"], 2) == [[None, None]]
    assert teacher.stats() == {
        "teacher": "endpoint",
        "asked": 2,
        "cached": 1,
        "failed": {"bad_json": 1, "schema": 1},
        "tokens": 11,
    }


def test_questions_without_an_answer_end_it_and_are_no_disagreement() -> None:
    server = Server(ChatReply(error="budget"), ChatReply(text="{}"), ChatReply(error="http_500: overloaded"))
    teacher = EndpointTeacher("first", server, HISTORIES)
    with pytest.raises(
        UserError, match=r"first_teacher: 2 of 3 .* \(1 budget, 1 http_500\); mend that and run"
    ):
        teacher.ask(["u0"], 3)


def test_one_model_as_two_teachers_gives_no_answer_twice() -> None:
    seeds = []
    for name in ("first", "second", "stronger"):
        server = Server(*[ChatReply(text="{}")] * 3)
        EndpointTeacher(name, server, HISTORIES).ask(["u0"], 3)
        seeds += [one.seed for one in server.requests]
    assert len(set(seeds)) == 9


@pytest.mark.parametrize(
    ("changed", "values"),
    [
        ({"gender": "female"}, ("female",)),
        ({"gender": "Female"}, None),
        ({"gender": ["female"]}, None),
        ({"gender": None}, None),
        ({"interests": ["chess", "golf", "chess"]}, ("chess", "golf")),
        ({"interests": "chess"}, ("chess",)),
        ({"interests": NA}, ()),
        ({"interests": ["NA"]}, None),
        ({"interests": ["a", "b", "c", "d"]}, None),
        ({"interests": [" "]}, None),
        ({"home_city": "x" * 61}, None),
        ({"shoe_size": "40"}, None),
    ],
)
def test_values_are_read_strictly(changed: dict[str, Any], values: tuple[str, ...] | None) -> None:
    read = read_tags(NOTHING | changed)
    if values is None:
        assert read == "schema"
    else:
        assert not isinstance(read, str)
        assert read[next(iter(changed))] == values
