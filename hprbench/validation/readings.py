"""Summaries that models wrote, each read by one reader of the project before the extractor was run on it.

The reader noted for every tag the values that a text gives to the user, those of garbled sentences where
their sense is plain; of values that exclude each other, both. No rule was written by a text of these; their
figures by tag and commonest mistakes, as values, were seen while rules were mended.

A line of `readings.jsonl` is `{"arm", "text", "stated"}`. Half of the texts are of a small model trained on
the project's own sentences, drawn by a seed; half are the first 50 that a pretrained chat model wrote about
lists of random tags, in its own and often odd words. `arm` says which.
"""

import json
from collections.abc import Sequence
from importlib.resources import files

from hprbench.validation.grammar import Summary, implied_by
from records.simulation import SimulateConfig
from simulate.world_reader import load_world

READINGS = "readings.jsonl"


def read_by_hand() -> tuple[list[Summary], Sequence[str]]:
    """The summaries with what they state, and the cities that the extractor is told.

    These are all cities of the shipped world and those that the texts state, so that a city which a text only
    names can be mistaken for the home.
    """
    text = files("hprbench.validation").joinpath(READINGS).read_text(encoding="utf-8")
    summaries = []
    for row in map(json.loads, text.splitlines()):
        stated = {tag: tuple(values) for tag, values in row["stated"].items()}
        summaries.append(
            Summary(text=row["text"], stated=stated, implied=implied_by(stated), source=row["arm"])
        )
    stated_cities = {city for one in summaries for city in one.stated.get("home_city", ())}
    return summaries, sorted(stated_cities.union(load_world(SimulateConfig()).city_names))
