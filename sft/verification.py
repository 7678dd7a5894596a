"""Lessons held against what they are to teach: one that is wrong is left out, with the reason."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lm.answers import Answer, Malformed, parse_answer
from lm.phrases import OPENINGS, clause
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK
from records.tags import GoldTag
from sft.bands import Gold
from sft.lessons import Lesson


def verified(
    lessons: Sequence[Lesson], histories: Mapping[str, SemanticHistory], gold: Gold
) -> tuple[list[Lesson], Counter[str]]:
    """The lessons whose answers hold, and why others do not: `malformed`, `untrue` (a value that is not the
    user's), `citation` (a line that is not shown) or `summary` (a sentence that the tags do not say)."""
    sound, faults = [], Counter[str]()
    for lesson in lessons:
        fault = fault_of(lesson, histories[lesson.user_id], gold[lesson.user_id])
        if fault:
            faults[fault] += 1
        else:
            sound.append(lesson)
    return sound, faults


def fault_of(lesson: Lesson, history: SemanticHistory, gold: Mapping[str, GoldTag]) -> str:
    """What is wrong with a lesson; empty where nothing is."""
    is_composite = lesson.task == COMPOSITE_TASK
    answer = parse_answer(
        lesson.answer, tags=lesson.tags, summary=is_composite, history_lines=len(history.lines)
    )
    if isinstance(answer, Malformed):
        return "malformed"
    # A stretch of the history may show fewer values than there are, never others.
    if any(set(tag.values) - set(gold[name].values) for name, tag in answer.tags.items()):
        return "untrue"
    shown = range(lesson.first_line, lesson.first_line + lesson.lines)
    cited = [line for tag in answer.tags.values() for line in tag.lines]
    cited += [line for sentence in answer.summary for line in sentence.lines]
    if answer.dropped_citations or any(line not in shown for line in cited):
        return "citation"
    return "summary" if is_composite and not _follows(answer) else ""


def _follows(answer: Answer) -> bool:
    """Whether every sentence of the summary states nothing but what the tags say."""
    true = {clause(name, tag.values) for name, tag in answer.tags.items() if tag.values}
    return all(_clauses(sentence.text) <= true for sentence in answer.summary)


def _clauses(sentence: str) -> set[str]:
    for opening in OPENINGS.values():
        if sentence.startswith(f"{opening} "):
            return set(sentence.removeprefix(f"{opening} ").rstrip(".").split(", "))
    return {sentence}
