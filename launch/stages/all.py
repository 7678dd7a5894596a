"""The stages of a run, in order, with what each of them reads and owns."""

from launch.pipeline import Stage
from launch.recipe import directory_state, file_state
from launch.stages.bench import run_bench
from launch.stages.data import run_curriculum, run_semantize, run_simulate
from launch.stages.report import run_report
from launch.stages.rl import run_rl
from launch.stages.sft import run_sft
from simulate.world_files import SHIPPED

STAGES: tuple[Stage, ...] = (
    Stage(
        name="simulate",
        work=run_simulate,
        reads=lambda recipe: [
            recipe.simulate,
            recipe.seed,
            [directory_state(folder) for folder in recipe.simulate.world if folder != SHIPPED],
        ],
        outputs=("events",),
    ),
    Stage(
        name="semantize",
        work=run_semantize,
        reads=lambda recipe: [
            recipe.semantize,
            file_state(recipe.semantize.knowledge),
            recipe.llm.model if recipe.semantize.llm_titles else "",
            recipe.model,
            directory_state(recipe.model.init_dir),
            recipe.answer,
            recipe.bench.users,
            recipe.sft.rl_users,
            recipe.sft.probe_users,
        ],
        outputs=("histories", "model", "splits.json", "bench/users.json"),
    ),
    Stage(
        name="curriculum",
        work=run_curriculum,
        reads=lambda recipe: [recipe.sft, recipe.answer],
        outputs=("sft/data",),
    ),
    Stage(
        name="sft",
        work=run_sft,
        reads=lambda recipe: [recipe.sft, recipe.learner],
        outputs=("sft/stage1", "sft/stage2", "sft/stage3"),
        traces=("sft/checkpoints", "tb/sft"),
    ),
    Stage(
        name="rl",
        work=run_rl,
        reads=lambda recipe: [recipe.rl, recipe.rollout, recipe.scorer],
        outputs=("rl",),
        traces=("tb/rl",),
    ),
    Stage(
        name="bench",
        work=run_bench,
        reads=lambda recipe: [recipe.bench],
        outputs=("bench/generations",),
    ),
    Stage(
        name="report",
        work=run_report,
        reads=lambda recipe: [recipe.name],
        outputs=("report.json", "report.html"),
    ),
)
