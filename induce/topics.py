"""What an event of a session is about: its category, else what its entity shares with others there."""

import re

import polars as pl

from induce.coded_events import BLANK, CodedEvents

CATEGORY, KEY, ENTITY, NOTHING = range(4)
"""Kinds of topics: a category's code, a shared key's number, an entity's code, none."""

_MOST_KEYS = 8
"""Keys an entity has at most, so that a log of long titles does not grow tenfold."""

_WORDS = re.compile(r"[^\W_]+")
# Han, kana and Hangul: written without blanks between words, or with endings at them.
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")


def topic_keys(text: str) -> list[str]:
    """What two entities of one topic may share: the head word first, then pairs of neighbours.

    The head is the last word, without a plural s; in scripts without blanks keys are pairs of characters.
    Pairs follow from the last, _MOST_KEYS keys in all. Single words other than the head link nothing: colours
    and materials would tie a basket together.

    Example:
        topic_keys("Spaceboy Lunch Bags") == ["bag", "lunch bag", "spaceboy lunch"]
    """
    folded = text.casefold()
    pairs = [run[i : i + 2] for run in _CJK.findall(folded) for i in reversed(range(max(1, len(run) - 1)))]
    words = [_singular(word) for word in _WORDS.findall(_CJK.sub(" ", folded))]
    heads = [word for word in words[-1:] if len(word) > 2 and not word.isdigit()]
    both = [f"{left} {right}" for left, right in zip(words, words[1:], strict=False)][::-1]
    return list(dict.fromkeys([*pairs[:1], *heads, *pairs[1:], *both]))[:_MOST_KEYS]


def with_topics(coded: CodedEvents) -> pl.DataFrame:
    """`coded.frame` with `kind` and `topic`, which tell apart what its user did in a session and source.

    An event is about its category; without one, about that which its entity has most often there; without
    such, about the key (`topic_keys`) that most entities there share, and the category that goes most
    often with it there; with a key that no other has, about its entity; without an entity about nothing
    told. Each entity takes one key alone, so that no chain of pairwise likeness ties a basket together.
    """
    frame = coded.frame
    own = frame["category"] != BLANK
    if own.all():
        return frame.with_columns(kind=pl.lit(CATEGORY), topic="category")
    places = frame.filter(~own & (pl.col("entity") != BLANK))["place"].unique()
    things = frame.filter((pl.col("entity") != BLANK) & pl.col("place").is_in(places.implode()))
    pairs = things.select("place", "entity", "category").filter(pl.col("category") != BLANK)
    of_entity = _most_frequent(pairs, ["place", "entity"]).rename({"category": "of_entity"})
    left = (
        things.select("place", "entity", "category")
        .filter(pl.col("category") == BLANK)
        .select("place", "entity")
        .unique()
        .join(of_entity, on=["place", "entity"], how="left")
    )
    keyed = _keyed(coded.entities, things.select("place", "entity").unique())
    open_pairs = left.filter(pl.col("of_entity").is_null()).select("place", "entity")
    chosen = (
        keyed.with_columns(shared=pl.len().over("place", "key"))
        .filter(pl.col("shared") > 1)
        .join(open_pairs, on=["place", "entity"], how="semi")
        .sort("place", "entity", "shared", "rank", descending=[False, False, True, False])
        .unique(["place", "entity"], keep="first", maintain_order=True)
        .select("place", "entity", "key")
    )
    of_key = _most_frequent(
        of_entity.rename({"of_entity": "category"}).join(keyed, on=["place", "entity"]), ["place", "key"]
    ).rename({"category": "of_key"})
    told = left.join(chosen, on=["place", "entity"], how="left").join(
        of_key, on=["place", "key"], how="left", nulls_equal=False
    )
    merged = frame.join(told, on=["place", "entity"], how="left", maintain_order="left")
    category = pl.coalesce(pl.col("category").replace(BLANK, None), "of_entity", "of_key")
    nothing = pl.col("entity") == BLANK
    return merged.with_columns(
        kind=pl.when(category.is_not_null())
        .then(pl.lit(CATEGORY))
        .when(nothing)
        .then(pl.lit(NOTHING))
        .when(pl.col("key").is_not_null())
        .then(pl.lit(KEY))
        .otherwise(pl.lit(ENTITY)),
        topic=pl.coalesce(category, pl.when(~nothing).then("key"), "entity"),
    ).drop("of_entity", "key", "of_key")


def _most_frequent(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The most frequent `category` (ties: the first by name) by `by`."""
    counts = rows.group_by(*by, "category").len()
    best = counts.sort(*by, "len", "category", descending=[*(False for _ in by), True, False])
    return best.unique(by, keep="first", maintain_order=True).drop("len")


def _keyed(entities: list[str], pairs: pl.DataFrame) -> pl.DataFrame:
    """`pairs` (`place`, `entity`) times the keys of the entity: `key` (number) and its `rank`."""
    codes = pairs["entity"].unique().sort()
    keys = [topic_keys(entities[code]) for code in codes.to_list()]
    table = pl.DataFrame([codes, pl.Series("key", keys, dtype=pl.List(pl.String))])
    table = table.with_columns(rank=pl.int_ranges(pl.col("key").list.len())).explode("key", "rank")
    table = table.drop_nulls("key").with_columns(pl.col("key").rank("dense").cast(pl.Int64))
    return pairs.join(table, on="entity")


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes")) else word[:-1]
