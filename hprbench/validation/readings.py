"""Summaries that models wrote, each read by a person before the extractor was run on it.

One reader of the project read the texts and noted for every tag the values that a text gives to the user,
those of garbled sentences where their sense is plain; of values that exclude each other, both. No rule was
written or changed after these texts.

A line of `readings.jsonl` is `{"arm", "text", "stated"}`. Half of the texts are of a small model trained on
the project's own sentences, drawn by a seed; half are the first 50 that a pretrained chat model wrote about
lists of random tags, in its own and often odd words. `arm` says which.
"""

import json
from collections.abc import Sequence
from importlib.resources import files

from hprbench.validation.grammar import Summary, implied_by

READINGS = "readings.jsonl"


def read_by_hand() -> tuple[list[Summary], Sequence[str]]:
    """The summaries with what they state, and the cities that the extractor is told."""
    text = files("hprbench.validation").joinpath(READINGS).read_text(encoding="utf-8")
    summaries = []
    for row in map(json.loads, text.splitlines()):
        stated = {tag: tuple(values) for tag, values in row["stated"].items()}
        summaries.append(
            Summary(text=row["text"], stated=stated, implied=implied_by(stated), source=row["arm"])
        )
    return summaries, sorted({city for one in summaries for city in one.stated.get("home_city", ())})
