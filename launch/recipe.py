"""Recipes: YAML under the schema of `records.config`, with `key=value` overrides."""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hprbench.labels import label_values
from lm.endpoint import checked_url
from records.client import ClientConfig
from records.config import LogConfig, Recipe
from records.errors import UserError
from records.files import write_text
from records.options import unknown_key
from records.prompt import TASKS
from records.strict_yaml import read_yaml
from records.tags import TAG, TAG_NAMES
from rewards.checks import check_scorer
from rl.filters import check_filters
from rl.refill import check_refill
from semantize.checks import check_semantize
from sft.curriculum import STAGE2_TAGS
from simulate.engine import check_config

BENCH_MODELS = ("untrained", "pilot", "stage1", "stage2", "stage3", "sft", "rl")
"""Models that the table of a benchmark may have (`bench.models`)."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply `key=value` overrides; `path` may also name a shipped recipe.

    Raises:
        UserError: one line naming the file, key and mend.
    """
    recipe = _read_recipe(path, overrides)
    check_recipe(recipe)
    return recipe


def load_simulation(path: Path | None, overrides: Sequence[str] = ()) -> Recipe:
    """The same for a simulation alone: only its settings are checked; without a path all are defaults."""
    recipe = _read_recipe(path, overrides)
    check_bounds(recipe.simulate, "simulate.")
    check_bounds(recipe.cluster, "cluster.")
    check_bounds(recipe.llm, "llm.")
    check_no_secret(recipe.llm)
    check_config(recipe.simulate, recipe.seed)
    return recipe


def load_semantization(path: Path | None, overrides: Sequence[str] = ()) -> Recipe:
    """The same for semantization alone."""
    recipe = _read_recipe(path, overrides)
    check_bounds(recipe.semantize, "semantize.")
    check_bounds(recipe.cluster, "cluster.")
    check_bounds(recipe.llm, "llm.")
    check_semantize(recipe.semantize)
    check_title_model(recipe)
    return recipe


def _read_recipe(path: Path | None, overrides: Sequence[str]) -> Recipe:
    if path is None:
        return _merged("command line", {}, overrides)
    file = path if path.is_file() else _shipped(path)
    if file is None:
        names = ", ".join(sorted(p.name for p in _recipes_dir().glob("*.yaml")))
        raise UserError(f"{path}: no such recipe file; shipped ones are {names}")
    try:
        given = read_yaml(file.read_text(encoding="utf-8"), str(file)) or {}
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: not UTF-8 ({error.reason} at byte {error.start}); save it as such"
        ) from None
    if not isinstance(given, dict):
        raise UserError(f"{file}: a recipe is a mapping of sections")
    _check_keys(given, Recipe, str(file))
    return _merged(str(file), given, overrides)


def _merged(file: str, given: Mapping[str, Any], overrides: Sequence[str]) -> Recipe:
    schema = OmegaConf.structured(Recipe)
    changes = _dotlist(overrides)
    _check_interpolations(given, file)
    _check_interpolations(changes, "command line")
    try:
        merged = OmegaConf.merge(schema, _without_removals(given), _without_removals(changes))
        for path in (*_removals(given), *_removals(changes)):
            _remove_entry(merged, path)
        recipe = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None) or "?"
        raise UserError(f"{file}: {key}: {str(error).splitlines()[0]}") from None
    assert isinstance(recipe, Recipe)
    return recipe


def _check_interpolations(given: Any, where: str, key: str = "") -> None:
    """A value may name another key (`${seed}`), but not the environment: recipes are written into runs."""
    if isinstance(given, Mapping):
        for name, value in given.items():
            _check_interpolations(value, where, f"{key}.{name}" if key else str(name))
    elif isinstance(given, list):
        for value in given:
            _check_interpolations(value, where, key)
    elif isinstance(given, str) and re.search(r"\$\{\s*oc\.", given):
        raise UserError(f"{where}: {key} asks for ${{oc.…}}; only other keys can be named, such as ${{seed}}")


def _without_removals(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_removals(value) if isinstance(value, Mapping) else value
        for key, value in given.items()
        if value is not None
    }


def _removals(given: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths that are set to null."""
    for key, value in given.items():
        if value is None:
            yield (*prefix, key)
        elif isinstance(value, Mapping):
            yield from _removals(value, (*prefix, key))


def _remove_entry(recipe: Any, path: tuple[str, ...]) -> None:
    """Take an entry out of a mapping such as simulate.periods; what is no entry cannot be null."""
    *parents, name = path
    node = recipe
    for parent in parents:
        node = node[parent]
    if OmegaConf.get_type(node) is not dict:
        raise UserError(f"{'.'.join(path)} is null; give it a value (null removes entries of mappings only)")
    if name not in node:
        raise UserError(unknown_key("recipe", f"{'.'.join(parents)}.", name, [str(key) for key in node]))
    del node[name]


def _recipes_dir() -> Path:
    return Path(__file__).resolve().parent.parent / "recipes"


def _shipped(path: Path) -> Path | None:
    if path.parent not in (Path(), Path("recipes")):
        return None
    candidate = _recipes_dir() / (path.name if path.suffix else f"{path.name}.yaml")
    return candidate if candidate.is_file() else None


def _dotlist(overrides: Sequence[str]) -> Any:
    nested: dict[str, Any] = {}
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or not key:
            raise UserError(f"{override!r}: an override is written key=value, such as rl.steps=20")
        place = nested
        *parents, leaf = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UserError(f"{override!r}: {parent} is set to a value by another override")
        try:
            place[leaf] = read_yaml(value, override)
        except UserError:  # a plain text
            place[leaf] = value
    _check_keys(nested, Recipe, "command line")
    return nested


def _check_keys(given: Mapping[str, Any], schema: type, where: str, prefix: str = "") -> None:
    """Every key must be a field of `schema`; the error names the nearest one that is."""
    known = get_type_hints(schema)
    for key, value in given.items():
        full = f"{prefix}{key}"
        if key not in known:
            raise UserError(unknown_key(where, prefix, str(key), known))
        kind = known[key]
        if hasattr(kind, "__dataclass_fields__"):
            if not isinstance(value, Mapping):
                raise UserError(f"{where}: {full} is a section; give it keys of its own")
            _check_keys(value, kind, where, f"{full}.")
        elif get_origin(kind) is dict and isinstance(value, Mapping):
            inner = kind.__args__[1]
            if hasattr(inner, "__dataclass_fields__"):
                for name, section in value.items():
                    if section is None:  # removes the entry
                        continue
                    if not isinstance(section, Mapping):
                        raise UserError(f"{where}: {full}.{name} is a section; give it keys of its own")
                    _check_keys(section, inner, where, f"{full}.{name}.")


def check_recipe(recipe: Recipe) -> None:
    """What the types cannot say.

    Raises:
        UserError: naming the key and the mend.
    """
    check_bounds(recipe)
    check_config(recipe.simulate, recipe.seed)
    check_log(recipe.log)
    check_semantize(recipe.semantize)
    check_title_model(recipe)
    check_filters(recipe.rl.filters, TASKS)
    check_refill(recipe.rl)
    if recipe.rl.filters.min_live > recipe.rl.group_size:
        raise UserError(
            f"rl.filters.min_live {recipe.rl.filters.min_live} is above rl.group_size "
            f"{recipe.rl.group_size}: every group would be dropped"
        )
    check_no_secret(recipe.scorer.llm, "scorer.llm")
    for name in ("first_teacher", "second_teacher", "stronger_teacher"):
        check_no_secret(getattr(recipe.sft, name), f"sft.{name}")
    check_scorer(recipe.scorer)
    ranks = recipe.learner.ranks
    for key, size in (
        ("rl.groups_per_step", recipe.rl.groups_per_step),
        ("sft.batch_size", recipe.sft.batch_size),
    ):
        if size % ranks:
            raise UserError(
                f"{key} is {size}: it cannot be split over learner.ranks {ranks}; take a multiple"
            )
    if recipe.rl.groups_per_step % recipe.rl.minibatches:
        raise UserError(
            f"rl.groups_per_step {recipe.rl.groups_per_step} is no multiple of rl.minibatches "
            f"{recipe.rl.minibatches}"
        )
    for stage in (recipe.sft.stage1, recipe.sft.stage2, recipe.sft.stage3):
        if recipe.sft.answer_weight == stage.history_weight == 0:
            raise UserError("sft.answer_weight and history_weight of a stage are both 0; nothing is learned")
    if recipe.sft.pilot.unlabelled:
        raise UserError("sft.pilot.unlabelled: a pilot learns the format alone; set it of stage1, say")
    for name in () if recipe.log.input else ("stage1", "stage2", "stage3"):
        if getattr(recipe.sft, name).unlabelled:
            raise UserError(f"sft.{name}.unlabelled: all users of a simulation have labels; set it to 0")
    if recipe.sft.optimizer not in ("adamw", "muon"):
        raise UserError(f"sft.optimizer is {recipe.sft.optimizer!r}; it must be adamw or muon")
    if recipe.rl.init_from not in ("pilot", "stage1", "stage2", "stage3"):
        raise UserError(
            f"rl.init_from is {recipe.rl.init_from!r}; it must be pilot, stage1, stage2 or stage3"
        )
    if recipe.sft.order not in ("curriculum", "shuffled"):
        raise UserError(f"sft.order is {recipe.sft.order!r}; it must be curriculum or shuffled")
    if recipe.sft.stage2_tags not in STAGE2_TAGS:
        raise UserError(
            f"sft.stage2_tags is {recipe.sft.stage2_tags!r}; it must be one of {', '.join(STAGE2_TAGS)}"
        )
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
    if recipe.rl.steps and not (recipe.sft.rl_users and recipe.sft.probe_users):
        raise UserError("sft.rl_users and sft.probe_users: DF-GRPO needs some of both; or set rl.steps=0")
    if recipe.sft.base_samples and not (recipe.sft.pilot.examples or recipe.model.init_dir):
        raise UserError(
            "sft.base_samples asks a base model: set sft.pilot.examples or model.init_dir, as a new network "
            "knows nothing"
        )
    if recipe.learner.zero_stage not in (0, 1, 2, 3):
        raise UserError(f"learner.zero_stage is {recipe.learner.zero_stage}; it must be 0, 1, 2 or 3")
    response = max(recipe.rl.max_response_tokens, recipe.bench.max_response_tokens)
    if recipe.semantize.token_budget + response >= recipe.model.max_length:
        raise UserError(
            f"model.max_length {recipe.model.max_length} leaves no room for semantize.token_budget "
            f"{recipe.semantize.token_budget} + max_response_tokens {response}; raise it"
        )
    apart = recipe.bench.users + recipe.sft.rl_users + recipe.sft.probe_users
    if not recipe.log.input and apart >= recipe.simulate.users:
        raise UserError(
            f"bench.users + sft.rl_users + sft.probe_users = {apart} leave none of simulate.users "
            f"{recipe.simulate.users} to train on"
        )
    if recipe.name in ("", "..") or Path(recipe.name).name != recipe.name:
        raise UserError(f"name is {recipe.name!r}; it must be one folder name")


def check_log(log: LogConfig) -> None:
    """A log comes with labels, and each tag of the section is one.

    Raises:
        UserError: naming the key and the mend.
    """
    if not log.input:
        if log != LogConfig():
            raise UserError("log.input is empty; name the log that mapping, labels and tags are of")
        return
    if not log.labels:
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


def run_directory(recipe: Recipe) -> Path:
    """Where the run lives."""
    return Path(recipe.runs_dir) / recipe.name


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write `recipe` as a recipe file, every field in it, and null for each default entry it is without."""
    full = _with_removals(asdict(recipe), asdict(Recipe()))
    write_text(path, OmegaConf.to_yaml(OmegaConf.create(full)))


def _with_removals(value: dict[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    for key, usual in default.items():
        if key not in value:
            value[key] = None
        elif isinstance(usual, dict) and isinstance(value[key], dict):
            _with_removals(value[key], usual)
    return value


def fingerprint(*parts: Any) -> str:
    """A short hash of config sections and of the fingerprints of stages before."""
    plain = [asdict(part) if hasattr(part, "__dataclass_fields__") else part for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def file_state(file: str) -> tuple[int, int] | None:
    """Bytes and time of change (ns) of a file, which tell that it was replaced; None where there is none."""
    if not file or not Path(file).is_file():
        return None
    status = Path(file).stat()
    return status.st_size, status.st_mtime_ns


def directory_state(directory: str) -> list[tuple[str, int, int]]:
    """Name, bytes and time of change (ns) of every file in `directory`: what tells that it was replaced."""
    files = sorted(path for path in Path(directory).iterdir() if path.is_file()) if directory else []
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
