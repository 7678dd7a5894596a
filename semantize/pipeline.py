"""A log, or a further one, into a folder of histories: the phases in order, whoever does their tasks."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from lm.chat import Client
from lm.tokenizer import train_tokenizer
from records.errors import UserError
from records.files import write_json, written_whole
from semantize.folder import Generation, finish, refusal_noted, settle_quarantine
from semantize.refining.entities import write_entities
from semantize.refining.frequent import frequent_titles
from semantize.refining.refine import RuleRefiner
from semantize.refining.refine_llm import LLMRefiner
from semantize.store import ENTITIES, LLM, SPILL, TOKENIZER
from semantize.worker import Semantizer

VOCABULARY = 8192
"""Entries of a tokenizer that is trained on the log, where no model is given."""

Progress = Callable[[str, int, int], None]
"""Called with a phase, how many of its tasks are done, and how many it has."""

TokenizerSource = Path | Callable[[Semantizer], Path] | None
"""The `tokenizer.json` whose tokens are counted, or what makes one when the log has been read; None where the
folder has one already or a plain one is to be trained on the log."""


class Runner(Protocol):
    """Does the tasks `todo`, each by `method` of a worker."""

    def run(
        self,
        method: str,
        todo: Sequence[int],
        progress: Callable[[int], None],
        *,
        task_name: str,
        timeout_s: float | None = None,
    ) -> None: ...


class LocalRunner:
    """Does tasks one after the other, in this process, by methods of `worker`."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker

    def run(
        self,
        method: str,
        todo: Sequence[int],
        progress: Callable[[int], None],
        *,
        task_name: str,
        timeout_s: float | None = None,
    ) -> None:
        """As `Runner.run`; nothing is waited for."""
        for done, task in enumerate(todo, start=1):
            getattr(self.worker, method)(task)
            progress(done)


def semantize(
    generation: Generation,
    semantizer: Semantizer,
    runner: Runner,
    tokenizer: TokenizerSource,
    max_quarantine_share: float,
    progress: Progress,
    *,
    client: Client | None = None,
    timeout_s: float = 300.0,
) -> dict[str, Any]:
    """Do what is left of `generation`; returns its summary (see `folder.finish`).

    Reading one piece is given `timeout_s` seconds, and as many again for every 2 GB. `client` is needed where
    `settle_entities` has something to ask.

    Raises:
        UserError: too many rows are unusable, the budget is too small, or the language model does not answer.
    """
    if generation.is_finished:
        return finish(generation)
    pieces, parts = generation.pieces, generation.parts
    largest = max((file.stat().st_size for file in semantizer.reader.files), default=0)
    reader = semantizer.reader
    with refusal_noted(generation):
        runner.run(
            "partition",
            pieces,
            lambda done: progress("read", done, len(pieces)),
            task_name="piece",
            timeout_s=timeout_s * (1 + largest / 2e9),
        )
        side = semantizer.private_quarantine(reader.side_quarantine)
        settle_quarantine(generation, reader, side, semantizer.log["source"], max_quarantine_share)
    settle_entities(generation, semantizer, client, progress)
    settle_tokenizer(semantizer, tokenizer)
    runner.run("build", parts, lambda done: progress("build", done, len(parts)), task_name="partition")
    return finish(generation)


def settle_entities(
    generation: Generation, semantizer: Semantizer, client: Client | None, progress: Progress
) -> None:
    """Put entities of the log's most frequent titles into the folder, as a language model refines them.

    They are settled once, with the folder's first log: an update keeps them, and refines titles that are new
    to it by rules, so that what older histories call a thing stays its name.

    Raises:
        UserError: there is no `client`, the server refuses it, or it answers nothing at all.
    """
    config, path = semantizer.job.config, semantizer.out / ENTITIES
    if not config.llm_titles or path.exists():
        return
    if client is None:
        raise UserError("semantize.llm_titles needs a language model: set llm.base_url and llm.model")
    titles = frequent_titles(sorted((generation.path / SPILL).glob("rows-*.arrow")), config.llm_titles)
    refiner = LLMRefiner(
        client,
        RuleRefiner(config.max_attributes),
        config.max_attributes,
        lambda done, total: progress("refine", done, total),
    )
    entities = refiner.refine(titles)
    if refiner.last_error and not refiner.answered:
        raise UserError(
            f"semantize.llm_titles: the language model of section llm does not answer "
            f"({refiner.last_error}); mend that and run again, it goes on"
        )
    write_json(generation.path / LLM, refiner.stats())
    write_entities(path, titles, entities)


def settle_tokenizer(semantizer: Semantizer, tokenizer: TokenizerSource) -> None:
    """Put the tokenizer into the folder: a copy of the one given or made, else one trained on the log's first
    users.

    Raises:
        UserError: the folder was made with another one.
    """
    path = semantizer.out / TOKENIZER
    if path.exists():
        if isinstance(tokenizer, Path) and tokenizer.read_bytes() != path.read_bytes():
            raise UserError(f"{path}: is not the tokenizer given; choose another folder, or delete this one")
        return
    given = tokenizer(semantizer) if callable(tokenizer) else tokenizer
    with written_whole(path) as aside:
        if given is not None:
            shutil.copyfile(given, aside)
        else:
            trained = train_tokenizer(semantizer.sample_lines(), VOCABULARY)
            trained.backend_tokenizer.save(str(aside))
