"""A log and labels in the place of a simulation: who does what, what is taught, asked and scored."""

import io
import json
import shutil
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from hprbench.breakdown import parts_of
from hprbench.build import Benchmark, deal_users
from hprbench.spreadsheet import read_csv, write_csv
from launch.bench_build import bench_build
from launch.bench_endpoint import bench_model
from launch.pipeline import Run, open_run, run_stages
from launch.progress import Reporter
from launch.recipe import load_recipe
from launch.stages.all import STAGES
from launch.stages.bench import baseline_rows, generations_path, load_benchmark
from launch.stages.benchmark import apply_review, users_path
from launch.stages.data import load_events, load_gold, load_histories
from launch.stages.generations import GENERATIONS_SCHEMA
from launch.stages.own_log import log_state, split_log
from launch.stages.report import run_report
from launch.stages.scores import cities_of, readers, tag_tallies
from launch.stages.splits import load_splits, load_taught
from lm.answers import parse_answer
from records.client import ClientConfig
from records.config import BenchConfig, Recipe
from records.errors import UserError
from records.files import read_json, write_json
from records.sft import SFTConfig
from records.tags import GIVEN, TAG, GoldTag
from sft.lessons import read_lessons

THINGS = {"cat": "Cat Litter", "dog": "Dog Biscuit", "NA": "Tea"}

RECIPE = """
name: mine
log:
  input: LOG.csv
  mapping: LOG.yaml
  labels: LABELS.csv
  tags:
    income_band: {column: pay, values: {lots: high, few: low}}
semantize: {token_budget: 120, short_term_days: 1, top_k: 5}
model: {vocab_size: 600, hidden_size: 64, layers: 2, heads: 2, kv_heads: 1, max_length: 400}
answer: {cite: false}
sft:
  rl_users: 3
  probe_users: 2
  stage1: {examples: 40, window_lines: 2, unlabelled: 8}
  stage3: {examples: 20, composite_share: 1.0}
rl: {steps: 0, max_response_tokens: 60}
bench: {models: [sft], users: 9, k: 2, max_response_tokens: 60}
"""


def write_log(folder: Path, users: int = 40, different: int = 40) -> Path:
    """A log of so many users, so many of them doing `different` things, the last ten without a label; returns
    the recipe's file."""
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    doing = [user % different for user in range(users)]
    pets = [list(THINGS)[one % 3] for one in doing]
    rows = [
        (f"c{user:02}", (start + timedelta(days=9 * event + doing[user] % 3)).isoformat(), title)
        for user in range(users)
        for event, title in enumerate([THINGS[pets[user]], "Milk", f"Bread {doing[user]}"] * 3)
    ]
    pl.DataFrame(rows, schema=["customer", "when", "title"], orient="row").write_csv(folder / "log.csv")
    (folder / "log.yaml").write_text(
        "columns: {user_id: customer, timestamp: when, content: title}\n"
        "constants: {source: Shop, action: Order}\n"
    )
    labels = [
        (f"c{user:02}", pets[user], ("lots", "few", "")[user % 3], "18-24" if user % 2 else "")
        for user in range(users - 10)
    ]
    labels += [("x1", "cat", "few", "55+"), ("x2", "", "", "")]
    pl.DataFrame(labels, schema=["customer", "pet", "pay", "age_group"], orient="row").write_csv(
        folder / "labels.csv"
    )
    recipe = folder / "mine.yaml"
    text = RECIPE.replace("LOG", str(folder / "log")).replace("LABELS", str(folder / "labels"))
    recipe.write_text(text)
    return recipe


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on a log up to its lessons; what it said stands in `said.txt` there."""
    folder = tmp_path_factory.mktemp("log")
    recipe = load_recipe(write_log(folder), [f"runs_dir={folder}"])
    shown = io.StringIO()
    run = open_run(recipe, Reporter(Console(file=shown, width=200, force_terminal=False)))
    run_stages(run, STAGES, until="curriculum")
    (run.directory / "said.txt").write_text(shown.getvalue())
    return run


def test_users_are_dealt_out_and_nobody_does_two_things(run: Run) -> None:
    splits = load_splits(run.directory)
    sizes = {name: len(users) for name, users in asdict(splits).items()}
    # 30 labelled users in parts of at least 9: three of 10.
    assert sizes == {"bench": 10, "probe": 2, "rl": 3, "sft": 15, "unlabelled": 10}
    everybody = [user for users in asdict(splits).values() for user in users]
    assert len(set(everybody)) == 40
    assert set(everybody) == set(load_histories(run.directory))
    said = (run.directory / "said.txt").read_text()
    # x1 has labels and no event; x2 has neither.
    assert "30 labelled users are in the log, 1 are not; 10 of the log have no label" in said
    assert "labels of 31 users: age_group, pet, income_band" in said


def test_folds_are_disjoint_and_cover_all_labelled_users(run: Run) -> None:
    gold, users = load_gold(run.directory), set(load_histories(run.directory))
    folds = [
        split_log(replace(run.recipe, log=replace(run.recipe.log, fold=fold)), gold, users)
        for fold in range(3)
    ]
    assert folds[0] == load_splits(run.directory)
    assert sorted(user for fold in folds for user in fold.bench) == sorted(gold.keys() & users)
    with pytest.raises(
        UserError, match="log.fold=3: bench.users=9 goes 3 times into the 30 .* choose 0 to 2"
    ):
        split_log(replace(run.recipe, log=replace(run.recipe.log, fold=3)), gold, users)


def test_too_few_labelled_users_are_the_users_to_mend(run: Run) -> None:
    gold, users = load_gold(run.directory), set(load_histories(run.directory))
    with pytest.raises(UserError, match="bench.users=16: choose between 1 and half of the 30 labelled users"):
        split_log(replace(run.recipe, bench=BenchConfig(users=16)), gold, users)
    with pytest.raises(UserError, match="sft.probe_users \\+ sft.rl_users = 20 leave none of the 20"):
        split_log(replace(run.recipe, sft=SFTConfig(rl_users=18, probe_users=2)), gold, users)


def test_each_part_has_its_share_of_every_stratum() -> None:
    def label(user: str, value: str) -> dict[str, GoldTag]:
        one = GoldTag(user_id=user, tag="age_group", values=(value,), event_ids=(), difficulty=GIVEN)
        return {"age_group": one} if value else {}

    gold = {f"u{n:03}": label(f"u{n:03}", ("18-24", "55+", "55+", "55+", "")[n % 5]) for n in range(100)}
    parts = deal_users(gold, 20, seed=1)
    ages = [Counter(gold[u]["age_group"].values[0] if gold[u] else "" for u in part) for part in parts]
    assert ages == [Counter({"55+": 12, "18-24": 4, "": 4})] * 5
    assert parts == deal_users(dict(reversed(gold.items())), 20, seed=1)
    assert parts != deal_users(gold, 20, seed=2)


def test_lessons_teach_known_tags_alone_and_all_labels_are_standard(run: Run) -> None:
    gold = load_gold(run.directory)
    bands = pl.read_parquet(run.directory / "sft" / "labels" / "bands.parquet")
    taught = load_splits(run.directory).sft
    assert set(bands["user_id"]) <= set(taught)
    assert set(bands["band"]) == {"standard"}
    assert len(bands) == sum(len(gold[user]) for user in set(bands["user_id"]))
    assert len(read_lessons(run.directory / "sft" / "data" / "stage2.parquet")) == 0
    lessons = [
        lesson
        for stage in ("stage1", "stage3")
        for lesson in read_lessons(run.directory / "sft" / "data" / f"{stage}.parquet")
    ]
    unasked = [lesson for lesson in lessons if not lesson.tags]
    assert (len(lessons), len(unasked)) == (68, 8)
    assert {lesson.user_id for lesson in unasked} <= set(load_splits(run.directory).unlabelled)
    assert {lesson.answer for lesson in unasked} == {"<think></think><answer>{}</answer>"}
    for lesson in [lesson for lesson in lessons if lesson.tags]:
        answer = parse_answer(
            lesson.answer, tags=lesson.tags, summary=lesson.task == "composite", history_lines=9
        )
        # A label holds for any stretch of the history, and there is nothing to reason from or to cite.
        assert {tag: one.values for tag, one in answer.tags.items()} == {
            tag: gold[lesson.user_id][tag].values for tag in lesson.tags
        }
        assert answer.think == ""
        assert '"lines"' not in lesson.answer
    # NA is a label: it is taught.
    assert any('"pet":{"value":"NA"}' in lesson.answer for lesson in lessons)


def answers(run: Run, wrong: int) -> None:
    """Responses as if a model had been asked: all true but for the `wrong` first users, who are all dogs'."""
    benchmark = load_benchmark(run)
    rows = []
    for place, user in enumerate(benchmark.users):
        told = {tag: one.values[0] if one.values else "NA" for tag, one in benchmark.gold[user].items()}
        # Of what nothing is known a model says what it likes.
        body = {tag: {"value": told.get(tag, "NA")} for tag in benchmark.tags}
        if place < wrong:
            body["pet"] = {"value": "dog"}
        said = {"summary": [{"text": f"Has a {body['pet']['value']}."}]}
        for task, number, extra in (("tags", 0, {}), ("tags", 1, {}), ("composite", 0, said)):
            text = f"<think></think><answer>{json.dumps(body | extra)}</answer>"
            rows.append((user, task, number, "stop", text))
    path = generations_path(run, "SFT")
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=GENERATIONS_SCHEMA, orient="row").write_parquet(path)


def test_what_is_not_known_is_neither_asked_nor_scored(run: Run) -> None:
    benchmark = load_benchmark(run)
    assert benchmark.tags == ("age_group", "pet", "income_band")
    answers(run, wrong=0)
    parts = avg_parts(run, benchmark)
    assert parts["tag"] == dict.fromkeys(benchmark.tags, 1.0)
    assert set(parts["dimension"]) == {"LS", "HC", "EP"}
    assert parts["difficulty"] == {GIVEN: 1.0}
    answers(run, wrong=10)
    dogs = np.mean([benchmark.gold[user]["pet"].values == ("dog",) for user in benchmark.users])
    assert avg_parts(run, benchmark)["tag"] == {
        "age_group": 1.0,
        "pet": pytest.approx(dogs),
        "income_band": 1.0,
    }
    # A user's mean is over known tags: with the pet alone known it is all or nothing.
    alone = next(user for user in benchmark.users if benchmark.gold[user].keys() == {"pet"})
    per_user = tag_tallies(run, "SFT", benchmark)["avg_at_k"].per_user()
    assert per_user[alone] == float(benchmark.gold[alone]["pet"].values == ("dog",))


def avg_parts(run: Run, benchmark: Benchmark) -> dict[str, dict[str, float]]:
    """Avg@k by what and part."""
    tallies = tag_tallies(run, "SFT", benchmark)
    parts = parts_of(tallies, benchmark.gold, benchmark.strata, seed=0)["avg_at_k"]
    return {by: {name: share.value for name, share in shares.items()} for by, shares in parts.items()}


def test_baselines_learn_each_tag_from_the_users_of_whom_it_is_known(run: Run) -> None:
    benchmark = load_benchmark(run)
    rows = {row.model: row for row in baseline_rows(run, benchmark)}
    # There is no world whose shops rules could know.
    assert list(rows) == ["majority", "boosted aggregates", "TF-IDF + LR"]
    # What is bought says which pet it is.
    assert rows["TF-IDF + LR"].part("avg_at_k", "tag")["pet"].value == 1.0
    assert rows["majority"].part("avg_at_k", "tag")["age_group"].value == 1.0
    assert rows["majority"].part("avg_at_k", "tag")["pet"].value < 0.7


def test_the_report_of_a_log(run: Run) -> None:
    answers(run, wrong=3)
    run_report(run)
    report = json.loads((run.directory / "report.json").read_text())
    assert [row["model"] for row in report["rows"]] == [
        "majority",
        "boosted aggregates",
        "TF-IDF + LR",
        "SFT",
    ]
    ours = report["rows"][-1]
    assert ours["by_dimension"]["GC"] is None
    assert ours["evidence_precision"] is None
    assert ours["acc_ex"] is not None
    assert "Cat Litter" in (run.directory / "report.html").read_text()


@pytest.fixture
def copied(run: Run, tmp_path: Path) -> Run:
    """A copy of the run with a report, as `usergpt bench` finds it."""
    directory = tmp_path / "mine"
    shutil.copytree(run.directory, directory)
    copy = replace(run, directory=directory, recipe=replace(run.recipe, runs_dir=str(tmp_path)))
    answers(copy, wrong=0)
    write_json(directory / "report.json", {})
    return copy


def fill_in(run: Run, verdicts: Sequence[dict[str, str]], name: str) -> Path:
    """The first rows of review.csv with `verdicts`, saved as `name` beside it."""
    sheet = run.directory / "bench" / "build" / "review.csv"
    rows: list[dict[str, str]] = read_csv(sheet, ("verdict",))
    write_csv(sheet.with_name(name), list(rows[0]), [a | b for a, b in zip(rows, verdicts, strict=False)])
    return sheet.with_name(name)


def test_the_benchmark_is_made_anew_and_answers_stay_while_the_questions_do(copied: Run) -> None:
    assert bench_build(copied.directory) == 0
    assert generations_path(copied, "SFT").exists()
    # As if an older version had chosen one user less.
    body = read_json(users_path(copied))
    write_json(users_path(copied), body | {"users": body["users"][1:]})
    manifest = read_json(copied.directory / "manifest.json")
    write_json(copied.directory / "manifest.json", manifest | {"bench": {}, "report": {}})
    assert bench_build(copied.directory) == 0
    assert read_json(users_path(copied))["users"] == body["users"]
    assert not generations_path(copied, "SFT").exists()
    assert not (copied.directory / "report.json").exists()
    assert read_json(copied.directory / "manifest.json") == manifest


def test_what_people_said_is_not_thrown_away(copied: Run) -> None:
    config = (copied.directory / "config.yaml").read_bytes()
    other = replace(copied, recipe=replace(copied.recipe, bench=replace(copied.recipe.bench, users=8)))
    fill_in(copied, [{"verdict": "ok"}], "review.csv")
    with pytest.raises(UserError, match=r"review\.csv: holds people's verdicts; move it away"):
        bench_build(copied.directory)
    with pytest.raises(UserError, match=r"review\.csv: holds people's verdicts"):
        run_stages(other, STAGES, until="semantize")
    filled = (copied.directory / "bench" / "build" / "review.csv").rename(copied.directory / "filled.csv")
    apply_review(copied, filled, load_benchmark(copied))
    with pytest.raises(UserError, match=r"users\.json: holds people's corrections; move it away"):
        run_stages(other, STAGES, until="semantize")
    assert (copied.directory / "config.yaml").read_bytes() == config
    assert load_benchmark(copied).version == 2


def test_a_review_that_is_applied_again_with_more_rows_adds_these_alone(copied: Run) -> None:
    first, *_ = load_benchmark(copied).users
    tags = list(load_benchmark(copied).gold[first])
    old = load_benchmark(copied).gold[first][tags[0]].values
    wrong = {"verdict": "wrong", "correction": TAG[tags[0]].values[old == TAG[tags[0]].values[:1]]}
    reviews = [
        apply_review(copied, fill_in(copied, verdicts, f"{len(verdicts)}.csv"), load_benchmark(copied))
        for verdicts in ([wrong], [wrong, {"verdict": "ok"}])
    ]
    assert [(one.looked_at, one.corrected, sum(one.corrected_by_tag.values())) for one in reviews] == [
        (1, 1, 1), (1, 0, 0),
    ]  # fmt: skip
    assert load_benchmark(copied).reviews == tuple(reviews)
    assert len({label for one in reviews for label in one.labels}) == 2


def test_the_judge_of_the_benchmark_has_the_deadline_of_the_recipe_and_its_failures_are_told(
    copied: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = ClientConfig(model="judge", base_url="http://127.0.0.1:9/v1", max_retries=0, deadline_s=500.0)
    scorer = replace(copied.recipe.scorer, judge="llm", llm=llm, timeout_s=1.0)
    shown = io.StringIO()
    run = replace(
        copied,
        recipe=replace(copied.recipe, scorer=scorer),
        reporter=Reporter(Console(file=shown, width=300, force_terminal=False)),
    )
    read = readers(run)
    assert read.llm is not None
    assert read.llm.judge.client.config.deadline_s == 500.0  # type: ignore[attr-defined]
    run_report(run)  # nobody listens at that port
    report = read_json(run.directory / "report.json")
    assert report["rows"][-1]["unjudged"] == report["llm_judge"]["unjudged"] == 10
    assert report["rows"][-1]["llm_judge"] is None
    assert "10 summaries could not be judged" in shown.getvalue()
    assert f"20 {next(iter(report['llm_judge']['failed']))}" in shown.getvalue()


def test_the_extractor_knows_cities_that_reviews_put_in() -> None:
    def of(city: str) -> dict[str, dict[str, GoldTag]]:
        one = GoldTag(user_id="u", tag="home_city", values=(city,), event_ids=(), difficulty=GIVEN)
        return {"u": {"home_city": one}, "v": {}}

    assert cities_of(of("Lyon"), of("Ghent")) == ["Ghent", "Lyon"]


def test_a_model_behind_a_server_is_asked_as_the_others_were(copied: Run) -> None:
    with pytest.raises(UserError, match=r"'bench\.k=1': only fields of llm can be given"):
        bench_model(copied.directory, ["llm.model=big", "bench.k=1"])


def test_events_are_those_of_the_log(run: Run) -> None:
    events = load_events(run.directory, ["c07", "c01"])
    assert events["user_id"].unique(maintain_order=True).to_list() == ["c01", "c07"]
    assert len(events) == 18
    assert len(load_events(run.directory)) == 360
    assert load_events(run.directory, []).columns == events.columns
    assert len(load_events(run.directory, [])) == 0


def test_a_replaced_log_or_table_is_told_from_the_one_before(tmp_path: Path) -> None:
    recipe = load_recipe(write_log(tmp_path))
    before = log_state(recipe)
    assert before == log_state(recipe)
    (tmp_path / "labels.csv").write_text("customer,pet\nc00,cat\n")
    assert log_state(recipe)[:-1] == before[:-1]
    assert log_state(recipe) != before
    assert log_state(Recipe()) == []


def test_a_mended_mapping_and_a_replaced_side_table_are_told_too(tmp_path: Path) -> None:
    recipe = load_recipe(write_log(tmp_path))
    mapping = tmp_path / "log.yaml"
    states = [log_state(recipe)]
    mapping.write_text(mapping.read_text() + "join: {path: things.csv, on: title, columns: [aisle]}\n")
    states.append(log_state(recipe))
    (tmp_path / "things.csv").write_text("title,aisle\nMilk,3\n")
    states.append(log_state(recipe))
    (tmp_path / "things.csv").write_text("title,aisle\nMilk,12\n")
    states.append(log_state(recipe))
    assert all(one != other for one, other in combinations(states, 2))
    mapping.touch()
    assert log_state(recipe) == states[-1]


@pytest.fixture
def twins(tmp_path: Path) -> Run:
    """The same of a log in which users twenty apart do the same."""
    recipe = load_recipe(write_log(tmp_path, different=20), [f"runs_dir={tmp_path}"])
    run = open_run(recipe, Reporter(Console(file=io.StringIO())))
    run_stages(run, STAGES, until="curriculum")
    return run


def unlike(users: Sequence[str], others: Collection[str]) -> list[str]:
    """Those of `users` whose twin is none of the `others`."""
    return [user for user in users if f"c{(int(user[1:]) + 20) % 40:02}" not in others]


def test_who_says_what_a_benchmark_user_says_is_not_learnt_from(twins: Run) -> None:
    splits = load_splits(twins.directory)
    taught = unlike(splits.sft, {*splits.bench, *splits.probe, *splits.rl})
    assert 0 < len(taught) < len(splits.sft)
    assert load_taught(twins.directory) == taught
    as_text = unlike(splits.unlabelled, {*splits.bench, *splits.probe, *splits.rl})
    assert 0 < len(as_text) < len(splits.unlabelled)
    lessons = read_lessons(twins.directory / "sft" / "data" / "stage1.parquet")
    assert {lesson.user_id for lesson in lessons if not lesson.tags} <= set(as_text)
    counts = json.loads((twins.directory / "sft" / "labels" / "counts.json").read_text())
    assert counts["duplicates"] == len(splits.sft) - len(taught)
    assert counts["unlabelled_duplicates"] == len(splits.unlabelled) - len(as_text)


def test_baselines_learn_from_the_users_that_sft_teaches(twins: Run) -> None:
    path = twins.directory / "sft" / "labels" / "labels.parquet"
    labels = pl.read_parquet(path)
    cats = labels.filter((pl.col("tag") == "pet") & (pl.col("values").list.first() == "cat"))
    labels.join(cats, on="user_id", how="semi").write_parquet(path)
    benchmark = load_benchmark(twins)
    share = np.mean([benchmark.gold[user]["pet"].values == ("cat",) for user in benchmark.users])
    for row in baseline_rows(twins, benchmark):
        assert row.part("avg_at_k", "tag")["pet"].value == pytest.approx(share)
