"""Stages teachers and sft: persona sets of several teachers, and a model that learns to write such.

memories ── lines ──► teachers, one a cut ──► sets as lines bear them out ── silence ──► lessons ──► learner
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import polars as pl

from actors.persona_scorer import persona_scorer
from induce.lessons import persona_lessons
from induce.scoring import PersonaCase, PersonaScorer
from induce.teaching import Teacher, drawn, silenced, teachers_of
from launch.pipeline import Run
from launch.stages.persona_data import load_cases, load_population, vectors_path
from launch.stages.sft import last_learnt, one_learner, train_lessons
from launch.stages.splits import load_splits
from lm import checkpoint
from lm.tokenizer import ChatTokenizer
from records.config import Recipe
from records.errors import UserError
from records.files import write_json, written_whole
from records.persona import PersonaSet, persona_sets, personas_frame
from rewards.personas.total import Quality
from sft.objective import SFTExample

STAGES = {"few_lines": 0.25, "personas": 1.0}
"""Stages of SFT, and the share of the lines' budget in each."""

STAGE = "personas"
"""The last of them."""

MEASURED = 200
"""Taught users whose sets are scored, to tell how far teachers differ."""

BATCH = 128
"""Users whose sets are made at once; progress is told in between."""


def run_teachers(run: Run) -> None:
    """What each teacher finds about every taught user, into `sft/teachers/`, and how good it is."""
    recipe, folder = run.recipe, run.directory / "sft" / "teachers"
    scorer = persona_scorer(recipe.induce, load_population(run), vectors_path(run))
    teachers = teachers_of(recipe.sft.teacher_cuts, scorer)
    users = taught_users(recipe, load_splits(run.directory).sft, len(teachers))
    for name, share in STAGES.items():
        cases = load_cases(run, users, share)
        sets = _taught(run, teachers, cases, name)
        for number, mine in enumerate(sets.values()):
            with written_whole(folder / f"{name}-{number}.parquet") as aside:
                personas_frame(mine).write_parquet(aside)
    run.reporter.doing("teachers are compared")
    counts = {name: _mean_quality(mine[:MEASURED], cases, scorer) for name, mine in sets.items()}
    quiet = np.random.default_rng(recipe.seed)
    rate = recipe.sft.teacher_silence
    both = [
        silenced(one, quiet.uniform(0, 2 * rate), quiet) for mine in sets.values() for one in mine[:MEASURED]
    ]
    counts["all, with silence"] = _mean_quality(both, cases, scorer)
    shown = [len(case.lines.line_of) / _intents(case) for case in cases.values()]
    told = {"users": len(users), "shown": float(np.mean(shown)), "quality": counts}
    write_json(folder / "counts.json", told)
    run.reporter.say(
        f"teachers: {len(users):,} users, {np.mean([len(case.lines.lines) for case in cases.values()]):.1f} "
        f"lines each, which show {np.mean(shown):.0%} of their intents"
    )
    for name, found in counts.items():
        run.reporter.say(f"teachers: {name}: {_told(found)}")


def _taught(
    run: Run, teachers: Mapping[str, Teacher], cases: Mapping[str, PersonaCase], stage: str
) -> dict[str, list[PersonaSet]]:
    """Teacher → its sets about the lines of `cases`."""
    users = list(cases)
    sets: dict[str, list[PersonaSet]] = {name: [] for name in teachers}
    for first in range(0, len(users), BATCH):
        some = {user: cases[user] for user in users[first : first + BATCH]}
        for name, teacher in teachers.items():
            sets[name] += teacher(some)
        run.reporter.update(min(first + BATCH, len(users)), len(users), f"users, for {stage}")
    return sets


def taught_users(recipe: Recipe, users: Sequence[str], teachers: int) -> list[str]:
    """As many of `users`, drawn by the recipe's seed, as there are lessons for, were each taught by every
    teacher once; sorted."""
    most = -(-max(recipe.sft.few_lines.examples, recipe.sft.personas.examples) // teachers)
    order_U = np.random.default_rng([recipe.seed, most]).permutation(len(users))
    return sorted(users[place] for place in order_U[:most])


def load_teachers(run: Run, stage: str) -> list[list[PersonaSet]]:
    """What each teacher found for a stage, of the taught users in order."""
    folder = run.directory / "sft" / "teachers"
    return [
        persona_sets(pl.read_parquet(path, glob=False)) for path in sorted(folder.glob(f"{stage}-*.parquet"))
    ]


def run_persona_sft(run: Run) -> None:
    """Train on sets drawn from all teachers, some of them briefer than they were, of few lines first."""
    directory = run.directory
    done = [name for name in STAGES if (directory / "sft" / name).is_dir()]
    with one_learner(run) as learner:
        if (learnt := last_learnt(directory / "sft" / "checkpoints", done)) is not None:
            checkpoint.load(learnt, learner)
        for name in list(STAGES)[len(done) :]:
            run.reporter.doing(f"lessons are made, {name}")
            train_lessons(run, name, learner, _lessons(run, name), getattr(run.recipe.sft, name))


def _lessons(run: Run, name: str) -> list[SFTExample]:
    recipe, stage, teachers = run.recipe, getattr(run.recipe.sft, name), load_teachers(run, name)
    cases = load_cases(run, [one.user_id for one in teachers[0]], STAGES[name])
    sets = list(drawn(teachers, stage.examples, recipe.sft.teacher_silence, recipe.seed))
    examples, faults = persona_lessons(
        sets,
        {user: case.memories for user, case in cases.items()},
        {user: case.lines for user, case in cases.items()},
        ChatTokenizer.load(run.directory / "model"),
        most_tokens=recipe.model.max_length,
    )
    if stage.examples and not examples:
        raise UserError(why_nothing(recipe, name, cases, faults))
    longest = max((len(example.response_ids) for example in examples), default=0)
    run.reporter.say(
        f"sft: {name}, {len(examples):,} lessons, the longest answer has {longest} tokens; left out: "
        f"{dict(sorted(faults.items())) or 'nothing'}"
    )
    return examples


def why_nothing(
    recipe: Recipe, name: str, cases: Mapping[str, PersonaCase], faults: Mapping[str, int]
) -> str:
    """Why a stage has no lesson, and the mend."""
    budget = int(recipe.induce.line_tokens * STAGES[name])
    if not any(case.lines.lines for case in cases.values()):
        return (
            f"sft.{name}: no line of memories fits {budget} tokens, {STAGES[name]:g} of induce.line_tokens "
            f"{recipe.induce.line_tokens}; raise that, or set sft.{name}.examples=0"
        )
    return (
        f"sft.{name}: no teacher found personas that fit model.max_length {recipe.model.max_length}; raise "
        f"that, or set sft.{name}.examples=0; left out: {dict(faults)}"
    )


def _mean_quality(
    sets: Sequence[PersonaSet], cases: Mapping[str, PersonaCase], scorer: PersonaScorer
) -> dict[str, float]:
    found = [asdict(scorer.quality(one, cases[one.user_id].memories)) for one in sets]
    return {name: float(np.mean([one[name] for one in found])) for name in NUMBERS}


NUMBERS = [name for name in asdict(Quality()) if name != "error"]
"""What is told of a set's quality."""


def _told(found: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in found.items())


def _intents(case: PersonaCase) -> int:
    return max(1, sum(not memory.noise for memory in case.memories))
