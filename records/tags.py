"""The 18 atomic tags in five dimensions that a persona consists of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

NA = "NA"
"""The value of a tag for which a history holds no evidence."""

GIVEN = "given"
"""Difficulty of a label that somebody gives for a log of his own: what shows it there nobody knows."""

DIMENSIONS: dict[str, str] = {
    "LS": "life stage",
    "HC": "household",
    "LI": "lifestyle",
    "EP": "education and profession",
    "GC": "geography",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """One atomic tag. `values` is empty for an open tag; `max_values` > 1 makes it a list."""

    name: str
    dimension: str
    values: tuple[str, ...] = ()
    max_values: int = 1

    @property
    def is_open(self) -> bool:
        return not self.values


def _tag(dimension: str, name: str, values: str = "", max_values: int = 1) -> Tag:
    return Tag(name=name, dimension=dimension, values=tuple(values.split()), max_values=max_values)


TAGS: tuple[Tag, ...] = (
    _tag("LS", "gender", "female male"),
    _tag("LS", "age_group", "18-24 25-34 35-44 45-54 55+"),
    _tag("LS", "life_stage", "student early_career established retired"),
    _tag("LS", "relationship", "single partnered married"),
    _tag("HC", "child_stage", "none expecting infant preschool school_age"),
    _tag("HC", "household_size", "1 2 3-4 5+"),
    _tag("HC", "housing_tenure", "owner renter with_family"),
    _tag("HC", "pet", "none cat dog"),
    _tag("LI", "interests", max_values=3),
    _tag("LI", "dining_style", "home_cook takeaway restaurant mixed"),
    _tag("LI", "fitness", "low moderate high"),
    _tag("LI", "price_sensitivity", "bargain balanced premium"),
    _tag("LI", "chronotype", "morning daytime night"),
    _tag("EP", "education", "school bachelor postgraduate"),
    _tag(
        "EP",
        "occupation",
        "student office service healthcare education technical trades self_employed not_working",
    ),
    _tag("EP", "income_band", "low middle high"),
    _tag("GC", "home_city"),
    _tag("GC", "mobility", "local regional frequent_flyer"),
)
TAG: dict[str, Tag] = {tag.name: tag for tag in TAGS}
TAG_NAMES: tuple[str, ...] = tuple(TAG)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Tags by name, in the order of the table."""
    wanted = set(names)
    return tuple(name for name in TAG_NAMES if name in wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldTag:
    """The true value of one tag of one user at the end of the history, and what justifies it.

    `values` is empty for NA; `event_ids` are the events that show it; `event_values` says for each of
    them which of the values (its place), and is empty where that is not known; `difficulty` is one of
    explicit, implicit, temporal, trap, or `GIVEN`, which has no events.
    """

    user_id: str
    tag: str
    values: tuple[str, ...]
    event_ids: tuple[str, ...]
    event_values: tuple[int, ...] = ()
    difficulty: str

    @property
    def is_na(self) -> bool:
        return not self.values

    def events_of(self, value: str) -> tuple[str, ...]:
        """Events that show `value`; all of the tag's where it is not known which shows which."""
        if not self.event_values:
            return self.event_ids
        place = self.values.index(value)
        return tuple(
            event for event, shows in zip(self.event_ids, self.event_values, strict=True) if shows == place
        )


def known_tags(gold: Mapping[str, Mapping[str, GoldTag]]) -> tuple[str, ...]:
    """Tags of which some user of `gold` (user → tag → value) has a value or NA, in the order of the table.

    Of simulated users all are known; a tag that a user lacks is one of which nobody said anything.
    """
    return in_order(name for tags in gold.values() for name in tags)
