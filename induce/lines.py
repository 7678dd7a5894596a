"""A user's intent memories → the numbered lines that a model reads, within a budget of tokens.

    #3 [NEAR: 6] [SOURCE: Shop] [CATEGORY: Baby] [TIME: 2026-01 to 2026-05] [TYPE: Order] [COUNT: 12] | Milk

NEAR is how alike a line is to what stands before it, from 0 to 9, where lines are put in order by what they
mean (`induce.arranging`). The rest of a line says what claims (`rewards.personas.claims`) can be made of:
TIME holds the months of the first and the last memory and what is mostly so of days and hours, COUNT the
days on which it was so, SPENDS their tercile of money. A field of which nothing is known is left out. Log
text is cleaned as that of histories is.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TypeAlias

import numpy as np

from induce.arranging import by_likeness
from induce.embedding import Embedder, Prepared
from induce.population import text_of
from records.persona import IntentMemory
from rewards.personas.claims import VERBS, WHEN, Claim, family
from rewards.personas.facts import Facts, Setting, holds, setting_of
from semantize.text import clean, entity_text

CountTokens: TypeAlias = Callable[[Sequence[str]], list[int]]

MOST_NAMES = 6
"""Names that a line shows, at most; what comes after the first ones tells little."""

_STRENGTH = {kind: place for place, kind in enumerate(("looks", "searches", "buys"))}
assert _STRENGTH.keys() == VERBS.keys()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLine:
    """One line (`text` begins with `#number`), the numbers of the memories behind it, rising, the names
    that it shows whole, and how near it is to what stands before it (None where nothing tells)."""

    number: int
    text: str
    memories: tuple[int, ...]
    names: tuple[str, ...] = ()
    near: int | None = None


@dataclass(frozen=True, kw_only=True)
class MemoryLines:
    """What is shown of a user's memories: lines numbered from 1, by likeness or in time (`memory_lines`).

    Every memory stands behind exactly one line, or is in `noise` (no intent of the user's own) or in
    `no_room` (left out for the budget); both rise.
    """

    user_id: str
    lines: tuple[MemoryLine, ...]
    noise: tuple[int, ...] = ()
    no_room: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def line_of(self) -> dict[int, int]:
        """Memory → the line that it stands behind."""
        return {memory: line.number for line in self.lines for memory in line.memories}

    def memories_of(self, lines: Sequence[int]) -> tuple[int, ...]:
        """All memories behind `lines`, rising."""
        return tuple(sorted({memory for line in lines for memory in self.lines[line - 1].memories}))


def memory_lines(
    user_id: str,
    memories: Sequence[IntentMemory],
    budget: int,
    count_tokens: CountTokens,
    embedder: Embedder | None = None,
) -> MemoryLines:
    """The lines of a user's `memories` (any order, numbers unique), of at most `budget` tokens together.

    Intents with the same names (the same category where they have none), source and family of actions are
    one line. Where not all lines fit, the most telling are taken first, and then each that still fits. How
    telling a line is (ours): the memories behind it × the mean number of the user's intents that want one of
    its names. So a habit comes before what happened once, and of what happened once that which is like
    other things the user does. Ties: orders before searches before the rest, then more events, then the
    later.

    Where no line fits, the most telling shows fewer names, at last a shortened one; where that does not fit
    either there are no lines.

    Lines come in the order of their first memories, with an `embedder` like beside like
    (`induce.arranging`), so that a reader need not know which words mean the like.
    """
    has_near = embedder is not None
    return _written(_chosen(user_id, memories, budget, count_tokens, has_near=has_near), embedder)


def lines_of_users(
    users: Mapping[str, Sequence[IntentMemory]], budget: int, count_tokens: CountTokens, embedder: Embedder
) -> dict[str, MemoryLines]:
    """The lines of each user's memories, by likeness; texts of what may be on lines are embedded together."""
    chosen = {
        user: _chosen(user, memories, budget, count_tokens, has_near=True) for user, memories in users.items()
    }
    told = [text for one in chosen.values() for group in one.kept for text in group.texts]
    vectors = Prepared(embedder, told)
    return {user: _written(one, vectors) for user, one in chosen.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Group:
    """Memories of one line, in order, and the names it shows, as the first of them has them."""

    memories: tuple[IntentMemory, ...]
    names: tuple[str, ...]

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(memory.number for memory in self.memories)

    @property
    def texts(self) -> Counter[str]:
        """What its memories say, and how many say it; "" where there is nothing to be embedded."""
        return Counter(map(text_of, self.memories))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Chosen:
    """What of a user's `groups` (the most telling first) is told: `kept` fit by themselves, and `heads` are
    the bracketed parts of those that might have."""

    user_id: str
    groups: Sequence[_Group]
    kept: Sequence[_Group]
    heads: Mapping[_Group, str]
    noise: tuple[int, ...]
    budget: int
    count_tokens: CountTokens


def _chosen(
    user_id: str, memories: Sequence[IntentMemory], budget: int, count_tokens: CountTokens, *, has_near: bool
) -> _Chosen:
    in_order = sorted(memories, key=lambda memory: memory.number)
    groups = _groups([memory for memory in in_order if not memory.noise])
    groups.sort(key=_telling(groups), reverse=True)
    # A line takes a token at least, so that no more than these could fit.
    ranked = groups[: max(budget, 1)]
    setting = setting_of(in_order) if groups else None
    heads = {group: _head(group, setting) for group in ranked} if setting else {}
    near = _near(0 if has_near else None)
    longest = [f"#{len(ranked)} {near}{_body(heads[group], group.names)}\n" for group in ranked]
    return _Chosen(
        user_id=user_id,
        groups=groups,
        kept=_fitting(ranked, count_tokens(longest), budget),
        heads=heads,
        noise=tuple(memory.number for memory in in_order if memory.noise),
        budget=budget,
        count_tokens=count_tokens,
    )


def _fitting(ranked: Sequence[_Group], tokens: Sequence[int], budget: int) -> list[_Group]:
    """Those of `ranked` that fit, by the tokens that each needs."""
    kept: list[_Group] = []
    room = budget
    for group, needed in zip(ranked, tokens, strict=True):
        if needed <= room:
            kept.append(group)
            room -= needed
    return kept


def _written(chosen: _Chosen, embedder: Embedder | None) -> MemoryLines:
    """The lines. What was counted one by one is counted as it reads together: a tokenizer may join across
    lines, or need more than for the parts."""
    kept, heads = list(chosen.kept), chosen.heads
    while True:
        placed = _placed(kept, embedder)
        lines = [
            MemoryLine(
                number=number,
                text=f"#{number} {_near(near)}{_body(heads[group], group.names)}",
                memories=group.numbers,
                names=group.names,
                near=near,
            )
            for number, (group, near) in enumerate(placed, start=1)
        ]
        if not kept or chosen.count_tokens(["\n".join(line.text for line in lines)])[0] <= chosen.budget:
            break
        kept.pop()
    if not lines and chosen.groups:
        first = chosen.groups[0]
        cut = _cut(heads[first], first.names, chosen.budget, chosen.count_tokens)
        lines = [MemoryLine(number=1, text=cut, memories=first.numbers)] if cut else []
    shown = {memory for line in lines for memory in line.memories}
    left = (number for group in chosen.groups for number in group.numbers if number not in shown)
    return MemoryLines(
        user_id=chosen.user_id, lines=tuple(lines), noise=chosen.noise, no_room=tuple(sorted(left))
    )


def _placed(groups: Sequence[_Group], embedder: Embedder | None) -> list[tuple[_Group, int | None]]:
    """Groups in the order of lines, each with how near it is to what stands before it."""
    in_time = sorted(groups, key=lambda group: group.memories[0].number)
    if embedder is None or not in_time:
        return [(group, None) for group in in_time]
    told = [(text, count) for group in in_time for text, count in group.texts.items()]
    # What has no text is like nothing.
    counts_T = np.array([count if text else 0 for text, count in told], dtype=np.float64)
    vectors_TD = embedder([text for text, _ in told]) * counts_T[:, None]
    firsts_L = np.cumsum([0, *(len(group.texts) for group in in_time[:-1])])
    sums_LD = np.add.reduceat(vectors_TD, firsts_L)
    weights_L = np.array([len(group.memories) for group in in_time], dtype=np.float64)
    order = by_likeness(sums_LD, weights_L)
    return [(in_time[place], near if number else None) for number, (place, near) in enumerate(order)]


def _near(near: int | None) -> str:
    return "" if near is None else f"[NEAR: {near}] "


def _groups(intents: Sequence[IntentMemory]) -> list[_Group]:
    found: dict[tuple[object, ...], list[IntentMemory]] = {}
    names_of: dict[tuple[object, ...], tuple[str, ...]] = {}
    for memory in intents:
        names = _names(memory)
        subject = frozenset(map(str.casefold, names)) or clean(memory.category).casefold()
        key = (subject, clean(memory.source).casefold(), family(memory.action))
        names_of.setdefault(key, names)
        found.setdefault(key, []).append(memory)
    return [_Group(memories=tuple(found[key]), names=names_of[key]) for key in found]


def _names(memory: IntentMemory) -> tuple[str, ...]:
    """The first names to which its action was done, clean, each once however it is written."""
    spelled: dict[str, str] = {}
    for want in memory.acted_on:
        if len(spelled) == MOST_NAMES:
            break
        name = entity_text(want)
        if name:
            spelled.setdefault(name.casefold(), name)
    return tuple(spelled.values())


def _telling(groups: Sequence[_Group]) -> Callable[[_Group], tuple[float, ...]]:
    wanted = Counter[str]()
    for group in groups:
        wanted.update({name.casefold(): len(group.memories) for name in group.names})

    def rank(group: _Group) -> tuple[float, ...]:
        behind = len(group.memories)
        common = fmean(wanted[name.casefold()] for name in group.names) if group.names else behind
        events = sum(len(memory.event_ids) for memory in group.memories)
        return (behind * common, _STRENGTH[family(group.memories[0].action)], events, group.numbers[-1])

    return rank


def _head(group: _Group, setting: Setting) -> str:
    """The bracketed part of a line."""
    facts = Facts(group.memories, setting)
    months = dict.fromkeys(f"{time.year:04}-{time.month:02}" for time in (facts.first, facts.last))
    times = [time for time in WHEN if holds(Claim(kind="when", arguments=(time,)), facts)]
    fields = {
        "SOURCE": _most([memory.source for memory in group.memories]),
        "CATEGORY": _most([memory.category for memory in group.memories]),
        "TIME": ", ".join([" to ".join(months), *times]),
        "TYPE": _most([memory.action for memory in group.memories]),
        "COUNT": str(facts.days),
        "SPENDS": facts.spends or "",
    }
    return " ".join(f"[{name}: {value}]" for name, value in fields.items() if value)


def _most(texts: Sequence[str]) -> str:
    """The most frequent of `texts`, clean; ties by the alphabet, "" only where there is no other."""
    counts = Counter(filter(None, map(clean, texts)))
    return min(counts, key=lambda text: (-counts[text], text), default="")


def _body(head: str, names: Sequence[str]) -> str:
    return f"{head} | {', '.join(names)}" if names else head


def _cut(head: str, names: Sequence[str], budget: int, count_tokens: CountTokens) -> str:
    """The only line, with fewer names, else half, a quarter … of the first; "" where nothing fits."""
    choices: list[Sequence[str]] = [names[:number] for number in range(len(names), 0, -1)] or [()]
    length = len(names[0]) // 2 if names else 0
    while length:
        choices.append([names[0][:length].strip()])
        length //= 2
    texts = [f"#1 {_body(head, choice)}" for choice in choices]
    return next(
        (text for text, tokens in zip(texts, count_tokens(texts), strict=True) if tokens <= budget), ""
    )
