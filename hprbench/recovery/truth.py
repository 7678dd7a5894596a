"""What was really behind a user's memories: whose wish, which side of that person, or noise.

    truth of events (simulate.frames.TRUTH_SCHEMA) ── majority of a memory's events ──► truth of memories

The simulator knows of each event which desire it serves, and which value of which tag that shows. Sides are
made of that on four levels, none of which is *the* truth of what a persona is:

    desires      each desire is a side of its own: make cakes and loaves, have a coffee
    sides        each value of a tag is one (interests: baking), and all of everyday life is one
    telling      the same without everyday life, which is no side and is left out
    dimensions   the five dimensions of tags (household, lifestyle, …), and everyday life

On each level what another person does with the account is a side apart.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from records.errors import UserError
from records.persona import IntentMemory
from records.tags import TAG

EVERYDAY = "everyday"

Side = tuple[str, str]
"""Who acted, and what it was about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTruth:
    """What was behind one memory: who acted, the side by level ("": of none), and of how many events.

    `is_noise`: more than half of the events are (gifts, slips, dead loops); then there is no side, and
    `actor` is "". Sides and actor are the majority's over the other events, of equals the first one's.
    """

    number: int
    marked: bool
    is_noise: bool
    actor: str
    sides: Mapping[str, Side | None]
    events: int
    noise_events: int


LEVELS: dict[str, Callable[[str, str, str], str]] = {
    "desires": lambda desire, tag, value: desire,
    "sides": lambda desire, tag, value: f"{tag}: {value}" if tag else EVERYDAY,
    "telling": lambda desire, tag, value: f"{tag}: {value}" if tag else "",
    "dimensions": lambda desire, tag, value: TAG[tag].dimension if tag else EVERYDAY,
}
"""Level → what an event was about, of its desire, tag and value."""


def truth_of_memories(
    truth: pl.DataFrame, memories: Mapping[str, Sequence[IntentMemory]]
) -> dict[str, tuple[MemoryTruth, ...]]:
    """The truth of every user's memories, in their order; `truth` holds at least their events.

    Raises:
        UserError: an event of a memory has no truth.
    """
    rows = [
        (user, place, event)
        for user, given in memories.items()
        for place, memory in enumerate(given)
        for event in memory.event_ids
    ]
    events = pl.DataFrame(rows, schema=["user_id", "place", "event_id"], orient="row").with_row_index("row")
    known = events.join(truth, on=["user_id", "event_id"], how="left", maintain_order="left")
    if (lost := known.filter(pl.col("noise").is_null())).height:
        user, event = lost.select("user_id", "event_id").row(0)
        raise UserError(
            f"no truth of event {event!r} of user {user!r}: "
            "memories and truth have to be those of one simulation"
        )
    found: dict[str, list[MemoryTruth]] = {user: [] for user in memories}
    about = known.group_by("user_id", "place", maintain_order=True).agg(
        "desire", "tag", "value", "actor", "noise"
    )
    for user, place, *columns in about.iter_rows():
        memory = memories[user][place]
        found[user].append(_truth(memory, list(zip(*columns, strict=True))))
    return {user: tuple(each) for user, each in found.items()}


def _truth(memory: IntentMemory, events: list[tuple[str, str, str, str, str]]) -> MemoryTruth:
    """`events`: desire, tag, value, actor and noise of each."""
    wanted = [event[:4] for event in events if not event[4]]
    noise = len(events) - len(wanted)
    is_noise = 2 * noise > len(events)
    sides: dict[str, Side | None] = {}
    for level, name in LEVELS.items():
        counted = Counter((actor, name(desire, tag, value)) for desire, tag, value, actor in wanted)
        most = None if is_noise else counted.most_common(1)[0][0]
        sides[level] = most if most and most[1] else None
    return MemoryTruth(
        number=memory.number,
        marked=bool(memory.noise),
        is_noise=is_noise,
        actor="" if is_noise else Counter(event[3] for event in wanted).most_common(1)[0][0],
        sides=sides,
        events=len(events),
        noise_events=noise,
    )
