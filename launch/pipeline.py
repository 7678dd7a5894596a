"""The whole run: stages in order, each skipped when its inputs are unchanged."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from launch.progress import Reporter
from launch.recipe import differences, fingerprint, run_directory, write_recipe
from records.config import Recipe
from records.errors import UserError
from records.files import read_json, write_json
from records.locks import held

WAIT = "wait for it, or give this one another name=…"
"""What is advised where a run is at work in the directory."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A recipe at work in its directory."""

    recipe: Recipe
    directory: Path
    reporter: Reporter


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage: what it does, the config it reads, and what it owns in the run directory.

    A stage that was interrupted finds what it wrote before and goes on; one that is made anew starts with its
    `outputs` and `traces`, and those of all stages after it, removed. Under other settings it is made anew
    only where it is forced, or `cheap`. Only `outputs` must be there for a finished stage to be skipped.
    `spare` raises where a directory holds what must not be removed.
    """

    name: str
    work: Callable[[Run], None]
    reads: Callable[[Recipe], Sequence[Any]]
    outputs: tuple[str, ...]
    traces: tuple[str, ...] = ()
    cheap: bool = False
    spare: Callable[[Path], None] = lambda directory: None


def run_stages(
    run: Run,
    stages: Sequence[Stage],
    *,
    force: Sequence[str] = (),
    until: str = "",
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Run `stages` in order, skipping those whose config and predecessors are as they were.

    `force` names stages to redo (those after follow); `until` the last one to run. `begin` is called when
    nothing is left to refuse, before the first of them: what takes long to start is started there.

    Raises:
        UserError: an unknown stage is named, another run is at work in the directory, it holds what was made
            with other settings, or what people made there would be lost.
    """
    names = [stage.name for stage in stages]
    for name in (*force, *((until,) if until else ())):
        if name not in names:
            raise UserError(f"no stage {name!r}; stages are {', '.join(names)}")
    if until and any(names.index(name) > names.index(until) for name in force):
        raise UserError(f"--until {until} stops before a stage named by --force")
    with held(run.directory, WAIT):
        _run_in_order(run, stages[: names.index(until) + 1 if until else None], stages, force, begin)


def _run_in_order(
    run: Run,
    wanted: Sequence[Stage],
    stages: Sequence[Stage],
    force: Sequence[str],
    begin: Callable[[], None],
) -> None:
    manifest_path = run.directory / "manifest.json"
    manifest = read_json(manifest_path) if manifest_path.exists() else {}
    prints: dict[str, str] = {}
    before = ""
    for stage in wanted:
        prints[stage.name] = before = fingerprint(before, stage.name, *stage.reads(run.recipe))

    def same(stage: Stage) -> bool:
        entry = manifest.get(stage.name, {})
        return entry.get("fingerprint") == prints[stage.name] and stage.name not in force

    def finished(stage: Stage) -> bool:
        is_there = all((run.directory / output).exists() for output in stage.outputs)
        return same(stage) and manifest[stage.name]["done"] and is_there

    def starts_anew(stage: Stage) -> bool:
        return not finished(stage) and (not same(stage) or manifest[stage.name]["done"])

    # Before anything is written: a run that is refused stays as it was.
    first = next((one for one in wanted if starts_anew(one)), None)
    if first is not None:
        for later in stages[stages.index(first) :]:
            later.spare(run.directory)
        _refuse_other_settings(run, first, manifest.get(first.name), prints[first.name], force)
    begin()
    if not all(map(finished, wanted)):
        write_recipe(run.directory / "config.yaml", run.recipe)
    for stage in wanted:
        if finished(stage):
            run.reporter.say(f"{stage.name}: unchanged, skipped")
        else:
            if starts_anew(stage):
                # What later stages made rests on what is about to be replaced.
                forget(run.directory, manifest, stages[stages.index(stage) :])
                manifest[stage.name] = {"fingerprint": prints[stage.name], "done": False, "seconds": 0.0}
            entry = manifest[stage.name]
            write_json(manifest_path, manifest)
            started = time.monotonic()
            try:
                with run.reporter.stage(stage.name):
                    stage.work(run)
                entry["done"] = True
            finally:
                entry["seconds"] = round(entry["seconds"] + time.monotonic() - started, 2)
                # On a full disk what is told is why the stage ended.
                with nullcontext() if entry["done"] else suppress(OSError):
                    write_json(manifest_path, manifest)
            run.reporter.say(f"{stage.name}: done in {time.monotonic() - started:.1f} s")


def _refuse_other_settings(
    run: Run, stage: Stage, entry: Mapping[str, Any] | None, fingerprint: str, force: Sequence[str]
) -> None:
    """What took hours is not removed because a key was mistyped."""
    if entry is None or entry["fingerprint"] == fingerprint or stage.cheap or stage.name in force:
        return
    if not any((run.directory / output).exists() for output in stage.outputs):  # nothing is left of it
        return
    # Stages before it are as they were, so that what it reads itself is all that may differ.
    changed = differences(run.directory / "config.yaml", run.recipe, stage.reads)
    if changed:
        how = f"with other settings ({', '.join(changed[:3])}{', …' if len(changed) > 3 else ''})"
    else:
        how = "by another version of the project, or from files that were replaced since"
    raise UserError(
        f"{run.directory}: {stage.name} was {'made' if entry['done'] else 'begun'} {how}; name=… keeps it "
        f"and starts another run, --force {stage.name} makes it and all that rests on it anew"
    )


def forget(directory: Path, manifest: dict[str, Any], stages: Sequence[Stage]) -> None:
    """Remove what `stages` own in `directory`, and their entries of `manifest`."""
    for stage in stages:
        manifest.pop(stage.name, None)
        for output in (*stage.outputs, *stage.traces):
            _remove(directory / output)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def open_run(recipe: Recipe, reporter: Reporter) -> Run:
    """The run of `recipe`, in its directory."""
    return Run(recipe=recipe, directory=run_directory(recipe), reporter=reporter)


def stage_seconds(directory: Path) -> dict[str, float]:
    """Seconds each finished stage took, over all attempts."""
    manifest = read_json(directory / "manifest.json")
    return {name: entry["seconds"] for name, entry in manifest.items() if entry["done"]}
