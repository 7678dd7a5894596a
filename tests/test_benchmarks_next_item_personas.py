"""Personas for next-item prediction: made of nothing after the cut, anew for the fit, or out of files."""

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks import next_item
from benchmarks.next_item_personas import (
    Induced,
    events_before,
    induced,
    induced_members,
    members_in_files,
    told,
)
from hprbench.next_item.personas import earlier_members
from hprbench.next_item.split import COLUMNS, Split, split_log
from records.errors import UserError
from records.events import EVENT_SCHEMA
from records.induction import MemoryConfig
from records.persona import MEMORY_SCHEMA, personas_frame
from tests.test_induce_clustering import letters

THINGS = ("Baby Milk", "Baby Bib", "Baby Cup", "Tent Pole", "Tent Peg", "Tent Bag")


def a_log(users: int = 4, events: int = 20) -> pl.DataFrame:
    """Each user buys baby things on odd days and tent things on even ones; the last fifth is to come."""
    rows = []
    for user in range(users):
        for place in range(events):
            title = THINGS[3 * (place % 2) + (place // 2 + user) % 3]
            event = {
                "user_id": f"u{user}",
                "timestamp": datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=place, hours=user),
                "session": f"{user}-{place}",
                "item": title,
                "title": title,
                "event_id": f"{user}.{place}",
            }
            bought = {"source": "Shop", "action": "Order", "content": title, "category": "", "location": ""}
            rows.append({**event, **bought, "count": 1, "value": 2.0})
    return pl.DataFrame(rows, schema_overrides={"timestamp": pl.Datetime("ms", "UTC")})


LOG = a_log()
SPLIT = split_log(LOG)


def made(log: pl.DataFrame = LOG, split: Split = SPLIT) -> Induced:
    return induced(log, split, letters, MemoryConfig())


def test_two_sides_are_found_and_lead_to_events() -> None:
    found = made()
    members = found.members(SPLIT)
    assert [one.shape for one in members] == [(2, 16)] * 4
    assert sorted(row.tolist() for row in members[0]) == [[False, True] * 8, [True, False] * 8]
    assert told(members) == {"a_user": 2.0, "one_alone": 0.0, "events_held": 1.0}


def test_nothing_after_the_cut_is_read() -> None:
    """The last four of each user's twenty events may be anything."""
    late = pl.int_range(pl.len()).over("user_id") >= 16
    other = LOG.with_columns(
        content=pl.when(late).then(pl.lit("Opera Glasses")).otherwise("content"),
        value=pl.when(late).then(900.0).otherwise("value"),
        action=pl.when(late).then(pl.lit("Cancel")).otherwise("action"),
    )
    assert made(other) == made()
    events = {event for given in made().memories.values() for one in given for event in one.event_ids}
    assert events == {event for history in SPLIT.histories for event in history.event_ids}


def test_the_fit_is_on_personas_made_without_its_target() -> None:
    earlier = SPLIT.earlier()
    whole, shorter = induced_members(LOG, SPLIT, earlier, letters, MemoryConfig())
    assert [one.shape[1] for one in whole] == [16] * 4
    assert [one.shape[1] for one in shorter] == [15] * 4
    last = pl.int_range(pl.len()).over("user_id") >= 15
    other = LOG.with_columns(content=pl.when(last).then(pl.lit("Opera Glasses")).otherwise("content"))
    again = induced(other, earlier, letters, MemoryConfig()).members(earlier)
    assert [one.tolist() for one in again] == [one.tolist() for one in shorter]


def written(folder: Path, found: Induced) -> tuple[Path, Path]:
    rows = [
        {name: getattr(one, name) for name in MEMORY_SCHEMA}
        for given in found.memories.values()
        for one in given
    ]
    pl.DataFrame(rows, schema=MEMORY_SCHEMA).write_parquet(folder / "memories.parquet")
    personas_frame(list(found.sets)).write_parquet(folder / "personas.parquet")
    return folder / "memories.parquet", folder / "personas.parquet"


def test_finished_files_give_the_same(tmp_path: Path) -> None:
    """The memories in two files, given by a pattern."""
    memories, personas = written(tmp_path, made())
    rows = pl.read_parquet(memories)
    for number, part in enumerate((rows[:30], rows[30:])):
        part.write_parquet(tmp_path / f"memories-{number}.parquet")
    earlier = SPLIT.earlier()
    whole, shorter = members_in_files(SPLIT, earlier, tmp_path / "memories-*.parquet", personas)
    expected = made().members(SPLIT)
    assert [one.tolist() for one in whole] == [one.tolist() for one in expected]
    assert [one.tolist() for one in shorter] == [
        one.tolist() for one in earlier_members(SPLIT, expected, earlier)
    ]


def test_what_is_written_to_induce_from_is_what_is_before_the_cuts(tmp_path: Path) -> None:
    events_before(LOG, tmp_path / "before.parquet")
    found = pl.read_parquet(tmp_path / "before.parquet")
    assert found.schema == pl.Schema(EVENT_SCHEMA)
    assert set(found["event_id"]) == {event for history in SPLIT.histories for event in history.event_ids}


def test_files_that_know_the_future_are_refused(tmp_path: Path) -> None:
    memories, personas = written(tmp_path, made())
    late = pl.read_parquet(memories).with_columns(event_ids=pl.lit(["0.16"]))
    late.write_parquet(memories)
    with pytest.raises(UserError, match=r"user u0, event 0\.16: in a persona, but not in the history"):
        members_in_files(SPLIT, SPLIT.earlier(), memories, personas)


def test_files_that_do_not_fit_are_told(tmp_path: Path) -> None:
    memories, personas = written(tmp_path, made())
    earlier = SPLIT.earlier()
    with pytest.raises(UserError, match="nowhere.parquet: not readable"):
        members_in_files(SPLIT, earlier, tmp_path / "nowhere.parquet", personas)
    with pytest.raises(UserError, match="no column persona, label"):
        members_in_files(SPLIT, earlier, memories, memories)
    strangers = pl.read_parquet(personas).with_columns(user_id=pl.lit("nobody"))
    strangers.write_parquet(personas)
    with pytest.raises(UserError, match="of no user of this log"):
        members_in_files(SPLIT, earlier, memories, personas)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--complete-journey", "--memories", "m.parquet"],
        ["--complete-journey", "--online-retail", "x", "--memories", "m", "--personas", "p"],
        ["--complete-journey", "--online-retail", "x", "--before", "b"],
    ],
)
def test_words_that_do_not_fit_are_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        next_item.main(words)
    assert "error:" in capsys.readouterr().err


def test_a_log_goes_all_the_way(tmp_path: Path) -> None:
    """With 110 things, so that there are negatives enough, and personas out of files."""
    things = [f"Thing {number}" for number in range(110)]
    number = pl.int_range(pl.len())
    log = a_log(users=30).with_columns(pl.Series("title", things * 5 + things[:50]).gather(number))
    log = log.with_columns(item="title", content="title")
    assert set(log.columns) == {*COLUMNS, *EVENT_SCHEMA}
    memories, personas = written(tmp_path, made(log, split_log(log)))
    words = Namespace(memories=memories, personas=personas, stand_ins=False, seeds=[1, 0], vectors=None)
    found = next_item.run(log, MemoryConfig(), words)
    assert found["personas"]["a_user"] >= 1
    assert found["seeds"].keys() == {"1", "0"}
    assert found["seeds"]["1"] != found["seeds"]["0"]
    row = found["seeds"]["1"]["learned: history + personas (induced)"]
    assert row.keys() == {
        "all", "repeat", "new", "minus_tfidf", "minus_learned_history", "minus_shuffled"
    }  # fmt: skip
