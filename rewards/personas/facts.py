"""What can be counted in memories, and whether a claim is true of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from records.persona import IntentMemory
from rewards.personas.claims import NOW, SPENDS, Claim, family

MONTH_DAYS = 30.44
"""Days of a mean month."""

RATES = (("rarely", 0.75), ("monthly", 1.5), ("few_a_month", 3.5), ("weekly", 6.5), ("few_a_week", 20.0))
"""Bands of `often` and the days a month below which each ends; from the last on it is `daily`."""

MOST = 1 / 2
"""Share of memories that must be exceeded for `mostly`."""

MOSTLY_WEEKDAYS = 6 / 7
"""The same for weekdays, which are five days of seven already."""

RECENT_DAYS = 31.0
"""Something whose last memory is no older than this, when the user was last seen, is still so."""

LONG_LOG_DAYS = 3 * RECENT_DAYS
"""Of a shorter log nobody can say what has ended."""

PARTS = ((5, "night"), (11, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
"""Hours of the day, each before which a part of it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What memories are measured by: first and last time of the user's whole log, and the two sums of money
    that part all of its spending (or a population's) into terciles, None where too little is known."""

    start: datetime
    end: datetime
    spend_cuts: tuple[float, float] | None


def setting_of(memories: Sequence[IntentMemory]) -> Setting:
    """The setting of a user's whole log; terciles are of the user's own spending, without what is no intent
    and what came back.

    Raises:
        ValueError: there are no memories.
    """
    spend_cuts = spend_terciles([one.value for one in memories if not one.noise and one.value > 0])
    starts, ends = [memory.start for memory in memories], [memory.end for memory in memories]
    return Setting(start=min(starts), end=max(ends), spend_cuts=spend_cuts)


def spend_terciles(values: Sequence[float]) -> tuple[float, float] | None:
    """The sums that part `values` into thirds; None for fewer than three known ones, or equal ones."""
    known = [value for value in values if value == value]
    if len(known) < len(SPENDS):
        return None
    low, high = (float(cut) for cut in np.quantile(known, (1 / 3, 2 / 3)))
    return (low, high) if low < high else None


class Facts:
    """Counts over `memories`, each made when it is first asked for.

    `setting` is of the whole log; without it, `memories` are the whole log. Times are those of
    clocks in the log's zone.
    """

    def __init__(self, memories: Sequence[IntentMemory], setting: Setting | None = None) -> None:
        self.memories = tuple(memories)
        self._setting = setting

    @cached_property
    def setting(self) -> Setting:
        return self._setting or setting_of(self.memories)

    @property
    def count(self) -> int:
        return len(self.memories)

    @cached_property
    def names(self) -> dict[str, Counter[str]]:
        """Family of actions → wanted name, casefolded → memories that wanted it so."""
        found: dict[str, Counter[str]] = {}
        for memory in self.memories:
            acted_on = {name.casefold() for name in memory.acted_on}
            found.setdefault(family(memory.action), Counter()).update(acted_on)
            if memory.only_seen:
                seen = {name.casefold() for name in memory.only_seen}
                found.setdefault("looks", Counter()).update(seen)
        return found

    @cached_property
    def all_names(self) -> frozenset[str]:
        """Every wanted name, casefolded."""
        return frozenset(name for named in self.names.values() for name in named)

    @cached_property
    def families(self) -> Counter[str]:
        return Counter(family(memory.action) for memory in self.memories)

    @cached_property
    def categories(self) -> Counter[str]:
        """Category, casefolded → memories; those without one are in none."""
        return Counter(memory.category.casefold() for memory in self.memories if memory.category)

    @cached_property
    def sources(self) -> Counter[str]:
        """Source, casefolded → memories."""
        return Counter(memory.source.casefold() for memory in self.memories if memory.source)

    @cached_property
    def first(self) -> datetime:
        return min(memory.start for memory in self.memories)

    @cached_property
    def last(self) -> datetime:
        return max(memory.start for memory in self.memories)

    @cached_property
    def days(self) -> int:
        """Days on which one or more began: a basket may hold many memories, and comes once."""
        return len({memory.start.date() for memory in self.memories})

    @cached_property
    def rate(self) -> float:
        """Days a month, from the first to the last of them, at least a month."""
        span = (self.last - self.first).total_seconds() / 86_400
        return self.days * MONTH_DAYS / max(span, MONTH_DAYS)

    @cached_property
    def weekdays(self) -> Counter[int]:
        """Day of the week (0: Monday) → memories that began on it."""
        return Counter(memory.start.weekday() for memory in self.memories)

    @cached_property
    def hours(self) -> Counter[int]:
        """Hour of the day → memories that began in it; empty where all begin at midnight, as dates do."""
        starts = [memory.start for memory in self.memories]
        if all(start.hour == start.minute == start.second == 0 for start in starts):
            return Counter()
        return Counter(start.hour for start in starts)

    @cached_property
    def spends(self) -> str | None:
        """The tercile in which the median of the known sums lies; None where none is known."""
        known = [memory.value for memory in self.memories if memory.value == memory.value]
        if not known or self.setting.spend_cuts is None:
            return None
        low, high = self.setting.spend_cuts
        median = float(np.median(known))
        return "little" if median <= low else "middling" if median <= high else "much"

    @property
    def often(self) -> str:
        """The band of `often` that the rate lies in."""
        if self.days == 1:
            return "once"
        return next((band for band, end in RATES if self.rate < end), "daily")


def holds(claim: Claim, facts: Facts) -> bool | None:
    """Whether `claim` is true of the memories of `facts`; None where they cannot tell. Of none, nothing is.

    `wants`: to each name such an action was done in at least one memory of that family; what was bought or
    searched for was also looked at. `about`, `where`, `when`: more than half of the memories (of weekdays:
    six sevenths). `often`: the band of their rate in days; `once` is one day. `since`, `until`: the month in
    which the first and the last began; NOW: at most RECENT_DAYS before the end of the user's log of
    LONG_LOG_DAYS or more. `spends`: the tercile of their median sum.
    """
    if not facts.count:
        return False
    return _CHECKS[claim.kind](facts, claim.arguments)


def _wants(facts: Facts, arguments: tuple[str, ...]) -> bool | None:
    if not facts.all_names:
        return None
    kind, *names = arguments
    found = facts.all_names if kind == "looks" else frozenset(facts.names.get(kind, ()))
    return all(name.casefold() in found for name in names)


def _about(facts: Facts, arguments: tuple[str, ...]) -> bool | None:
    return _mostly(facts.categories, arguments[0], facts.count)


def _where(facts: Facts, arguments: tuple[str, ...]) -> bool | None:
    return _mostly(facts.sources, arguments[0], facts.count)


def _mostly(counts: Counter[str], name: str, of: int) -> bool | None:
    return counts[name.casefold()] > MOST * of if counts else None


def _often(facts: Facts, arguments: tuple[str, ...]) -> bool:
    return facts.often == arguments[0]


def _when(facts: Facts, arguments: tuple[str, ...]) -> bool | None:
    (time,) = arguments
    if time in ("weekends", "weekdays"):
        weekend = facts.weekdays[5] + facts.weekdays[6]
        if time == "weekends":
            return weekend > MOST * facts.count
        return facts.count - weekend > MOSTLY_WEEKDAYS * facts.count
    if not facts.hours:
        return None
    then = sum(count for hour, count in facts.hours.items() if _PART_OF[hour] == time)
    return then > MOST * facts.count


def _since(facts: Facts, arguments: tuple[str, ...]) -> bool:
    return month(facts.first) == arguments[0]


def _until(facts: Facts, arguments: tuple[str, ...]) -> bool | None:
    if arguments[0] != NOW:
        return month(facts.last) == arguments[0]
    setting = facts.setting
    if _days(setting.start, setting.end) < LONG_LOG_DAYS:
        return None
    return _days(facts.last, setting.end) <= RECENT_DAYS


def _spends(facts: Facts, arguments: tuple[str, ...]) -> bool | None:
    return None if facts.spends is None else facts.spends == arguments[0]


_CHECKS = {
    "wants": _wants,
    "about": _about,
    "often": _often,
    "when": _when,
    "since": _since,
    "until": _until,
    "where": _where,
    "spends": _spends,
}

_PART_OF = [next(part for end, part in PARTS if hour < end) for hour in range(24)]


def _days(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 86_400


def month(time: datetime) -> str:
    """As claims write it, such as 2011-03."""
    return f"{time.year:04}-{time.month:02}"
