"""Whether the sizes of a recipe fit together, and the judge it names answers."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

from launch.doctor.check import Check
from launch.persona_checks import FRAME_TOKENS
from records.config import PERSONAS, Recipe, RolloutConfig
from records.errors import UserError

KNOCK_S = 5.0
"""Longest wait for a judge's server, seconds."""


def size_checks(recipe: Recipe) -> Iterator[Check]:
    """Of the RL batch, and of the judge where a language model judges."""
    if recipe.task == PERSONAS:
        if recipe.groupwise.steps:
            yield Check(name="batch", says=lambda: groups(recipe))
        return
    if recipe.rl.steps:
        yield Check(name="batch", says=lambda: batch(recipe))
    if recipe.scorer.judge == "llm":
        yield Check(name="judge", says=lambda: judge(recipe))


def batch(recipe: Recipe) -> str:
    """How large an RL batch is.

    Raises:
        UserError: a micro-batch does not hold the longest sequence, an engine would decode less than a group
            at once, or there are more engines than groups.
    """
    rl, learner, rollout = recipe.rl, recipe.learner, recipe.rollout
    prompt = recipe.semantize.token_budget
    longest = prompt + rl.max_response_tokens
    if learner.micro_batch_tokens < longest:
        raise UserError(
            f"learner.micro_batch_tokens is {learner.micro_batch_tokens}, and the longest prompt "
            f"(semantize.token_budget) and response (rl.max_response_tokens) have {longest} tokens: such a "
            "sequence stands alone, and takes more memory than the bound says; raise the one or lower the "
            "others"
        )
    _check_engines(rollout, "rl", rl.group_size, rl.groups_per_step)
    beside = (learner.micro_batch_tokens - prompt) // rl.max_response_tokens
    told = (
        ""
        if beside >= rl.group_size
        else f"; beside the longest prompt a micro-batch (learner.micro_batch_tokens) holds {beside} of the "
        "longest responses, the others of a group need the prompt again"
    )
    return (
        f"batch: {rl.groups_per_step} groups × {rl.group_size} samples, {rl.minibatches} update(s) each, "
        f"over {learner.ranks} rank(s); sequences up to {longest} of {recipe.model.max_length} tokens" + told
    )


def groups(recipe: Recipe) -> str:
    """How large a batch of groupwise DPO is; a group fits into a micro-batch, or the recipe is refused.

    Raises:
        UserError: an engine would decode less than a group at once, or there are more engines than groups.
    """
    config = recipe.groupwise
    longest = recipe.induce.line_tokens + FRAME_TOKENS + config.max_response_tokens
    _check_engines(recipe.rollout, "groupwise", config.group_size, config.groups_per_step)
    return (
        f"batch: {config.groups_per_step} groups × {config.group_size} samples, "
        f"{config.epochs * config.minibatches} update(s) each, over {recipe.learner.ranks} rank(s); "
        f"sequences up to {longest} of {recipe.model.max_length} tokens"
    )


def _check_engines(rollout: RolloutConfig, section: str, group_size: int, groups_per_step: int) -> None:
    if rollout.max_sequences < group_size:
        raise UserError(
            f"rollout.max_sequences is {rollout.max_sequences}, less than {section}.group_size {group_size}: "
            "a group would be generated in parts; raise it"
        )
    if groups_per_step < rollout.actors:
        raise UserError(
            f"{section}.groups_per_step is {groups_per_step} and rollout.actors {rollout.actors}: engines "
            "would have nothing to do; lower the number of engines"
        )


def judge(recipe: Recipe) -> str:
    """Where the judge's server answers.

    Raises:
        UserError: nobody does.
    """
    url = recipe.scorer.llm.base_url
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        socket.create_connection((parts.hostname or "", port), timeout=KNOCK_S).close()
    except OSError as error:
        raise UserError(
            f"scorer.llm.base_url {url}: nobody answers ({error.strerror or error}); is the server up?"
        ) from None
    return f"judge: {url} answers"
