"""The answer a model is shown: true, reasoned from evidence in the history, and citing it.

Evidence first, conclusion next, answer last: which entity speaks of a tag is far easier to learn than the
tag's value out of a whole history; the value follows from the entity, and the answer copies it. Every tag
asked has its turn in the reasoning, NA too: at a tag's name only that tag is to be looked for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm.answers import Answer, Sentence, TagAnswer, render_answer
from lm.phrases import sentences
from records.config import AnswerConfig
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK
from records.tags import GIVEN, NA, TAG_NAMES, GoldTag

_NO_MARKS = str.maketrans({"<": "‹", ">": "›"})
"""An entity is log text: no bracket of it may be read as a mark of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one value rests on: an entity of the history and the line that shows it best."""

    value: str
    entity: str
    line: int


def gold_answer(
    history: SemanticHistory,
    gold: Mapping[str, GoldTag],
    tags: Sequence[str],
    task: str,
    config: AnswerConfig,
    stated: Sequence[str] = TAG_NAMES,
) -> str:
    """The text of the true answer about `tags`; a summary speaks of the `stated` ones among them.

    A tag cites the lines its reasoning names, then those that stand on most of its other evidence, at most
    `max_citations`; a sentence cites the lines of the tags it states, those of the first tag first, at most
    `sentence_citations`. Of a label that is given there is nothing to reason from or to cite.
    """
    evidence = {name: named_evidence(history, gold[name]) for name in tags if gold[name].difficulty != GIVEN}
    cited = {}
    for name in tags:
        best = history.best_lines(gold[name].event_ids, config.max_citations)
        lines = dict.fromkeys([*(named.line for named in evidence.get(name, ())), *best])
        cited[name] = tuple(sorted(list(lines)[: config.max_citations]))
    spoken = {name: gold[name].values for name in tags if name in stated}
    said = sentences(spoken) if task == COMPOSITE_TASK else {}
    answer = Answer(
        think=reasoning(evidence),
        tags={name: TagAnswer(values=gold[name].values, lines=cited[name]) for name in tags},
        summary=tuple(
            Sentence(text=text, lines=_of_sentence([cited[name] for name in names], config))
            for text, names in said.values()
        ),
        dropped_citations=0,
    )
    return render_answer(answer, cite=config.cite)


def _of_sentence(lines_of_tags: Sequence[Sequence[int]], config: AnswerConfig) -> tuple[int, ...]:
    lines = dict.fromkeys(line for lines in lines_of_tags for line in lines)
    return tuple(sorted(list(lines)[: config.sentence_citations]))


def reasoning(evidence: Mapping[str, Sequence[Evidence]]) -> str:
    """What each value rests on; of a city the name itself is quoted.

    Example:
        "gender" Beard Oil=male,"pet" NA,"interests" Bib Shorts=cycling,"home_city" Porto
    """
    steps = []
    for tag, found in evidence.items():
        for named in found:
            entity = named.entity.translate(_NO_MARKS)
            conclusion = "" if tag == "home_city" else f"={named.value}"
            steps.append(f'"{tag}" {entity}{conclusion}')
        if not found:
            steps.append(f'"{tag}" {NA}')
    return ",".join(steps)


def named_evidence(history: SemanticHistory, label: GoldTag) -> list[Evidence]:
    """For each value of `label` the entity most of its events stand behind, in the line with most of them.

    Ties go to the entity first in the alphabet and to the later line. A value of which the history shows
    no entity has none; a city stands for itself.
    """
    found = []
    for value in label.values:
        events = label.events_of(value)
        if label.tag == "home_city":
            shown = [(value, line) for line in history.best_lines(events, 1)]
        else:
            shown = _loudest(history, frozenset(events))
        found += [Evidence(value=value, entity=entity, line=line) for entity, line in shown]
    return found


def _loudest(history: SemanticHistory, events: frozenset[str]) -> list[tuple[str, int]]:
    """The entity most of `events` stand behind and its best line, if any is shown."""
    counts: Counter[str] = Counter()
    best: dict[str, tuple[int, int]] = {}
    for line in history.lines:
        for entity, count in line.shown_for(events).items():
            counts[entity] += count
            best[entity] = max(best.get(entity, (0, 0)), (count, line.number))
    return [(entity, best[entity][1]) for entity in sorted(counts, key=lambda e: (-counts[e], e))[:1]]
