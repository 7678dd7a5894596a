"""A recipe for personas: what is refused, and that the other task's settings are not mixed in."""

from pathlib import Path

import pytest

from induce.scoring import PersonaCase
from launch.commands import run_rl, stages_of
from launch.recipe import load_recipe
from launch.stages.persona_data import split_persona_users
from launch.stages.persona_sft import taught_users, why_nothing
from records.errors import UserError
from tests.induction import shown
from tests.test_induce_scoring import CASE, MEMORIES

INDUCTION = Path("recipes/induction.yaml")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["task=persona"], "task is 'persona'; it must be tags or personas"),
        (["sft.personas.examples=0"], "sft.personas.examples is 0"),
        (["sft.stage1.examples=5"], "sft.stage1.examples is of task=tags"),
        (["sft.answer_weight=0", "sft.personas.history_weight=0"], "are both 0"),
        (["sft.teacher_cuts=[2,0]"], r"sft.teacher_cuts\[1\] is 0; it must be from 1 to 9"),
        (["sft.teacher_cuts=[10]"], r"sft.teacher_cuts\[0\] is 10"),
        (["sft.teacher_cuts=[2,2]"], "names a cut twice"),
        (["sft.rl_users=0"], "set groupwise.steps=0"),
        (["groupwise.groups_per_step=5"], "groupwise.groups_per_step 5 is no multiple"),
        (["groupwise.beta=0"], "groupwise.beta is 0; it must be at least"),
        (["groupwise.bta=1"], "groupwise.bta"),
        (["induce.line_tokens=900"], "model.max_length 672 leaves no room for induce.line_tokens 900"),
        (["learner.micro_batch_tokens=2000"], "learner.micro_batch_tokens is 2000, and a group"),
        (["induce.clusters.method=tree"], "induce.clusters.method is 'tree'"),
        (["log.labels=x.csv"], "log.input is empty"),
        (["log.input=x.csv", "log.labels=x.csv"], "log.labels, log.tags and log.fold are of task=tags"),
        (["bench.users=9999"], "leave none of simulate.users"),
        (["task=tags"], "sft.few_lines is of task=personas"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe(INDUCTION, overrides)


def test_a_log_needs_no_labels_and_a_run_no_dpo() -> None:
    recipe = load_recipe(INDUCTION, ["log.input=x.csv", "groupwise.steps=0", "sft.rl_users=0"])
    names = [stage.name for stage in stages_of(recipe)]
    assert names == ["simulate", "memories", "model", "teachers", "sft", "groupwise", "bench", "report"]
    assert [stage.name for stage in stages_of(load_recipe(Path("quickstart")))][-3:] == [
        "rl",
        "bench",
        "report",
    ]


def test_the_command_of_df_grpo_says_where_groupwise_dpo_is() -> None:
    with pytest.raises(UserError, match="--until groupwise"):
        run_rl(INDUCTION, [], [])


def test_users_are_dealt_out_once_each() -> None:
    recipe = load_recipe(INDUCTION, ["bench.users=4", "sft.probe_users=3", "sft.rl_users=2"])
    users = [f"u{number:02}" for number in range(12)]
    splits = split_persona_users(recipe, users)
    parts = (splits.bench, splits.probe, splits.rl, splits.sft)
    assert [len(part) for part in parts] == [4, 3, 2, 3]
    assert sorted(user for part in parts for user in part) == users
    assert split_persona_users(recipe, users) == splits
    with pytest.raises(UserError, match="= 9 leave none to learn from of the 9 users with an intent"):
        split_persona_users(recipe, users[:9])


def test_no_more_users_are_taught_than_there_are_lessons_for() -> None:
    recipe = load_recipe(INDUCTION, ["sft.few_lines.examples=5", "sft.personas.examples=7"])
    users = [f"u{number:02}" for number in range(12)]
    some = taught_users(recipe, users, teachers=3)
    assert len(set(some)) == 3
    assert some == sorted(some)
    assert some != users[:3]
    assert taught_users(load_recipe(INDUCTION), users, teachers=3) == users


def test_a_stage_without_lessons_says_whether_lines_or_answers_had_no_room() -> None:
    recipe = load_recipe(INDUCTION, ["induce.line_tokens=40"])
    nothing = PersonaCase(memories=MEMORIES, lines=shown(list(MEMORIES), budget=1))
    told = why_nothing(recipe, "few_lines", {"u": nothing}, {})
    assert told.startswith("sft.few_lines: no line of memories fits 10 tokens, 0.25 of induce.line_tokens 40")
    told = why_nothing(recipe, "personas", {"u": CASE}, {"too_long": 3})
    assert "no teacher found personas that fit model.max_length 672" in told
    assert told.endswith("left out: {'too_long': 3}")
