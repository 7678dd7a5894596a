"""report.json has the agreed keys; report.html stands alone and trusts no text."""

import json
import re

import pytest
from rich.console import Console

from hprbench.metrics import EvidenceScores, score_summaries, score_tags
from hprbench.page import render, write_report
from hprbench.report import Curves, Example, Report, Row, report_json, score_row
from hprbench.terminal import tables
from lm.answers import Sentence, TagAnswer
from records.history import HistoryLine, SemanticHistory
from records.tags import DIMENSIONS, TAG_NAMES, GoldTag
from tests.pages import Page

HOSTILE = "<script>alert(1)</script><img src=http://evil.example/x>"


def gold_user(user: str) -> dict[str, GoldTag]:
    known = {"gender": (("female",), ("e1",)), "pet": (("cat",), ("e2",))}
    return {
        tag: GoldTag(
            user_id=user,
            tag=tag,
            values=known.get(tag, ((), ()))[0],
            event_ids=known.get(tag, ((), ()))[1],
            difficulty="explicit",
        )
        for tag in TAG_NAMES
    }


@pytest.fixture(scope="module")
def report() -> Report:
    gold = {"u1": gold_user("u1")}
    run = dict.fromkeys(TAG_NAMES, ()) | {"gender": ("female",)}
    history = SemanticHistory(
        user_id="u1",
        lines=(
            HistoryLine(number=1, text=f"#1 [TYPE: Order] | {HOSTILE}", event_ids=("e1",)),
            HistoryLine(number=2, text="#2 [TYPE: Click] | Cat Food", event_ids=("e2",)),
        ),
    )
    answers = {tag: TagAnswer(values=run[tag], lines=(1,) if tag == "gender" else ()) for tag in TAG_NAMES}
    scored = score_row(
        "SFT",
        tags=score_tags({"u1": [run]}, gold, seed=0),
        summaries=score_summaries({"u1": [run]}, gold, seed=0),
        evidence=EvidenceScores(precision=1.0, recall=0.5),
        compression=0.9,
        extra={"users": 1},
    )
    return Report(
        title="tiny",
        k=1,
        rows=[
            Row(model="majority", avg_at_k=float("nan")),
            scored,
            Row(model=f"-->{HOSTILE}$x$", avg_at_k=0.4),
        ],
        seconds=3723.0,
        stages={"simulate": 12.5, HOSTILE: 0.0},
        probe_reward={"sft": 1.25},
        curves=Curves(
            reward=[
                {"step": 1, "pre_filter": 0.9, "post_filter": 1.0, "probe": 1.1},
                {"step": 2, "pre_filter": 1.0, "post_filter": None, "probe": None},
            ],
            filter_reasons=[{"step": 1, "truncated": 3}, {"step": 2, "truncated": 1, "mean_high": 4}],
            sft_loss={"stage1": [3.0, 2.0, 1.5], "stage2": []},
        ),
        examples=[
            Example(
                model="SFT",
                history=history,
                gold=gold["u1"],
                tags=answers,
                summary=[Sentence(text=f"A woman {HOSTILE}.", lines=(1,))],
            ),
            Example(model="SFT", history=history, gold=gold["u1"], tags=None),
        ],
    )


@pytest.fixture(scope="module")
def html(report) -> str:
    return render(report)


def test_report_json_has_the_agreed_keys(report, tmp_path):
    write_report(report, tmp_path)
    body = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert {"seconds", "stages", "probe_reward", "rows"} <= body.keys()
    assert body["probe_reward"] == {"sft": 1.25, "rl": None}
    assert body["stages"]["simulate"] == 12.5
    agreed = {"model", "avg_at_k", "by_dimension", "macro_f1", "acc_ex", "cov_ex", "halluc_ex", "format_rate"}
    agreed |= {"compression", "non_na", "evidence_precision", "evidence_recall", "intervals"}
    assert all(agreed <= row.keys() for row in body["rows"])
    empty, scored, _ = body["rows"]
    # Gender right, pet missed, 16 NA right.
    assert scored["avg_at_k"] == pytest.approx(17 / 18)
    assert scored["by_dimension"] == pytest.approx({"LS": 1, "HC": 0.75, "LI": 1, "EP": 1, "GC": 1})
    assert (scored["acc_ex"], scored["evidence_recall"], scored["users"]) == (0.5, 0.5, 1)
    assert scored["intervals"]["acc_ex"] == [0.5, 0.5]
    # Not a number and not there are both null.
    assert {empty[key] for key in agreed - {"model", "intervals"}} == {None}


def test_page_stands_alone_and_escapes_hostile_text(html):
    page = Page(html)
    assert page.open == []
    names = {name for name, _ in page.elements}
    assert not names & {"script", "img", "image", "link", "iframe", "object"}
    for _, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import", html)
    assert HOSTILE in page.text
    assert any(
        name == "meta" and (attributes.get("content") or "").startswith("default-src 'none'")
        for name, attributes in page.elements
    )


def test_page_links_lead_somewhere_and_ids_are_unique(html):
    page = Page(html)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for _, attributes in page.elements if "href" in attributes}
    assert {"#u1-1"} <= links
    assert {link[1:] for link in links if link} <= set(ids)


def test_page_shows_every_part(html):
    page = Page(html)
    titles = ("Results", "Avg@1 by model", "Avg@1 by dimension", "Reward during DF-GRPO", "SFT loss by stage")
    for title in (
        *titles,
        "What the filters dropped",
        "Where the time went",
        "Avg@1 by tag",
        "Example users",
    ):
        assert title in page.text
    assert "1 h 02 min" in page.text
    assert "17 of 18 tags correct" in page.text
    assert "badly formatted answer" in page.text
    assert "cited for gender" in page.text
    assert "evidence of pet" in page.text
    cited = [a for name, a in page.elements if name == "li" and "cited" in (a.get("class") or "")]
    assert [line["id"] for line in cited] == ["u1-1"]


def test_charts_take_their_colours_from_the_page(html):
    assert "currentColor" in html
    assert "#010203" not in html
    assert "var(--grid)" in html


@pytest.mark.parametrize("rows", [[], [Row(model="majority")]])
def test_page_and_terminal_cope_with_missing_data(rows):
    bare = Report(title="bare", k=10, rows=rows)
    page = Page(render(bare))
    assert "svg" not in {name for name, _ in page.elements}
    assert ("No model was scored yet." in page.text) is (not rows)
    assert report_json(bare)["seconds"] is None
    console = Console(width=120, record=True)
    console.print(tables(bare, 200))
    assert ("majority" in console.export_text()) is bool(rows)


def test_pages_are_the_same_every_time(report, html):
    assert render(report) == html


def test_terminal_tables_show_numbers_and_plain_names():
    named = Report(
        title="[red]t", k=10, rows=[Row(model="a[bold]", avg_at_k=0.5, intervals={"avg_at_k": (0.4, 0.6)})]
    )
    console = Console(width=120, record=True)
    console.print(tables(named, 80))
    text = console.export_text()
    assert "a[bold]" in text
    assert "[red]t" in text
    assert "0.400-0.600" in text
    assert "Halluc_Ex" in text


def test_dimensions_have_a_column_each(html):
    headings = re.findall(r"<th[^>]*>([^<]*)</th>", html[: html.index("</thead>")])
    assert headings[2 : 2 + len(DIMENSIONS)] == list(DIMENSIONS)
