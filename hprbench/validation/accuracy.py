"""How far the fixed extractor can be trusted: its accuracy on texts of which is known what they state.

    held-out grammars, plain and hard ──┐
    model summaries read by hand ───────┴──► extract ──► pairs ──► Figures

The unit is a pair (summary, tag). *Accuracy* is the share of right ones among the pairs of which the text
states a value or the extractor reads one: a value missed, a value mistaken and a value invented each count as
one error, and the many tags that a text never mentions and the extractor never reads count for nothing. Right
means exactly right: every value of an open list and no other, but for case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from hprbench.extractor import EXTRACTOR_VERSION, extract
from hprbench.metrics import Values, value_set
from hprbench.validation.grammar import Summary, load_grammar, write_summaries
from hprbench.validation.readings import read_by_hand
from records.tags import TAG_NAMES

SUMMARIES = 300
"""Summaries of each level, of some six tags each."""
SEED = 20260


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Counts of pairs (summary, tag), and the shares that follow; None where nothing was to be counted.

    `stated` pairs have a value in the text, `read` ones a value read, `either` ones at least one of the two,
    `right` ones both and the same. In `mentioned` pairs the text speaks of the tag and states no value; in
    the `silent` ones of them none is read.
    """

    stated: int
    read: int
    either: int
    right: int
    mentioned: int
    silent: int

    @property
    def accuracy(self) -> float | None:
        """Right among pairs that are stated or read."""
        return self.right / self.either if self.either else None

    @property
    def recall(self) -> float | None:
        """Right among pairs that are stated."""
        return self.right / self.stated if self.stated else None

    @property
    def precision(self) -> float | None:
        """Right among pairs that are read."""
        return self.right / self.read if self.read else None

    @property
    def silence(self) -> float | None:
        """Left unread among pairs that are mentioned without being stated."""
        return self.silent / self.mentioned if self.mentioned else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One tag of one summary: the values that the text states and those read; `mentioned` if it speaks of the
    tag in vain."""

    text: str
    tag: str
    stated: Values
    read: Values
    mentioned: bool

    @property
    def is_right(self) -> bool:
        return value_set(self.tag, self.stated) == value_set(self.tag, self.read)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractorAccuracy:
    """The figures of one version of the extractor, to stand beside every Acc_Ex that it gives.

    `plain` and `hard` are of the held-out grammars, `read` of model summaries read by hand, `read_by_source`
    of those of each model, as they differ much.
    """

    version: str
    plain: Figures
    hard: Figures
    read: Figures
    read_by_source: Mapping[str, Figures] = field(default_factory=dict)


@cache
def accuracy() -> ExtractorAccuracy:
    """Measure the extractor, in a second or two; once in a process."""
    summaries, cities = read_by_hand()
    by_source: dict[str, list[Summary]] = {}
    for one in summaries:
        by_source.setdefault(one.source, []).append(one)
    return ExtractorAccuracy(
        version=EXTRACTOR_VERSION,
        plain=measure(compare(*held_out("plain"))),
        hard=measure(compare(*held_out("hard"))),
        read=measure(compare(summaries, cities)),
        read_by_source={name: measure(compare(mine, cities)) for name, mine in sorted(by_source.items())},
    )


def held_out(level: str) -> tuple[list[Summary], Sequence[str]]:
    """The summaries that a level is measured on, and the cities that the extractor is told."""
    grammar = load_grammar(level, "held_out")
    return write_summaries(grammar, SUMMARIES, seed=SEED), grammar.cities


def compare(summaries: Iterable[Summary], cities: Sequence[str]) -> list[Pair]:
    """Every counted pair of `summaries`, where `cities` are the names that the extractor looks for.

    A value read that only follows from what is stated is taken as not read.
    """
    pairs = []
    for summary in summaries:
        found = extract(summary.text, cities)
        for tag in TAG_NAMES:
            stated, read = summary.stated.get(tag, ()), found[tag]
            if not stated and read == summary.implied.get(tag):
                read = ()
            if tag not in summary.uncounted:
                mentioned = tag in summary.mentioned
                pairs.append(Pair(text=summary.text, tag=tag, stated=stated, read=read, mentioned=mentioned))
    return pairs


def measure(pairs: Iterable[Pair]) -> Figures:
    """Count `pairs`."""
    pairs = list(pairs)
    return Figures(
        stated=sum(bool(pair.stated) for pair in pairs),
        read=sum(bool(pair.read) for pair in pairs),
        either=sum(bool(pair.stated or pair.read) for pair in pairs),
        right=sum(bool(pair.stated) and pair.is_right for pair in pairs),
        mentioned=sum(pair.mentioned for pair in pairs),
        silent=sum(pair.mentioned and not pair.read for pair in pairs),
    )
