"""What must hold of a recipe that trains a model for personas, each refused by its key and the mend."""

from records.config import Recipe
from records.errors import UserError
from records.sft import StageConfig

FRAME_TOKENS = 32
"""Tokens around the memory lines of a question, at most."""


def check_personas(recipe: Recipe) -> None:
    """What the types cannot say.

    Raises:
        UserError: naming the key and the mend.
    """
    sft, groupwise, learner = recipe.sft, recipe.groupwise, recipe.learner
    if not sft.personas.examples:
        raise UserError("sft.personas.examples is 0: no model would learn to write personas; raise it")
    for name in ("few_lines", "personas"):
        if sft.answer_weight == getattr(sft, name).history_weight == 0:
            raise UserError(f"sft.answer_weight and sft.{name}.history_weight are both 0; nothing is learned")
    for name in ("pilot", "stage1", "stage2", "stage3"):
        if getattr(sft, name).examples:
            raise UserError(
                f"sft.{name}.examples is of task=tags; with task=personas set sft.personas.examples"
            )
    for place, cut in enumerate(sft.teacher_cuts):
        if not 1 <= cut <= 9:
            raise UserError(f"sft.teacher_cuts[{place}] is {cut}; it must be from 1 to 9")
    if len(set(sft.teacher_cuts)) < len(sft.teacher_cuts):
        raise UserError("sft.teacher_cuts names a cut twice; teachers must differ")
    if groupwise.steps and not (sft.rl_users and sft.probe_users):
        raise UserError(
            "sft.rl_users and sft.probe_users: groupwise DPO needs some of both; or set groupwise.steps=0"
        )
    if groupwise.groups_per_step % groupwise.minibatches:
        raise UserError(
            f"groupwise.groups_per_step {groupwise.groups_per_step} is no multiple of groupwise.minibatches "
            f"{groupwise.minibatches}"
        )
    prompt, lines = recipe.induce.line_tokens + FRAME_TOKENS, recipe.induce.line_tokens
    response = max(groupwise.max_response_tokens, recipe.bench.max_response_tokens)
    if prompt + response > recipe.model.max_length:
        raise UserError(
            f"model.max_length {recipe.model.max_length} leaves no room for induce.line_tokens {lines}, "
            f"{FRAME_TOKENS} around them and max_response_tokens {response}; raise it to {prompt + response}"
        )
    group = prompt + groupwise.group_size * groupwise.max_response_tokens
    if groupwise.steps and group > learner.micro_batch_tokens:
        raise UserError(
            f"learner.micro_batch_tokens is {learner.micro_batch_tokens}, and a group, which shares a "
            f"micro-batch, may take {group}: induce.line_tokens {lines}, {FRAME_TOKENS} around them and "
            f"groupwise.group_size={groupwise.group_size} responses of groupwise.max_response_tokens="
            f"{groupwise.max_response_tokens}; raise the first to {group}"
        )


def check_tags(recipe: Recipe) -> None:
    """A recipe of another task leaves what trains for personas alone.

    Raises:
        UserError: naming the key and the mend.
    """
    for name in ("few_lines", "personas"):
        if getattr(recipe.sft, name) != StageConfig():
            raise UserError(f"sft.{name} is of task=personas; leave it out, or set that")
