"""Summaries that models wrote, each read by a person: what it states was written down before the extractor
was run.

One reader of the project read the texts in `readings.jsonl`, and noted for every tag the value that the text
gives to the user, without the extractor's reading at hand. A line is `{"arm", "user", "text", "stated"}`;
`arm` names the model.
"""

import json
from collections.abc import Sequence
from importlib.resources import files

from hprbench.validation.grammar import Summary

READINGS = "readings.jsonl"


def read_by_hand() -> tuple[list[Summary], Sequence[str]]:
    """The summaries with what they state, and the cities that the extractor is told."""
    lines = files("hprbench.validation").joinpath(READINGS).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    summaries = [
        Summary(
            text=row["text"],
            stated={tag: tuple(values) for tag, values in row["stated"].items()},
            implied={},
        )
        for row in rows
    ]
    return summaries, sorted({city for s in summaries for city in s.stated.get("home_city", ())})
