"""Profiles show what the model cited and the events behind it, and nothing else."""

import io
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from launch.page import write_page
from launch.profile import (
    RETRIES,
    describe,
    generate,
    part_path,
    read_answer,
    read_parts,
    show,
    write_profiles,
)
from lm.answers import Answer, Sentence, TagAnswer, render_answer
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import Recipe
from records.events import EVENT_SCHEMA
from records.history import HistoryLine, SemanticHistory
from records.prompt import Request, Rollout, Sampling
from records.tags import TAG_NAMES

HISTORY = SemanticHistory(
    user_id="<b>anna</b>",
    lines=(
        HistoryLine(number=1, text="#1 [Source: Shop] | Lipstick", event_ids=("e1", "e2")),
        HistoryLine(number=2, text="#2 [Source: Shop] | Beard Oil", event_ids=("e3",)),
        HistoryLine(number=3, text="#3 [Source: Shop] | Tent", event_ids=("e4",)),
    ),
)
EVENTS = pl.DataFrame(
    [
        ("<b>anna</b>", datetime(2026, 1, day, tzinfo=UTC), "Shop", "Buy", title, "Things", "", 1, None,
        event) for day, title, event in (
            (1, "Lipstick", "e1"), (2, "Lipstick!", "e2"), (3, "<script>", "e3"), (4, "Tent", "e4"),
        )
    ],
    schema=EVENT_SCHEMA,
    orient="row",
)  # fmt: skip


def _rollout(text: str, finish_reason: str = "stop") -> Rollout:
    return Rollout(
        prompt_id="p",
        sample_idx=0,
        seed=0,
        token_ids=(1,),
        logprobs=(0.0,),
        text=text,
        finish_reason=finish_reason,
        policy_version=0,
        gen_seconds=0.0,
    )


def _answer(**cited: tuple[int, ...]) -> str:
    tags = {name: TagAnswer(values=(), lines=()) for name in TAG_NAMES}
    tags |= {"gender": TagAnswer(values=("female",), lines=cited["gender"])}
    summary = (Sentence(text="The user is a woman.", lines=cited["sentence"]),)
    return render_answer(Answer(think="", tags=tags, summary=summary, dropped_citations=0))


def test_a_claim_shows_the_lines_cited_and_exactly_the_events_behind_them() -> None:
    (profile,) = describe([HISTORY], [_rollout(_answer(gender=(1,), sentence=(2, 1)))], EVENTS)
    assert profile["error"] is None
    (line,) = profile["tags"]["gender"]["evidence"]
    assert (line["line"], line["text"]) == (1, "#1 [Source: Shop] | Lipstick")
    assert [(event["event_id"], event["content"]) for event in line["events"]] == [
        ("e1", "Lipstick"),
        ("e2", "Lipstick!"),
    ]
    assert line["events"][0]["category"] == "Things"
    assert [line["line"] for line in profile["summary"][0]["evidence"]] == [1, 2]
    assert profile["tags"]["pet"] == {"value": "NA", "evidence": []}


def test_a_value_given_twice_is_shown_once() -> None:
    tags = {name: TagAnswer(values=(), lines=()) for name in TAG_NAMES}
    tags |= {"interests": TagAnswer(values=("chess", "golf", "chess"), lines=())}
    text = render_answer(
        Answer(think="", tags=tags, summary=(Sentence(text="So.", lines=()),), dropped_citations=0)
    )
    (profile,) = describe([HISTORY], [_rollout(text)], EVENTS)
    assert profile["tags"]["interests"]["value"] == ["chess", "golf"]


def test_a_line_that_does_not_exist_is_dropped_and_counted() -> None:
    (profile,) = describe([HISTORY], [_rollout(_answer(gender=(3, 9), sentence=()))], EVENTS)
    assert [line["line"] for line in profile["tags"]["gender"]["evidence"]] == [3]
    assert profile["summary"][0]["evidence"] == []
    assert profile["dropped_citations"] == 1


@pytest.mark.parametrize(
    ("rollout", "error"),
    [
        (_rollout("no tags here"), "no_answer"),
        (_rollout(_answer(gender=(), sentence=()), finish_reason="length"), "truncated"),
    ],
)
def test_what_is_no_answer_claims_nothing(rollout: Rollout, error: str) -> None:
    (profile,) = describe([HISTORY], [rollout], EVENTS)
    assert profile == {"user_id": "<b>anna</b>", "error": error, "tags": {}, "summary": []}


def test_the_page_escapes_what_the_log_says(tmp_path: Path) -> None:
    profiles = describe([HISTORY], [_rollout(_answer(gender=(2,), sentence=(2,)))], EVENTS)
    write_page(tmp_path / "page.html", profiles, len(profiles), "<i>title</i>")
    page = (tmp_path / "page.html").read_text()
    assert "&lt;script&gt;" in page
    for hostile in ("<script>", "<b>anna", "<i>title"):
        assert hostile not in page


def test_the_terminal_obeys_no_escape_of_the_model() -> None:
    hostile = "\x1b]0;taken\x07 A cat\u202e."
    shown = io.StringIO()
    show(
        Console(file=shown, width=200, force_terminal=False),
        {
            "user_id": hostile,
            "summary": [{"text": hostile, "evidence": []}],
            "tags": {"home_city": {"value": hostile, "evidence": []}},
        },
    )
    assert shown.getvalue().count("taken A cat") == 3
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.getvalue())


def test_a_line_ends_where_the_file_says(tmp_path: Path) -> None:
    """Titles may hold what Python takes for the end of a line."""
    odd = [{"user_id": "a\u2028b", "error": "x\x85y"}, {"user_id": "c", "error": None}]
    write_profiles(part_path(tmp_path, 0), odd)
    assert list(read_parts(tmp_path)) == odd


class Pool:
    """Engines that answer well from each user's so-manieth try on."""

    def __init__(self, good_from: dict[str, int]) -> None:
        self.good_from = good_from
        self.asked: list[tuple[list[str], list[int], float]] = []

    def generate(self, requests: list[Request], sampling: Sampling) -> list[list[Rollout]]:
        users = [request.prompt.user_id for request in requests]
        self.asked.append((users, [request.seed for request in requests], sampling.temperature))
        good = render_answer(
            Answer(
                think="",
                tags={"pet": TagAnswer(values=("cat",), lines=(1,))},
                summary=(Sentence(text="A cat.", lines=(1,)),),
                dropped_citations=0,
            )
        )
        tries = len(self.asked) - 1
        return [[_rollout(good if tries >= self.good_from[user] else "<think>")] for user in users]


def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    tokenizer = ChatTokenizer(train_tokenizer(["#1 [Source: Shop] | Tent"] * 4, 300))
    histories = [replace(HISTORY, user_id=name) for name in ("at once", "second", "never")]
    pool = Pool({"at once": 0, "second": 1, "never": 99})
    recipe = Recipe()
    found = generate(recipe, tokenizer, pool, histories, ["pet"])  # type: ignore[arg-type]
    assert pool.asked == [
        (["at once", "second", "never"], [0, 0, 0], 0.0),
        # The likeliest would be the same again: others are sampled, under seeds of their own.
        (["second", "never"], [1, 1], recipe.bench.temperature),
        (["never"], [2], recipe.bench.temperature),
    ]
    assert len(pool.asked) == 1 + RETRIES
    told = [read_answer(*pair, ["pet"]) for pair in zip(histories, found, strict=True)]
    assert [isinstance(one, Answer) for one in told] == [True, True, False]
