"""Files that appear whole: written aside, then renamed into place."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LEFT_AFTER_S = 600.0
"""Seconds without a change after which a file aside is taken for a killed process's."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it into place on success, remove it on failure.

    Example:
        with written_whole(Path("report.json")) as aside:
            aside.write_text("{}")
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left aside of `path`: files that have not grown for LEFT_AFTER_S."""
    for aside in path.parent.glob(f".{path.name}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - aside.stat().st_mtime > LEFT_AFTER_S:
                aside.unlink()


def sweep(folder: Path) -> None:
    """Remove all files aside in `folder`, where nobody writes any more: those of killed processes."""
    for aside in folder.glob(".*.part"):
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read the JSON file at `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def directory_digest(directory: Path) -> str:
    """Of everything in a model's directory but what is told about it (*.md): another model never has the
    same, and a copy has."""
    whole = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.suffix != ".md":
            whole.update(path.relative_to(directory).as_posix().encode())
            with path.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()[:16]
