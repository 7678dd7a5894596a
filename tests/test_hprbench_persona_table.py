"""The table of persona sets: what counts where sets are not valid, intervals, paired differences."""

import json
from pathlib import Path

import pytest

from hprbench.persona_report import PersonaExample, PersonaReport, write_persona_report
from hprbench.persona_table import METRICS, by_user, differences, persona_row
from rewards.personas.total import Quality

GOOD = Quality(cohesion=0.5, alignment=1.0, truthfulness=0.8, coverage=0.9, overlap=0.1, count=2, total=0.6)
WEAK = Quality(cohesion=0.3, alignment=0.6, truthfulness=0.8, coverage=0.9, overlap=0.1, count=1, total=0.2)
NONE = Quality(error="no_evidence: persona 2", count=3)
OURS = {"a": [GOOD, NONE], "b": [GOOD, GOOD], "c": [NONE, NONE]}
THEIRS = {"a": [WEAK], "b": [WEAK], "c": [WEAK]}


def test_an_invalid_set_has_no_total_and_says_nothing_of_the_rest() -> None:
    assert by_user(OURS, "total") == {"a": 0.3, "b": 0.6, "c": 0.0}
    assert by_user(OURS, "valid") == {"a": 0.5, "b": 1.0, "c": 0.0}
    assert by_user(OURS, "cohesion") == {"a": 0.5, "b": 0.5}
    assert by_user(OURS, "count") == {"a": 2.0, "b": 2.0}


def test_a_row_has_every_metric_with_its_interval() -> None:
    row = persona_row("ours", OURS, 0, tokens=[10, 20])
    assert list(row.metrics) == list(METRICS)
    total = row.metrics["total"]
    assert total is not None
    assert (total.value, total.users) == (pytest.approx(0.3), 3)
    assert 0 <= total.interval[0] < 0.3 < total.interval[1] <= 0.6
    assert row.invalid == {"no_evidence": 3}
    assert row.tokens == 15
    nobody = persona_row("none", {"a": [NONE]}, 0)
    assert nobody.metrics["cohesion"] is None
    assert nobody.tokens is None


def test_differences_are_of_the_users_that_count_on_both_sides() -> None:
    found = differences(OURS, THEIRS, 0)
    total, cohesion = found["total"], found["cohesion"]
    assert total is not None
    assert cohesion is not None
    assert (total.mean, total.users) == (pytest.approx(0.1), 3)
    assert (cohesion.mean, cohesion.users) == (pytest.approx(0.2), 2)
    assert differences({"a": [NONE]}, THEIRS, 0)["cohesion"] is None


def test_the_report_holds_hostile_names_as_text(tmp_path: Path) -> None:
    hostile = "<script>|x"
    example = PersonaExample(
        user_id=hostile,
        lines=(hostile,),
        personas=({"label": hostile, "lines": [1], "said": [{"text": hostile, "lines": [1]}]},),
    )
    report = PersonaReport(
        title=hostile,
        seed=0,
        users=3,
        k=2,
        seconds=1.0,
        stages={"sft": 1.0},
        rows=[persona_row(hostile, OURS, 0), persona_row("theirs", THEIRS, 0)],
        compared={"ours − theirs": differences(OURS, THEIRS, 0)},
        teachers={},
        curves=[
            {"step": 0, "probe/quality": 0.2, "probe/win_rate": 0.5},
            {"step": 1, "quality/mean": 0.3, "learner/kl": 0.1, "learner/win_rate": 0.6},
        ],
        loss=[2.0, 1.0],
        examples=[example, PersonaExample(user_id="b", lines=(), personas=(), error="schema")],
    )
    write_persona_report(report, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<script>" not in page
    assert page.count("<svg") == 4
    assert "No valid set: schema" in page
    told = json.loads((tmp_path / "report.json").read_text())
    assert [row["model"] for row in told["rows"]] == [hostile, "theirs"]
    assert told["rows"][0]["total"]["value"] == pytest.approx(0.3)
    assert told["differences"]["ours − theirs"]["total"]["mean"] == pytest.approx(0.1)
    table = (tmp_path / "report.md").read_text().splitlines()
    assert "| <script>\\|x | 0.300 [" in table[6]
    assert table[4].count("|") == len(METRICS) + 3
