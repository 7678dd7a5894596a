"""Made-up users of whom it is known what they want: memories, their embeddings, and true persona sets."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from records.persona import IntentMemory, Persona, PersonaSet, Statement
from rewards.personas.claims import WHEN, Claim, render
from rewards.personas.facts import holds
from rewards.personas.subject import Subject

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""A Thursday."""


def memory(
    number: int,
    wants: Sequence[str] = ("Milk",),
    day: float = 0,
    *,
    category: str = "Baby",
    action: str = "Order",
    source: str = "Shop",
    value: float = float("nan"),
    noise: str = "",
) -> IntentMemory:
    """A memory that begins `day` days after START and takes an hour."""
    start = START + timedelta(days=day)
    return IntentMemory(
        user_id="u", number=number, start=start, end=start + timedelta(hours=1), source=source, action=action,
        wants=tuple(wants), category=category, event_ids=(f"e{number}",), value=value, noise=noise,
    )  # fmt: skip


def unit(*rows: Sequence[float]) -> npt.NDArray[np.float32]:
    """Rows of length 1."""
    given = np.asarray(rows, dtype=np.float32)
    return given / np.linalg.norm(given, axis=1, keepdims=True)


THINGS = {
    "Baby": ("Milk Powder", "Wet Wipes", "Diaper", "Stroller", "Bib", "Pacifier"),
    "Tools": ("Drill", "Saw", "Hammer", "Screws", "Ladder", "Paint"),
    "Travel": ("Flight", "Hotel", "Suitcase", "Train Ticket", "Travel Guide", "Adapter"),
    "Pets": ("Cat Food", "Litter", "Leash", "Aquarium", "Bird Seed", "Dog Bed"),
    "Kitchen": ("Pan", "Knife", "Blender", "Kettle", "Baking Tin", "Cutting Board"),
}
"""Category → names of things in it."""


def made_up_user(
    seed: int, *, personas: int = 3, memories: int = 12, dimensions: int = 48
) -> tuple[PersonaSet, Subject]:
    """A user of `personas` known sides, each about one category at times of its own, with the true persona
    set.

    A memory's vector is its category's plus as much noise again, so that cosines within a side are about .5
    and others about 0.
    """
    rng = np.random.default_rng(seed)
    centres = unit(*rng.normal(size=(len(THINGS), dimensions)))
    sides = rng.permutation(list(THINGS))[:personas].tolist()
    made: list[tuple[float, str, IntentMemory]] = []
    for side in sides:
        begins, every = rng.uniform(0, 120), rng.uniform(3, 25)
        days = begins + np.cumsum(rng.exponential(every, size=memories))
        action, source = str(rng.choice(["Order", "Click", "Search"])), str(rng.choice(["Shop", "Market"]))
        for day in days:
            wants = rng.choice(THINGS[side], size=rng.integers(1, 3), replace=False).tolist()
            value = float(rng.lognormal(3, 0.5)) if action == "Order" else float("nan")
            new = memory(0, wants, float(day), category=side, action=action, source=source, value=value)
            made.append((float(day), side, new))
    made.sort(key=lambda one: one[0])
    all_of_them = [replace(one, number=number) for number, (_, _, one) in enumerate(made, start=1)]
    noise = unit(*rng.normal(size=(len(made), dimensions)))
    vectors = unit(*(centres[list(THINGS).index(side)] for _, side, _ in made)) + noise
    subject = Subject(all_of_them, vectors, background_D=centres.mean(axis=0) / 2**0.5)
    told = []
    for side in sides:
        numbers = tuple(number for number, (_, of, _) in enumerate(made, start=1) if of == side)
        told.append(Persona(label=side, description=described(numbers, subject), memories=numbers))
    return PersonaSet(user_id="u", personas=tuple(told)), subject


def described(numbers: tuple[int, ...], subject: Subject) -> tuple[Statement, ...]:
    """Everything of the grammar that is true of these memories, a statement a claim."""
    facts = subject.facts(numbers)
    verb, names = max(facts.names.items(), key=lambda one: one[1].total())
    spelled = {name.casefold(): name for one in facts.memories for name in one.wants}
    most = [spelled[name] for name, _ in names.most_common(3)]
    claims = [Claim(kind="wants", arguments=(verb, *most))]
    claims += [Claim(kind="about", arguments=(facts.memories[0].category,))]
    claims += [Claim(kind="often", arguments=(facts.often,))]
    claims += [Claim(kind="when", arguments=(time,)) for time in WHEN]
    claims += [Claim(kind="since", arguments=(f"{facts.first:%Y-%m}",))]
    claims += [Claim(kind="until", arguments=(f"{facts.last:%Y-%m}",))]
    return tuple(
        Statement(text=render((claim,)), memories=numbers) for claim in claims if holds(claim, facts)
    )
