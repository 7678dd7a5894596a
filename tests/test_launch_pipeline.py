"""The pipeline on toy stages: what is skipped, what is redone, and what an interruption leaves."""

import io
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from rich.console import Console

from launch.pipeline import Run, Stage, open_run, run_stages, stage_seconds
from launch.progress import Reporter
from records.config import Recipe, ThresholdConfig
from records.errors import UserError
from records.files import read_json, write_json
from records.locks import held


class Toy:
    """Three stages that write what they saw; `log` holds the order in which they ran."""

    def __init__(self, directory: Path) -> None:
        self.recipe = Recipe(name="toy", runs_dir=str(directory))
        self.directory = directory / "toy"
        self.log: list[str] = []
        self.break_in = ""
        self.shown = io.StringIO()

    def _work(self, name: str) -> Callable[[Run], None]:
        def work(run: Run) -> None:
            folder = run.directory / name
            folder.mkdir(exist_ok=True)
            kept = sorted(path.name for path in folder.iterdir())
            self.log.append(f"{name}{kept}" if kept else name)
            (folder / "part").write_text("half")
            if self.break_in == name:
                raise KeyboardInterrupt
            (folder / "whole").write_text("done")
            (run.directory / f"{name}.curves").write_text("points")

        return work

    @property
    def stages(self) -> tuple[Stage, ...]:
        reads: dict[str, Callable[[Recipe], list[object]]] = {
            "one": lambda recipe: [recipe.seed],
            "two": lambda recipe: [recipe.sft],
            "three": lambda recipe: [recipe.bench.k],
        }
        return tuple(
            Stage(name=name, work=self._work(name), reads=read, outputs=(name,), traces=(f"{name}.curves",))
            for name, read in reads.items()
        )

    def run(self, *, force: Sequence[str] = (), until: str = "") -> list[str]:
        """Run, and return which stages worked (with what they found of an earlier attempt)."""
        self.log = []
        console = Console(file=self.shown, width=200, force_terminal=False)
        run_stages(open_run(self.recipe, Reporter(console)), self.stages, force=force, until=until)
        return self.log

    def interrupted(self, name: str, *, force: Sequence[str] = ()) -> list[str]:
        """Run, and be interrupted in stage `name`."""
        self.break_in = name
        with pytest.raises(KeyboardInterrupt):
            self.run(force=force)
        self.break_in = ""
        return self.log


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


ALL = ["one", "two", "three"]


def test_stages_run_in_order_and_are_skipped_when_unchanged(toy: Toy) -> None:
    assert toy.run() == ALL
    assert "unchanged, skipped" not in toy.shown.getvalue()
    assert toy.run() == []
    assert toy.shown.getvalue().count("unchanged, skipped") == 3


def test_a_change_of_config_is_refused_and_costs_nothing(toy: Toy) -> None:
    toy.run()
    before = {path: path.read_text() for path in toy.directory.rglob("*") if path.is_file()}
    toy.recipe.sft.batch_size, was = 4, toy.recipe.sft.batch_size
    told = (
        rf"two was made with other settings \(sft\.batch_size was {was}, is 4\); name=… .* --force two makes"
    )
    for force in ((), ("three",)):
        with pytest.raises(UserError, match=told):
            toy.run(force=force)
    assert toy.log == []
    assert {path: path.read_text() for path in toy.directory.rglob("*") if path.is_file()} == before
    toy.recipe.sft.batch_size = was
    assert toy.run() == []


def test_only_settings_that_the_stage_reads_are_told(toy: Toy) -> None:
    toy.run()
    toy.recipe.seed, seed = 9, toy.recipe.seed
    toy.recipe.rl.steps, toy.recipe.cluster.timeout_s, toy.recipe.sft.order = 77, 5.0, "shuffled"
    toy.recipe.rl.filters.thresholds = {"tags": ThresholdConfig(eps_low=0.2)}
    with pytest.raises(UserError, match=rf"one was made with other settings \(seed was {seed}, is 9\); "):
        toy.run()
    toy.recipe.seed = seed
    with pytest.raises(UserError, match=r"two was .* \(sft\.order was 'curriculum', is 'shuffled'\); name="):
        toy.run()


def test_where_no_setting_differs_another_version_is_told(toy: Toy) -> None:
    toy.run()
    manifest = read_json(toy.directory / "manifest.json")
    manifest["two"]["fingerprint"] = "of another version"
    write_json(toy.directory / "manifest.json", manifest)
    toy.recipe.rl.steps = 77
    told = r"two was made by another version of the project, or .*; name=… keeps it .* --force two makes"
    with pytest.raises(UserError, match=told) as refused:
        toy.run()
    assert "rl.steps" not in str(refused.value)


def test_a_change_of_config_redoes_a_forced_stage_and_all_after(toy: Toy) -> None:
    toy.run()
    toy.recipe.sft.batch_size = 4
    # What they had written is gone before they begin.
    assert toy.run(force=["two"]) == ["two", "three"]
    toy.recipe.bench.k = 3
    assert toy.run(force=["three"]) == ["three"]
    toy.recipe.seed = 9
    assert toy.run(force=["one"]) == ALL
    assert toy.run() == []


def test_a_stage_of_which_nothing_is_left_is_made_anew_without_being_forced(toy: Toy) -> None:
    toy.run()
    toy.recipe.sft.batch_size = 4
    shutil.rmtree(toy.directory / "two")
    assert toy.run() == ["two", "three"]


def test_a_cheap_stage_is_made_anew_without_being_forced(toy: Toy) -> None:
    toy.run()
    toy.recipe.bench.k = 3
    stages = [replace(stage, cheap=stage.name == "three") for stage in toy.stages]
    toy.log = []
    run_stages(open_run(toy.recipe, Reporter(Console(file=toy.shown))), stages)
    assert toy.log == ["three"]


def test_a_change_that_no_stage_reads_redoes_nothing(toy: Toy) -> None:
    toy.run()
    toy.recipe.rl.steps += 1
    assert toy.run() == []


def test_curves_may_be_deleted_and_go_with_their_stage(toy: Toy) -> None:
    toy.run()
    (toy.directory / "two.curves").unlink()
    assert toy.run() == []
    toy.run(force=["one"], until="one")
    assert not (toy.directory / "three.curves").exists()
    (toy.directory / "one" / "whole").unlink()
    (toy.directory / "one" / "part").unlink()
    (toy.directory / "one").rmdir()
    assert toy.run() == ALL


def test_a_run_directory_is_held_by_one_run(toy: Toy) -> None:
    with held(toy.directory, ""), pytest.raises(UserError, match="another run is at work there"):
        toy.run()
    assert toy.run() == ALL


def test_force_redoes_the_stage_and_all_after(toy: Toy) -> None:
    toy.run()
    assert toy.run(force=["two"]) == ["two", "three"]
    assert toy.run(force=["one", "three"]) == ALL
    assert toy.run() == []


def test_until_stops_after_the_stage(toy: Toy) -> None:
    assert toy.run(until="two") == ["one", "two"]
    assert toy.run(until="two") == []
    assert toy.run() == ["three"]


def test_a_redone_stage_leaves_nothing_after_it_trusted(toy: Toy) -> None:
    toy.run()
    toy.run(force=["one"], until="one")
    assert toy.run() == ["two", "three"]


def test_what_a_redone_stage_made_stale_is_gone_at_once(toy: Toy) -> None:
    toy.run()
    toy.run(force=["one"], until="one")
    assert (toy.directory / "one").exists()
    assert not (toy.directory / "two").exists()
    assert not (toy.directory / "three").exists()


def test_missing_outputs_are_made_again(toy: Toy) -> None:
    toy.run()
    (toy.directory / "two" / "part").unlink()
    (toy.directory / "two" / "whole").unlink()
    (toy.directory / "two").rmdir()
    assert toy.run() == ["two", "three"]


def test_an_interrupted_stage_finds_what_it_wrote(toy: Toy) -> None:
    assert toy.interrupted("two") == ["one", "two"]
    # Stage one is done; stage two goes on from its own files.
    assert toy.run() == ["two['part']", "three"]
    assert toy.run() == []


def test_an_interrupted_stage_starts_afresh_under_another_config_when_forced(toy: Toy) -> None:
    toy.interrupted("two")
    toy.recipe.sft.batch_size = 4
    with pytest.raises(UserError, match="two was begun with other settings"):
        toy.run()
    assert toy.run(force=["two"]) == ["two", "three"]


def test_an_interrupted_stage_starts_afresh_when_forced(toy: Toy) -> None:
    toy.interrupted("two")
    assert toy.run(force=["two"]) == ["two", "three"]


def test_what_came_after_an_interrupted_redo_is_redone(toy: Toy) -> None:
    toy.run()
    toy.recipe.seed = 5
    toy.interrupted("one", force=["one"])
    assert toy.run() == ["one['part']", "two", "three"]


@pytest.mark.parametrize(("force", "until"), [(["four"], ""), ([], "four"), (["one", "four"], "one")])
def test_unknown_stages_are_refused_before_anything_runs(toy: Toy, force: list[str], until: str) -> None:
    with pytest.raises(UserError, match="no stage 'four'; stages are one, two, three"):
        toy.run(force=force, until=until)
    assert toy.log == []
    assert not toy.directory.exists()


def test_the_config_is_written_as_it_ran(toy: Toy) -> None:
    toy.recipe.rl.steps = 77
    toy.run()
    assert OmegaConf.load(toy.directory / "config.yaml").rl.steps == 77


def test_the_manifest_tells_what_is_done(toy: Toy) -> None:
    toy.interrupted("two")
    manifest = read_json(toy.directory / "manifest.json")
    assert {name: entry["done"] for name, entry in manifest.items()} == {"one": True, "two": False}
    toy.run()
    assert list(stage_seconds(toy.directory)) == ALL
    assert all(seconds >= 0 for seconds in stage_seconds(toy.directory).values())
