"""A semantized log into personas: the phases in order, whoever does their tasks."""

from collections.abc import Callable
from typing import Any

from induce import store
from induce.folder import Generation, finish
from induce.worker import settle_chunks, settle_gap
from records.files import read_json
from records.induction import InduceConfig
from semantize.pipeline import Runner

Progress = Callable[[str, int, int], None]
"""Called with a phase, how many of its tasks are done, and how many it has."""


def chunks_made(generation: Generation) -> int | None:
    """How many chunks of users there are; None where memories are not all made."""
    path = generation.path / store.CHUNKS
    return len(read_json(path)["chunks"]) if path.exists() else None


def make_memories(generation: Generation, config: InduceConfig, runner: Runner, progress: Progress) -> int:
    """Do what is left of a generation's memories; returns how many chunks of users there are."""
    path = generation.path
    if (made := chunks_made(generation)) is not None:
        return made
    parts = range(generation.partitions)

    def run(method: str, note: str, what: str) -> None:
        todo = [part for part in parts if not (path / f"{note}-{part:05d}.json").exists()]
        if todo:
            progress(what, 0, len(todo))
            runner.run(method, todo, lambda done: progress(what, done, len(todo)), task_name="partition")

    if not generation.number:
        if not config.memories.gap_minutes and not (path / store.GAP).exists():
            run("pauses", "pauses", "pauses")
        settle_gap(path, config)
    run("memories", "counts", "memories")
    return len(settle_chunks(generation.out, generation.number, generation.partitions))


def make_personas(generation: Generation, chunks: int, runner: Runner, progress: Progress) -> dict[str, Any]:
    """Do what is left of a generation's personas, and finish it; returns its summary (`folder.summary_of`).

    A chunk some of whose users a language model's server gave no answer about is done again.
    """
    if not generation.is_finished:
        todo = [chunk for chunk in range(chunks) if not _is_done(generation, chunk)]
        if todo:
            progress("chunks of users", chunks - len(todo), chunks)
            runner.run(
                "personas",
                todo,
                lambda done: progress("chunks of users", chunks - len(todo) + done, chunks),
                task_name="chunk",
            )
    return finish(generation)


def _is_done(generation: Generation, chunk: int) -> bool:
    note = generation.path / f"chunk-{chunk:05d}.json"
    return note.exists() and not read_json(note)["unanswered"]
