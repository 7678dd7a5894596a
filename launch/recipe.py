"""Recipes: YAML under the schema of `records.config`, with `key=value` overrides."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from launch.recipe_checks import (
    check_bounds,
    check_induce,
    check_no_secret,
    check_recipe,
    check_title_model,
)
from records.config import FilterConfig, Recipe
from records.errors import UserError
from records.files import write_text
from records.options import unknown_key
from records.prompt import TASKS
from records.strict_yaml import read_yaml
from rl.filters import check_filters
from semantize.checks import check_semantize
from simulate.engine import check_config

_COMMAND_LINE = "command line"
"""Where overrides stand, as messages name it."""


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


def load_induction(path: Path | None, overrides: Sequence[str] = ()) -> Recipe:
    """The same for induction alone, semantization of the log included."""
    recipe = load_semantization(path, overrides)
    check_bounds(recipe.induce, "induce.")
    check_induce(recipe.induce)
    return recipe


def load_filters(path: Path | None, overrides: Sequence[str] = ()) -> FilterConfig:
    """The filters of a recipe; nothing else in it is looked at, so that it may be of an older version.

    Raises:
        UserError: as `load_recipe`, or an override is of another section.
    """
    for override in overrides:
        if not override.startswith("rl.filters."):
            raise UserError(
                f"{override!r}: filters are replayed with other fields of rl.filters alone, such as "
                "rl.filters.min_live=4"
            )
    rl = _given(path).get("rl") if path is not None else None
    given = {"rl": {"filters": rl.get("filters", {}) if isinstance(rl, Mapping) else {}}}
    file = str(path or _COMMAND_LINE)
    _check_keys(given, Recipe, file)
    recipe = _merged(file, given, overrides)
    check_bounds(recipe.rl.filters, "rl.filters.")
    check_filters(recipe.rl.filters, TASKS)
    return recipe.rl.filters


def _read_recipe(path: Path | None, overrides: Sequence[str]) -> Recipe:
    if path is None:
        return _merged(_COMMAND_LINE, {}, overrides)
    file = path if path.is_file() else _shipped(path)
    if file is None:
        names = ", ".join(sorted(p.name for p in _recipes_dir().glob("*.yaml")))
        raise UserError(f"{path}: no such recipe file; shipped ones are {names}")
    given = _given(file)
    _check_keys(given, Recipe, str(file))
    return _merged(str(file), given, overrides)


def _given(file: Path) -> dict[str, Any]:
    try:
        given = read_yaml(file.read_text(encoding="utf-8"), str(file)) or {}
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file}: not UTF-8 ({error.reason} at byte {error.start}); save it as such"
        ) from None
    if not isinstance(given, dict):
        raise UserError(f"{file}: a recipe is a mapping of sections")
    return given


def _merged(file: str, given: Mapping[str, Any], overrides: Sequence[str]) -> Recipe:
    changes = _dotlist(overrides)
    layers = ((file, given), (_COMMAND_LINE, changes))
    merged = OmegaConf.structured(Recipe)
    for where, layer in layers:
        _check_interpolations(layer, where)
    for where, layer in layers:
        try:
            merged = OmegaConf.merge(merged, _without_removals(layer))
        except OmegaConfBaseException as error:
            raise _told(error, where) from None
        for path in _removals(layer):
            _remove(merged, path)
    try:
        recipe = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise _told(error, _COMMAND_LINE if _is_set(changes, _key_of(error)) else file) from None
    assert isinstance(recipe, Recipe)
    return recipe


def _told(error: OmegaConfBaseException, where: str) -> UserError:
    return UserError(f"{where}: {_key_of(error)}: {str(error).splitlines()[0]}")


def _key_of(error: OmegaConfBaseException) -> str:
    return getattr(error, "full_key", None) or "?"


def _is_set(given: Any, key: str) -> bool:
    """Whether a layer sets `key` (of a list any element) or a part of it."""
    for name in key.partition("[")[0].split("."):
        if not isinstance(given, Mapping) or name not in given:
            return False
        given = given[name]
    return True


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


def _remove(recipe: Any, path: tuple[str, ...]) -> None:
    """Take an entry out of a mapping such as simulate.periods, or a field that may have none its value."""
    *parents, name = path
    node = recipe
    for parent in parents:
        node = node[parent]
    kind = OmegaConf.get_type(node)
    if kind is dict:
        if name not in node:
            raise UserError(unknown_key("recipe", f"{'.'.join(parents)}.", name, [str(key) for key in node]))
        del node[name]
    elif NoneType in get_args(get_type_hints(kind)[name]):
        node[name] = None
    else:
        raise UserError(
            f"{'.'.join(path)} is null; give it a value (null is for entries of mappings and for fields that "
            "need no value)"
        )


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
    _check_keys(nested, Recipe, _COMMAND_LINE)
    return nested


def _check_keys(given: Mapping[str, Any], schema: type, where: str, prefix: str = "") -> None:
    """Every key must be a field of `schema`; the error names the nearest one that is."""
    known = get_type_hints(schema)
    for key, value in given.items():
        full = f"{prefix}{key}"
        if key not in known:
            if elsewhere := list(_places(str(key), Recipe)):  # the right name, without or in a wrong section
                raise UserError(f"{where}: unknown key {full!r}; the nearest known: {', '.join(elsewhere)}")
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


def _places(name: str, schema: Any, prefix: str = "") -> Iterator[str]:
    """Where fields of that very name are, in sections of `schema`."""
    for key, kind in get_type_hints(schema).items():
        if key == name:
            yield f"{prefix}{key}"
        if is_dataclass(kind):
            yield from _places(name, kind, f"{prefix}{key}.")


def run_directory(recipe: Recipe) -> Path:
    """Where the run lives."""
    return Path(recipe.runs_dir) / recipe.name


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write `recipe` as a recipe file, every field in it, and null for each default entry it is without."""
    full = _with_removals(asdict(recipe), asdict(Recipe()))
    write_text(path, OmegaConf.to_yaml(OmegaConf.create(full)))


def differences(path: Path, recipe: Recipe, reads: Callable[[Recipe], Sequence[Any]]) -> list[str]:
    """What `recipe` says otherwise than the recipe file that a run wrote, as `key was old, is new`.

    Only keys are told that `reads`, which gives what a fingerprint is made of, looks at: with the old value
    in the place of the new one it gives something else. An unreadable file differs in nothing.
    """
    try:
        before = read_yaml(path.read_text(encoding="utf-8"), str(path)) or {}
    except (OSError, UserError):
        return []
    return [
        f"{'.'.join(place)} was {was!r}, is {now!r}"
        for place, was, now in _changes(before, recipe)
        if _is_read(recipe, place, was, reads)
    ]


def _changes(was: Any, now: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Place, old and new value of every field that changed; fields that only one of both knows are left out,
    and a mapping is told whole where entries came or went."""
    if is_dataclass(now):
        if isinstance(was, Mapping):  # else of another version
            for item in fields(now):
                if item.name in was:
                    yield from _changes(was[item.name], getattr(now, item.name), (*place, item.name))
        return
    if isinstance(now, dict) and isinstance(was, Mapping):
        was = {key: value for key, value in was.items() if value is not None}  # see `write_recipe`
        if was.keys() == now.keys():
            for key, value in now.items():
                yield from _changes(was[key], value, (*place, key))
            return
        now = _plain(now)
    if was != now:
        yield place, was, now


def _is_read(
    recipe: Recipe, place: Sequence[str], was: Any, reads: Callable[[Recipe], Sequence[Any]]
) -> bool:
    former = deepcopy(recipe)
    node: Any = former
    *parents, name = place
    for parent in parents:
        node = node[parent] if isinstance(node, dict) else getattr(node, parent)
    if isinstance(node, dict):
        node[name] = was
    else:
        setattr(node, name, was)
    try:
        return fingerprint(*reads(former)) != fingerprint(*reads(recipe))
    except (OSError, UserError):  # it names a file that was there then
        return True


def _with_removals(value: dict[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    for key, usual in default.items():
        if key not in value:
            value[key] = None
        elif isinstance(usual, dict) and isinstance(value[key], dict):
            _with_removals(value[key], usual)
    return value


def fingerprint(*parts: Any) -> str:
    """A short hash of config sections and of the fingerprints of stages before."""
    plain = [_plain(part) for part in parts]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


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
