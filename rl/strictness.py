"""Stricter formats than the one a run was trained with: what a response must be beyond following the schema.

A badly formatted response was never scored, so a replay can tighten the format and not loosen it.
"""

from lm.answers import Answer, parse_answer
from records.errors import UserError
from records.prompt import COMPOSITE_TASK

STRICTNESS = ("schema", "thinking", "citations", "evidence")
"""Levels, each of which demands what those before it do:

- `schema`: the run's own: one answer that has every tag asked for and follows the schema;
- `thinking`: and the think block says something;
- `citations`: and every line cited is one that the history has;
- `evidence`: and every value that is not NA, and every sentence of a summary, cites a line.
"""


def strictness_of(text: str, task: str, history_lines: int) -> int:
    """The strictest level that a response follows, as its place in STRICTNESS; -1 if it follows none.

    Of a text alone it is not known which tags were asked for: those that it answers are taken.
    """
    answer = parse_answer(text, tags=None, summary=task == COMPOSITE_TASK, history_lines=history_lines)
    if not isinstance(answer, Answer):
        return -1
    cited = [tag.lines for tag in answer.tags.values() if tag.values]
    cited += [sentence.lines for sentence in answer.summary]
    demands = (
        bool(answer.think.strip()),
        answer.dropped_citations == 0,
        all(cited),
    )
    return next((place for place, met in enumerate(demands) if not met), len(demands))


def parse_strictness(text: str) -> list[str]:
    """Levels of a list such as `schema,citations`, or `all`, from the loosest to the strictest.

    Raises:
        UserError: one of them is no level.
    """
    named = STRICTNESS if text == "all" else [name.strip() for name in text.split(",")]
    for name in named:
        if name not in STRICTNESS:
            raise UserError(f"--strictness {name!r}: levels are {', '.join(STRICTNESS)}; or give all")
    return [level for level in STRICTNESS if level in named]
