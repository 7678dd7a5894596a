"""A recipe for personas on the real stack: the whole run, and one that was stopped and goes on."""

import json
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from benchmarks.induction_quality import quality_table
from benchmarks.induction_recovery import recovery_of_runs, show_recovery
from benchmarks.induction_validation import INDUCED, TRUE, validation
from benchmarks.induction_versions import OTHERS, versions_table
from induce.checking import checked
from induce.store import read_memories
from launch.curves import read_curves
from launch.pipeline import open_run
from launch.progress import Reporter
from launch.recipe import load_recipe
from records.persona import persona_sets
from rewards.personas.perturbations import LOWERS
from rl.ledger import read_ledger
from tests.integration.conftest import usergpt

RECIPE = """
name: tiny
task: personas
simulate: {users: 80, min_days: 30, max_days: 60, truth: true}
induce: {line_tokens: 80}
model: {vocab_size: 1024, hidden_size: 64, layers: 2, heads: 2, kv_heads: 1, max_length: 400}
learner: {threads: 1}
rollout: {threads: 1}
sft:
  optimizer: muon
  rl_users: 12
  probe_users: 4
  batch_size: 8
  teacher_silence: 0.5
  few_lines: {examples: 400, lr: 0.004}
  personas: {examples: 960, lr: 0.004}
groupwise:
  steps: 3
  groups_per_step: 4
  group_size: 4
  max_response_tokens: 160
  temperature: 0.4
  lr: 0.001
  probe_every: 2
  probe_samples: 2
  save_every: 1
bench: {users: 6, k: 2, temperature: 0.4, max_response_tokens: 160}
"""
"""So little trained, the model writes sets that can be read now and then, and little that is true."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run, begun and stopped after groupwise DPO had saved its first steps; returns its directory."""
    place = tmp_path_factory.mktemp("personas")
    recipe = place / "tiny.yaml"
    recipe.write_text(RECIPE)
    done = usergpt("run", str(recipe), f"runs_dir={place}")
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "tiny"


def test_the_report_has_every_inducer_and_the_page_needs_nothing_else(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text())
    rows = {row["model"]: row for row in report["rows"]}
    assert list(rows) == [
        *("teacher, cut 2", "teacher, cut 3", "teacher, best cut"),
        *("clusters, what lines show", "plain clusters, what lines show"),
        "plain clusters, checked, what lines show",
        *("clusters, all memories", "plain clusters, all memories"),
        "plain clusters, checked, all memories",
        *("SFT", "SFT, as it induces", "SFT + groupwise DPO", "SFT + groupwise DPO, as it induces"),
    ]
    for name in ("cut 2", "cut 3", "best cut"):
        assert rows[f"teacher, {name}"]["valid"]["value"] == 1
        assert rows[f"teacher, {name}"]["alignment"]["value"] > 0.95
    assert rows["teacher, best cut"]["total"]["value"] >= rows["teacher, cut 2"]["total"]["value"]
    # Who sees all of a user's memories covers more of them.
    whole, shown = (rows[f"clusters, {given}"]["coverage"] for given in ("all memories", "what lines show"))
    assert whole["value"] > shown["value"] + 0.2
    assert rows["SFT"]["valid"]["value"] > 0.2
    difference = report["differences"]["SFT + groupwise DPO − SFT"]["total"]
    assert difference["users"] == 6
    assert "http" not in (finished / "report.html").read_text().replace("http-equiv", "")
    answers = pl.read_parquet(finished / "bench" / "generations" / "groupwise.parquet")
    assert answers.group_by("user_id").len()["len"].to_list() == [2] * 6


def test_what_users_want_is_compared_with_the_truth(finished: Path) -> None:
    run = open_run(load_recipe(finished / "config.yaml"), Reporter())
    recovered = recovery_of_runs({0: run})
    rows = recovered["rows"]
    names = list(dict.fromkeys(row["inducer"] for row in rows))
    assert names[-2:] == ["SFT", "SFT + groupwise DPO"]
    assert {"a persona a category", "the 7 largest true sides, and the rest"} < set(names)
    value = {(row["inducer"], row["of"], row["metric"]): row["share"]["value"] for row in rows}
    one, clusters = (
        value["one persona", "telling", "rand"],
        value["clusters, all memories", "telling", "rand"],
    )
    assert one == 0 < clusters < 1
    assert value["SFT", "all", "personas"] > 0
    assert value["the 7 largest true sides, and the rest", "sides", "rand"] > clusters
    less = recovered["questions"]["SFT + groupwise DPO − plain clusters, all memories"]["telling"]
    assert less["interval"][0] <= less["mean"] <= less["interval"][1]
    assert 1 <= less["users"] <= 6  # those of whom both can be told
    show_recovery(recovered, Console(file=StringIO()))
    found = validation({0: run})
    for name in (TRUE, INDUCED):
        assert set(found["spoilt"][name]) == set(LOWERS)
        assert all(effect["change"] < 0 for effect in found["spoilt"][name].values())
    by_embedding = found["versions"]["swapped_evidence"]["embedding"]
    assert by_embedding["change"] < 0 < by_embedding["users"] <= 6
    assert found["versions"]["shuffled_memories"]["category"]["change"] < 0
    assert found["judged"] is None
    rivals = {row["model"]: row for row in found["unspoilt"]}
    assert list(rivals) == [TRUE, "clusters", "plain clusters", "one persona"]
    assert rivals["one persona"]["count"]["value"] == 1 < rivals[TRUE]["count"]["value"]
    quality = quality_table({"simulated": {0: run}})["simulated"]
    assert quality["questions"]["groupwise DPO − SFT"]["over_users"]["total"]["users"] == 6
    versions = versions_table({"simulated": {0: run}})["simulated"]
    plain = versions["rows"]["plain clusters, what lines show"]
    assert all(0 < plain[heading] <= 1 for heading in OTHERS)
    assert set(versions["questions"]) == set(quality["questions"])


def test_the_table_of_validation_needs_no_trained_model(tmp_path: Path) -> None:
    settings = [
        "simulate.users=40",
        "sft.rl_users=4",
        "sft.probe_users=2",
        "bench.users=6",
        "model.vocab_size=1024",
    ]
    words = ["--tables", "validation", "--seeds", "0", "--out", str(tmp_path), "--json", "--set", *settings]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.induction", *words], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    spoilt = json.loads(done.stdout.splitlines()[-1])["validation"]["spoilt"][TRUE]
    assert spoilt["false_claims"]["change"] < 0
    assert not (tmp_path / "simulated" / "seed0" / "sft").exists()


def test_the_trained_model_induces_from_any_log(finished: Path, tmp_path: Path) -> None:
    log = pl.read_parquet(finished / "events" / "events-*.parquet")
    users = log["user_id"].unique().sort()[:12]
    log.filter(pl.col("user_id").is_in(users.implode())).write_parquet(tmp_path / "log.parquet")
    words = ("induce", str(tmp_path / "log.parquet"), "--run", str(finished), "--out", str(tmp_path / "out"))
    done = usergpt(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "language model: " in done.stdout
    sets = persona_sets(pl.read_parquet(tmp_path / "out" / "personas.parquet"))
    assert len(sets) == 12
    assert any(one.personas for one in sets)
    memories = read_memories(tmp_path / "out")
    for one in sets:
        assert bool(one.personas) != bool(one.error)
        # What the log refutes is not there, whatever the model said.
        assert checked(one, memories[one.user_id]) == (one, {})
    again = usergpt(*words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "all personas are up to date" in again.stdout


def test_held_out_users_are_in_no_lesson_and_no_group(finished: Path) -> None:
    splits = json.loads((finished / "splits.json").read_text())
    taught = pl.read_parquet(finished / "sft" / "teachers" / "personas-0.parquet")["user_id"]
    ledger = read_ledger(finished / "groupwise" / "ledger")
    assert set(taught) == set(splits["sft"])
    assert set(ledger["user_id"]) <= set(splits["rl"])
    assert not set(splits["bench"]) & {*splits["sft"], *splits["rl"], *splits["probe"]}


def test_groups_are_ranked_by_quality_and_move_the_policy(finished: Path) -> None:
    ledger = read_ledger(finished / "groupwise" / "ledger")
    assert ledger.height == 3 * 4 * 4
    assert ledger["score_error"].unique().to_list() == [""]
    valid = ledger.filter(pl.col("quality").is_not_null())
    assert valid.height > 0
    best = valid.filter(pl.col("level") == 0)["quality"].mean()
    assert best is not None
    assert best >= valid["quality"].mean()  # type: ignore[operator]
    rows = read_curves(finished / "groupwise" / "curves.jsonl")
    assert [row["step"] for row in rows if "probe/quality" in row or "probe/valid_share" in row] == [0, 2, 3]
    assert any(row.get("learner/grad_norm", 0) > 0 for row in rows)
    before, after = (
        (finished / folder / "model.safetensors").read_bytes()
        for folder in ("sft/personas", "groupwise/policy")
    )
    assert before != after


def test_a_run_that_lost_its_last_step_goes_on_to_the_same_ledger(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished.parent, tmp_path, dirs_exist_ok=True)
    run = tmp_path / "tiny"
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["groupwise"]["done"] = False
    (run / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(run / "groupwise" / "policy")
    shutil.rmtree(run / "groupwise" / "checkpoints" / "step_000003")
    done = usergpt("run", str(tmp_path / "tiny.yaml"), f"runs_dir={tmp_path}", "--until", "groupwise")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("unchanged, skipped") == 5
    ours, theirs = (
        read_ledger(folder / "groupwise" / "ledger").drop("gen_seconds") for folder in (run, finished)
    )
    assert ours.equals(theirs)
    assert (run / "groupwise" / "policy" / "model.safetensors").read_bytes() == (
        finished / "groupwise" / "policy" / "model.safetensors"
    ).read_bytes()
