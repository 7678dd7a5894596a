"""The token budget: never over, full, whole, whatever the tokenizer joins."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.plain import PlainTokenizer
from lm.tokenizer import train_tokenizer
from records.errors import UserError
from records.history import histories_of
from semantize.budget import bodies, fit
from semantize.sizes import PieceCounter
from semantize.slices import Slices

Count = Callable[[Sequence[str]], list[int]]
NOTES = ["", " ×2", " ×13 ~night", " ~morning"]
ENTITIES = ["Extraordinary", "Tea", "Wet Wipes", "婴儿湿巾", "‹/im_end/›(x)"]


def words(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def merging(texts: Sequence[str]) -> list[int]:
    """As a BPE that knows " [", "#1" and "#1x" as one token each."""
    return [len(re.findall(r"\n|#1\d?|#| \[|\w{1,4}|\s|[^\w\s]", text)) for text in texts]


def joining(texts: Sequence[str]) -> list[int]:
    """Joins across pieces and lines: no sum of pieces tells its tokens."""
    return [len(re.findall(r"\w\n#|, \w+|\w+|[^\w\s]|\s", text)) for text in texts]


TRAINED = PlainTokenizer(
    train_tokenizer(
        [
            f"\n#{n} [Source: Shop] [TIME: 2026-0{n % 9 + 1}] [TYPE: Order] [COUNT: {n}] "
            "| Tea, Tea ×2, Wet Wipes ×13 ~night"
            for n in range(99)
        ],
        600,
    ).backend_tokenizer
).count


def slices_of(table: pl.DataFrame, shown: pl.DataFrame, behind: pl.DataFrame) -> Slices:
    users = table.select(pl.col("user_id").unique(maintain_order=True))
    return Slices(table=table, shown=shown, behind=behind, entities=ENTITIES, notes=NOTES, users=users)


@st.composite
def many_slices(draw: st.DrawFn) -> Slices:
    table: list[dict[str, object]] = []
    shown: list[tuple[int, int, int, int]] = []
    behind: list[tuple[int, int, str]] = []
    for user in range(draw(st.integers(1, 3))):
        for index in range(draw(st.integers(1, 25))):
            entities = draw(st.lists(st.integers(0, len(ENTITIES) - 1), min_size=1, max_size=4, unique=True))
            row = len(table)
            table.append(
                {
                    "user_id": f"u{user}",
                    "source": f"s{index}",
                    "time": "2026-01",
                    "action": draw(st.sampled_from(["Order", "Click"])),
                    "count": draw(st.integers(1, 12)),
                    "place": draw(st.sampled_from(["", "Rome"])),
                    "salience": draw(st.integers(0, 6)) / 2,
                }
            )
            notes = st.integers(0, len(NOTES) - 1)
            shown += [(row, entity, 1, draw(notes)) for entity in entities]
            behind += [(row, entity, f"e{row}.{entity}") for entity in entities]
    return slices_of(
        table=pl.DataFrame(table),
        shown=pl.DataFrame(shown, schema=["slice", "entity", "events", "note"], orient="row"),
        behind=pl.DataFrame(behind, schema=["slice", "entity", "event_id"], orient="row"),
    )


def slow_definition(slices: Slices, user: str, budget: int, count: Count) -> str:
    """Every slice by falling salience, taken if the whole text then fits."""
    frame = slices.table.with_row_index().filter(user_id=user)
    texts = dict(zip(frame["index"], bodies(slices, frame["index"].to_numpy())["body"], strict=True))
    salience = dict(zip(frame["index"], frame["salience"], strict=True))

    def text(rows: list[int]) -> str:
        return "\n".join(f"#{number} {texts[row]}" for number, row in enumerate(sorted(rows), start=1))

    chosen: list[int] = []
    for row in sorted(texts, key=lambda row: (-salience[row], -row)):
        if count([text([*chosen, row])])[0] <= budget:
            chosen.append(row)
    return text(chosen)


@settings(max_examples=150, deadline=None)
@given(many_slices(), st.integers(90, 500), st.sampled_from([words, characters, merging, joining, TRAINED]))
def test_the_budget_is_kept_and_used(slices: Slices, budget: int, count: Count) -> None:
    fitted = fit(slices, budget, PieceCounter(count))
    found = {history.user_id: history for history in histories_of(fitted.histories)}
    assert list(found) == slices.table["user_id"].unique(maintain_order=True).to_list()
    for user, tokens, lines in fitted.users.select("user_id", "tokens", "lines").iter_rows():
        history = found[user]
        assert count([history.text]) == [tokens]
        assert tokens <= budget
        assert len(history.lines) == lines
        slow = slow_definition(slices, user, budget, count)
        if not slow:  # one line is cut, which is tested apart
            continue
        assert history.text == slow
        for line in history.lines:
            assert len(line.event_ids) == len(line.entities)
            assert all(
                f".{ENTITIES.index(name)}" in one
                for (name, _), one in zip(line.entities, line.event_ids, strict=True)
            )


def one_line(entities: Sequence[int]) -> Slices:
    return slices_of(
        table=pl.DataFrame(
            {
                "user_id": ["u"],
                "source": ["S"],
                "time": ["2026"],
                "action": ["Order"],
                "count": [3],
                "place": [""],
                "salience": [1.0],
            }
        ),
        shown=pl.DataFrame(
            {
                "slice": [0] * len(entities),
                "entity": entities,
                "events": [1] * len(entities),
                "note": [0] * len(entities),
            }
        ),
        behind=pl.DataFrame(
            {"slice": [0] * len(entities), "entity": entities, "event_id": [f"e{e}" for e in entities]}
        ),
    )


def test_what_is_left_out_is_counted() -> None:
    many = pl.concat([one_line([1]).table] * 3)
    slices = slices_of(
        table=many,
        shown=pl.DataFrame({"slice": [0, 1, 2], "entity": [1, 1, 1], "events": [1, 1, 1], "note": [0, 0, 0]}),
        behind=pl.DataFrame({"slice": [0, 1, 2], "entity": [1, 1, 1], "event_id": ["a", "b", "c"]}),
    )
    line = "#1 [Source: S] [TIME: 2026] [TYPE: Order] [COUNT: 3] | Tea"
    fitted = fit(slices, 2 * len(line) + 1, PieceCounter(characters))
    assert fitted.users.row(0, named=True) == {
        "user_id": "u",
        "tokens": 2 * len(line) + 1,
        "lines": 2,
        "slices": 3,
        "no_room": 1,
    }
    assert [line.event_ids for line in histories_of(fitted.histories)[0].lines] == [("b",), ("c",)]


def test_a_slice_too_large_alone_gives_way_to_smaller_ones() -> None:
    large, small = one_line([0, 1, 2]), one_line([1])
    slices = slices_of(
        table=pl.concat([large.table.with_columns(salience=9.0), small.table]),
        shown=pl.concat([large.shown, small.shown.with_columns(slice=pl.lit(1, pl.Int64))]),
        behind=pl.concat([large.behind, small.behind.with_columns(slice=pl.lit(1, pl.Int64))]),
    )
    text = "#1 [Source: S] [TIME: 2026] [TYPE: Order] [COUNT: 3] | Tea"
    (history,) = histories_of(fit(slices, len(text), PieceCounter(characters)).histories)
    assert history.text == text


def test_pieces_are_counted_once() -> None:
    asked: list[str] = []

    def count(texts: Sequence[str]) -> list[int]:
        asked.extend(texts)
        return characters(texts)

    counter = PieceCounter(count)
    assert counter(["a", "bb", "a"]) == [1, 2, 1]
    assert counter(["bb", "ccc"]) == [2, 3]
    assert asked == ["a", "bb", "ccc"]


def test_pieces_add_up_with_a_tokenizer_of_our_own() -> None:
    slices = one_line([0, 1, 2, 3, 4])
    slices = replace(slices, shown=slices.shown.with_columns(note=pl.Series([0, 1, 2, 3, 2])))
    fitted = fit(slices, 500, PieceCounter(TRAINED))
    (history,) = histories_of(fitted.histories)
    assert history.text.endswith(
        "| Extraordinary, Tea ×2, Wet Wipes ×13 ~night, 婴儿湿巾 ~morning, ‹/im_end/›(x) ×13 ~night"
    )
    assert fitted.recounted == 0


def test_no_users() -> None:
    empty = one_line([1])
    slices = slices_of(
        table=empty.table.clear(),
        shown=empty.shown.clear(),
        behind=empty.behind.clear(),
    )
    fitted = fit(slices, 100, PieceCounter(characters))
    assert fitted.histories.is_empty()
    assert fitted.users.is_empty()


def test_a_budget_below_the_bracketed_part_is_refused() -> None:
    with pytest.raises(UserError, match=r"semantize\.token_budget=20 is too small: one line of user 'u'"):
        fit(one_line([1]), 20, PieceCounter(characters))
