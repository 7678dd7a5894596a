"""What must hold of a recipe and its types cannot say, each refused by its key and the mend."""

import math
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from hprbench.labels import label_values
from induce.clustering import check_clusters
from induce.coded_events import check_patterns
from launch.persona_checks import check_personas, check_tags
from lm.endpoint import checked_url
from records.client import ClientConfig
from records.config import PERSONAS, TAGS, LogConfig, Recipe
from records.errors import UserError
from records.induction import INDUCERS, InduceConfig
from records.options import unknown_key
from records.prompt import TASKS
from records.tags import TAG, TAG_NAMES
from rewards.checks import check_scorer
from rl.filters import check_filters
from rl.loss import check_loss
from rl.modes import LIVE, check_modes
from rl.refill import check_refill
from semantize.checks import check_semantize
from sft.curriculum import STAGE2_TAGS
from simulate.engine import check_config

RECIPE_TASKS = (TAGS, PERSONAS)
"""What a model can learn (`task`)."""

BENCH_MODELS = ("untrained", "pilot", "stage1", "stage2", "stage3", "sft", "rl")
"""Models that the table of a benchmark may have (`bench.models`)."""


def check_recipe(recipe: Recipe) -> None:
    """What the types cannot say.

    Raises:
        UserError: naming the key and the mend.
    """
    if recipe.task not in RECIPE_TASKS:
        raise UserError(f"task is {recipe.task!r}; it must be {' or '.join(RECIPE_TASKS)}")
    check_bounds(recipe)
    check_config(recipe.simulate, recipe.seed)
    check_log(recipe.log, labels=recipe.task == TAGS)
    check_semantize(recipe.semantize)
    check_induce(recipe.induce)
    check_title_model(recipe)
    check_no_secret(recipe.scorer.llm, "scorer.llm")
    for name in ("first_teacher", "second_teacher", "stronger_teacher"):
        check_no_secret(getattr(recipe.sft, name), f"sft.{name}")
    check_scorer(recipe.scorer)
    _check_network(recipe)
    if recipe.task == TAGS:
        check_tags(recipe)
        _check_df_grpo(recipe)
        _check_curriculum(recipe)
        _check_bench(recipe)
    else:
        check_personas(recipe)
    apart = recipe.bench.users + recipe.sft.rl_users + recipe.sft.probe_users
    if not recipe.log.input and apart >= recipe.simulate.users:
        raise UserError(
            f"bench.users + sft.rl_users + sft.probe_users = {apart} leave none of simulate.users "
            f"{recipe.simulate.users} to train on"
        )
    if recipe.name in ("", "..") or Path(recipe.name).name != recipe.name:
        raise UserError(f"name is {recipe.name!r}; it must be one folder name")


def _check_network(recipe: Recipe) -> None:
    """Who trains and serves the network, and how."""
    if recipe.sft.optimizer not in ("adamw", "muon"):
        raise UserError(f"sft.optimizer is {recipe.sft.optimizer!r}; it must be adamw or muon")
    if recipe.learner.lora.rank and (not recipe.model.init_dir or recipe.sft.optimizer == "muon"):
        raise UserError(
            "learner.lora.rank: adapters are for a pretrained network (model.init_dir) and AdamW "
            "(sft.optimizer=adamw); a new network has nothing to adapt"
        )
    gpus, tensor_parallel = recipe.rollout.gpus_per_actor, recipe.rollout.tensor_parallel
    if (tensor_parallel > 1 or gpus > 1) and gpus not in (0, tensor_parallel):
        raise UserError(
            f"rollout.gpus_per_actor is {gpus:g} and rollout.tensor_parallel {tensor_parallel}: an engine "
            "uses a GPU for each of its processes; give both the same number (0 GPUs run on CPU)"
        )
    if recipe.learner.zero_stage not in (0, 1, 2, 3):
        raise UserError(f"learner.zero_stage is {recipe.learner.zero_stage}; it must be 0, 1, 2 or 3")


def _check_df_grpo(recipe: Recipe) -> None:
    check_filters(recipe.rl.filters, TASKS)
    check_loss(recipe.rl.loss)
    check_refill(recipe.rl)
    check_modes(recipe.rl)
    if recipe.rl.filters.min_live > recipe.rl.group_size:
        raise UserError(
            f"rl.filters.min_live {recipe.rl.filters.min_live} is above rl.group_size "
            f"{recipe.rl.group_size}: every group would be dropped"
        )
    if recipe.rl.groups_per_step % recipe.rl.minibatches:
        raise UserError(
            f"rl.groups_per_step {recipe.rl.groups_per_step} is no multiple of rl.minibatches "
            f"{recipe.rl.minibatches}"
        )
    if recipe.rl.init_from not in ("pilot", "stage1", "stage2", "stage3"):
        raise UserError(
            f"rl.init_from is {recipe.rl.init_from!r}; it must be pilot, stage1, stage2 or stage3"
        )
    if recipe.rl.prompts == LIVE and recipe.log.input:
        raise UserError("rl.prompts=live simulates users, and log.input names a log; set rl.prompts=recorded")
    has_users = recipe.sft.rl_users or recipe.rl.prompts == LIVE
    if recipe.rl.steps and not (has_users and recipe.sft.probe_users):
        raise UserError("sft.rl_users and sft.probe_users: DF-GRPO needs some of both; or set rl.steps=0")
    response = max(recipe.rl.max_response_tokens, recipe.bench.max_response_tokens)
    if recipe.semantize.token_budget + response >= recipe.model.max_length:
        raise UserError(
            f"model.max_length {recipe.model.max_length} leaves no room for semantize.token_budget "
            f"{recipe.semantize.token_budget} + max_response_tokens {response}; raise it"
        )


def _check_curriculum(recipe: Recipe) -> None:
    for stage in (recipe.sft.stage1, recipe.sft.stage2, recipe.sft.stage3):
        if recipe.sft.answer_weight == stage.history_weight == 0:
            raise UserError("sft.answer_weight and history_weight of a stage are both 0; nothing is learned")
    if recipe.sft.pilot.unlabelled:
        raise UserError("sft.pilot.unlabelled: a pilot learns the format alone; set it of stage1, say")
    for name in () if recipe.log.input else ("stage1", "stage2", "stage3"):
        if getattr(recipe.sft, name).unlabelled:
            raise UserError(f"sft.{name}.unlabelled: all users of a simulation have labels; set it to 0")
    if recipe.sft.order not in ("curriculum", "shuffled"):
        raise UserError(f"sft.order is {recipe.sft.order!r}; it must be curriculum or shuffled")
    if recipe.sft.stage2_tags not in STAGE2_TAGS:
        raise UserError(
            f"sft.stage2_tags is {recipe.sft.stage2_tags!r}; it must be one of {', '.join(STAGE2_TAGS)}"
        )
    if recipe.sft.base_samples and not (recipe.sft.pilot.examples or recipe.model.init_dir):
        raise UserError(
            "sft.base_samples asks a base model: set sft.pilot.examples or model.init_dir, as a new network "
            "knows nothing"
        )


def _check_bench(recipe: Recipe) -> None:
    if not recipe.bench.models:
        raise UserError(f"bench.models is empty; name some of {', '.join(BENCH_MODELS)}")
    for name in recipe.bench.models:
        if name not in BENCH_MODELS:
            raise UserError(f"bench.models: no {name!r}; there are {', '.join(BENCH_MODELS)}")
    wants_pilot = {"rl.init_from": [recipe.rl.init_from], "bench.models": recipe.bench.models}
    for key, names in wants_pilot.items():
        if "pilot" in names and not recipe.sft.pilot.examples:
            raise UserError(f"{key}: names the pilot, and sft.pilot.examples is 0: there is none")
    if not recipe.rl.steps and "rl" in recipe.bench.models:
        raise UserError("bench.models: names rl, and rl.steps is 0: there is none")


def check_log(log: LogConfig, *, labels: bool = True) -> None:
    """A log comes with `labels`, if those are learned, and each tag of the section is one.

    Raises:
        UserError: naming the key and the mend.
    """
    if not log.input:
        if log != LogConfig():
            raise UserError("log.input is empty; name the log that mapping, labels and tags are of")
        return
    if not labels and replace(log, input="", mapping="") != LogConfig():
        raise UserError(
            "log.labels, log.tags and log.fold are of task=tags; leave them out: personas need no labels"
        )
    if labels and not log.labels:
        raise UserError("log.labels is empty; name a table of what is true of the log's users")
    for tag, label in log.tags.items():
        if tag not in TAG:
            raise UserError(unknown_key("recipe", "log.tags.", tag, TAG_NAMES))
        for text in filter(None, label.values.values()):
            try:
                label_values(tag, text)
            except ValueError as error:
                raise UserError(f"log.tags.{tag}.values: {error}") from None


def check_no_secret(llm: ClientConfig, section: str = "llm") -> None:
    """The section is written to files of a run: neither its URL nor its variable's name may hold a key.

    Raises:
        UserError: naming the key and the mend, without repeating what may be a secret.
    """
    checked_url(llm.base_url, section)
    if llm.api_key_env and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", llm.api_key_env):
        raise UserError(
            f"{section}.api_key_env: this is no name of an environment variable; it takes the NAME of the "
            "one that holds the key, never the key"
        )


def check_induce(config: InduceConfig) -> None:
    """The section `induce` can be meant.

    Raises:
        UserError: naming the key and the mend.
    """
    if config.inducer not in INDUCERS:
        raise UserError(f"induce.inducer is {config.inducer!r}; it must be one of {', '.join(INDUCERS)}")
    check_clusters(config.clusters)
    check_patterns(config.memories)


def check_title_model(recipe: Recipe) -> None:
    """The section `llm` holds no secret, and names a model where titles are to be refined by one.

    Raises:
        UserError: as `check_no_secret`, or naming the keys to set.
    """
    check_no_secret(recipe.llm)
    if recipe.semantize.llm_titles and not recipe.llm.model.strip():
        raise UserError(
            f"semantize.llm_titles needs a language model: set llm.base_url (now {recipe.llm.base_url}) and "
            "llm.model"
        )


def check_bounds(section: Any, prefix: str = "") -> None:
    """Every number must lie within the bounds its field declares, and be one.

    Raises:
        UserError: naming the key, the value and the bound.
    """
    for item in fields(section):
        value, key = getattr(section, item.name), f"{prefix}{item.name}"
        if is_dataclass(value):
            check_bounds(value, f"{key}.")
        elif isinstance(value, dict):
            for name, entry in value.items():
                if is_dataclass(entry):
                    check_bounds(entry, f"{key}.{name}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            low, high = item.metadata["low"], item.metadata["high"]
            bounded = low is not None or high is not None
            if math.isnan(value) or (bounded and math.isinf(value)):
                raise UserError(f"{key} is {value}; give a number")
            if low is not None and value < low:
                raise UserError(f"{key} is {value:g}; it must be at least {low:g}")
            if high is not None and value > high:
                raise UserError(f"{key} is {value:g}; it must be at most {high:g}")
