"""`usergpt induce`: the personas of every user of a log."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from actors.inducers import induce_folder, memories_of_folder
from induce import store
from induce.endpoint import EndpointInducer
from induce.folder import Generation, check_folder, check_version, is_current, open_personas
from induce.inducers import Inducer
from induce.trained import ModelInducer
from launch.induce_judge import REPLIES, judge_folder
from launch.induce_page import write_page
from launch.progress import Reporter
from launch.recipe import load_induction
from launch.semantization import run_generation
from lm.chat import Progress
from lm.sentences import SHIPPED, encoder_directory
from records.config import Recipe
from records.errors import UserError
from records.induction import InduceConfig
from records.locks import held
from records.options import exactly
from semantize.folder import Job, job_of, open_log, open_update, was_folded
from semantize.reading.mapping import load_mapping
from semantize.store import SETTINGS as LOG_SETTINGS
from semantize.store import finished_generations
from semantize.store import settings_of as settings_of_log

_WAIT = "wait for it, or choose another --out"


def induce(
    source: str,
    mapping_name: str,
    out: Path,
    *,
    key_file: Path | None = None,
    recipe_path: Path | None = None,
    run: Path | None = None,
    update: bool = False,
    page_users: Sequence[str] = (),
    judged: int | None = None,
    overrides: Sequence[str] = (),
) -> int:
    """Induce the personas of every user of the log `source` into `out` (see `induce.store`); a rerun goes on.

    `source` may be a folder that `usergpt semantize run` made. With `update` it holds new events alone, of a
    log whose personas are in `out`, which are brought up to date. With `run`, the directory of a run that
    trained a model for personas, that model induces, and settings are the run's. Other versions of the
    qualities are told of `judged` users, if any (`launch.induce_judge`). Returns the exit status: 1 where a
    language model was to be asked and answered about nobody.

    Raises:
        UserError: the log, its mapping or the settings are at fault, or `out` holds something else.
    """
    if judged is not None and judged < 1:
        raise UserError(f"--judge {judged}: give a number of users, 1 or more")
    who = _Who(recipe_path, run, overrides)
    if update:
        who.goes_on(out)
    recipe, reporter = who.recipe, Reporter()
    who.check()
    check_folder(out, recipe.induce, who.identity)  # before a lock is put in what is somebody else's
    with held(out, _WAIT):
        check_folder(out, recipe.induce, who.identity)
        log = _semantized(source, mapping_name, out, key_file, recipe, reporter, update=update)
        generation = open_personas(out, log, recipe.induce, who.identity)
        while True:
            was_finished = generation.is_finished
            summary = _induced(generation, who, reporter)
            if was_finished:
                reporter.say("all personas are up to date")
            else:
                say_summary(summary, generation.number, recipe.induce.clusters.embeddings, reporter)
            later = open_personas(out, log, recipe.induce, who.identity)
            if later.number == generation.number:
                break
            generation = later  # the log had grown before it was finished
        shown = write_page(out, page_users, f"Personas in {out.resolve().name}")
        reporter.say(f"{out / store.PERSONAS}, {store.TOLD}; {shown} users on {out / store.PAGE}")
        if judged is not None:
            with reporter.stage("judge"):
                judge_folder(out, generation.number, judged, recipe.llm, reporter)
    return int(0 < summary["users"] == summary["unanswered"])


def _induced(generation: Generation, who: "_Who", reporter: Reporter) -> dict[str, Any]:
    """Do what is left of a generation; returns what came of it."""
    recipe = who.recipe

    def progress(phase: str, done: int, total: int) -> None:
        reporter.update(done, total, phase)

    lost: list[str] = []
    with reporter.stage("induce"):
        if not generation.is_finished:  # engines would hold the CPUs that its workers count on
            memories_of_folder(generation, recipe.induce, recipe.cluster, progress, lost)
        with who.inducer(generation, reporter) as inducer:
            summary, more = induce_folder(generation, recipe.induce, recipe.cluster, progress, inducer)
    for name in lost + more:
        reporter.say(f"lost {name}; done again")
    return summary


def _semantized(
    source: str,
    mapping_name: str,
    out: Path,
    key_file: Path | None,
    recipe: Recipe,
    reporter: Reporter,
    *,
    update: bool,
) -> Path:
    """The folder of the semantized log: `source` itself, or one in `out` that it is read into."""
    own = out / store.OWN_LOG
    if update:
        return _updated(source, mapping_name, out, own, key_file, recipe, reporter)
    if (Path(source) / LOG_SETTINGS).is_file():
        if mapping_name or key_file:
            raise UserError(f"{source}: is semantized already; leave out --mapping and --pseudonymize")
        settings_of_log(Path(source))
        return Path(source)
    mapping = load_mapping(mapping_name) if mapping_name else None
    job = Job(config=recipe.semantize, mapping=mapping, key_file=key_file)
    try:
        log = open_log(source, job, own)
    except UserError as error:
        if not (out / store.SETTINGS).exists():
            raise
        raise UserError(
            f"{error}; of {out}, which holds personas of it: new events go in with --update, another log or "
            "other settings need another --out"
        ) from None
    run_generation(log, job, None, recipe.cluster, recipe.llm, reporter)
    return own


def _updated(
    source: str,
    mapping_name: str,
    out: Path,
    own: Path,
    key_file: Path | None,
    recipe: Recipe,
    reporter: Reporter,
) -> Path:
    log = store.log_of(out)
    if log != own:
        raise UserError(
            f"--update: the log of {out} lies in {log}; fold the new events in with `usergpt semantize "
            f"update {log} {source}`, then run `usergpt induce {log} --out {out}`"
        )
    if mapping_name:
        raise UserError("--update: new events are read as the first log was; leave out --mapping")
    if not finished_generations(own):
        raise UserError(f"{out}: is not finished; run the first `usergpt induce` again, it goes on")
    if was_folded(source, own):  # what is left is to bring personas and the page up to date
        reporter.say(f"{source}: was folded in before; nothing in it is new")
        return own
    if not is_current(out, own):
        raise UserError(
            f"{out}: is not finished; run the `usergpt induce` before this one again, it goes on, then this"
        )
    job = job_of(own, key_file)
    job = replace(job, config=replace(job.config, max_quarantine_share=recipe.semantize.max_quarantine_share))
    run_generation(open_update(source, own, key_file), job, None, recipe.cluster, recipe.llm, reporter)
    return own


class _Who:
    """Who induces, with whose settings: a run's trained model, or what the recipe says.

    Raises:
        UserError: settings or run are at fault.
    """

    def __init__(self, recipe_path: Path | None, run: Path | None, overrides: Sequence[str]) -> None:
        self.model: Path | None = None
        if run is None:
            self.recipe = load_induction(recipe_path, overrides)
        elif recipe_path is not None:
            raise UserError("--recipe and --run: settings are the run's; leave one of them out")
        elif any(word.startswith("induce.inducer=") for word in overrides):
            raise UserError("--run and induce.inducer: the run's model induces; leave one of them out")
        else:
            from launch.trained_inducer import trained_recipe

            self.recipe, self.model = trained_recipe(run, overrides)

    def goes_on(self, out: Path) -> None:
        """Take the settings that the personas in `out` were made with, where no others are asked for."""
        saved = store.settings_of(out)["induce"]
        check_version(out)
        if self.recipe.induce == InduceConfig():
            self.recipe = replace(self.recipe, induce=exactly(InduceConfig, saved))

    def check(self) -> None:
        """Refuse what would be refused once the log is read."""
        encoder_directory(self.recipe.induce.clusters.embeddings, "induce.clusters.embeddings")
        if self.model is None and self.recipe.induce.inducer == "endpoint":
            from lm.client import check_client

            check_client(self.recipe.llm)

    @property
    def identity(self) -> dict[str, Any]:
        """What changes what comes of it, beside section `induce`."""
        if self.model is not None:
            from launch.trained_inducer import identity

            return identity(self.model, self.recipe)
        name = self.recipe.induce.inducer
        found: dict[str, Any] = {"name": name}
        if name == "endpoint":  # where it is served does not matter: servers move
            found |= {"model": self.recipe.llm.model, "seed": self.recipe.seed}
        return found

    @contextmanager
    def inducer(self, generation: Generation, reporter: Reporter) -> Iterator[Inducer | None]:
        """Who is asked from this process; None where actors make clusters, or nobody is needed any more."""
        name = self.identity["name"]
        if generation.is_finished or name not in ("endpoint", "model"):
            yield None
            return
        with self._asked(generation, lambda done, of: reporter.update(done, of, "asked about")) as inducer:
            yield inducer
            say_asked(inducer.stats(), reporter)

    @contextmanager
    def _asked(self, generation: Generation, progress: Progress) -> Iterator[EndpointInducer | ModelInducer]:
        if self.model is not None:
            from launch.trained_inducer import trained_inducer

            vectors = generation.out / store.VECTORS
            with trained_inducer(self.model, self.recipe, vectors, progress) as inducer:
                yield inducer
            return
        from lm.client import ChatClient

        client = ChatClient(self.recipe.llm, generation.out / REPLIES)
        budget, seed = self.recipe.induce.line_tokens, self.recipe.seed
        yield EndpointInducer(client, budget=budget, seed=seed, progress=progress)


def say_asked(stats: Mapping[str, Any], reporter: Reporter) -> None:
    """What a language model was asked, and what it took (`EndpointInducer.stats`, `ModelInducer.stats`)."""
    told = [f"{stats['asked']:,} requests sent"]
    if "again" in stats:
        told.append(f"{stats['again']:,} of them about users asked about before")
    if "cached" in stats:
        told.append(f"{stats['cached']:,} answered from {REPLIES}")
    told.append(f"{sum(stats['malformed'].values()):,} malformed")
    if stats["dropped_citations"]:
        told.append(f"{stats['dropped_citations']:,} citations of lines that there are not left out")
    told.append(f"{stats['tokens']:,} tokens ({stats['tokens'] / max(stats['asked'], 1):,.0f} a request)")
    if "seconds" in stats:
        told.append(f"{stats['seconds']:,.1f} s of the engines")
    reporter.say(f"language model: {', '.join(told)}")


def say_summary(summary: dict[str, Any], number: int, embeddings: str, reporter: Reporter) -> None:
    """What came of a generation, in a few lines; `embeddings` is the model that read its texts."""
    gap, noise = summary["gap"], summary["noise"]
    users = max(summary["users"], 1)
    told = ", ".join(f"{count:,} {name}" for name, count in noise.items())
    reporter.say(
        f"{summary['memories']:,} memories of {summary['users']:,} users"
        + (f", noise among them: {told}" if told else "")
        + f"; sessions end after {gap['minutes']:g} min ({gap['why']})"
    )
    if summary["not_latin"] and embeddings == SHIPPED:
        reporter.say(
            f"{summary['not_latin']:,} intents are not in Latin letters, which {SHIPPED} cannot tell apart: "
            "set induce.clusters.embeddings to a multilingual model's directory"
        )
    if number:
        reporter.say(
            f"personas: {summary['kept']:,} as they were, {summary['changed']:,} changed, "
            f"{summary['new']:,} new, {summary['gone']:,} gone"
        )
    else:
        reporter.say(f"{summary['personas']:,} personas, {summary['personas'] / users:.2f} a user")
    if summary["users"] and not summary["personas"] and not number:
        reporter.say("nobody has personas; the reasons follow")
    for name, what in (("errors", "users without personas"), ("invalid", "users whose set is not valid")):
        if summary[name]:
            counts = ", ".join(f"{count:,} {reason}" for reason, count in summary[name].items())
            reporter.say(f"{what}: {counts}")
    if summary["refuted"]:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in summary["refuted"].items())
        reporter.say(f"left out of what the language model says: {counts}")
    if summary["unanswered"]:
        reporter.say(f"{summary['unanswered']:,} users were not answered about; run it again to ask anew")
    if summary["quality"]:
        reporter.console.print(_quality_table(summary["quality"], of_news=number > 0))
    reporter.say(
        f"cost of a user, the log read: {1000 * summary['cpu_seconds'] / users:.1f} ms of CPU, "
        f"{summary['embedded'] / users:.1f} texts embedded"
    )


def _quality_table(quality: dict[str, float], *, of_news: bool) -> Table:
    who = "users with news who have personas" if of_news else "users with personas"
    table = Table(title=f"Quality, mean over {who}")
    for name in quality:
        table.add_column("personas" if name == "count" else name, justify="right")
    table.add_row(*(f"{value:.3f}" for value in quality.values()))
    return table
