"""Stage sft: lessons on the DeepSpeed learner, stage by stage."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from actors.cluster import ray_cluster
from actors.learner import LearnerGroup
from actors.placement import learner_need, reserved
from launch.curves import RunLog
from launch.pipeline import Run
from launch.stages.data import load_histories
from lm import checkpoint
from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.history import SemanticHistory
from records.sft import StageConfig
from sft.lessons import Lesson, read_lessons
from sft.loop import train_stage
from sft.objective import SFTExample

STAGES = ("stage1", "stage2", "stage3")
PILOT = "pilot"


def run_sft(run: Run) -> None:
    """Train the three stages in order."""
    train_stages(run, STAGES, run.directory / "sft" / "data")


def train_stages(run: Run, names: Sequence[str], lessons_in: Path) -> None:
    """Train stages one after the other, each on its file in `lessons_in`, from the run's model on; those
    already exported are not trained again, and one begun goes on."""
    recipe, directory = run.recipe, run.directory
    histories = load_histories(directory)
    tokenizer = ChatTokenizer.load(directory / "model")
    done = [name for name in names if _is_done(directory, name)]
    with one_learner(run) as learner:
        if (learnt := last_learnt(directory / "sft" / "checkpoints", done)) is not None:
            checkpoint.load(learnt, learner)
        for name in names[len(done) :]:
            stage = getattr(recipe.sft, name)
            lessons = read_lessons(lessons_in / f"{name}.parquet")
            train_lessons(run, name, learner, sft_examples(lessons, histories, tokenizer), stage)


@contextmanager
def one_learner(run: Run) -> Iterator[LearnerGroup]:
    """A learner of the run's model."""
    recipe = run.recipe
    need, timeout = learner_need(recipe.learner), recipe.cluster.timeout_s
    with ray_cluster(recipe.cluster) as local, reserved([need], timeout) as places:
        learner = LearnerGroup(
            run.directory / "model",
            recipe.learner,
            timeout,
            local=local,
            optimizer=recipe.sft.optimizer,
            places=places["learner"],
        )
        try:
            yield learner
        finally:
            learner.close()


def train_lessons(
    run: Run, name: str, learner: LearnerGroup, examples: Sequence[SFTExample], stage: StageConfig
) -> None:
    """Train a stage on `examples`, from its newest checkpoint if there is one, and export the network."""
    recipe, directory = run.recipe, run.directory
    checkpoints = directory / "sft" / "checkpoints" / name
    examples = within(examples, stage.max_tokens)
    with checkpoint.full_disk_told(directory / "sft", checkpoints):
        log = RunLog(
            directory / "tb" / "sft" / name,
            directory / "sft" / f"{name}.jsonl",
            checkpoint.step_of(checkpoint.latest(checkpoints)),
        )
        loss = train_stage(
            name,
            examples,
            recipe.sft,
            stage,
            learner,
            log,
            checkpoints=checkpoints,
            micro_batch_tokens=recipe.learner.micro_batch_tokens,
            progress=lambda step, steps, loss: run.reporter.update(
                step, steps, f"{name} steps, answer loss {loss:.3f}"
            ),
        )
        log.close()
        learner.export(directory / "sft" / name)
    run.reporter.say(
        f"sft: {name}, {len(examples)} lessons, {sum(map(_tokens, examples)):,} tokens, answer "
        f"loss {loss:.3f}"
    )


def last_learnt(checkpoints: Path, done: Sequence[str]) -> Path | None:
    """The newest checkpoint of the stages `done`; one without lessons leaves none, and that before counts."""
    newest = [checkpoint.latest(checkpoints / name) for name in done]
    return next((path for path in reversed(newest) if path is not None), None)


def _is_done(directory: Path, name: str) -> bool:
    return (directory / "sft" / name).is_dir()


def within(examples: Sequence[SFTExample], most: int) -> Sequence[SFTExample]:
    """The first examples with at most so many tokens together (0: all)."""
    ends = np.cumsum([_tokens(example) for example in examples])
    return examples[: int(np.searchsorted(ends, most, side="right"))] if most else examples


def _tokens(example: SFTExample) -> int:
    return len(example.prompt_ids) + len(example.response_ids)


def sft_examples(
    lessons: Sequence[Lesson], histories: Mapping[str, SemanticHistory], tokenizer: ChatTokenizer
) -> list[SFTExample]:
    """Lessons as token ids; answers are encoded in one batch."""
    answers = tokenizer.encode_batch([lesson.answer for lesson in lessons])
    return [
        SFTExample(
            prompt_ids=render_prompt(
                tokenizer,
                histories[lesson.user_id].window(lesson.first_line, lesson.lines),
                tags=lesson.tags,
                task=lesson.task,
            ).token_ids,
            response_ids=(*answer, tokenizer.end_id),
            shared_id=f"{lesson.user_id}/{lesson.first_line}/{lesson.lines}",
        )
        for lesson, answer in zip(lessons, answers, strict=True)
    ]
