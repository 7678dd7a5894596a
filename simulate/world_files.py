"""World files: YAML from one or several folders, later ones adding to and replacing what earlier ones say."""

import difflib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from records.errors import UserError

SHIPPED = "shipped"
"""Name of the world that comes with this package."""

FILES = ("preferences.yaml", "desires.yaml", "catalogue.yaml", "titles.yaml", "cities.yaml")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses a key that stands twice: YAML would silently keep the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)):
                raise UserError(f"line {key_node.start_mark.line + 1}: a key is a word or a number")
            if key in seen:
                raise UserError(f"line {key_node.start_mark.line + 1}: key {key!r} stands twice; keep one")
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def read_world_files(folders: Sequence[str]) -> dict[str, Any]:
    """The merged content of each of FILES.

    Mappings merge key by key, anything else is replaced, and a key set to null is removed.

    Raises:
        UserError: a folder or file is missing, is no YAML mapping, or has a name that nothing reads.
    """
    if not folders:
        raise UserError("simulate.world is empty; name at least one folder, or shipped")
    merged: dict[str, Any] = {name: {} for name in FILES}
    for folder in folders:
        for name, text in _texts(folder).items():
            merged[name] = _merged(merged[name], _parsed(f"{folder}/{name}", text))
    for name, content in merged.items():
        if not content:
            raise UserError(f"simulate.world: no {name} in {', '.join(folders)}; write one, or add shipped")
    return merged


def _texts(folder: str) -> dict[str, str]:
    if folder == SHIPPED:
        return {name: files("simulate").joinpath(SHIPPED, name).read_text(encoding="utf-8") for name in FILES}
    path = Path(folder)
    if not path.is_dir():
        raise UserError(f"simulate.world: {folder}: no such folder; give one with {', '.join(FILES)}")
    found = sorted(file for file in path.iterdir() if file.suffix in (".yaml", ".yml"))
    for file in found:
        if file.name not in FILES:
            near = difflib.get_close_matches(file.name, FILES, n=1, cutoff=0.0)[0]
            raise UserError(f"{file}: no world file has this name; the nearest is {near}")
    try:
        return {file.name: file.read_text(encoding="utf-8") for file in found}
    except UnicodeDecodeError as error:
        raise UserError(f"{folder}: a file is not UTF-8 ({error}); save it as such") from None


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        content = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise UserError(f"{name}: not valid YAML{where} ({getattr(error, 'problem', error)})") from None
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{name}: must be a mapping; see the shipped one for its form")
    return content


def _merged(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> dict[Any, Any]:
    result = dict(below)
    for key, value in above.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = _merged(result[key], value)
        else:
            result[key] = value
    return result
