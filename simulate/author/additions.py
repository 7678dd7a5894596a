"""What is added to a world: texts of its items, and desires with items of their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from records.errors import UserError
from records.files import write_text
from records.simulation import SimulateConfig
from simulate.author.protocol import ItemProposal
from simulate.world import Item
from simulate.world_reader import load_world

MARK = "# Written by usergpt simulate write"
"""How files begin that may be written anew."""

CATALOGUE, DESIRES = "catalogue.yaml", "desires.yaml"

LEAN = 0.5
"""Strength of each leaning of a new desire; shipped ones lie around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTexts:
    """Texts of an item by kind of title, in place of those the world composes."""

    item: Item
    texts: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDesire:
    """A desire, everyday where `tag` is empty, and the items that satisfy it."""

    name: str
    want: str
    tag: str
    value: str
    leans: tuple[str, ...]
    items: tuple[ItemProposal, ...]


Addition = NewTexts | NewDesire


def render(additions: Iterable[Addition], header: str = "") -> dict[str, str]:
    """The world files that hold `additions`, by name, to be stacked on the world they were made for.

    `header` is what a comment at their beginning says behind MARK.
    """
    catalogue: dict[str, Any] = {}
    desires: dict[str, Any] = {}
    for one in additions:
        if isinstance(one, NewTexts):
            titles = {kind: list(texts) for kind, texts in one.texts.items()}
            # The desire again, since what lies below may be no mapping but the desire alone.
            _items(catalogue, one.item.category)[one.item.name] = {
                "desire": one.item.desire,
                "titles": titles,
            }
            continue
        shows = {"shows": {one.tag: one.value}} if one.tag else {}
        leans = {"leans": dict.fromkeys(one.leans, LEAN)} if one.leans else {}
        desires[one.name] = {"want": one.want, **shows, **leans}
        for item in one.items:
            _items(catalogue, item.category)[item.name] = one.name
    comment = "".join(f"# {line}\n" for line in header.splitlines())
    return {
        name: f"{MARK}; edited by hand, keep it out of the way of the next run\n{comment}\n{_yaml(content)}"
        for name, content in ((CATALOGUE, catalogue), (DESIRES, desires))
    }


def _items(catalogue: dict[str, Any], category: str) -> dict[str, Any]:
    items: dict[str, Any] = catalogue.setdefault(category, {"items": {}})["items"]
    return items


def _yaml(content: dict[str, Any]) -> str:
    text: str = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=1000)
    return text


def loadable(
    config: SimulateConfig, additions: Sequence[Addition]
) -> tuple[list[Addition], list[tuple[Addition, str]]]:
    """Those of `additions` with which the stacked world loads, and the others with the error each makes.

    Raises:
        UserError: the world does not load without any.
    """
    kept: list[Addition] = []
    refused: list[tuple[Addition, str]] = []
    load_world(config)
    # Halved where it fails, so that a few bad ones among many are found in few steps.
    waiting = [list(additions)]
    while waiting:
        part = waiting.pop()
        error = _error_of(config, [*kept, *part])
        if not error:
            kept += part
        elif len(part) == 1:
            refused.append((part[0], error))
        else:
            half = len(part) // 2
            waiting += [part[half:], part[:half]]
    return kept, refused


def _error_of(config: SimulateConfig, additions: Iterable[Addition]) -> str:
    with TemporaryDirectory() as place:
        for name, text in render(additions).items():
            write_text(Path(place) / name, text)
        try:
            load_world(replace(config, world=[*config.world, place]))
        except UserError as error:
            return str(error).replace(f"{place}/", "")
    return ""


def check_folder(folder: Path, world: Sequence[str]) -> None:
    """Refuse a folder whose files would be lost, or would be read along with the additions.

    Raises:
        UserError: it is part of `world`, or holds world files that `render` did not write.
    """
    if folder.resolve() in [Path(below).resolve() for below in world]:
        raise UserError(f"{folder} is part of simulate.world itself; write to another folder")
    for file in sorted(folder.glob("*.y*ml")):
        with file.open(encoding="utf-8", errors="replace") as stream:
            ours = file.name in (CATALOGUE, DESIRES) and stream.readline().startswith(MARK)
        if not ours:
            raise UserError(f"{file}: was not written by simulate write; choose another folder")


def write_additions(folder: Path, additions: Iterable[Addition], header: str) -> None:
    """Write the world files, each whole; one that says the same already is left alone, as is its date."""
    for name, text in render(additions, header).items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
