"""The answer a model gives, and the strict parser that reads it.

    <think>short reasoning</think><answer>{"gender": {"value": "female", "lines": [3, 7]}, …}</answer>

With a summary the JSON holds `"summary": [{"text": …, "lines": […]}, …]` as well. Nothing is
repaired: an answer either follows the schema or has a reason why not.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from records.tags import NA, TAG

SUMMARY_KEY = "summary"
"""Key of the summary beside the tags' keys."""

_FRAME = re.compile(r"\s*(?:<think>(?P<think>.*?)</think>\s*)?<answer>(?P<body>.*)</answer>\s*", re.DOTALL)
_MARKS = ("<think>", "</think>", "<answer>", "</answer>")
_OUTSIDE = "text outside <think>…</think><answer>…</answer>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagAnswer:
    """Values of one tag (empty for NA) and the history lines cited for it."""

    values: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a summary and the history lines cited for it."""

    text: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A parsed answer; `dropped_citations` counts cited lines that the history does not have."""

    think: str
    tags: dict[str, TagAnswer]
    summary: tuple[Sentence, ...]
    dropped_citations: int

    @property
    def summary_text(self) -> str:
        return " ".join(sentence.text for sentence in self.summary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """Why a response is no answer.

    `reason` is one of no_answer, extra_text, truncated_json, bad_json, schema; of persona sets, one more of
    those in `induce.answers`.
    """

    reason: str
    detail: str


def render_answer(answer: Answer, *, cite: bool = True) -> str:
    """The text of `answer`, as models are taught to write it (compact JSON)."""
    body: dict[str, object] = {}
    for name, tag in answer.tags.items():
        value: object = NA if not tag.values else tag.values[0]
        if TAG[name].max_values > 1 and tag.values:
            value = list(tag.values)
        body[name] = {"value": value, "lines": list(tag.lines)} if cite else {"value": value}
    if answer.summary:
        body[SUMMARY_KEY] = [
            {"text": s.text, "lines": list(s.lines)} if cite else {"text": s.text} for s in answer.summary
        ]
    # Inside JSON a bracket can be escaped, so no value can be read as a mark of the frame.
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return f"<think>{answer.think}</think><answer>{text}</answer>"


def parse_answer(
    text: str, *, tags: Sequence[str] | None, summary: bool, history_lines: int
) -> Answer | Malformed:
    """Read a response that was asked for `tags` (each exactly once) and, if `summary`, a summary.

    Without `tags` it is not known which were asked for, and any are taken.
    `history_lines` is the number of lines of the history; citations of other lines are dropped
    and counted. A missing `lines` is an empty citation.
    """
    framed = read_frame(text)
    if isinstance(framed, Malformed):
        return framed
    if framed.think is None:
        return Malformed(reason="extra_text", detail=_OUTSIDE)
    body = read_json(framed.body)
    if isinstance(body, Malformed):
        return body
    try:
        return _read_body(body, framed.think, tags, summary, history_lines)
    except _SchemaError as error:
        return Malformed(reason="schema", detail=str(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed:
    """What stands between `<answer>` and `</answer>`, and the reasoning before it, None without any."""

    think: str | None
    body: str


def read_frame(text: str) -> Framed | Malformed:
    """What stands in the frame of a response that holds nothing beside it, each mark once."""
    frame = _FRAME.fullmatch(text)
    if frame is None:
        if "<answer>" not in text:
            return Malformed(reason="no_answer", detail="no <answer> in the response")
        if "</answer>" not in text:
            return Malformed(reason="truncated_json", detail="<answer> is not closed")
        return Malformed(reason="extra_text", detail=_OUTSIDE)
    if any(mark in (frame[part] or "") for part in ("think", "body") for mark in _MARKS):
        return Malformed(reason="extra_text", detail="<think> or <answer> stands twice")
    return Framed(think=frame["think"], body=frame["body"])


def read_json(text: str) -> Any | Malformed:
    """The JSON value that `text` is, in which no key of an object stands twice."""
    try:
        return json.loads(text, object_pairs_hook=_object_without_duplicates)
    except (ValueError, _DuplicateKeyError, RecursionError) as error:
        return Malformed(reason="bad_json", detail=str(error))


def is_text(value: object) -> bool:
    """Whether `value` is text with something in it that can be written down (no lone surrogate)."""
    return isinstance(value, str) and bool(value.strip()) and not re.search(r"[\ud800-\udfff]", value)


class _SchemaError(Exception):
    pass


class _DuplicateKeyError(Exception):
    pass


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise _DuplicateKeyError("a key stands twice")
    return body


def _read_body(
    body: object, think: str, tags: Sequence[str] | None, summary: bool, history_lines: int
) -> Answer:
    if not isinstance(body, dict):
        raise _SchemaError("the answer is no JSON object")
    if tags is None:
        tags = [key for key in body if key in TAG]
    wanted = set(tags) | ({SUMMARY_KEY} if summary else set())
    if body.keys() != wanted:
        missing, extra = sorted(wanted - body.keys()), sorted(body.keys() - wanted)
        raise _SchemaError(f"missing {missing}, not asked for {extra}")
    dropped = 0

    def citations(entry: dict[str, object]) -> tuple[int, ...]:
        nonlocal dropped
        cited = entry.get("lines", [])
        if not isinstance(cited, list) or any(type(line) is not int for line in cited):
            raise _SchemaError("lines must be a list of line numbers")
        known = tuple(dict.fromkeys(line for line in cited if 1 <= line <= history_lines))
        dropped += len(set(cited)) - len(known)
        return known

    def entry_of(value: object, key: str) -> dict[str, object]:
        if not isinstance(value, dict) or not {key} <= value.keys() <= {key, "lines"}:
            raise _SchemaError(f"an entry must be an object of {key} and lines")
        return value

    answers = {}
    for name in tags:
        entry = entry_of(body[name], "value")
        answers[name] = TagAnswer(values=_read_values(name, entry["value"]), lines=citations(entry))
    sentences = []
    if summary:
        if not isinstance(body[SUMMARY_KEY], list) or not body[SUMMARY_KEY]:
            raise _SchemaError("summary must be a list of sentences")
        for value in body[SUMMARY_KEY]:
            entry = entry_of(value, "text")
            if not is_text(entry["text"]):
                raise _SchemaError("a sentence must have text")
            sentences.append(Sentence(text=str(entry["text"]), lines=citations(entry)))
    return Answer(think=think, tags=answers, summary=tuple(sentences), dropped_citations=dropped)


def _read_values(name: str, value: object) -> tuple[str, ...]:
    tag = TAG[name]
    if value == NA:
        return ()
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) and tag.max_values == 1:
        raise _SchemaError(f"{name} takes one value")
    if not values or len(values) > tag.max_values:
        raise _SchemaError(f"{name} takes 1 to {tag.max_values} values")
    for item in values:
        if not is_text(item) or item == NA:
            raise _SchemaError(f"{name}: a value must be text")
        if not tag.is_open and item not in tag.values:
            raise _SchemaError(f"{name}: {item!r} is none of {', '.join(tag.values)}")
    return tuple(values)  # what stands twice stays so: scorers see that it was said twice
