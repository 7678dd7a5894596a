"""Histories within a token budget: which slices fit, and how they read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.errors import UserError
from records.events import HISTORY_SCHEMA
from semantize.greedy import Ints, fill
from semantize.sizes import PieceCounter, Sizes, line_head, measure
from semantize.slices import Slices, shown_events

Mask = NDArray[np.bool_]
Cuts = Mapping[int, list[str]]
"""Slices that show fewer entities than they have: row → what they show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Histories (HISTORY_SCHEMA) in the order of users.

    `users`: those of `Slices` with `tokens` of the whole history, its `lines`, the `slices` it had to choose
    from, and `no_room`, events shown in slices that found none; what one too large for a line shows no more
    counts as shown. `recounted`: users for whom tokens of pieces did not add up.
    """

    histories: pl.DataFrame
    users: pl.DataFrame
    recounted: int


def fit(slices: Slices, budget: int, count: PieceCounter) -> Fitted:
    """Every user's slices by falling salience (ties: the later first), each taken if the history then fits.

    Never over: every finished history is counted as it reads, numbers and line ends included. Full: no slice
    left out would fit beside the more salient ones. Whole: no slice is cut, unless not one of a user's fits;
    then the most salient shows fewer entities, at last a shortened one.

    Where a finished history does not have the tokens of its pieces together, as the tokenizer joins across
    them, the user's slices are fitted again by counting whole texts.

    Raises:
        UserError: the budget is too small for the bracketed part of a line.
    """
    sizes = measure(slices, budget, count)
    users = slices.table["user_id"].rle_id().to_numpy().astype(np.int64)
    rows = np.arange(len(users))
    ranked = np.lexsort((-rows, -slices.table["salience"].to_numpy(), users))
    begin = np.flatnonzero(np.append(True, users[1:] != users[:-1])[: len(users)])
    end = np.append(begin[1:], len(users))
    kept = np.zeros(len(users), dtype=bool)
    kept[ranked] = fill(sizes.lines[ranked], sizes.last[ranked], ranked, begin, end, sizes.numbers, budget)

    lines = _lines(slices, np.flatnonzero(kept), {})
    tokens = _tokens(lines, users, count)
    wrong = np.flatnonzero(tokens != _added_up(sizes, kept, users, begin))
    cuts: dict[int, list[str]] = {}
    for user in wrong.tolist():
        mine = ranked[begin[user] : end[user]]
        kept[mine] = False
        kept[_by_whole_texts(slices, mine, sizes, budget, count)] = True
    for user in np.flatnonzero(np.bincount(users[kept], minlength=len(begin)) == 0).tolist():
        best = int(ranked[begin[user]])
        kept[best] = True
        cuts[best] = _cut(slices, best, budget, count)
    if len(wrong) or cuts:
        lines = _lines(slices, np.flatnonzero(kept), cuts)
        tokens = _tokens(lines, users, count)
    return Fitted(
        histories=_histories(lines, slices),
        users=slices.users.with_columns(
            no_room=pl.Series(
                np.bincount(users, np.where(kept, 0, shown_events(slices)), minlength=len(begin)).astype(
                    np.int64
                )
            ),
            tokens=pl.Series(tokens),
            lines=pl.Series(np.bincount(users[kept], minlength=len(begin))),
            slices=pl.Series(end - begin),
        ),
        recounted=len(wrong),
    )


def bodies(slices: Slices, rows: Ints, cuts: Cuts | None = None) -> pl.DataFrame:
    """How the slices `rows` (rising) read without their numbers: `slice`, `user_id`, `body`, `entities`,
    `entity_events`. Slices in `cuts` show no notes."""
    shown = (
        slices.shown.filter(pl.col("slice").is_in(rows)) if len(rows) < len(slices.table) else slices.shown
    )
    names = pl.Series(slices.entities, dtype=pl.String)
    notes = pl.Series(slices.notes, dtype=pl.String)
    listed = (
        shown.with_columns(entity=names.gather(shown["entity"]), note=notes.gather(shown["note"]))
        .with_columns(text=pl.col("entity") + pl.col("note"))
        .group_by("slice", maintain_order=True)
        .agg(entities="entity", entity_events="events", texts="text")
    )
    if cuts:
        listed = _with_cuts(listed, cuts)
    frame = slices.table[rows].with_columns(
        listed.select("entities", "entity_events", "texts"), slice=pl.Series(rows)
    )
    return frame.select(
        "slice",
        "user_id",
        "entities",
        "entity_events",
        body=pl.format("{} {}", line_head(), pl.col("texts").list.join(", ")),
    )


def _with_cuts(listed: pl.DataFrame, cuts: Cuts) -> pl.DataFrame:
    cut = pl.DataFrame(
        {"slice": list(cuts), "cut": list(cuts.values())},
        schema={"slice": pl.Int64, "cut": pl.List(pl.String)},
    )
    joined = listed.join(cut, on="slice", how="left", maintain_order="left")
    length = pl.coalesce(pl.col("cut").list.len(), pl.col("entities").list.len())
    return joined.select(
        "slice",
        entities=pl.coalesce("cut", "entities"),
        texts=pl.coalesce("cut", "texts"),
        entity_events=pl.col("entity_events").list.head(length),
    )


def _lines(slices: Slices, rows: Ints, cuts: Cuts) -> pl.DataFrame:
    """`bodies` with `line` and `text`, numbered in each user."""
    frame = bodies(slices, rows, cuts)
    line = pl.int_range(1, pl.len() + 1).over("user_id")
    return frame.with_columns(line=line).with_columns(text=pl.format("#{} {}", "line", "body"))


def _tokens(lines: pl.DataFrame, users: Ints, count: PieceCounter) -> Ints:
    """Tokens of every user's history; 0 where it has no line."""
    texts = (
        lines.select("text", user=pl.Series(users[lines["slice"].to_numpy()]))
        .group_by("user", maintain_order=True)
        .agg(pl.col("text").str.join("\n"))
    )
    tokens = np.zeros(int(users.max(initial=-1)) + 1, dtype=np.int64)
    tokens[texts["user"].to_numpy()] = count.count_tokens(texts["text"].to_list())
    return tokens


def _added_up(sizes: Sizes, kept: Mask, users: Ints, begin: Ints) -> Ints:
    """Tokens of every user's history by its pieces; 0 where it has no line."""
    rows = np.flatnonzero(kept)
    total = np.zeros(len(begin), dtype=np.int64)
    np.add.at(total, users[rows], sizes.lines[rows])
    count = np.bincount(users[rows], minlength=len(begin))
    last = np.full(len(begin), -1)
    last[users[rows]] = rows  # the greatest of a user is written last
    return np.asarray(total + sizes.numbers[count] + np.where(count > 0, sizes.last[last], 0))


def _by_whole_texts(
    slices: Slices, ranked: Ints, sizes: Sizes, budget: int, count: PieceCounter
) -> list[int]:
    """The slices of one user that fit, `ranked` by falling salience, each try counted as it reads.

    A slice is not tried where its pieces exceed the room by more than a token each.
    """
    rows = np.sort(ranked)
    texts = dict(bodies(slices, rows).select("slice", "body").iter_rows())
    chosen: list[int] = []
    tokens = 0
    for row in ranked.tolist():
        if tokens + sizes.lines[row] - sizes.pieces[row] > budget:
            continue
        tried = sorted([*chosen, row])
        text = "\n".join(f"#{number} {texts[each]}" for number, each in enumerate(tried, start=1))
        if (total := count.count_tokens([text])[0]) <= budget:
            chosen, tokens = tried, total
    return chosen


def _cut(slices: Slices, row: int, budget: int, count: PieceCounter) -> list[str]:
    """What the only line of a history shows to fit: fewer entities, else half, a quarter … of the first."""
    (user,), (head,) = slices.table[row].select("user_id", line_head()).get_columns()
    shown = slices.shown.filter(pl.col("slice") == row)["entity"]
    entities = [slices.entities[number] for number in shown.to_list()]
    choices: list[Sequence[str]] = [entities[:number] for number in range(len(entities), 0, -1)]
    length = len(entities[0]) // 2
    while length:
        choices.append([entities[0][:length].strip()])
        length //= 2
    tokens = count.count_tokens([f"#1 {head} {', '.join(choice)}" for choice in choices])
    for choice, number in zip(choices, tokens, strict=True):
        if number <= budget:
            return list(choice)
    raise UserError(
        f"semantize.token_budget={budget} is too small: one line of user {user!r} alone takes "
        f"{min(tokens, default=budget + 1)} tokens; raise it"
    )


def _histories(lines: pl.DataFrame, slices: Slices) -> pl.DataFrame:
    """`lines` with the ids of the events behind what they show, entity by entity, each in time order."""
    shown = (
        slices.shown.join(lines.select("slice", shows=pl.col("entities").list.len()), on="slice")
        .with_columns(rank=pl.int_range(pl.len()).over("slice"))
        .filter(pl.col("rank") < pl.col("shows"))
        .select("slice", "entity", "rank")
    )
    ids = (
        slices.behind.join(shown, on=["slice", "entity"], maintain_order="left")
        .sort("slice", "rank", maintain_order=True)
        .group_by("slice", maintain_order=True)
        .agg(event_ids="event_id")
    )
    return lines.join(ids, on="slice", how="left", maintain_order="left").select(
        pl.col(name).cast(kind) for name, kind in HISTORY_SCHEMA.items()
    )
