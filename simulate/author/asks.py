"""What an author is asked for a world: texts of its items, and desires that it lacks."""

from collections.abc import Sequence

import numpy as np

from records.simulation import SimulateConfig
from records.tags import TAG_NAMES
from simulate.author.protocol import DesireAsk, TextAsk, facts_of
from simulate.population import Population, draw_personas
from simulate.titles import Titles, kinds_by_platform
from simulate.world import Item, World

QUERY = "query"
"""The kind of title that is a search query."""

EXAMPLES = 3
"""Composed texts shown of an item, to say what style is meant."""

EVERYDAY_SHARE = 0.3
"""Share of new desires that show nothing."""

NEW_ITEMS = 3
"""Items asked for a new desire."""

MOST_KNOWN = 8
"""Known wants told in an ask."""

_PERSONAS_KEY = 7
"""Branch of the seed for the personas that desires are asked of."""


def text_asks(
    world: World, config: SimulateConfig, composed: Titles, items: Sequence[Item]
) -> tuple[list[TextAsk], list[TextAsk]]:
    """Asks for titles and asks for queries of `items`, as many texts as the world would compose at most.

    `composed` are the titles of the world as it is.
    """
    places = {item.name: place for place, item in enumerate(world.items)}
    kinds_of = kinds_by_platform(config)
    titles: list[TextAsk] = []
    queries: list[TextAsk] = []
    for item in items:
        for number, kind in enumerate(world.kinds):
            if kind not in kinds_of[item.platform]:
                continue
            start = int(composed.start_NK[places[item.name], number])
            count = int(composed.count_NK[places[item.name], number])
            ask = TextAsk(
                item=item.name,
                want=world.desire[item.desire].want,
                category=item.category,
                platform=item.platform,
                attributes=item.attributes,
                kind=kind,
                examples=composed.texts[start : start + min(count, EXAMPLES)],
                count=world.kinds[kind].titles,
            )
            (queries if kind == QUERY else titles).append(ask)
    return titles, queries


def desire_asks(world: World, config: SimulateConfig, seed: int, count: int) -> list[DesireAsk]:
    """`count` asks, each of a persona of its own; which, depends on the seed and its number alone."""
    population = Population(config.population, config.quality, world.city_names, world.hobbies)
    tells = {preference.name: preference.tells for preference in world.preferences}
    categories = {item.category: item.platform for item in world.items}
    asks = []
    for number in range(count):
        rng = np.random.default_rng([seed, _PERSONAS_KEY, number])
        drawn = draw_personas(rng, population, world, 1)
        persona = facts_of(
            world,
            f"{seed}/{number}",
            float(drawn.age_B[0]),
            drawn.state_BT[0].tolist(),
            drawn.hobby_BH[0].tolist(),
            drawn.preference_BP[0].tolist(),
        )
        tag = value = ""
        if rng.random() >= EVERYDAY_SHARE:
            shown = [name for name in TAG_NAMES if name != "home_city"]
            tag = shown[int(rng.integers(len(shown)))]
            value = persona.tags[tag][int(rng.integers(len(persona.tags[tag])))]
        asks.append(
            DesireAsk(
                persona=persona,
                tag=tag,
                value=value,
                known=_known_wants(world, rng, tag, value),
                categories=categories,
                leans={name: doc for name, doc in persona.likes.items() if tells[name] <= {tag}},
                items=NEW_ITEMS,
            )
        )
    return asks


def _known_wants(world: World, rng: np.random.Generator, tag: str, value: str) -> tuple[str, ...]:
    """Wants of the same group, a handful of them where there are many."""
    found = [d.want for d in world.desires if d.tag == tag and (not tag or value in d.values)]
    chosen = rng.permutation(len(found))[:MOST_KNOWN]
    return tuple(found[place] for place in sorted(chosen.tolist()))
