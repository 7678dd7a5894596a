"""The proof of induction: scores of runs pooled over seeds, and what is compared, worked by hand."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import induction, induction_validation
from benchmarks.induction_quality import Logs, over_seeds, quality_table, show_quality, user_key
from benchmarks.induction_recovery import show_recovery
from benchmarks.recovery import recovered
from launch.pipeline import Run, open_run
from launch.progress import Reporter
from launch.stages.persona_bench import DPO_MODEL, SFT_MODEL
from launch.stages.persona_report import CLUSTERS, SCORES, SHOWN, read_scores, write_scores
from records.config import LogConfig, Recipe
from records.induction import MemoryConfig, QualityConfig
from rewards.personas.total import Quality
from tests.chat_stand_in import Server
from tests.personas import made_up_user
from tests.test_induce_clustering import letters


def good(total: float, cohesion: float = 0.5) -> Quality:
    return Quality(total=total, cohesion=cohesion, alignment=1.0, truthfulness=1.0, coverage=1.0, count=2)


def finished(folder: Path, seed: int, sft: list[Quality], dpo: list[Quality]) -> Run:
    run = open_run(Recipe(runs_dir=str(folder), name=f"seed{seed}", seed=seed), Reporter())
    sets = {
        f"{CLUSTERS}, {SHOWN}": {"ann": [good(0.4)], "bob": [good(0.6)]},
        SFT_MODEL: {"ann": sft, "bob": [good(0.2)]},
        DPO_MODEL: {"ann": dpo, "bob": [good(0.5, 0.9)]},
    }
    write_scores(run.directory / SCORES, sets)
    assert read_scores(run.directory / SCORES) == sets
    return run


def test_seeds_are_pooled_and_told_apart(tmp_path: Path) -> None:
    runs = {
        0: finished(tmp_path, 0, [good(0.3), Quality(error="truncated")], [good(0.4), good(0.6)]),
        1: finished(tmp_path, 1, [good(0.1), good(0.1)], [good(0.1), good(0.3)]),
    }
    found = quality_table({"simulated": runs})["simulated"]
    assert found["seeds"] == [0, 1]
    rows = {row["model"]: row for row in found["rows"]}
    # SFT: ann .15 (an invalid set has 0) and bob .2 of seed 0, .1 and .2 of seed 1.
    assert rows[SFT_MODEL]["total"]["value"] == pytest.approx((0.15 + 0.2 + 0.1 + 0.2) / 4)
    assert rows[SFT_MODEL]["total"]["users"] == 4
    assert rows[SFT_MODEL]["valid"]["value"] == pytest.approx(7 / 8)
    assert rows[SFT_MODEL]["invalid"] == {"truncated": 1}
    over_sft = found["questions"]["groupwise DPO − SFT"]
    # ann: .5 − .15 and .2 − .1; bob: .5 − .2 twice.
    assert over_sft["over_users"]["total"]["mean"] == pytest.approx((0.35 + 0.3 + 0.1 + 0.3) / 4)
    assert over_sft["by_seed"]["total"] == [pytest.approx(0.325), pytest.approx(0.2)]
    assert over_sft["by_seed"]["cohesion"] == [pytest.approx(0.2), pytest.approx(0.2)]
    # Of two seeds Student's t is 12.706: .2625 ± 12.706 × .0884 / √2.
    assert over_sft["over_seeds"]["total"] == {"mean": 0.2625, "interval": [-0.5316, 1.0566]}
    assert over_seeds([0.1, 0.2, None, 0.3]) == {"mean": 0.2, "interval": [-0.0484, 0.4484]}
    assert over_seeds([0.1]) is None
    assert list(found["questions"]) == ["groupwise DPO − SFT"]  # nobody else was measured
    shown = io.StringIO()
    show_quality({"simulated": found}, Console(file=shown, width=250))
    assert "+0.262 [" in shown.getvalue()
    assert "(+0.325, +0.200)" in shown.getvalue()


def test_tables_asked_for_one_by_one_come_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {0: finished(tmp_path, 0, [good(0.3)], [good(0.4)])}
    asked: list[tuple[list[str], str]] = []

    def train(logs: Logs, seeds: list[int], out: Path, reporter: Reporter, until: str = "") -> Any:
        asked.append((list(logs.words), until))
        return {"simulated": runs}

    monkeypatch.setattr(induction, "train", train)
    monkeypatch.setattr(induction, "validation", lambda of, judged: {"seeds": list(of)})
    monkeypatch.setattr(induction, "show_validation", lambda found, console: None)
    common = ["--seeds", "0", "--out", str(tmp_path), "--json", "--online-retail", "retail.parquet"]
    induction.main(["--tables", "quality", *common])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["quality"]["simulated"]["rows"][1]["total"]["value"] == pytest.approx(0.25)
    # Validation needs no more of a model than its tokenizer, nor another log than simulated users.
    induction.main(["--tables", "validation", *common])
    assert asked == [(["simulated", "online_retail"], ""), (["simulated"], "model")]
    assert json.loads((tmp_path / "induction.json").read_text()) == told | {"validation": {"seeds": [0]}}


def test_the_next_item_is_made_once_and_anew_where_memories_are_made_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: list[str] = []

    def next_item(log: str, memory: MemoryConfig, words: Any) -> dict[str, Any]:
        made.append(log)
        return {"seeds": {}, "of": f"{log}, {memory.value_per_piece}"}

    (tmp_path / "retail.parquet").write_bytes(b"1")
    monkeypatch.setattr(induction, "next_item", next_item)
    monkeypatch.setattr(induction, "complete_journey", lambda: "groceries")
    monkeypatch.setattr(induction, "online_retail", lambda path: path.name)
    words = ["--tables", "future", "--out", str(tmp_path), "--json"]
    induction.main(words)
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "future": {"complete_journey": {"seeds": {}, "of": "groceries, False"}}
    }
    induction.main([*words, "--online-retail", str(tmp_path / "retail.parquet")])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])["future"]
    assert told["online_retail"]["of"] == "retail.parquet, True"
    assert made == ["groceries", "retail.parquet"]
    monkeypatch.setattr(induction, "MEMORY_VERSION", 99)
    induction.main(words)
    assert made == ["groceries", "retail.parquet", "groceries"]


def test_a_language_model_judges_some_of_the_spoilt_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = '{"coherence": 3, "unsupported": [], "false": []}'
    monkeypatch.setattr(induction_validation, "embedder_of", lambda run: letters)
    monkeypatch.setattr(induction_validation, "ChatClient", lambda llm, cache: Server(verdict, again=True))
    run = open_run(Recipe(runs_dir=str(tmp_path), name="mine"), Reporter())
    true = [made_up_user(seed, dimensions=24) for seed in range(6)]
    effects, tally = induction_validation._other_versions(run, true, QualityConfig(), judged=3)
    assert list(effects["shuffled_memories"]) == ["category", "llm"]
    # The model finds nothing false; what the rules refute counts as such all the same.
    assert effects["false_claims"]["llm"].change < 0
    assert effects["false_claims"]["llm"].users == 3
    assert tally is not None
    assert tally["judged"] == 3 * 5  # true, and spoilt in four ways
    assert induction_validation._other_versions(run, true, QualityConfig(), judged=0)[1] is None


def test_what_inducers_find_of_simulated_users_is_held_against_controls() -> None:
    found = recovered(6, 3, letters)
    value = {(row["inducer"], row["of"], row["metric"]): row["share"]["value"] for row in found["rows"]}
    assert value["one persona", "sides", "rand"] == 0
    assert value["the 7 largest true sides, and the rest", "sides", "rand"] > 0.5
    less = found["questions"]["clusters − plain clusters"]["Rand: desires"]
    ours, theirs = (value[name, "desires", "rand"] for name in ("clusters", "plain clusters"))
    assert less["mean"] == pytest.approx(ours - theirs)
    assert found["memories"] > 100
    shown = io.StringIO()
    show_recovery(found, Console(file=shown, width=200))
    assert "clusters − plain clusters" in shown.getvalue()
    assert f"{less['mean']:+.3f} [" in shown.getvalue()


def test_customers_of_a_log_are_the_same_with_every_seed() -> None:
    own, simulated = (open_run(Recipe(log=LogConfig(input=log)), Reporter()) for log in ("shop.csv", ""))
    assert (user_key(own, 1, "ann"), user_key(simulated, 1, "ann")) == ("ann", "1/ann")


def test_logs_are_what_recipes_are_told_of_them(tmp_path: Path) -> None:
    logs = Logs(online_retail=tmp_path / "retail.parquet", overrides=["bench.k=2"])
    assert logs.words["simulated"] == ["bench.k=2", "simulate.truth=true"]
    assert f"log.input={tmp_path / 'retail.parquet'}" in logs.words["online_retail"]
    assert set(Logs(online_retail=None, overrides=[]).words) == {"simulated"}
