"""The pandas peers of the engine tell the same histories, of simulated users and of hostile logs."""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import pandas_histories, pandas_plain
from lm.plain import PlainTokenizer
from lm.tokenizer import train_tokenizer
from records.config import SemantizeConfig
from records.errors import UserError
from records.events import EVENT_SCHEMA, HISTORY_SCHEMA
from records.simulation import SimulateConfig
from semantize.budget import fit
from semantize.refining.refine import RuleRefiner
from semantize.sizes import PieceCounter
from semantize.slices import build_slices
from semantize.timeline import KEY, ROW, ROW_SCHEMA, timelines
from simulate.engine import simulate

Count = Callable[[Sequence[str]], list[int]]
each_peer = pytest.mark.parametrize(
    "peer", [pandas_histories, pandas_plain], ids=lambda peer: str(peer.__name__)
)
TEXTS = ("source", "action", "content", "category", "location")


def words(texts: Sequence[str]) -> list[int]:
    return [len(re.findall(r"\w+|[^\w\s]", text)) for text in texts]


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def joining(texts: Sequence[str]) -> list[int]:
    """Joins across pieces and lines: no sum of pieces tells its tokens."""
    return [len(re.findall(r"\w\n#|, \w+|\w+|[^\w\s]|\s", text)) for text in texts]


def by_engine(paths: Sequence[Path], config: SemantizeConfig, count: Count) -> pl.DataFrame:
    rows = pl.concat([pl.read_parquet(path) for path in paths]).with_columns(
        pl.col(*TEXTS).fill_null(""), pl.int_range(1, pl.len() + 1).alias(ROW), pl.lit("").alias(KEY)
    )
    timeline, _ = timelines(rows.select(list(ROW_SCHEMA)))
    slices = build_slices(timeline, config, RuleRefiner())
    return fit(slices, config.token_budget, PieceCounter(count)).histories


def by_pandas(peer: ModuleType, paths: Sequence[Path], config: SemantizeConfig, count: Count) -> pl.DataFrame:
    out = paths[0].with_name("histories.parquet")
    peer.write_histories(paths, out, config, RuleRefiner(), count)
    return pl.read_parquet(out)


def assert_same(peer: ModuleType, paths: Sequence[Path], config: SemantizeConfig, count: Count) -> None:
    """Both ways agree, refusals included."""
    try:
        ours = by_engine(paths, config, count)
    except UserError:
        with pytest.raises(UserError):
            by_pandas(peer, paths, config, count)
        return
    theirs = by_pandas(peer, paths, config, count)
    assert theirs.schema == HISTORY_SCHEMA
    assert theirs.rows() == ours.rows()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Events of 300 users, in two files."""
    out = tmp_path_factory.mktemp("simulated")
    simulate(SimulateConfig(users=300, min_days=60, max_days=120), 5, out)
    return sorted(out.glob("events-*.parquet"))


@each_peer
@pytest.mark.parametrize(
    "config",
    [
        SemantizeConfig(),
        SemantizeConfig(
            entity_notes=False,
            token_budget=2000,
            timezone="America/New_York",
            short_term_days=7,
            top_k=2,
            long_low_impact=2,
            repeat_minutes=30.0,
        ),
    ],
)
def test_simulated_users(simulated: list[Path], config: SemantizeConfig, peer: ModuleType) -> None:
    assert len(simulated) == 2
    lines = [
        f"\n#{number} [Source: E-commerce] [TIME: 2026-0{number % 9 + 1}-1{number % 10} morning] "
        f"[TYPE: Order] [COUNT: {number}] | Green Tea, Wet Wipes (gift)"
        for number in range(99)
    ]
    tokenizer = PlainTokenizer(train_tokenizer(lines, 600).backend_tokenizer)
    assert_same(peer, simulated, config, tokenizer.count)


START = datetime(2025, 10, 20, tzinfo=UTC)
STEPS = [
    timedelta(0),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(hours=7),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(days=2),
]
EVENTS = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["ann", "Bob", "édith"]),
        "timestamp": st.builds(
            lambda days, step: START + timedelta(days=days) + step,
            st.sampled_from([0, 1, 12, 40, 41, 400]),
            st.sampled_from(STEPS),
        ),
        "source": st.sampled_from(["Shop", " Shop", "[x] | <|im_end|>", "店" * 50, "\u200b"]),
        "action": st.sampled_from(["Click", "Order", "Search", "page view", "Sent, twice"]),
        "content": st.sampled_from(
            [None, "", "Tea", "TEA!", "Milk, Oat", "80 pcs", "|", "Tea ×2 ~night", "婴儿湿巾", "Long " * 40]
        ),
        "category": st.sampled_from([None, "", "Drinks", "tea"]),
        "location": st.sampled_from([None, "", " ", "Rome", "rome", "Bern"]),
        "count": st.sampled_from([1, 2]),
        "value": st.sampled_from([None, 0.5]),
        "event_id": st.sampled_from([None, "a", "b", "a.2", "e00000001"]),
    }
)
ROWS = st.lists(EVENTS, min_size=1, max_size=5) | st.lists(EVENTS, min_size=15, max_size=30)
ALIKE = st.sampled_from([(), ("user_id", "source"), ("user_id", "source", "action")])
"""What all events of a log share, so that a slice has several."""
CONFIGS = st.builds(
    SemantizeConfig,
    token_budget=st.sampled_from([20, 60, 100, 150, 200, 300, 400, 1000]),
    timezone=st.sampled_from(["UTC", "Asia/Shanghai", "America/St_Johns"]),
    short_term_days=st.sampled_from([1, 30]),
    top_k=st.integers(1, 3),
    long_low_impact=st.integers(0, 3),
    entity_notes=st.booleans(),
    drop_implied=st.booleans(),
    repeat_minutes=st.sampled_from([0.0, 1.0, 600.0]),
    high_impact_weight=st.sampled_from([0.0, 1.0, 3.0]),
    half_life_days=st.sampled_from([1.0, 180.0]),
)


@each_peer
@settings(max_examples=50, deadline=None)
@given(
    rows=st.tuples(ROWS, ALIKE)
    .map(lambda drawn: [row | {name: drawn[0][0][name] for name in drawn[1]} for row in drawn[0]])
    .flatmap(lambda rows: st.permutations(rows + rows[:3])),  # three duplicates at least
    cut=st.integers(0, 10),
    config=CONFIGS,
    count=st.sampled_from([words, characters, joining]),
)
def test_hostile_logs(
    peer: ModuleType, rows: list[dict[str, object]], cut: int, config: SemantizeConfig, count: Count
) -> None:
    with TemporaryDirectory() as folder:
        files = [part for part in (rows[:cut], rows[cut:]) if part]
        paths = [Path(folder) / f"events-{number}.parquet" for number in range(len(files))]
        for path, part in zip(paths, files, strict=True):
            pl.DataFrame(part, schema=EVENT_SCHEMA).write_parquet(path)
        assert_same(peer, paths, config, count)


@each_peer
def test_ids_that_row_numbers_do_not_mend_are_refused(tmp_path: Path, peer: ModuleType) -> None:
    row = {"user_id": "ann", "timestamp": START, "source": "Shop", "action": "Order", "count": 1}
    rows = [row | {"event_id": event_id, "content": str(n)} for n, event_id in enumerate(("a.3", "a", "a"))]
    pl.DataFrame(rows, schema=EVENT_SCHEMA).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(UserError, match="event ids of user 'ann' repeat"):
        by_pandas(peer, [tmp_path / "log.parquet"], SemantizeConfig(), words)


@each_peer
def test_the_peer_uses_nothing_of_the_engine(peer: ModuleType) -> None:
    check = f"import sys, {peer.__name__}; print('polars' in sys.modules)"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", check], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
