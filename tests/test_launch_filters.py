"""`usergpt filters`, on ledgers that the tests write: tables, JSON, pictures, YAML and hostile texts."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from launch import cli
from launch.filters import command
from launch.filters.plain import escaped, plain_json
from launch.recipe import load_recipe, write_recipe
from records.config import FilterConfig, ThresholdConfig
from tests.ledgers import EASY, FLAT, HARD, MIDDLE, RECORDED, Group, Sample, write_ledger

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return _run(tmp_path / "run", RECORDED)


def _run(directory: Path, filters: FilterConfig, *more: Group, text: bool = False) -> Path:
    """A run with two steps of the groups worked by hand, and a third of `more`."""
    steps = {0: [HARD, MIDDLE], 1: [EASY, FLAT], **({2: more} if more else {})}
    write_ledger(directory / "rl" / "ledger", steps, filters, text=text)
    recipe = load_recipe(Path("quickstart"))
    recipe.rl.filters = filters
    write_recipe(directory / "rl" / "config.yaml", recipe)
    return directory


def _json(capsys: Captured, *words: str) -> dict[str, Any]:
    assert cli.main(["filters", *words, "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def _refused(capsys: Captured, *words: str) -> str:
    assert cli.main(["filters", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def test_the_examples_of_the_helps_parse(capsys: Captured) -> None:
    with pytest.raises(SystemExit):
        cli.main(["filters", "--help"])
    assert command._EXAMPLES in capsys.readouterr().out
    actions = [cli._parsed(line.split()[1:]).action for line in command._EXAMPLES.splitlines()[1:]]
    assert actions == ["sweep", "suggest", "show"]
    for action, examples in (
        ("sweep", command._SWEEP_EXAMPLES),
        ("suggest", command._SUGGEST_EXAMPLES),
        ("show", command._SHOW_EXAMPLES),
    ):
        with pytest.raises(SystemExit):
            cli.main(["filters", action, "--help"])
        assert examples in capsys.readouterr().out
        for line in examples.splitlines()[1:]:
            arguments = cli._parsed(line.strip().split("   ")[0].split()[1:])
            assert (arguments.command, arguments.action) == ("filters", action)


def test_a_sweep_as_json(run: Path, capsys: Captured) -> None:
    shown = _json(capsys, "sweep", str(run), "--eps-low", "0.2:0.5:0.3", "--eps-high", "2")
    assert shown["ledger"] == str(run / "rl" / "ledger")
    assert shown["prompt_tokens"] == [[10, 10], [20, 20], [30, 30], [40, 40]]
    assert (shown["filters"]["min_live"], shown["length_cap"]) == (2, None)
    # As in the run: middle alone, 5 + 6 of 74 tokens.
    assert (shown["recorded"]["groups_kept"], shown["recorded"]["tokens_wasted"]) == (1, 63)
    low, high = shown["rows"]
    assert low["by_task"].keys() == {"tags", "composite"}
    assert [part["groups_kept"] for part in low["by_prompt_tokens"]] == [1, 1, 1, 0]
    assert {key: low[key] for key in ("eps_low", "eps_high", "groups", "groups_kept", "samples_kept")} == {
        "eps_low": 0.2,
        "eps_high": 2.0,
        "groups": 4,
        "groups_kept": 3,
        "samples_kept": 6,
    }
    assert (high["groups_kept"], high["tokens_kept"], high["tokens_wasted"]) == (2, 28, 46)


def test_a_sweep_as_a_table(run: Path, capsys: Captured) -> None:
    words = ["filters", "sweep", str(run / "rl"), "--eps-low", "0.2", "--length-cap", "7"]
    assert cli.main([*words, "rl.filters.mean_over=all"]) == 0
    shown = capsys.readouterr().out
    assert "4 recorded groups of" in shown
    as_recorded, replayed = [line for line in shown.splitlines() if "1 (25%)" in line or "0 (0%)" in line]
    assert "as recorded" in as_recorded
    # Of middle the truncated sample counts 0: mean .533. Of hard and easy nobody is live.
    assert "the run's" in replayed
    assert "Replayed with rl.filters.mean_over=all, --length-cap 7; all else as in the run." in shown
    assert "The run kept 0% of the groups with the shortest prompts (10) and 0% of those" in shown


def test_a_sweep_tells_what_drops_groups_and_pairs_left_out(run: Path, capsys: Captured) -> None:
    grids = ["--eps-low", "0.5:2:0.5", "--eps-high", "1"]
    shown = _json(capsys, "sweep", str(run), *grids)
    assert (shown["pairs_left_out"], len(shown["rows"])) == (2, 2)
    assert shown["rows"][1]["dropped_by"] == {
        "too_few_live": 0, "too_hard": 3, "too_easy": 1, "no_signal": 1, "stale": 0,
    }  # fmt: skip
    assert cli.main(["filters", "sweep", str(run), *grids]) == 0
    table = capsys.readouterr().out
    assert "2 pair(s) of thresholds left out, whose eps_low is above eps_high." in table.splitlines()
    for heading in ("dropped by", "too_hard /", "too_easy /", "no_signal"):
        assert heading in table
    assert "too_few_live" not in table
    assert "stale" not in table
    assert any("│" in line and "3 / 1 / 1" in line for line in table.splitlines())
    assert cli.main(["filters", "sweep", str(run)]) == 0
    assert "left out" not in capsys.readouterr().out
    upside_down = _refused(capsys, "sweep", str(run), "--eps-low", "1.5", "--eps-high", "1")
    assert "every --eps-low is above every --eps-high; swap them" in upside_down


def test_a_sweep_without_options_is_what_the_run_kept(run: Path, capsys: Captured) -> None:
    shown = _json(capsys, "sweep", str(run))
    (row,) = shown["rows"]
    assert [row.pop(name) for name in ("eps_low", "eps_high", "strictness")] == [None] * 3
    assert row == shown["recorded"]


def test_stricter_formats_as_json_and_as_a_table(tmp_path: Path, capsys: Captured) -> None:
    texts = [
        "<think></think><answer>{}</answer>",
        '<think>so</think><answer>{"pet": {"value": "cat", "lines": [2]}}</answer>',
        '<think>so</think><answer>{"pet": {"value": "cat", "lines": [1]}}</answer>',
    ]
    samples = [Sample(atomic=0.3 + 0.2 * place, text=text) for place, text in enumerate(texts)]
    run = _run(tmp_path, RECORDED, Group(name="sloppy", samples=samples), text=True)
    shown = _json(capsys, "sweep", str(run), "--strictness", "thinking,schema")
    assert [row["strictness"] for row in shown["rows"]] == ["schema", "thinking"]
    assert shown["rows"][0]["groups_kept"] == shown["recorded"]["groups_kept"] == 2
    # The groups worked by hand have no texts that follow any format.
    assert [row["samples_kept"] for row in shown["rows"]] == [2 + 3, 2]
    assert _json(capsys, "sweep", str(run))["rows"][0]["strictness"] is None
    assert cli.main(["filters", "sweep", str(run), "--strictness", "all"]) == 0
    shown_lines = capsys.readouterr().out.splitlines()
    assert any("format" in line and "eps_low" in line for line in shown_lines)
    kept = {
        level: line.split("│")[4].strip()
        for line in shown_lines
        for level in ("schema", "thinking", "citations", "evidence")
        if level in line
    }
    assert kept == {"schema": "2 (40%)", "thinking": "1 (20%)", "citations": "0 (0%)", "evidence": "0 (0%)"}


def test_a_schedule_is_replayed_as_it_was(tmp_path: Path, capsys: Captured) -> None:
    moving = FilterConfig(
        ramp_steps=2,
        thresholds={
            "tags": ThresholdConfig(eps_low=0.1, eps_low_end=0.9),
            "composite": ThresholdConfig(eps_high=1.7, eps_high_end=0.5),
        },
    )
    run = _run(tmp_path, moving, replace(MIDDLE, name="late"))
    shown = _json(capsys, "sweep", str(run))
    # Step 0 keeps hard and middle, step 1 (eps_high 1.1) nothing, step 2 (eps_low .9) nothing.
    assert shown["recorded"]["groups_kept"] == 2
    assert shown["rows"][0]["groups_kept"] == 2
    assert shown["filters"]["thresholds"]["tags"]["eps_low_end"] == 0.9


def test_fields_of_the_filters_can_be_changed(run: Path, capsys: Captured) -> None:
    def kept(*words: str) -> int:
        return int(_json(capsys, "sweep", str(run), *words)["rows"][0]["groups_kept"])

    assert kept() == 1
    assert kept("rl.filters.min_live=3") == 0
    assert kept("rl.filters.group=false") == 4
    assert kept("rl.filters.thresholds.composite.eps_high=1.6") == 2
    assert kept("rl.filters.thresholds.tags=null", "rl.filters.thresholds.composite=null") == 3
    # By atomic rewards flat differs, and easy does not.
    assert kept("rl.filters.reward=atomic") == 2


def test_a_ledger_on_its_own_has_no_thresholds(tmp_path: Path, capsys: Captured) -> None:
    write_ledger(tmp_path, {0: [HARD, MIDDLE], 1: [EASY, FLAT]}, RECORDED)
    shown = _json(capsys, "sweep", str(tmp_path), "--task", "composite")
    assert shown["recorded"]["groups_kept"] == 0
    assert (shown["rows"][0]["groups"], shown["rows"][0]["groups_kept"]) == (2, 1)
    assert cli.main(["filters", "sweep", str(tmp_path)]) == 0
    assert "no config.yaml beside the ledger: all else is by default" in capsys.readouterr().out


def test_a_recipe_of_an_older_version_is_read(run: Path, capsys: Captured) -> None:
    (run / "rl" / "config.yaml").write_text(
        "gone: {field: 1}\nrl: {old: 2, filters: {min_live: 3, thresholds: {tags: {eps_low: 0.1}}}}\n"
    )
    assert _json(capsys, "sweep", str(run))["rows"][0]["groups_kept"] == 0
    (run / "rl" / "config.yaml").write_text("rl:\n")
    assert _json(capsys, "sweep", str(run))["rows"][0]["groups_kept"] == 3
    (run / "rl" / "config.yaml").write_text("rl: {filters: 3}\n")
    assert "config.yaml: rl.filters is a section" in _refused(capsys, "sweep", str(run))


@pytest.mark.parametrize(
    ("words", "panels", "bands"),
    [
        (["--eps-low", "0:1:0.25", "--eps-high", "0.5:2:0.5"], 3, 1),
        (["--eps-low", "0:1:0.25", "--eps-high", "0.5:2:0.5", "--task", "tags"], 2, 1),
        (["--eps-high", "0.5:2:0.5"], 2, 1),
        (["--eps-low", "0.2"], 1, 1),
        (["--strictness", "all"], 2, 1),
        (["--strictness", "thinking"], 1, 1),
        (["--strictness", "schema,evidence", "--eps-low", "0:1:0.25"], 2, 2),
        (["--strictness", "schema,evidence", "--eps-low", "0:1:0.5", "--eps-high", "0.5:2:0.5"], 3, 2),
    ],
)
def test_the_picture_of_a_sweep(
    tmp_path: Path, words: list[str], panels: int, bands: int, capsys: Captured
) -> None:
    run = _run(tmp_path / "run", RECORDED, text=True)
    picture = run / "pictures" / "sweep.png"
    assert cli.main(["filters", "sweep", str(run), *words, "--plot", str(picture)]) == 0
    assert f"picture: {picture}" in capsys.readouterr().out.replace("\n", "")
    pixels = imread(picture)
    assert pixels.shape[:2] == (598 * bands, 728 * panels)
    assert pixels.std() > 0.05  # something is drawn
    assert [path.name for path in picture.parent.iterdir()] == ["sweep.png"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--eps-low", "0:1"], "'0:1': expected a number or start:stop:step"),
        (["--length-cap", "8"], "--length-cap 8: responses were cut off at 7 tokens"),
        (["--task", "tag"], "no groups of task 'tag'; it has composite, tags"),
        (["--strictness", "strict"], "--strictness 'strict': levels are schema, thinking, citations"),
        (["--strictness", "all"], "holds no response texts, which --strictness needs; run with rl.ledger=t"),
        (["--plot", "sweep.jpg"], "--plot sweep.jpg: name a file that ends in .png"),
        (["rl.steps=3"], "'rl.steps=3': filters are replayed with other fields of rl.filters alone"),
        (["rl.filters.min_lives=3"], "the nearest known one is rl.filters.min_live"),
        (["rl.filters.min_live=1"], "rl.filters.min_live is 1"),
        (["rl.filters.reward=judge"], "rl.filters.reward is 'judge'; it must be one of total, atomic"),
        (["--eps-low", "0", "rl.filters.group=false"], "rl.filters.group=false: no group filter"),
    ],
)
def test_what_a_sweep_refuses(run: Path, words: list[str], named: str, capsys: Captured) -> None:
    assert named in _refused(capsys, "sweep", str(run), *words)


@pytest.mark.parametrize("words", [["sweep"], ["suggest"], ["show"]])
def test_no_ledger_is_named(tmp_path: Path, words: list[str], capsys: Captured) -> None:
    group = ["g"] if words == ["show"] else []
    line = _refused(capsys, *words, str(tmp_path / "nothing"), *group)
    assert f"{tmp_path / 'nothing'}: no step_*.parquet; name a run or its rl/ledger" in line


def _pilot(directory: Path, filters: FilterConfig) -> Path:
    """Twenty groups of means .05 to 1, .05 apart."""
    groups = [
        Group(
            name=f"g{number}",
            prompt_tokens=number,
            samples=[Sample(atomic=number / 20 + side, tokens=2) for side in (-0.01, 0.01)],
        )
        for number in range(1, 21)
    ]
    write_ledger(directory / "rl" / "ledger", {4: groups}, filters)
    recipe = load_recipe(Path("quickstart"))
    recipe.rl.filters = filters
    write_recipe(directory / "rl" / "config.yaml", recipe)
    return directory


def test_a_suggestion_is_a_snippet_that_a_recipe_takes(tmp_path: Path, capsys: Captured) -> None:
    run = _pilot(tmp_path / "pilot", FilterConfig(mean_over="all"))
    assert cli.main(["filters", "suggest", str(run)]) == 0
    shown = capsys.readouterr().out
    # 1.9 and 17.1 of the 19 gaps of .05 from .05 on: .145 and .905.
    assert yaml.safe_load(shown) == {
        "rl": {"filters": {"mean_over": "all", "thresholds": {"tags": {"eps_low": 0.145, "eps_high": 0.905}}}}
    }
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(shown)
    assert load_recipe(recipe).rl.filters.thresholds["tags"].eps_low == 0.145
    assert "# Quantiles 0.1 and 0.9 of group means in" in shown
    assert "steps 4 to 4." in shown
    assert "# tags (quantiles of 20 means): 16 of 20 groups (80%), 32 of 40 samples, 64 of 80 tokens" in shown
    assert "# prompts of 1 to 5 tokens: 3 of 5 groups (60%)" in shown


def test_a_suggestion_as_json(tmp_path: Path, capsys: Captured) -> None:
    run = _pilot(tmp_path, FilterConfig())
    words = ["--quantiles", "0.2", "0.8", "rl.filters.reward=atomic"]
    shown = _json(capsys, "suggest", str(run), *words)
    assert shown["quantiles"] == [0.2, 0.8]
    assert shown["rests_on"] == {"tags": 20}
    # 3.8 and 15.2 gaps: .24 and .81.
    assert shown["filters"] == {
        "reward": "atomic",
        "thresholds": {"tags": {"eps_low": 0.24, "eps_high": 0.81}},
    }
    assert shown["kept"]["whole"]["groups_kept"] == 12
    assert shown["kept"]["by_task"]["tags"]["groups_kept"] == 12
    assert [part["groups_kept"] for part in shown["kept"]["by_length"]] == [1, 5, 5, 1]


def test_too_few_groups_for_a_suggestion(run: Path, capsys: Captured) -> None:
    line = _refused(capsys, "suggest", str(run), "--task", "tags")
    assert "task tags: 2 of 2 groups have 2 live samples or more" in line
    assert "take 20; run the pilot for more steps" in line


HOSTILE = Group(
    name="000002-0-000",
    user="ann\n[red]\x1b]0;owned\x07",
    samples=[
        Sample(atomic=0.5, tokens=3, text="[bold]<think>\x1b[2J\u202egnp\r</think>\n    │ sample 9: :smile:"),
        Sample(atomic=0.7, tokens=4, text=""),
        Sample(tokens=5, cut=True, format_ok=False, text="cut"),
        Sample(error="KeyError: '[/x]'", text="\\x1b is typed, \x9b is not"),
    ],
)


def test_one_group_is_shown_whole_and_as_plain_text(tmp_path: Path, capsys: Captured) -> None:
    run = _run(tmp_path, RECORDED, HOSTILE, text=True)
    assert cli.main(["filters", "show", str(run), HOSTILE.name]) == 0
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.split("\n"))
    for told in (
        "group 000002-0-000: step 2, round 0, policy version 0",
        "  prompt p-000002-0-000 of user ann\\n[red]\\x1b]0;owned\\x07, task tags, 1 tokens",
        # .5 and .7: mean .6, deviation .2/√2.
        "  mean 0.6000, deviation 0.141, 2 of 4 samples live: kept",
        "  thresholds at step 2: eps_low 0.3, eps_high 0.9, min_live 2, std_tol 1e-06, mean over live",
        "sample filter on, group filter on",
        "sample 0:\n    │ [bold]<think>\\x1b[2J\\u202egnp\\r</think>\n    │     │ sample 9: :smile:\n",
        "sample 1:\n    │ \nsample 2:\n    │ cut\n",
        "    │ \\x1b is typed, \\x9b is not",
    ):
        assert told in shown
    first, second, cut, failed = [line for line in shown.splitlines() if line.startswith("│ ")]
    # ∓ .1 / (.1·√2 + 1e-4) = ∓ .7066
    assert [part.strip() for part in first.split("│")[1:-1]] == [
        "0", "0.500", "0.500", "-", "-0.707", "3", "stop", "ok", "live", "tag:pet",
    ]  # fmt: skip
    assert "+0.707" in second
    assert "bad_json │ dropped: truncated" in cut
    assert "dropped: score_error (KeyError: '[/x]')" in failed


def test_a_dropped_group_says_why(run: Path, capsys: Captured) -> None:
    assert cli.main(["filters", "show", str(run), "hard"]) == 0
    shown = capsys.readouterr().out
    assert "2 of 2 samples live: dropped (too_hard)" in shown
    assert "No texts: the run had rl.ledger=verdicts." in shown
    assert cli.main(["filters", "show", str(run), "flat"]) == 0
    assert "mean 0.8000, deviation 0.000, 2 of 2 samples live: dropped (no_signal)" in capsys.readouterr().out


def test_thresholds_are_those_of_the_groups_step(tmp_path: Path, capsys: Captured) -> None:
    moving = FilterConfig(ramp_steps=4, thresholds={"tags": ThresholdConfig(eps_low=0.1, eps_low_end=0.3)})
    run = _run(tmp_path, moving, replace(HARD, name="late"))
    assert cli.main(["filters", "show", str(run), "late"]) == 0
    shown = capsys.readouterr().out
    assert "thresholds at step 2: eps_low 0.2, eps_high 2," in shown
    assert "samples live: kept" in shown
    assert "is not that of the ledger" not in shown


def test_a_recipe_that_is_not_the_ledgers_is_told(run: Path, capsys: Captured) -> None:
    recipe = load_recipe(Path("quickstart"))
    recipe.rl.filters = FilterConfig()
    write_recipe(run / "rl" / "config.yaml", recipe)
    assert cli.main(["filters", "show", str(run), "hard"]) == 0
    shown = capsys.readouterr().out
    assert "by these it would be kept, 2 live:" in shown
    (run / "rl" / "config.yaml").unlink()
    assert cli.main(["filters", "show", str(run), "hard"]) == 0
    assert "thresholds: not known, as there is no config.yaml beside the ledger" in capsys.readouterr().out


def test_an_unknown_group_names_the_nearest(run: Path, capsys: Captured) -> None:
    assert "no group 'hart'; the nearest are hard" in _refused(capsys, "show", str(run), "hart")


@given(st.text())
def test_what_is_escaped_prints_and_plain_text_stays(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()
    assert escaped(shown) == shown


def test_json_knows_no_infinity() -> None:
    assert json.loads(plain_json({"eps_high": math.inf, "means": (0.5, math.nan), "kept": 3})) == {
        "eps_high": None,
        "means": [0.5, None],
        "kept": 3,
    }
