"""Stages of a run for personas, apart from what needs a Ray: what is told, and how answers are counted."""

import io
from pathlib import Path

import polars as pl
from rich.console import Console

from induce.answers import render_personas
from induce.population import population_of
from induce.scoring import PersonaCase, PersonaScorer
from launch.curves import RunLog, read_curves
from launch.pipeline import Run
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.groupwise import ShownGroups
from launch.stages.losses import Losses
from launch.stages.persona_bench import ANSWER_SCHEMA, answers_path, induced_path, persona_models
from launch.stages.persona_report import answered, example_of
from launch.stages.personas import PERSONA_STAGES
from records.induction import InduceConfig
from tests.test_induce_scoring import CASE, MEMORIES, SET, Axes

ANSWER = render_personas(SET, CASE.lines)


def a_run(directory: Path, *overrides: str) -> tuple[Run, io.StringIO]:
    told = io.StringIO()
    reporter = Reporter(Console(file=told, soft_wrap=True, width=160))
    recipe = load_recipe(Path("induction"), [f"runs_dir={directory}", *overrides])
    return Run(recipe=recipe, directory=directory, reporter=reporter), told


def test_steps_probes_losses_and_warnings_are_told(tmp_path: Path) -> None:
    run, told = a_run(tmp_path)
    lost = ["scorer 0 with group g: it died"]
    losses = Losses(tmp_path / "losses.json", run.reporter.say, "groupwise")
    losses.watch(lost, "scored again")
    log = RunLog(tmp_path / "tb", tmp_path / "curves.jsonl")
    shown = ShownGroups(run, log, losses, 0)
    shown.scalars(0, {"probe/quality": 0.25})
    shown.scalars(1, {"quality/mean": 0.5})
    shown.text(1, "quality/warning", "quality rises with length")
    log.close()
    assert (shown.step, shown.steps, lost) == (1, run.recipe.groupwise.steps, [])
    said = [line.partition("] ")[2] for line in told.getvalue().splitlines()]
    assert "groupwise: probe quality 0.2500 after 0 steps" in said
    assert "groupwise: lost scorer 0 with group g: it died; scored again" in said
    assert "groupwise: after 1 steps quality rises with length" in said
    assert [row["step"] for row in read_curves(tmp_path / "curves.jsonl")] == [0, 1]


def test_without_groupwise_dpo_there_is_one_model(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path)
    assert list(persona_models(run)) == ["SFT", "SFT + groupwise DPO"]
    files = {answers_path(run, name).name for name in persona_models(run)}
    assert files == {"sft.parquet", "groupwise.parquet"}
    assert list(persona_models(a_run(tmp_path, "groupwise.steps=0")[0])) == ["SFT"]


def test_what_the_bench_writes_goes_with_it_when_models_change(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path)
    (bench,) = (stage for stage in PERSONA_STAGES if stage.name == "bench")
    written = [
        path(run, name).parent for name in persona_models(run) for path in (answers_path, induced_path)
    ]
    assert {str(folder.relative_to(run.directory)) for folder in written} == set(bench.outputs)


def test_an_answer_that_was_cut_off_is_no_set_whatever_stands_in_it() -> None:
    scorer = PersonaScorer(InduceConfig(), Axes(), population_of([MEMORIES]))
    rows = [("u", 0, "stop", 9, ANSWER), ("u", 1, "length", 9, ANSWER), ("u", 2, "stop", 9, "no")]
    answers = pl.DataFrame(rows, schema=ANSWER_SCHEMA, orient="row")
    cases = {"u": CASE, "nobody asked": PersonaCase(memories=MEMORIES, lines=CASE.lines)}
    found = answered(answers, cases, scorer)
    assert [one.error for one in found["u"]] == ["", "truncated", "no_answer"]
    assert found["u"][0].total > 0
    assert found["nobody asked"] == []


def test_an_example_shows_personas_by_their_lines_or_the_reason() -> None:
    one = example_of(CASE.lines, ANSWER)
    assert [persona["label"] for persona in one.personas] == ["Baby", "Tools"]
    assert [persona["lines"] for persona in one.personas] == [[1, 2], [3]]
    assert one.personas[0]["said"] == [{"text": "Buys Milk.", "lines": [1]}]
    assert example_of(CASE.lines, "no").error == "no_answer"
