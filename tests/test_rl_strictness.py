"""Formats stricter than the schema: what each level demands, and what a replay with it keeps, by hand."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.answers import Answer, Sentence, TagAnswer, render_answer
from records.config import FilterConfig, ThresholdConfig
from records.errors import UserError
from rl.ledger import ledger_path
from rl.recorded import read_recording
from rl.strictness import STRICTNESS, parse_strictness, strictness_of
from rl.sweep import as_recorded, sweep
from tests.ledgers import Group, Sample, write_ledger

LINES = 3


def text(
    think: str = "a beard", values: tuple[str, ...] = ("male",), lines: tuple[int, ...] = (2,), said: str = ""
) -> str:
    """An answer about gender and pet (NA), with a summary if it `said` anything."""
    return render_answer(
        Answer(
            think=think,
            tags={
                "gender": TagAnswer(values=values, lines=lines),
                "pet": TagAnswer(values=(), lines=()),
            },
            summary=(Sentence(text=said, lines=lines),) if said else (),
            dropped_citations=0,
        )
    )


@pytest.mark.parametrize(
    ("response", "level"),
    [
        (text(), "evidence"),
        # NA claims nothing and needs no line.
        (text(values=(), lines=()), "evidence"),
        (text(lines=()), "citations"),
        (text(lines=(2, 4)), "thinking"),
        (text(lines=(0,)), "thinking"),
        # A level demands all before it: who thinks nothing is not helped by citations.
        (text(think=" \n"), "schema"),
        (text(think="", lines=(4,)), "schema"),
    ],
)
def test_levels_by_hand(response: str, level: str) -> None:
    assert strictness_of(response, "tags", LINES) == STRICTNESS.index(level)


def test_a_summary_counts_too() -> None:
    assert strictness_of(text(said="A man."), "composite", LINES) == STRICTNESS.index("evidence")
    bare = text(said="A man.").replace(',"lines":[2]}]', "}]")
    assert bare != text(said="A man.")
    assert strictness_of(bare, "composite", LINES) == STRICTNESS.index("citations")
    assert strictness_of(text(said="A man."), "tags", LINES) == -1


@given(st.text(max_size=30) | st.sampled_from([text()[:cut] for cut in range(len(text()))]))
def test_what_follows_no_schema_follows_no_level(response: str) -> None:
    assert strictness_of(response, "tags", LINES) == -1


@given(
    st.sampled_from(["", " ", "so"]),
    st.sampled_from([(), ("male",)]),
    st.lists(st.integers(-1, 5), max_size=3).map(tuple),
)
def test_levels_are_each_stricter_than_the_one_before(
    think: str, values: tuple[str, ...], lines: tuple[int, ...]
) -> None:
    level = strictness_of(text(think, values, lines), "tags", LINES)
    meets = [True, bool(think.strip()), all(1 <= line <= LINES for line in lines)]
    meets.append(not values or any(1 <= line <= LINES for line in lines))
    assert level == next((place for place, met in enumerate(meets) if not met), len(meets)) - 1


@pytest.mark.parametrize(
    ("named", "levels"),
    [
        ("all", list(STRICTNESS)),
        ("citations", ["citations"]),
        ("evidence, schema,evidence", ["schema", "evidence"]),
    ],
)
def test_levels_are_named_in_any_order(named: str, levels: list[str]) -> None:
    assert parse_strictness(named) == levels


@pytest.mark.parametrize("named", ["", "strict", "schema,", "Schema", "schema;evidence"])
def test_an_unknown_level_is_refused(named: str) -> None:
    with pytest.raises(UserError, match="levels are schema, thinking, citations, evidence; or give all"):
        parse_strictness(named)


FILTERS = FilterConfig(thresholds={"tags": ThresholdConfig(eps_low=0.2, eps_high=0.8)})
SLOPPY = Group(
    name="sloppy",
    history_lines=LINES,
    samples=[
        Sample(atomic=0.3, tokens=2, text=text(think="")),
        Sample(atomic=0.5, tokens=3, text=text(lines=(9,))),
        Sample(atomic=0.7, tokens=5, text=text(lines=())),
        Sample(atomic=0.9, tokens=7, text=text()),
        Sample(tokens=11, format_ok=False, text="no answer"),
        Sample(tokens=13, cut=True, format_ok=False, text=text()[:20]),
        Sample(tokens=17, error="E: x", text=text()),
    ],
)


def test_stricter_formats_drop_samples_and_then_the_group(tmp_path: Path) -> None:
    write_ledger(tmp_path, {0: [SLOPPY]}, FILTERS, text=True)
    recording = read_recording(tmp_path, texts=True)
    assert recording.groups[0].strictness == (0, 1, 2, 3, -1, -1, -1)
    rows = sweep(recording, FILTERS, strictness=list(STRICTNESS))
    found = [
        (row.strictness, row.kept.whole.groups_kept, row.kept.whole.samples_kept, row.kept.whole.tokens_kept)
        for row in rows
    ]
    assert found == [
        ("schema", 1, 4, 17),
        ("thinking", 1, 3, 15),
        # .7 and .9 have the mean .8, which is on the threshold; .9 alone is too few.
        ("citations", 1, 2, 12),
        ("evidence", 0, 0, 0),
    ]
    assert rows[0].kept == as_recorded(recording)
    # Without the sample filter what is too sloppy lives with 0: (.7 + .9) / 6.
    loose = FilterConfig(sample=False, thresholds={"tags": ThresholdConfig(eps_low=0.26, eps_high=0.27)})
    (row,) = sweep(recording, loose, strictness=["citations"])
    assert (row.kept.whole.groups_kept, row.kept.whole.samples_kept) == (1, 6)
    (row,) = sweep(recording, FILTERS)
    assert (row.strictness, row.kept.whole.samples_kept) == (None, 4)


def test_formats_and_thresholds_are_swept_together(tmp_path: Path) -> None:
    write_ledger(tmp_path, {0: [SLOPPY]}, FILTERS, text=True)
    rows = sweep(
        read_recording(tmp_path, texts=True),
        FILTERS,
        eps_high=[0.75, 0.8],
        strictness=["schema", "citations"],
    )
    assert [(row.strictness, row.eps_high, row.kept.whole.groups_kept) for row in rows] == [
        ("schema", 0.75, 1),
        ("schema", 0.8, 1),
        ("citations", 0.75, 0),
        ("citations", 0.8, 1),
    ]


def test_a_ledger_without_texts_is_refused_if_they_are_needed(tmp_path: Path) -> None:
    write_ledger(tmp_path, {0: [SLOPPY]}, FILTERS)
    assert read_recording(tmp_path).groups[0].strictness is None
    with pytest.raises(UserError, match=r"no response texts.*run with rl\.ledger=text"):
        read_recording(tmp_path, texts=True)


def test_a_ledger_of_an_older_version_is_refused_if_lines_are_needed(tmp_path: Path) -> None:
    write_ledger(tmp_path, {0: [SLOPPY]}, FILTERS, text=True)
    path = ledger_path(tmp_path, 0)
    pl.read_parquet(path).drop("history_lines").write_parquet(path)
    assert len(read_recording(tmp_path).groups) == 1
    with pytest.raises(UserError, match="written by an older version"):
        read_recording(tmp_path, texts=True)
