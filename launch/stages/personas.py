"""The stages of a run that trains a model for personas, with what each of them reads and owns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from induce.memories import MEMORY_VERSION
from induce.trained import ASKING_VERSION
from launch.pipeline import Stage
from launch.recipe import directory_state
from launch.stages.all import semantizing, simulating, training
from launch.stages.groupwise import FOLDER, run_groupwise
from launch.stages.persona_bench import run_persona_bench
from launch.stages.persona_data import run_log, run_memories, run_model
from launch.stages.persona_report import SCORES, run_persona_report
from launch.stages.persona_sft import STAGES, run_persona_sft, run_teachers
from records.config import Recipe
from rewards.personas.total import QUALITY_VERSION


def _embeddings(recipe: Recipe) -> list[Any]:
    model = recipe.induce.clusters.embeddings
    return [model, directory_state(model if Path(model).is_dir() else "")]


PERSONA_STAGES: tuple[Stage, ...] = (
    Stage(name="simulate", work=run_log, reads=simulating, outputs=("events",)),
    Stage(
        name="memories",
        work=run_memories,
        reads=lambda recipe: [
            *semantizing(recipe),
            MEMORY_VERSION,
            recipe.induce,
            *_embeddings(recipe),
            recipe.bench.users,
            recipe.sft.rl_users,
            recipe.sft.probe_users,
        ],
        outputs=("histories", "memories", "splits.json"),
    ),
    Stage(
        name="model",
        work=run_model,
        reads=lambda recipe: [
            recipe.model,
            directory_state(recipe.model.init_dir),
            recipe.sft.teacher_cuts,
        ],
        outputs=("model",),
    ),
    Stage(
        name="teachers",
        work=run_teachers,
        reads=lambda recipe: [
            max(recipe.sft.few_lines.examples, recipe.sft.personas.examples),
            recipe.sft.teacher_silence,  # of which the counts tell
            QUALITY_VERSION,  # by which the best cut is told
        ],
        outputs=("sft/teachers",),
    ),
    Stage(
        name="sft",
        work=run_persona_sft,
        reads=lambda recipe: training(recipe, recipe.sft.few_lines, recipe.sft.personas),
        outputs=tuple(f"sft/{name}" for name in STAGES),
        traces=tuple(
            trace
            for name in STAGES
            for trace in (f"sft/{name}.jsonl", f"sft/checkpoints/{name}", f"tb/sft/{name}")
        ),
    ),
    Stage(
        name="groupwise",
        work=run_groupwise,
        # How often it is saved changes nothing that is learned.
        reads=lambda recipe: [
            replace(recipe.groupwise, save_every=1, keep_checkpoints=1),
            recipe.learner.lora,
        ],
        outputs=(FOLDER,),
        traces=(f"tb/{FOLDER}",),
    ),
    Stage(
        name="bench",
        work=run_persona_bench,
        reads=lambda recipe: [replace(recipe.bench, models=[]), ASKING_VERSION],
        outputs=("bench/generations", "bench/induced"),
    ),
    Stage(
        name="report",
        work=run_persona_report,
        reads=lambda recipe: [recipe.name, QUALITY_VERSION],
        outputs=("report.json", "report.md", "report.html", SCORES),
        cheap=True,
    ),
)
