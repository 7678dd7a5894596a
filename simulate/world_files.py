"""World files: YAML from one or several folders, later ones adding to and replacing what earlier ones say."""

import difflib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from records.errors import UserError
from records.strict_yaml import read_yaml

SHIPPED = "shipped"
"""Name of the world that comes with this package."""

FILES = ("preferences.yaml", "desires.yaml", "catalogue.yaml", "titles.yaml", "cities.yaml")


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
    content = read_yaml(text, name)
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
