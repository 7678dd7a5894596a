"""`usergpt semantize run`, `update` and `explain`; `report` and `inspect` have files of their own."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text

from launch.progress import Reporter
from launch.recipe import load_semantization
from records.client import ClientConfig
from records.config import ClusterConfig, SemantizeConfig
from records.errors import UserError
from records.locks import held
from semantize.folder import Generation, Job, job_of, open_log, open_update, settled_job
from semantize.privacy.pseudonyms import load_key, pseudonyms
from semantize.reading.mapping import load_mapping
from semantize.store import (
    ENTITIES,
    QUARANTINE,
    REPLIES,
    TOKENIZER,
    histories_of_user,
    live_table,
)
from semantize.text import clean

if TYPE_CHECKING:
    from lm.client import ChatClient

_WAIT = "wait for it, or choose another folder"

SHOWN = ("action", "source", "content", "category", "location", "count", "value")
"""Fields of an event that `explain` prints beside its time and id."""


def run_log(
    source: str,
    mapping_name: str,
    model: Path | None,
    out: Path,
    key_file: Path | None,
    recipe_path: Path | None,
    overrides: Sequence[str],
) -> int:
    """Semantize the log `source` into `out`; a rerun goes on."""
    recipe = load_semantization(recipe_path, overrides)
    mapping = load_mapping(mapping_name) if mapping_name else None
    job = Job(config=recipe.semantize, mapping=mapping, key_file=key_file)
    tokenizer = None if model is None else tokenizer_file(model)
    reporter = Reporter()
    with held(out, _WAIT):
        run_generation(open_log(source, job, out), job, tokenizer, recipe.cluster, recipe.llm, reporter)
    reporter.say(f"next: usergpt semantize report {out}")
    return 0


def update_log(source: str, out: Path, key_file: Path | None, overrides: Sequence[str]) -> int:
    """Fold the log `source` into the histories of `out`.

    Raises:
        UserError: also where `overrides` change what the folder was made with.
    """
    recipe = load_semantization(None, overrides)
    job = job_of(out, key_file)
    share = recipe.semantize.max_quarantine_share
    for name, default in asdict(SemantizeConfig(max_quarantine_share=share)).items():
        if getattr(recipe.semantize, name) != default:
            raise UserError(
                f"semantize.{name}: {out} keeps what it was made with; an update sets "
                "semantize.max_quarantine_share alone"
            )
    job = replace(job, config=replace(job.config, max_quarantine_share=share))
    with held(out, _WAIT):
        run_generation(open_update(source, out, key_file), job, None, recipe.cluster, recipe.llm, Reporter())
    return 0


def run_generation(
    generation: Generation,
    job: Job,
    tokenizer: Path | None,
    cluster: ClusterConfig,
    llm: ClientConfig,
    reporter: Reporter,
) -> dict[str, Any]:
    """Do what is left of `generation`, with progress, and say what came of it."""
    from actors.semantizers import semantize_folder

    trained = tokenizer is None and not (generation.out / TOKENIZER).exists()
    client = title_client(generation.out, job.config, llm)
    with reporter.stage("semantize"):
        summary, lost = semantize_folder(
            generation,
            job.key_file,
            tokenizer,
            job.config.max_quarantine_share,
            cluster,
            lambda phase, done, total: reporter.update(done, total, phase),
            client,
        )
    for name in lost:
        reporter.say(f"lost {name}; done again")
    if trained:
        reporter.say("tokens are those of a tokenizer trained on this log")
    say_summary(summary, generation, reporter)
    return summary


def title_client(out: Path, config: SemantizeConfig, llm: ClientConfig) -> "ChatClient | None":
    """Who is asked about titles of the folder `out`, with answers kept there; None where nobody is.

    Raises:
        UserError: `llm` names no model, no URL or no key.
    """
    if not config.llm_titles or (out / ENTITIES).exists():
        return None
    from lm.client import ChatClient

    return ChatClient(llm, out / REPLIES)


def told_titles(counts: dict[str, Any]) -> str:
    """What came of asking a language model about titles (`llm` of a summary), as one line."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts["fallback"].items())
    by_rules = f"{sum(counts['fallback'].values()):,} by rules" + (f" ({reasons})" if reasons else "")
    return (
        f"titles: {counts['refined']:,} refined by the language model, {by_rules}; {counts['asked']:,} "
        f"requests sent, {counts['cached']:,} answered from {REPLIES}, {counts['tokens']:,} tokens"
    )


def say_summary(summary: dict[str, Any], generation: Generation, reporter: Reporter) -> None:
    """What a generation read and wrote, in a few lines."""
    users = summary.get("users", 0)
    filtered = f"{summary['filtered']:,} filtered, " if summary["filtered"] else ""
    reporter.say(
        f"{summary['rows']:,} rows, {filtered}{summary.get('duplicates', 0):,} duplicates; "
        f"{summary.get('events', 0):,} events of {users:,} users in {generation.out}"
    )
    if summary["quarantined"]:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in summary["quarantined"].items())
        reporter.say(f"set aside in {generation.path / QUARANTINE}: {counts}")
    if summary["gaps"]:
        counts = ", ".join(f"{count:,} {gap}" for gap, count in summary["gaps"].items())
        reporter.say(f"events with a gap: {counts}")
    if summary["masked"]:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in summary["masked"].items())
        reporter.say(f"masked: {counts}")
    if "llm" in summary:
        reporter.say(told_titles(summary["llm"]))
    if users:
        reporter.say(
            f"{summary['lines']:,} lines of {summary['slices']:,} slices, {summary['tokens'] / users:,.0f} "
            "tokens a user"
        )


def tokenizer_file(model: Path) -> Path:
    """The `tokenizer.json` of a Hugging Face model directory or of a run's model.

    Raises:
        UserError: there is none.
    """
    for directory in (model, model / "model"):
        if (directory / TOKENIZER).is_file():
            return directory / TOKENIZER
    raise UserError(f"--model {model}: no {TOKENIZER}; name a Hugging Face model directory or a run")


def explain(out: Path, user: str, line: int, key_file: Path | None) -> int:
    """Print a user's history, each line (or line number `line` alone) with the events behind it.

    Times are those of the zone in which the history tells days.
    """
    zone = ZoneInfo(settled_job(out).config.timezone)
    if key_file is not None:
        (user,) = pseudonyms([user], load_key(key_file))
    history = histories_of_user(out, user)
    numbers = [one.number for one in history.lines]
    if line and line not in numbers:
        raise UserError(f"--line {line}: the history of {user!r} has lines 1 to {numbers[-1]}")
    events = live_table(out, "events", [user]).collect()
    by_id = {row["event_id"]: row for row in events.iter_rows(named=True)}
    console = Console(soft_wrap=True)
    for one in history.lines:
        if line in (0, one.number):
            console.print(Text(one.text, style="bold"))
            for event_id in one.event_ids:
                console.print(Text(f"    {_told(by_id[event_id], zone)}"))
    told = sum(len(one.event_ids) for one in history.lines)
    console.print(f"{told:,} of the user's {len(events):,} events stand behind these lines", highlight=False)
    return 0


def _told(event: dict[str, Any], zone: ZoneInfo) -> str:
    time = event["timestamp"].astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    fields = [f"{name}={clean(str(event[name]), 200)}" for name in SHOWN if event[name] not in ("", None)]
    return f"{clean(event['event_id'])}  {time}  row {event['row']}  {'  '.join(fields)}"
