"""Summaries of one user: an honest one, and those that game a judge."""

from collections.abc import Mapping, Sequence

from lm.answers import Answer, Sentence, TagAnswer
from lm.phrases import OPENINGS, clause, sentences
from records.prompt import COMPOSITE_TASK, Prompt
from records.tags import TAG, TAG_NAMES, TAGS
from rewards.case import Case

Values = Mapping[str, Sequence[str]]


def written(summary: Sequence[str], tags: Values) -> Answer:
    """The answer with these sentences and own tags."""
    return Answer(
        think="",
        tags={name: TagAnswer(values=tuple(values), lines=()) for name, values in tags.items()},
        summary=tuple(Sentence(text=text, lines=()) for text in summary),
        dropped_citations=0,
    )


def judged(answer: Answer, gold: Values) -> Case:
    """The case of `answer`, asked for all of `gold`."""
    prompt = Prompt(
        prompt_id="p", user_id="u", task=COMPOSITE_TASK, tags=tuple(gold), history_lines=9, token_ids=(1,)
    )
    return Case(prompt=prompt, answer=answer, gold=gold)


USER: dict[str, tuple[str, ...]] = {
    name: () if name in ("fitness", "education", "pet") else (TAG[name].values or ("chess",))[-1:]
    for name in TAG_NAMES
}
HONEST = [text for text, _ in sentences(USER).values()]


def _dump() -> list[str]:
    closed = [tag for tag in TAGS if not tag.is_open]
    return [f"The user may be {', '.join(clause(t.name, (value,)) for value in t.values)}." for t in closed]


HEDGES = ", ".join(
    " or ".join(clause(tag.name, (value,)) for value in tag.values[:2]) for tag in TAGS if not tag.is_open
)

GAMES = {
    "empty praise": ["This is a wonderful and very interesting user.", "Everything about them is great."],
    "dumping many values": HONEST + _dump(),
    "only the dump": _dump(),
    "the dump as a past": [f"Once, {text}" for text in _dump()],
    "alternatives as a past": [f"The user was {HEDGES}."],
    "repeating one sentence": HONEST[:1] * 6,
    "the honest one twice": HONEST * 2,
    "values for NA tags": [*HONEST, "Daily life means hard training.", "Behind it stand a bachelor degree."],
    "one line": HONEST[:1],
    "no structure": [" ".join(HONEST).rstrip(".")],
    "gold-looking phrases": [f"{opening} something of note." for opening in OPENINGS.values()],
    "copying the history": [
        f"#{n} [Source: Shop] [TIME: 2026-01-0{n} morning] [TYPE: Order] [COUNT: 2] | Cat Food, Nappies"
        for n in range(1, 9)
    ],
    "the history beside the honest one": [
        *HONEST,
        *[f"[TIME: 2026-01-0{n}] | Cat Food, Nappies." for n in range(1, 9)],
    ],
    "padding": [
        *HONEST,
        *[f"It is worth saying at this point number {n} that this holds." for n in range(20)],
    ],
}
