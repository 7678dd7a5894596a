"""A log with labels through the real stack: trained on, asked and reported."""

import json
from pathlib import Path

import polars as pl

from tests.integration.conftest import usergpt
from tests.test_launch_own_log import write_log


def test_a_log_and_its_labels_from_the_command_line(tmp_path: Path) -> None:
    recipe = write_log(tmp_path)
    words = ["sft.stage1.examples=16", "sft.stage3.examples=8", "bench.k=1", "cluster.address=local"]
    done = usergpt("run", str(recipe), f"runs_dir={tmp_path}", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    run = tmp_path / "mine"
    report = json.loads((run / "report.json").read_text())
    names = [row["model"] for row in report["rows"]]
    assert names == ["majority", "boosted aggregates", "TF-IDF + LR", "SFT"]
    assert set(report["rows"][-1]["by_tag"]) == {"age_group", "pet", "income_band"}
    # Ten users: the question about all tags, and the one with a summary.
    assert pl.read_parquet(run / "bench" / "generations" / "sft.parquet").height == 20
    again = usergpt("run", str(recipe), f"runs_dir={tmp_path}", *words)
    assert again.stdout.count("unchanged, skipped") == 9
    (tmp_path / "labels.csv").write_text("customer,pet\nc00,rat\n")
    mended = usergpt("run", str(recipe), f"runs_dir={tmp_path}", *words)
    assert mended.returncode == 2
    assert "simulate was made by another version of the project, or from files" in mended.stderr
    mended = usergpt("run", str(recipe), f"runs_dir={tmp_path}", "--force", "simulate", *words)
    assert mended.returncode == 2
    assert "labels.csv: row 1: pet: 'rat' is none of pet's none, cat, dog" in mended.stderr
