"""A world made larger by an author: asked, reviewed, and loaded before any of it is written."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from records.simulation import SimulateConfig
from simulate.author.acceptance import DesireReview, Outcome, TextReview, owners_of_texts
from simulate.author.additions import Addition, NewTexts, loadable
from simulate.author.asks import QUERY, desire_asks, text_asks
from simulate.author.protocol import Author
from simulate.titles import write_titles
from simulate.world_reader import load_world

TITLES, QUERIES, DESIRES, ITEMS = WORKS = ("titles", "queries", "desires", "new items")
"""What is counted; new items are asked for along with their desire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What is added to a world, how many asks there were, what became of the proposals, by WORKS.

    `errors` are those of additions with which the world would not have loaded.
    """

    additions: tuple[Addition, ...]
    asks: dict[str, int]
    outcomes: dict[str, Outcome]
    errors: tuple[str, ...]


def expand(
    config: SimulateConfig,
    seed: int,
    author: Author,
    *,
    items: int | None,
    desires: int,
    stage: Callable[[str], AbstractContextManager[Any]] = nullcontext,
) -> Expansion:
    """Ask for texts of the first `items` items of the world (None: all) and for `desires` new desires.

    The author is called within `stage(one of WORKS)`. The stacked world loads with all that is returned.

    Raises:
        UserError: the world does not load, or the author gives up.
    """
    world = load_world(config)
    composed = write_titles(world, config)
    owners = owners_of_texts(world, composed)
    titles, queries = text_asks(world, config, composed, world.items[:items])
    wishes = desire_asks(world, config, seed, desires)
    texts = TextReview(world, owners)

    with stage(TITLES):
        written = author.write_titles(titles)
    new_titles, of_titles = texts.review(titles, written)
    with stage(QUERIES):
        worded = author.word_intents(queries)
    new_queries, of_queries = texts.review(queries, worded)
    with stage(DESIRES):
        mined = author.mine_desires(wishes)
    new_desires, of_desires, of_items = DesireReview(world, owners).review(mined)

    kept, refused = loadable(config, [*_merged([*new_titles, *new_queries]), *new_desires])
    for one, _ in refused:
        if isinstance(one, NewTexts):
            for kind, lost in one.texts.items():
                (of_queries if kind == QUERY else of_titles).withdraw(len(lost), "does_not_load")
        else:
            of_desires.withdraw(1, "does_not_load")
            of_items.withdraw(len(one.items), "does_not_load")
    return Expansion(
        additions=tuple(kept),
        asks={TITLES: len(titles), QUERIES: len(queries), DESIRES: len(wishes), ITEMS: 0},
        outcomes={TITLES: of_titles, QUERIES: of_queries, DESIRES: of_desires, ITEMS: of_items},
        errors=tuple(error for _, error in refused),
    )


def _merged(texts: Sequence[NewTexts]) -> list[NewTexts]:
    """One entry an item."""
    found: dict[str, NewTexts] = {}
    for new in texts:
        before = found[new.item.name].texts if new.item.name in found else {}
        found[new.item.name] = NewTexts(item=new.item, texts={**before, **new.texts})
    return list(found.values())
