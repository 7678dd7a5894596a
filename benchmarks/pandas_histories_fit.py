"""The greedy fit of the tuned pandas peer: which slices a user's token budget holds, and how they read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.pandas_columns import TEXT, Array, arrow, joined, lists, take, together
from records.errors import UserError

CountTokens = Callable[[Sequence[str]], list[int]]

_ENDS = [",", "\n", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """Slices of users and what they show.

    `table`: a row a slice by user and time; `user` (code), `head` (bracketed part of its line), `salience`.
    `shown`: `slice`, `entity` (row of `entities`), `events` and `note` (row of `notes`), best first in each
    slice.
    `behind`: `event` (row of the timelines), sorted by the row of `shown` that it stands behind, and by time.
    """

    table: pd.DataFrame
    shown: pd.DataFrame
    behind: Array
    entities: pd.Series
    notes: pd.Series


def fit(slices: Slices, events: pd.DataFrame, budget: int, count_tokens: CountTokens) -> pa.Table:
    """Histories: of every user the slices by falling salience (ties: the later first) that fit the budget.

    Finished texts are counted; where pieces did not add up, the user's slices are tried by whole texts. A
    user none of whose slices fits gets the most salient, cut.

    Raises:
        UserError: the budget is too small for the bracketed part of a line.
    """
    sizes = _measured(slices, budget, count_tokens)
    user = slices.table["user"].to_numpy()
    ranked = np.lexsort((-np.arange(len(user)), -slices.table["salience"].to_numpy(), user))
    slices_of = np.bincount(user)
    first = np.cumsum(slices_of) - slices_of
    kept = _filled(sizes, ranked, first, slices_of, budget)

    told = slices.shown["slice"].to_numpy()
    names = arrow(slices.entities.take(slices.shown["entity"]))
    texts = together(names, arrow(slices.notes.take(slices.shown["note"])))
    lines = _lines(slices, kept, kept[told], texts)
    tokens = _history_tokens(lines, user[kept], len(first), count_tokens)
    wrong = np.flatnonzero(tokens != sizes.added_up(kept, user))
    for one in wrong:
        mine = ranked[first[one] : first[one] + slices_of[one]]
        kept[mine] = False
        kept[_fitting(mine, slices, texts, sizes, budget, count_tokens)] = True
    is_told = kept[told]
    lone = ranked[first[np.bincount(user, kept) == 0]]
    for one in lone:
        begin, end = np.searchsorted(told, [one, one + 1])
        head = slices.table["head"].iloc[one]
        cut = _cut(head, names[begin:end].to_pylist(), budget, count_tokens)
        if cut is None:
            owner = events["user_id"].cat.categories[user[one]]
            raise UserError(
                f"semantize.token_budget={budget} is too small for a line of user {owner!r}; raise it"
            )
        is_told[begin : begin + len(cut)] = True
        names, texts = (
            pa.concat_arrays([shown[:begin], pa.array(cut, TEXT), shown[begin + len(cut) :]])
            for shown in (names, texts)
        )
    if len(wrong) or len(lone):
        kept[lone] = True
        lines = _lines(slices, kept, is_told, texts)

    events_behind = slices.shown["events"].to_numpy()
    behind = slices.behind[np.repeat(is_told, events_behind)]
    lengths, users = np.bincount(told[is_told], minlength=len(user))[kept], slices.table["user"][kept]
    of_line = np.bincount(told[is_told], events_behind[is_told], minlength=len(user))[kept].astype(np.int64)
    return pa.table(
        {
            "user_id": take(events["user_id"].cat.categories, users),
            "line": users.groupby(users).cumcount() + 1,
            "text": lines,
            "event_ids": lists(arrow(events["event_id"].take(behind)), of_line),
            "entities": lists(names.filter(pa.array(is_told)), lengths),
            "entity_events": lists(pa.array(events_behind[is_told]), lengths),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """Tokens of each slice's line, without its number and with its line end.

    `last` is what a line takes more without its line end, `numbers[k]` what #1 … #k take together, `pieces`
    how many pieces a line has.
    """

    lines: Array
    last: Array
    numbers: Array
    pieces: Array

    def added_up(self, kept: Array, user: Array) -> Array:
        """Tokens of every user's history by its pieces; 0 where it has no line."""
        count = np.bincount(user, kept).astype(np.int64)
        last = pd.Series(self.last[kept]).groupby(user[kept]).last().reindex(range(len(count)), fill_value=0)
        total = np.bincount(user, np.where(kept, self.lines, 0)).astype(np.int64)
        added: Array = total + self.numbers[count] + last.to_numpy()
        return added


def _measured(slices: Slices, budget: int, count_tokens: CountTokens) -> _Sizes:
    """Sizes by pieces, each counted once: bracketed parts, entities with the comma before them, notes."""
    heads = slices.table["head"].astype("category").cat
    lines = np.array(count_tokens([f" {head}" for head in heads.categories]))[heads.codes]
    told, entity, note = (slices.shown[name].to_numpy() for name in ("slice", "entity", "note"))
    place, used = pd.factorize(entity)
    names = slices.entities.iloc[used].to_list()
    (comma,) = count_tokens([","])
    unnoted = [np.array(count_tokens([f", {name}{end}" for name in names]))[place] - comma for end in _ENDS]
    noted = [
        unnoted[-1] + np.array(count_tokens([f"{text}{end}" for text in slices.notes]))[note] for end in _ENDS
    ]
    is_noted = (slices.notes != "").to_numpy()[note]
    inner, ending, bare = np.where(is_noted, noted, unnoted)
    is_end = np.append(told[1:] != told[:-1], True)
    lines = lines + np.bincount(told, np.where(is_end, ending, inner)).astype(np.int64)
    most = min(len(lines), budget // max(1, lines.min()) + 1)
    return _Sizes(
        lines=lines,
        last=(bare - ending)[is_end],
        numbers=np.cumsum([0, *count_tokens([f"#{number}" for number in range(1, most + 1)])]),
        pieces=2 + np.bincount(told, 1 + is_noted).astype(np.int64),
    )


def _filled(sizes: _Sizes, ranked: Array, first: Array, slices_of: Array, budget: int) -> Array:
    """Which slices are kept. One step a rank: each user's slice of that rank is taken if all then fits.

    `ranked` are the slices by user and rank; user u has `slices_of[u]` of them from `first[u]` on.
    """
    kept = np.zeros(len(ranked), dtype=bool)
    used, count, last = np.zeros((3, len(first)), dtype=np.int64)
    latest = np.full(len(first), -1)
    for rank in range(slices_of.max()):
        users = np.flatnonzero(slices_of > rank)
        row = ranked[first[users] + rank]
        ends = np.where(row > latest[users], sizes.last[row], last[users])
        numbers = sizes.numbers[np.minimum(count[users] + 1, len(sizes.numbers) - 1)]
        fits = used[users] + sizes.lines[row] + numbers + ends <= budget
        users, row = users[fits], row[fits]
        kept[row] = True
        used[users] += sizes.lines[row]
        count[users] += 1
        last[users] = ends[fits]
        latest[users] = np.maximum(latest[users], row)
    return kept


def _lines(slices: Slices, kept: Array, is_told: Array, texts: pa.Array) -> pa.Array:
    """Finished lines of the slices `kept`, numbered in each user; they show the `texts` that `is_told`."""
    told = slices.shown["slice"].to_numpy()[is_told]
    shown = joined(texts.filter(pa.array(is_told)), np.bincount(told, minlength=len(kept))[kept], ", ")
    table = slices.table[kept]
    number = (table.groupby("user").cumcount() + 1).astype("str")
    return together(arrow("#" + number + " " + table["head"] + " "), shown)


def _history_tokens(lines: pa.Array, user: Array, users: int, count_tokens: CountTokens) -> Array:
    """Tokens of every user's history, counted as it reads; 0 where it has no line."""
    count = np.bincount(user, minlength=users)
    tokens = np.zeros(users, dtype=np.int64)
    tokens[count > 0] = count_tokens(joined(lines, count[count > 0], "\n").to_pylist())
    return tokens


def _fitting(
    ranked: Array, slices: Slices, texts: pa.Array, sizes: _Sizes, budget: int, count_tokens: CountTokens
) -> list[int]:
    """The slices of one user that fit, `ranked` by falling salience, each try counted as it reads.

    A slice is not tried where its pieces exceed the room by more than a token each.
    """
    mine = np.zeros(len(slices.table), dtype=bool)
    mine[ranked] = True
    numbered = _lines(slices, mine, mine[slices.shown["slice"].to_numpy()], texts).to_pylist()
    bodies = {row: text.partition(" ")[2] for row, text in zip(np.flatnonzero(mine), numbered, strict=True)}
    chosen: list[int] = []
    tokens = 0
    for row in ranked:
        if tokens + sizes.lines[row] - sizes.pieces[row] <= budget:
            tried = sorted([*chosen, row])
            text = "\n".join(f"#{number} {bodies[one]}" for number, one in enumerate(tried, start=1))
            if (total := count_tokens([text])[0]) <= budget:
                chosen, tokens = tried, total
    return chosen


def _cut(head: str, names: list[str], budget: int, count_tokens: CountTokens) -> list[str] | None:
    """What a history's only line shows to fit, without notes: all names, fewer, half, … of the first."""
    choices = [names[:number] for number in range(len(names), 0, -1)]
    halvings = range(1, len(names[0]).bit_length())
    choices += [[names[0][: len(names[0]) >> halving].strip()] for halving in halvings]
    tokens = count_tokens([f"#1 {head} {', '.join(choice)}" for choice in choices])
    return next((choice for choice, size in zip(choices, tokens, strict=True) if size <= budget), None)
