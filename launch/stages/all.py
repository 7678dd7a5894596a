"""The stages of a run, in order, with what each of them reads and owns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from hprbench.extractor import EXTRACTOR_VERSION
from launch.pipeline import Stage
from launch.recipe import directory_state, file_state
from launch.stages.bench import run_bench
from launch.stages.benchmark import refuse_reviewed
from launch.stages.curriculum import run_curriculum, run_pilot, run_teachers
from launch.stages.data import run_semantize, run_simulate
from launch.stages.own_log import log_state
from launch.stages.report import run_report
from launch.stages.rl import run_rl
from launch.stages.sft import STAGES as SFT_STAGES
from launch.stages.sft import run_sft
from records.config import Recipe, ScorerConfig
from records.sft import StageConfig
from simulate.world_files import SHIPPED


def simulating(recipe: Recipe) -> list[Any]:
    """What a simulation, or the log in its place, depends on."""
    return [
        *([recipe.log, log_state(recipe)] if recipe.log.input else [recipe.simulate]),
        recipe.seed,
        [directory_state(folder) for folder in recipe.simulate.world if folder != SHIPPED],
    ]


def semantizing(recipe: Recipe) -> list[Any]:
    """What timelines and histories depend on beside the log and the tokenizer."""
    titles = recipe.llm.model if recipe.semantize.llm_titles else ""
    return [recipe.semantize, file_state(recipe.semantize.knowledge), titles]


def training(recipe: Recipe, *stages: StageConfig) -> list[Any]:
    """What training `stages` depends on beside the lessons."""
    sft = recipe.sft
    learner = recipe.learner  # where it works, and how it is divided, changes nothing that it learns
    moves = [learner.weight_decay, learner.max_grad_norm, learner.lora]
    return [sft.optimizer, sft.batch_size, sft.warmup, sft.answer_weight, *moves, *stages]


def scoring(scorer: ScorerConfig) -> list[Any]:
    """What scores depend on; how many scorers there are, and where they run, is not part of it."""
    model = scorer.embeddings if Path(scorer.embeddings).is_dir() else ""
    similarity = [scorer.embeddings, directory_state(model), scorer.similarity_floors, scorer.tag_weights]
    judge = [scorer.judge, scorer.judge_repeats, scorer.llm.model]
    return [*similarity, scorer.summary_weights, *judge]


def _rl_moves(recipe: Recipe) -> list[Any]:
    """What DF-GRPO's updates depend on; how often it is saved, and by how many hands prompts are made, is not
    part of it."""
    hands = replace(recipe.rl.live, workers=1, cpus_per_worker=0.0, queue=1)
    return [replace(recipe.rl, save_every=1, keep_checkpoints=1, live=hands), recipe.learner.lora]


STAGES: tuple[Stage, ...] = (
    Stage(name="simulate", work=run_simulate, reads=simulating, outputs=("events",)),
    Stage(
        name="semantize",
        work=run_semantize,
        reads=lambda recipe: [
            *semantizing(recipe),
            recipe.model,
            directory_state(recipe.model.init_dir),
            recipe.answer,
            recipe.bench.users,
            recipe.sft.rl_users,
            recipe.sft.probe_users,
        ],
        outputs=("histories", "model", "splits.json", "bench/users.json"),
        traces=("bench/build",),
        spare=refuse_reviewed,
    ),
    Stage(
        name="teachers",
        work=run_teachers,
        reads=lambda recipe: [
            recipe.sft.teacher_error,
            recipe.sft.first_teacher.model,
            recipe.sft.second_teacher.model,
            recipe.sft.stronger_teacher.model,
        ],
        outputs=("sft/labels",),
    ),
    Stage(
        name="pilot",
        work=run_pilot,
        reads=lambda recipe: [recipe.answer, *training(recipe, recipe.sft.pilot)],
        outputs=("sft/pilot",),
        traces=("sft/checkpoints/pilot", "tb/sft/pilot"),
    ),
    Stage(
        name="curriculum",
        work=run_curriculum,
        reads=lambda recipe: [
            recipe.answer,
            [recipe.sft.base_samples, recipe.bench.max_response_tokens] if recipe.sft.base_samples else 0,
            recipe.sft.teacher_silence,
            recipe.sft.order,
            recipe.sft.stage2_tags,
            recipe.sft.stage1,
            recipe.sft.stage2,
            recipe.sft.stage3,
        ],
        outputs=("sft/data",),
    ),
    Stage(
        name="sft",
        work=run_sft,
        reads=lambda recipe: training(recipe, recipe.sft.stage1, recipe.sft.stage2, recipe.sft.stage3),
        outputs=tuple(f"sft/{name}" for name in SFT_STAGES),
        traces=tuple(f"{place}/{name}" for place in ("sft/checkpoints", "tb/sft") for name in SFT_STAGES),
    ),
    Stage(
        name="rl",
        work=run_rl,
        reads=lambda recipe: [*_rl_moves(recipe), *scoring(recipe.scorer)],
        outputs=("rl",),
        traces=("tb/rl",),
    ),
    Stage(
        name="bench",
        work=run_bench,
        reads=lambda recipe: [recipe.bench, recipe.rl.init_from],
        outputs=("bench/generations",),
        traces=("bench/endpoints", "bench/endpoints.json"),
    ),
    Stage(
        name="report",
        work=run_report,
        reads=lambda recipe: [recipe.name, EXTRACTOR_VERSION, *scoring(recipe.scorer)],
        outputs=("report.json", "report.md", "report.html"),
        cheap=True,
    ),
)
