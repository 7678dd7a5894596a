"""report.json has the agreed keys; report.html stands alone and trusts no text."""

import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from hprbench import rl_plots
from hprbench.breakdown import length_medians
from hprbench.candidates import stratify
from hprbench.curves import Curves
from hprbench.intervals import Difference, Share
from hprbench.markdown import markdown
from hprbench.metrics import compression, score_evidence, score_summaries, score_tags
from hprbench.page import render, write_report
from hprbench.report import Example, Report, Row, best_cells, probe_told, report_json, score_row
from hprbench.terminal import tables
from hprbench.validation.accuracy import ExtractorAccuracy, Figures
from lm.answers import Sentence, TagAnswer
from records.history import HistoryLine, SemanticHistory
from records.tags import DIMENSIONS, TAG_NAMES, GoldTag
from tests.pages import Page

HOSTILE = "<script>alert(1)</script><img src=http://evil.example/x>"


BUILD = {
    "sample": {"candidates": 3, "asked": 2},
    "annotations": {"labels": 36, "known": 4, "rules_agree": 35, "seen": 4},
    "strata": {"evidence": {"explicit": 4}, "level": {"easy": 2}, "length": {"≤ 1,200": 1, "> 1,800": 1}},
    "quality": {"left_out": {"duplicate": 1}, "replaced": {}, "remarks": {}},
}
BY_SOURCE = "0.800 on summaries read by hand (0.900 of ours; 0.700 of a chat model)"
REVIEW = {"sha256": "0", "looked_at": 36, "corrected": 2, "corrected_by_tag": {"pet": 2}}


def figures(right: int, either: int) -> Figures:
    return Figures(stated=either, read=either, either=either, right=right, mentioned=0, silent=0)


def plain_row(model: str, value: float) -> Row:
    return Row(model=model, shares={"avg_at_k": Share(value=value, interval=(value, value), users=1)})


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
    gold = {user: gold_user(user) for user in ("u1", "u2")}
    run = dict.fromkeys(TAG_NAMES, ()) | {"gender": ("female",)}
    lines = (
        HistoryLine(number=1, text=f"#1 [TYPE: Order] | {HOSTILE}", event_ids=("e1",)),
        HistoryLine(number=2, text="#2 [TYPE: Click] | Cat Food", event_ids=("e2",)),
    )
    histories = {user: SemanticHistory(user_id=user, lines=lines) for user in gold}
    history = histories["u1"]
    tokens = {"u1": 1000, "u2": 2000}
    strata = stratify(list(gold), gold, histories, tokens)
    answers = {tag: TagAnswer(values=run[tag], lines=(1,) if tag == "gender" else ()) for tag in TAG_NAMES}
    runs = {user: [run] for user in gold}
    tallies = {
        **score_tags(runs, gold),
        **score_summaries(runs, gold),
        **score_evidence({user: [{"gender": (1,)}] for user in gold}, gold, histories),
        "compression": compression({user: [100] for user in gold}, tokens),
    }
    scored = score_row("SFT", tallies, gold, strata, seed=0, k=1, extra={"asked": 2})
    return Report(
        title="tiny",
        k=1,
        rows=[
            Row(model="majority"),
            scored,
            plain_row(f"-->{HOSTILE}$x$|", 0.4),
        ],
        seconds=3723.0,
        stages={"simulate": 12.5, HOSTILE: 0.0},
        probe_reward={"sft": 1.0, "rl": 1.25},
        probe_difference=Difference(mean=0.25, interval=(-0.05, 0.5), users=2),
        curves=Curves(
            reward=[
                {"step": 0, "pre_filter": None, "probe": 1.0, "probe_low": 0.8, "probe_high": 1.2},
                {"step": 1, "pre_filter": 0.9, "post_filter": 1.0, "probe": 1.1},
                {"step": 2, "pre_filter": 1.0, "post_filter": None, "probe": None},
            ],
            filter_reasons=[{"step": 1, "truncated": 3}, {"step": 2, "truncated": 1, "mean_high": 4}],
            tokens_wasted=[{"step": 1, "truncated": 30, "too_hard": 7}, {"step": 2}],
            mismatch=[{"step": 0, "checked": 0.0}, {"step": 1, "checked": 1e-9, "sampled": 1e-4}],
            idle=[
                {"step": 1, "seconds": 3.0, "rollout": 0.2, "learner": 0.5, "scorer": 1.0},
                {"step": 2, "seconds": 1.0, "rollout": 0.6, "learner": 0.7, "scorer": None},
            ],
            tokens={"generated": 300.0, "trained": 200.0},
            sft_loss={"stage1": [3.0, 2.0, 1.5], "stage2": []},
        ),
        extractor=ExtractorAccuracy(
            version="7",
            plain=figures(98, 100),
            hard=figures(73, 80),
            read=figures(16, 20),
            read_by_source={"ours": figures(9, 10), "a chat model": figures(7, 10)},
        ),
        benchmark={"users": 2, "version": 2, "reviews": [REVIEW], "build": BUILD},
        lengths=length_medians(strata),
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


def test_the_benchmark_of_a_real_log_claims_nothing_of_rules_and_evidence(report, html):
    told = (
        "drawn evenly",
        "Rules on the raw log agree with 97.2 % of the 36 labels.",
        "100.0 % of the known labels",
    )
    page = Page(html).text
    assert all(text in page for text in told)
    build = BUILD | {
        "annotations": {"labels": 5, "known": 4, "rules_agree": None, "seen": None},
        "strata": {"evidence": {"given": 4}, "level": {}, "length": {"≤ 1,200": 2}},
    }
    page = Page(render(replace(report, benchmark=report.benchmark | {"build": build}))).text
    assert not any(text[:20] in page for text in (*told, "Users by level"))
    assert re.search(r"Labels by kind of evidence\s*given\s*4\s*Users by tokens", page)


def test_report_json_has_the_agreed_keys(report, tmp_path):
    write_report(report, tmp_path)
    body = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert {"seconds", "stages", "probe_reward", "rows"} <= body.keys()
    assert body["probe_reward"] == {"sft": 1.0, "rl": 1.25}
    assert body["probe_difference"] == {"mean": 0.25, "interval": [-0.05, 0.5], "users": 2}
    # .2 × 3 + .6 × 1 and .5 × 3 + .7 × 1 of 4 s; scorers were seen in 3 s alone.
    assert body["idle"] == pytest.approx({"producer": None, "rollout": 0.3, "scorer": 1.0, "learner": 0.55})
    assert body["tokens"] == {"generated": 300.0, "trained": 200.0}
    assert body["stages"]["simulate"] == 12.5
    agreed = {"model", "avg_at_k", "by_dimension", "macro_f1", "acc_ex", "cov_ex", "halluc_ex", "format_rate"}
    agreed |= {
        "compression",
        "non_na",
        "maj_at_k",
        "maj_macro_f1",
        "evidence_precision",
        "evidence_recall",
        "bleu",
        "similarity",
        "by_tag",
    }
    agreed |= {"rule_judge", "llm_judge", "k"}
    assert all(agreed | {"intervals", "parts"} <= row.keys() for row in body["rows"])
    empty, scored, _ = body["rows"]
    # Gender right, pet missed, 16 NA right.
    assert scored["avg_at_k"] == pytest.approx(17 / 18)
    assert scored["by_dimension"] == pytest.approx({"LS": 1, "HC": 0.75, "LI": 1, "EP": 1, "GC": 1})
    assert (scored["acc_ex"], scored["evidence_recall"], scored["asked"]) == (0.5, 0.5, 2)
    assert scored["intervals"]["acc_ex"] == [0.5, 0.5]
    # 1 − 100/1000 and 1 − 100/2000.
    assert scored["parts"]["compression"]["length"] == {
        "≤ 1,200": {"value": 0.9, "interval": [0.9, 0.9], "users": 1},
        "> 1,800": {"value": 0.95, "interval": [0.95, 0.95], "users": 1},
    }
    assert scored["parts"]["acc_ex"]["dimension"]["LS"]["value"] == 1.0
    assert scored["bleu"] is None
    assert {empty[key] for key in agreed - {"model"}} == {None}
    assert body["extractor"] == {
        "version": "7",
        "accuracy": {"plain": 0.98, "hard": 0.9125, "read_by_hand": 0.8},
        "by_source": {"ours": 0.9, "a chat model": 0.7},
    }
    assert body["benchmark"]["version"] == 2


def test_markdown_has_tables_and_no_markup_of_others(report):
    text = markdown(report)
    lines = text.splitlines()
    assert "| SFT | **0.944** [0.944, 0.944] | 1.000 [1.000, 1.000] |" in text
    trust = f"0.980 on plain paraphrases, 0.912 on hard ones, {BY_SOURCE}"
    assert f"Accuracy of the extractor behind Acc_Ex: {trust}." in lines
    assert "| model | ≤ 1,200 (1 users) | > 1,800 (1 users) |" in lines
    assert "2 users (benchmark version 2)" in text
    assert "<script>" not in text
    # Every row of a table has as many cells as its heading, whatever a name holds.
    for number, line in enumerate(lines):
        if line.startswith("| ---"):
            width = line.count("|")
            for row in lines[number + 1 :]:
                if not row.startswith("|"):
                    break
                assert row.replace(r"\|", "").count("|") == width


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
    titles = ("Tags", "Summaries", "Avg@1 by model", "Avg@1 by dimension", "SFT loss by stage")
    for title in (
        *titles,
        "Reward during DF-GRPO",
        "Tokens that trained nothing",
        "Rollout policy against learner",
        "Idle share of actors",
        "rollout engines, 30% in all",
        "before filters",
        "after filters",
        "probe (held-out users)",
        "too_hard",
        "fixed sequences, after each publish",
        "DF-GRPO: probe reward 1.000 before DF-GRPO, 1.250 after it: +0.250 [-0.050, +0.500] over 2 users",
        "1.50 response tokens were generated for each that trained.",
        "Avg@1 by kind of evidence",
        "Acc_Ex by kind of evidence",
        "Cov_Ex by length of the log",
        "Compression by length of the log",
        "The benchmark",
        "What the filters dropped",
        "Where the time went",
        "Avg@1 by tag",
        "Example users",
    ):
        assert title in page.text
    assert "1 h 02 min" in page.text
    assert "17 of 18 tags correct" in page.text
    assert "Its own accuracy: 0.980 on plain paraphrases, 0.912 on hard ones, " + BY_SOURCE in page.text
    assert "The checks kept some out: 1 duplicate." in page.text
    assert "People looked at 36 labels and corrected 2." in page.text
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
    assert report_json(bare)["idle"] == dict.fromkeys(("producer", "rollout", "scorer", "learner"))
    assert report_json(bare)["tokens"] == {"generated": None, "trained": None}
    assert report_json(bare)["probe_difference"] is None
    console = Console(width=120, record=True)
    console.print(tables(bare))
    assert ("majority" in console.export_text()) is bool(rows)


def test_pages_are_the_same_every_time(report, html):
    assert render(report) == html


def test_saying_nothing_is_no_merit():
    def row(model: str, halluc: float, cov: float) -> Row:
        values = {"halluc_ex": halluc, "cov_ex": cov}
        return Row(
            model=model,
            shares={key: Share(value=one, interval=(one, one), users=1) for key, one in values.items()},
        )

    rows = [row("silent", 0.0, 0.0), row("careful", 0.1, 0.5), row("bold", 0.3, 0.9)]
    best = best_cells(Report(title="t", k=1, rows=rows))
    assert (best["halluc_ex"], best["cov_ex"]) == (0.1, 0.9)


def test_terminal_tables_show_numbers_and_plain_names():
    shares = {key: Share(value=0.5, interval=(0.4, 0.6), users=9) for key in ("avg_at_k", "halluc_ex")}
    named = Report(title="[red]t", k=10, rows=[Row(model="a[bold]", shares=shares)])
    console = Console(width=120, record=True)
    console.print(tables(named))
    text = console.export_text()
    assert "a[bold]" in text
    assert "[red]t" in text
    assert "0.400-0.600" in text
    assert "Halluc_Ex" in text


def test_what_df_grpo_did_to_the_probe_is_told_everywhere(report, html):
    told = "probe reward 1.000 before DF-GRPO, 1.250 after it: +0.250 [-0.050, +0.500] over 2 users"
    assert probe_told(report) == told
    console = Console(width=160, record=True)
    console.print(tables(report))
    assert f"{told} (95 % interval, paired by user)" in console.export_text().splitlines()
    assert f"DF-GRPO: {told}, paired by user." in markdown(report)
    bare = replace(report, probe_difference=None)
    assert probe_told(bare) == ""
    assert "before DF-GRPO" not in render(bare) + markdown(bare)


def test_the_probe_has_whiskers_where_its_interval_is_known(report):
    with_interval = rl_plots.reward_curves(report)
    rows = [{**row, "probe_low": None} for row in report.curves.reward]
    without = rl_plots.reward_curves(replace(report, curves=replace(report.curves, reward=rows)))
    assert with_interval.count("LineCollection") == without.count("LineCollection") + 1


def test_a_step_without_a_number_is_left_out_of_a_curve(report):
    nothing = [{"step": 1, "checked": None, "sampled": None}]
    assert rl_plots.mismatch_lines(replace(report, curves=replace(report.curves, mismatch=nothing))) == ""
    assert rl_plots.idle_lines(replace(report, curves=Curves())) == ""
    assert rl_plots.wasted_areas(replace(report, curves=Curves(tokens_wasted=[{"step": 1}]))) == ""


def test_dimensions_have_a_column_each(html):
    headings = re.findall(r"<th[^>]*>([^<]*)</th>", html[: html.index("</thead>")])
    assert headings[2 : 2 + len(DIMENSIONS)] == list(DIMENSIONS)
