"""The answer a model is shown: true, reasoned from evidence in the history, and citing it.

Evidence first, conclusion next, answer last: which entity speaks of a tag is far easier to learn than the
tag's value out of a whole history; the value follows from the entity, and the answer copies it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from lm.answers import Answer, Sentence, TagAnswer, render_answer
from lm.phrases import sentences
from records.config import AnswerConfig
from records.history import SemanticHistory
from records.prompt import COMPOSITE_TASK
from records.tags import GoldTag

_NO_MARKS = str.maketrans({"<": "‹", ">": "›"})
"""An entity is log text: no bracket of it may be read as a mark of the answer."""


def gold_answer(
    history: SemanticHistory,
    gold: Mapping[str, GoldTag],
    tags: Sequence[str],
    task: str,
    config: AnswerConfig,
) -> str:
    """The text of the true answer about `tags`, citing the lines that stand on most of its evidence."""

    def cited(*names: str) -> tuple[int, ...]:
        events = tuple(event for name in names for event in gold[name].event_ids)
        return history.best_lines(events, config.max_citations)

    said = sentences({name: gold[name].values for name in tags}) if task == COMPOSITE_TASK else {}
    answer = Answer(
        think=reasoning(history, gold, tags),
        tags={name: TagAnswer(values=gold[name].values, lines=cited(name)) for name in tags},
        summary=tuple(Sentence(text=text, lines=cited(*names)) for text, names in said.values()),
        dropped_citations=0,
    )
    return render_answer(answer, cite=config.cite)


def reasoning(history: SemanticHistory, gold: Mapping[str, GoldTag], tags: Sequence[str]) -> str:
    """What each value rests on; of a city the name itself is quoted.

    Example:
        "gender" Beard Oil=male,"interests" Bib Shorts=cycling,"interests" Tent=hiking,"home_city" Porto
    """
    steps = []
    for name in tags:
        for value in gold[name].values:
            entity = _loudest(history, gold[name].events_of(value))
            if entity and name == "home_city":
                steps.append(f'"{name}" {value}')
            elif entity:
                steps.append(f'"{name}" {entity.translate(_NO_MARKS)}={value}')
    return ",".join(steps) or "No evidence"


def _loudest(history: SemanticHistory, event_ids: Sequence[str]) -> str:
    """The entity most of `event_ids` stand behind (ties: first in the alphabet); empty if none is shown."""
    evidence = frozenset(event_ids)
    counts: Counter[str] = Counter()
    for line in history.lines:
        counts.update(line.shown_for(evidence))
    return min(counts, key=lambda entity: (-counts[entity], entity), default="")
