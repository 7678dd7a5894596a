"""Stages teachers, pilot and curriculum: from labels by rules to lessons, each step a file with counts.

labels ── teachers' answers ── agreement ──┐
                    pilot (format alone) ──┴─ what the base knows ── bands ── stages 1, 2, 3 ── verified
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from actors.cluster import ray_cluster
from actors.rollout import RolloutPool
from hprbench.metrics import Gold
from hprbench.retention import simulation_knowledge
from launch.pipeline import Run
from launch.stages.data import check_room, load_events, load_gold, load_histories
from launch.stages.sft import PILOT, train_stages
from launch.stages.splits import load_splits, load_taught
from lm.answers import Answer, parse_answer
from lm.client import ChatClient
from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.client import ClientConfig
from records.events import GOLD_SCHEMA
from records.files import write_json, written_whole
from records.history import SemanticHistory, read_gold
from records.prompt import TAGS_TASK, Request, Sampling
from records.strata import stratum_of
from records.tags import GoldTag, in_order, known_tags
from rl.seeds import derived_seed
from sft.bands import KNOWN, Staff, ask_teachers, band_tags, base_certainty, without_known
from sft.curriculum import build_stage, unasked_lessons
from sft.duplicates import near_duplicates
from sft.endpoint_teacher import EndpointTeacher
from sft.lessons import Lesson, write_lessons
from sft.pilot import pilot_lessons
from sft.rule_labels import rule_labels, true_shares
from sft.teachers import OfflineTeacher, ProgramTeacher, TagValues, Teacher, open_values_of
from sft.verification import verified
from simulate.measure.oracle import read_tags

CURRICULUM, SHUFFLED = ORDERS = ("curriculum", "shuffled")
"""Orders of lessons (`sft.order`)."""

TEMPERATURE, BASE_TOP_P = 0.7, 1.0
"""How answers of the base model are sampled."""

BATCH = 256
"""Users that the base model is asked about at once; progress is shown in between."""

PROGRAM_ERRORS = {"first": 1.0, "second": 0.7, "stronger": 0.3}
"""A program teacher's error rate over sft.teacher_error."""


def run_teachers(run: Run) -> None:
    """Labels, duplicates left out, what teachers answer and how far they agree, into `sft/labels/`."""
    recipe, directory = run.recipe, run.directory
    folder = directory / "sft" / "labels"
    gold, histories, splits = load_gold(directory), load_histories(directory), load_splits(directory)
    learnt, apart = [*splits.sft, *splits.unlabelled], [*splits.bench, *splits.probe, *splits.rl]
    duplicates = near_duplicates(learnt, apart, histories)
    users = [user for user in splits.sft if user not in duplicates]
    labels = gold if recipe.log.input else _rule_labels(directory, gold, users)
    _write(folder / "labels.parquet", _labels(labels, users))
    _write(
        folder / "duplicates.parquet",
        pl.DataFrame(
            list(duplicates.items()), schema={"user_id": pl.String, "like": pl.String}, orient="row"
        ),
    )
    configs = {
        "first": recipe.sft.first_teacher,
        "second": recipe.sft.second_teacher,
        "stronger": recipe.sft.stronger_teacher,
    }
    teachers = {name: _teacher(run, name, config, gold, histories, users) for name, config in configs.items()}
    staff = Staff(**teachers)
    answers = ask_teachers(labels, users, staff)
    _write(folder / "teachers.parquet", answers)
    bands = band_tags(answers, labels, users, staff.stronger.name)
    _write(folder / "bands.parquet", bands)
    counts = {
        "users": len(users),
        "duplicates": len(splits.sft) - len(users),
        "unlabelled_duplicates": len(duplicates.keys() & set(splits.unlabelled)),
        "labels": dict(sorted(Counter(bands["difficulty"].to_list()).items())),
        "bands": _bands(bands),
        "true": None if recipe.log.input else true_shares(labels, gold, bands),
        "teachers": {name: teacher.stats() for name, teacher in teachers.items()},
    }
    write_json(folder / "counts.json", counts)
    run.reporter.say(f"teachers: {len(users)} users, {len(duplicates)} left out as duplicates of others")
    run.reporter.say(f"teachers: user-tags {json.dumps(counts['bands'])}")
    if counts["true"]:
        run.reporter.say(f"teachers: labels that are true, by band {json.dumps(counts['true'])}")


def _rule_labels(directory: Path, gold: Gold, users: Sequence[str]) -> dict[str, dict[str, GoldTag]]:
    """What rules that know the shops of the simulation read off the raw logs of `users`."""
    rules = read_tags(load_events(directory, users), simulation_knowledge(directory / "events"))
    return rule_labels(gold, rules, users)


def load_labels(directory: Path) -> dict[str, dict[str, GoldTag]]:
    """The labels that SFT teaches, by user and tag."""
    return read_gold(directory / "sft" / "labels" / "labels.parquet")


def run_pilot(run: Run) -> None:
    """Train the pilot, where the recipe has one."""
    recipe, directory = run.recipe, run.directory
    if not recipe.sft.pilot.examples:
        (directory / "sft" / PILOT).mkdir(parents=True, exist_ok=True)
        run.reporter.say("pilot: none (sft.pilot.examples is 0)")
        return
    lessons = pilot_lessons(
        recipe.sft.pilot,
        load_taught(directory),
        load_histories(directory),
        load_gold(directory),
        recipe.answer,
        seed=recipe.seed,
    )
    write_lessons(directory / "sft" / "labels" / f"{PILOT}.parquet", lessons)
    train_stages(run, (PILOT,), directory / "sft" / "labels")


def run_curriculum(run: Run) -> None:
    """What the base model knows, and the lessons of the three stages, into `sft/data/`."""
    recipe, directory = run.recipe, run.directory
    gold, histories = load_labels(directory), load_histories(directory)
    duplicates = pl.read_parquet(directory / "sft" / "labels" / "duplicates.parquet")["user_id"].to_list()
    unlabelled = sorted(set(load_splits(directory).unlabelled).difference(duplicates))
    data = directory / "sft" / "data"
    bands = pl.read_parquet(directory / "sft" / "labels" / "bands.parquet")
    counts: dict[str, Any] = {}
    if recipe.sft.base_samples:
        told = _ask_base(run, histories, load_taught(directory))
        base = base_certainty(told, gold)
        _write(data / "base.parquet", base)
        bands = without_known(bands, base)
        runs = [answer for answers in told.values() for answer in answers]
        counts["base"] = {
            "answers": len(runs),
            "well_formed": sum(answer is not None for answer in runs),
            "known_share": round(_bands(bands).get(KNOWN, 0) / max(1, len(bands)), 4),
        }
    _write(data / "bands.parquet", bands)
    lessons: list[Lesson] = []
    stages: list[list[Lesson]] = []
    counts["bands"] = _bands(bands)
    for number, stage in enumerate((recipe.sft.stage1, recipe.sft.stage2, recipe.sft.stage3), start=1):
        built = build_stage(
            number,
            stage,
            bands,
            histories,
            gold,
            recipe.answer,
            lessons,
            stage2_tags=recipe.sft.stage2_tags,
            teacher_silence=recipe.sft.teacher_silence,
            seed=recipe.seed,
        )
        lessons, faults = verified(built, histories, gold)
        unasked = unasked_lessons(number, stage, unlabelled, histories, recipe.answer, seed=recipe.seed)
        stages.append(_shuffled([lessons, unasked], recipe.seed) if unasked else lessons)
        counts[f"stage{number}"] = _lessons(stages[-1]) | {"left_out": dict(sorted(faults.items()))}
    if recipe.sft.order == SHUFFLED:
        stages = [_shuffled(stages, recipe.seed), [], []]
    for number, lessons in enumerate(stages, start=1):
        write_lessons(data / f"stage{number}.parquet", lessons)
    strata = {f"stage{number}": _strata(lessons, gold) for number, lessons in enumerate(stages, start=1)}
    write_json(data / "counts.json", counts | {"strata": strata})
    for name, count in counts.items():
        run.reporter.say(f"curriculum: {name} {json.dumps(count)}")


def _teacher(
    run: Run,
    name: str,
    config: ClientConfig,
    gold: Gold,
    histories: dict[str, SemanticHistory],
    users: Sequence[str],
) -> Teacher:
    """The endpoint's model as a teacher, or a program where none is named."""
    sft = run.recipe.sft
    if config.model:
        replies = run.directory / "sft" / "replies"
        client = ChatClient(config, replies, section=f"sft.{name}_teacher")
        return EndpointTeacher(name, client, histories, progress=_progress(run, f"answers of teacher {name}"))
    program = ProgramTeacher(
        name=name, error_rate=PROGRAM_ERRORS[name] * sft.teacher_error, seed=run.recipe.seed
    )
    return OfflineTeacher(program=program, gold=gold, open_values=open_values_of(gold, users))


def _progress(run: Run, what: str) -> Callable[[int, int], None]:
    return lambda done, total: run.reporter.update(done, total, what)


def _ask_base(
    run: Run, histories: dict[str, SemanticHistory], users: Sequence[str]
) -> dict[str, list[TagValues | None]]:
    """`base_samples` answers of the base model on all tags of every user."""
    recipe = run.recipe
    tags = known_tags(load_gold(run.directory))
    pilot = run.directory / "sft" / PILOT
    model = pilot if (pilot / "config.json").is_file() else run.directory / "model"
    tokenizer = ChatTokenizer.load(model)
    check_room([histories[user] for user in users], tokenizer, recipe)
    sampling = Sampling(
        temperature=TEMPERATURE, top_p=BASE_TOP_P, max_tokens=recipe.bench.max_response_tokens
    )
    requests = [
        Request(
            prompt=render_prompt(tokenizer, histories[user], tags=tags, task=TAGS_TASK),
            samples=recipe.sft.base_samples,
            seed=derived_seed("base", recipe.seed, place),
        )
        for place, user in enumerate(users)
    ]
    told: dict[str, list[TagValues | None]] = {}
    with ray_cluster(recipe.cluster):
        pool = RolloutPool(model, recipe.rollout, recipe.model.max_length, recipe.cluster.timeout_s)
        try:
            for first in range(0, len(requests), BATCH):
                batch = requests[first : first + BATCH]
                for request, rollouts in zip(batch, pool.generate(batch, sampling), strict=True):
                    told[request.prompt.user_id] = [
                        _read(rollout.text, tags, request.prompt.history_lines) for rollout in rollouts
                    ]
                run.reporter.update(len(told), len(requests), "users asked of the base model")
        finally:
            pool.close()
    return told


def _read(text: str, tags: Sequence[str], history_lines: int) -> TagValues | None:
    answer = parse_answer(text, tags=tags, summary=False, history_lines=history_lines)
    return {name: tag.values for name, tag in answer.tags.items()} if isinstance(answer, Answer) else None


def _labels(labels: Gold, users: Sequence[str]) -> pl.DataFrame:
    rows = [
        {**asdict(labels[user][tag]), "user_id": user, "tag": tag}
        for user in users
        for tag in in_order(labels[user])
    ]
    return pl.DataFrame(rows, schema=GOLD_SCHEMA)


def _bands(bands: pl.DataFrame) -> dict[str, int]:
    return dict(sorted(Counter(bands["band"].to_list()).items()))


def _shuffled(stages: Sequence[Sequence[Lesson]], seed: int) -> list[Lesson]:
    lessons = [lesson for stage in stages for lesson in stage]
    order = np.random.default_rng([seed, len(stages) + 1]).permutation(len(lessons))
    return [lessons[int(place)] for place in order]


def _lessons(lessons: Sequence[Lesson]) -> dict[str, Any]:
    return {
        "lessons": len(lessons),
        "users": len({lesson.user_id for lesson in lessons}),
        "tasks": dict(sorted(Counter(lesson.task for lesson in lessons).items())),
        "tags": sum(len(lesson.tags) for lesson in lessons),
    }


def _strata(lessons: Sequence[Lesson], gold: Gold) -> dict[str, int]:
    """Lessons by gender and age group of their users."""
    return dict(
        sorted(Counter(" ".join(stratum_of(gold.get(lesson.user_id, {}))) for lesson in lessons).items())
    )


def _write(path: Path, frame: pl.DataFrame) -> None:
    with written_whole(path) as aside:
        frame.write_parquet(aside)
