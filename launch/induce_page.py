"""personas.html: personas that a person can read, with the evidence of every claim and a timeline."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from induce import store
from records.errors import UserError
from records.files import write_text
from records.persona import IntentMemory
from records.templates import rendered

MAX_USERS = 50
"""Users on the page where none are named; all are in personas.jsonl."""

BARS = 120
"""Stretches of time that a timeline is parted into."""

LEAST_BAR = 0.2
"""Height of the lowest bar, of one memory, in rows."""


def write_page(out: Path, users: Sequence[str], title: str) -> int:
    """Write the page of `users`, of the first MAX_USERS where none are named; returns how many are on it.

    Raises:
        UserError: there is no such user.
    """
    records, total = _records(out / store.TOLD, users)
    if missing := set(users) - {record["user_id"] for record in records}:
        raise UserError(
            f"--show: {out / store.TOLD} has no user {sorted(missing)[0]!r}; the page stays as it was"
        )
    memories = store.read_memories(out, [record["user_id"] for record in records])
    for record in records:
        record["timeline"] = timeline(record["personas"], memories.get(record["user_id"], ()))
    page = rendered("launch", "personas.html.j2", title=title, users=records, total=total, verdict=verdict)
    write_text(out / store.PAGE, page)
    return len(records)


def _records(path: Path, users: Sequence[str]) -> tuple[list[dict[str, Any]], int]:
    """Records of `users`, in their order, or the first ones with personas; and how many users there are."""
    found: list[dict[str, Any]] = []
    total = 0
    wanted = set(users)
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            total += 1
            if not users and len(found) >= MAX_USERS:
                continue
            record = json.loads(line)
            if record["user_id"] in wanted if users else record["personas"]:
                found.append(record)
    place = {user: number for number, user in enumerate(users)}
    return sorted(found, key=lambda record: place.get(record["user_id"], 0)), total


def verdict(claim: Mapping[str, Any]) -> tuple[str, str]:
    """(kind, words) of what is known of a claim: good, poor (the evidence does not show it), bad or open."""
    if claim["whole"] is False:
        return "bad", "not true of the persona"
    if claim["whole"] is None:
        return "open", "cannot be told"
    return ("good", "holds") if claim["cited"] else ("poor", "true, but not shown by what it cites")


def timeline(personas: Sequence[Mapping[str, Any]], memories: Sequence[IntentMemory]) -> dict[str, Any]:
    """When memories of each persona, of none, and noise were: rows of bars (x below BARS, height in [0, 1]).

    Heights are of the row's own most: a row tells when, not how much beside the others.
    """
    if not memories:
        return {"rows": [], "first": "", "last": ""}
    times = {memory.number: memory.start.timestamp() for memory in memories}
    first, last = min(times.values()), max(times.values())
    held = {number for persona in personas for number in persona["memories"]}
    loose = [memory.number for memory in memories if not memory.noise and memory.number not in held]
    noise = [memory.number for memory in memories if memory.noise]
    rows = [(persona["label"], persona["memories"]) for persona in personas]
    rows += [(label, numbers) for label, numbers in (("in no persona", loose), ("noise", noise)) if numbers]
    return {
        "rows": [
            {"label": label, "count": len(numbers), "bars": _bars([times[n] for n in numbers], first, last)}
            for label, numbers in rows
        ],
        "first": _day(first),
        "last": _day(last),
    }


def _bars(times: Sequence[float], first: float, last: float) -> list[dict[str, Any]]:
    width = max(last - first, 1.0)
    counts: dict[int, int] = {}
    for time in times:
        place = min(int((time - first) / width * BARS), BARS - 1)
        counts[place] = counts.get(place, 0) + 1
    most = max(counts.values(), default=1)
    return [
        {"x": place, "height": round(LEAST_BAR + (1 - LEAST_BAR) * count / most, 3), "count": count}
        for place, count in sorted(counts.items())
    ]


def _day(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d}"
