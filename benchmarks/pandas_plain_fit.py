"""The greedy fit of the plain pandas peer: which slices a user's token budget holds, and how they read."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import pandas as pd

from records.errors import UserError

CountTokens = Callable[[Sequence[str]], list[int]]


def fit(
    slices: pd.DataFrame, shown: pd.DataFrame, events: pd.DataFrame, budget: int, count_tokens: CountTokens
) -> pd.DataFrame:
    """Histories: of every user the slices by falling salience (ties: the later first) that fit the budget.

    Finished texts are counted; where pieces did not add up, the user's slices are tried by whole texts. A
    user none of whose slices fits gets the most salient, cut.

    Raises:
        UserError: the budget is too small for the bracketed part of a line.
    """
    slices = _measured(slices, shown, count_tokens)
    shown = shown.assign(name=shown["entity"])
    most = min(len(slices), budget // max(1, slices["tokens"].min()) + 1)
    numbers = list(accumulate(count_tokens([f"#{number}" for number in range(1, most + 1)]), initial=0))
    ranked = slices.rename_axis("slice").sort_values(
        ["user_id", "salience", "slice"], ascending=[True, False, False]
    )
    chosen = {user: _fitting(mine, numbers, budget) for user, mine in ranked.groupby("user_id")}

    lines = _lines(slices, shown, chosen)
    users = lines.groupby("user_id")
    sums = users["tokens"].sum() + users["ending"].last() + users.size().map(lambda count: numbers[count])
    tokens = count_tokens(users["text"].agg("\n".join).to_list())
    wrong = sums.index[sums != tokens]
    for user in wrong:
        chosen[user] = _fitting_whole(ranked[ranked["user_id"] == user], slices, shown, budget, count_tokens)
    best = ranked.drop_duplicates("user_id")
    lone = best[best["user_id"].map(chosen).str.len() == 0]
    for row, user, head in lone[["user_id", "head"]].itertuples(name=None):
        chosen[user] = [row]
        names = shown[shown["slice"] == row]
        cut = _cut(head, names["entity"].to_list(), budget, count_tokens)
        if not cut:
            raise UserError(
                f"semantize.token_budget={budget} is too small for a line of user {user!r}; raise it"
            )
        shown.loc[names.index[: len(cut)], "name"] = cut
        shown.loc[names.index, "note"] = ""
        shown = shown.drop(names.index[len(cut) :])

    if len(wrong) or len(lone):
        lines = _lines(slices, shown, chosen)
    behind = shown[shown["slice"].isin(lines.index)].reset_index(names="place")
    behind = events[["slice", "entity", "event_id"]].merge(behind, on=["slice", "entity"])
    lines["event_ids"] = behind.sort_values("place", kind="stable").groupby("slice")["event_id"].agg(list)
    return lines[["user_id", "line", "text", "event_ids", "entities", "entity_events"]]


def _measured(slices: pd.DataFrame, shown: pd.DataFrame, count_tokens: CountTokens) -> pd.DataFrame:
    """`slices` with `tokens` of their lines by `pieces`: bracketed part, entities with the comma before them,
    notes.

    A line is counted without its number and with its line end; without that it takes `ending` more.
    """

    def counted(column: pd.Series, form: str) -> pd.Series:
        distinct = column.unique().tolist()
        tokens = count_tokens([form.format(text) for text in distinct])
        return column.map(dict(zip(distinct, tokens, strict=True)))

    (comma,) = count_tokens([","])
    unnoted = {end: counted(shown["entity"], f", {{}}{end}") - comma for end in (",", "\n", "")}
    is_noted = shown["note"] != ""
    inner, last, bare = (
        tokens.mask(is_noted, unnoted[""] + counted(shown["note"], f"{{}}{end}"))
        for end, tokens in unnoted.items()
    )
    is_last = ~shown["slice"].duplicated(keep="last")
    shown = shown.assign(tokens=inner.mask(is_last, last), ending=bare - last, pieces=1 + is_noted)
    sizes = shown.groupby("slice")
    return slices.assign(
        tokens=counted(slices["head"], " {}") + sizes["tokens"].sum(),
        ending=sizes["ending"].last(),
        pieces=sizes["pieces"].sum() + 2,
    )


def _lines(slices: pd.DataFrame, shown: pd.DataFrame, chosen: dict[str, list[int]]) -> pd.DataFrame:
    """The slices of each user that are `chosen`, with what they show and their finished text."""
    rows = [row for mine in chosen.values() for row in mine]
    told = shown[shown["slice"].isin(rows)]
    told = told.assign(text=told["name"] + told["note"]).groupby("slice")
    told = told.agg(entities=("name", list), entity_events=("events", list), texts=("text", ", ".join))
    lines = slices.join(told, how="inner")
    lines["line"] = lines.groupby("user_id").cumcount() + 1
    number = "#" + lines["line"].astype("str")
    return lines.assign(text=number + " " + lines["head"] + " " + lines["texts"])


def _fitting(ranked: pd.DataFrame, numbers: list[int], budget: int) -> list[int]:
    """The slices of one user that fit by their pieces, `ranked` by falling salience.

    `numbers[k]` are the tokens of #1 … #k.
    """
    chosen: list[int] = []
    used, ending, latest = 0, 0, -1
    for row, tokens, own_ending in ranked[["tokens", "ending"]].itertuples(name=None):
        then_ending = own_ending if row > latest else ending
        number = numbers[min(len(chosen) + 1, len(numbers) - 1)]
        if used + tokens + number + then_ending <= budget:
            chosen.append(row)
            used, ending, latest = used + tokens, then_ending, max(row, latest)
    return chosen


def _fitting_whole(
    ranked: pd.DataFrame, slices: pd.DataFrame, shown: pd.DataFrame, budget: int, count_tokens: CountTokens
) -> list[int]:
    """The slices of one user that fit, `ranked` by falling salience, each try counted as it reads.

    A slice is not tried where its pieces exceed the room by more than a token each.
    """
    lines = _lines(slices, shown, {"": ranked.index.to_list()})
    bodies = lines["text"].str.split(" ", n=1).str[1].to_dict()
    chosen: list[int] = []
    used = 0
    for row, tokens, pieces in ranked[["tokens", "pieces"]].itertuples(name=None):
        if used + tokens - pieces <= budget:
            tried = sorted([*chosen, row])
            text = "\n".join(f"#{number} {bodies[one]}" for number, one in enumerate(tried, start=1))
            if (total := count_tokens([text])[0]) <= budget:
                chosen, used = tried, total
    return chosen


def _cut(head: str, names: list[str], budget: int, count_tokens: CountTokens) -> list[str]:
    """What a history's only line shows to fit, without notes: all names, fewer, half, … of the first."""
    choices = [names[:number] for number in range(len(names), 0, -1)]
    halvings = range(1, len(names[0]).bit_length())
    choices += [[names[0][: len(names[0]) >> halving].strip()] for halving in halvings]
    tokens = count_tokens([f"#1 {head} {', '.join(choice)}" for choice in choices])
    return next((choice for choice, size in zip(choices, tokens, strict=True) if size <= budget), [])
