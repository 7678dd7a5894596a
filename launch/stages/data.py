"""Stages simulate and semantize: from nothing, or a log, to histories, splits and a tokenizer."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from actors.semantizers import semantize_folder
from actors.simulators import simulate_sharded
from hprbench.build import draw_apart
from launch.pipeline import Run
from launch.semantization import say_summary, title_client, told_titles
from launch.stages.benchmark import build_benchmark, spare_candidates
from launch.stages.own_log import log_job, split_log, write_labels
from launch.stages.splits import Splits, load_splits
from lm.answers import Answer, TagAnswer, render_answer
from lm.model import create_model
from lm.phrases import sentences
from lm.prompts import message, render_prompt
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import Recipe
from records.errors import UserError
from records.files import write_json
from records.history import SemanticHistory, read_gold
from records.prompt import COMPOSITE_TASK
from records.tags import TAG_NAMES, GoldTag, in_order
from semantize.budget import bodies
from semantize.folder import open_log
from semantize.refining.refine import RuleRefiner
from semantize.slices import build_slices
from semantize.store import live_table, read_histories
from semantize.worker import Semantizer
from sft.demonstration import gold_answer

TOKENIZER_USERS = 600
"""Training users whose texts the new tokenizer is trained on; more change nothing but the time."""


def load_histories(directory: Path) -> dict[str, SemanticHistory]:
    """Histories of a run by user."""
    return {history.user_id: history for history in read_histories(directory / "histories")}


def load_gold(directory: Path) -> dict[str, dict[str, GoldTag]]:
    """True tags of a run's users: all of simulated ones, of others those that are known."""
    return read_gold(directory / "events" / "gold-*.parquet")


def load_events(directory: Path, users: Sequence[str] | None = None) -> pl.DataFrame:
    """Events of a run's users, of all or of those named, sorted by user and time."""
    return live_table(directory / "histories", "events", users).collect().sort("user_id", maintain_order=True)


def run_simulate(run: Run) -> None:
    """Simulate users into `events/`, or take the labels of a log's users."""
    if run.recipe.log.input:
        write_labels(run)
        return
    config = run.recipe.simulate
    summary, lost = simulate_sharded(
        config,
        run.recipe.seed,
        run.directory / "events",
        run.recipe.cluster,
        lambda done: run.reporter.update(done, config.users, "users"),
    )
    for name in lost:
        run.reporter.say(f"simulate: lost {name}; written again")
    run.reporter.say(f"simulate: {summary.users} users, {summary.events:,} events")


def split_users(recipe: Recipe, gold: dict[str, dict[str, GoldTag]]) -> Splits:
    """Draw the benchmark's candidates, then the users of the reward probe and of DF-GRPO, each evenly over
    gender × age group; the rest train by SFT.

    Raises:
        UserError: there are too few users.
    """
    probe, rl = recipe.sft.probe_users, recipe.sft.rl_users
    spare = min(spare_candidates(recipe.bench.users), len(gold) - probe - rl - recipe.bench.users - 1)
    sizes = {
        "bench.users": recipe.bench.users + max(0, spare),
        "sft.probe_users": probe,
        "sft.rl_users": rl,
    }
    (bench, probe_users, rl_users), left = draw_apart(gold, sizes, recipe.seed)
    return Splits(
        bench=tuple(bench),
        probe=tuple(sorted(probe_users)),
        rl=tuple(sorted(rl_users)),
        sft=tuple(sorted(left)),
    )


def run_semantize(run: Run) -> None:
    """Histories of all users, fitted to the budget of the model's tokenizer (trained first, if new)."""
    recipe, directory = run.recipe, run.directory
    gold = load_gold(directory)
    folder = directory / "histories"
    source = recipe.log.input or str(directory / "events")
    generation = open_log(source, log_job(recipe), folder)
    summary, lost = semantize_folder(
        generation,
        None,
        lambda log: _settle_model(run, gold, log),
        recipe.semantize.max_quarantine_share,
        recipe.cluster,
        lambda phase, done, total: run.reporter.update(done, total, phase),
        title_client(folder, recipe.semantize, recipe.llm),
    )
    for name in lost:
        run.reporter.say(f"semantize: lost {name}; done again")
    if "llm" in summary:
        run.reporter.say(f"semantize: {told_titles(summary['llm'])}")
    if recipe.log.input:
        say_summary(summary, generation, run.reporter)
    histories, splits, tokenizer = (
        load_histories(directory),
        load_splits(directory),
        ChatTokenizer.load(directory / "model"),
    )
    check_room(list(histories.values()), tokenizer, recipe)
    choice = build_benchmark(run, splits, gold, histories, load_events(directory, splits.bench), tokenizer)
    run.reporter.say(
        f"semantize: benchmark of {len(choice.users)} users, {len(choice.left_out)} candidates left out "
        "(bench/build)"
    )
    tokens = tokenizer.count([history.text for history in histories.values()])
    run.reporter.say(
        f"semantize: {len(histories)} histories, {np.mean(tokens):.0f} tokens and "
        f"{np.mean([len(history.lines) for history in histories.values()]):.0f} lines each on average"
    )


def _settle_model(run: Run, gold: dict[str, dict[str, GoldTag]], log: Semantizer) -> Path:
    """Who does what of the users of `log`, once read, and the model; returns its tokenizer's file."""
    recipe, directory = run.recipe, run.directory
    if recipe.log.input:
        users = {user for timeline in log.timelines() for user in timeline["user_id"].unique()}
        splits = split_log(recipe, gold, users)
        run.reporter.say(
            f"semantize: {len(gold.keys() & users):,} labelled users are in the log, "
            f"{len(gold.keys() - users):,} are not; {len(splits.unlabelled):,} of the log have no label"
        )
    else:
        splits = split_users(recipe, gold)
    write_json(directory / "splits.json", asdict(splits))
    model = directory / "model"
    if recipe.model.init_dir:
        shutil.copytree(recipe.model.init_dir, model, dirs_exist_ok=True)
        return model / "tokenizer.json"
    taught = splits.sft[:TOKENIZER_USERS]
    events = pl.concat(
        timeline.filter(pl.col("user_id").is_in(list(taught))) for timeline in log.timelines()
    ).sort("user_id", maintain_order=True)
    texts = _tokenizer_texts(events, taught, gold, recipe)
    tokenizer = ChatTokenizer(train_tokenizer(texts, recipe.model.vocab_size))
    parameters = create_model(recipe.model, tokenizer, recipe.seed, model)
    run.reporter.say(f"semantize: new model of {parameters:,} parameters, {recipe.model.vocab_size} tokens")
    return model / "tokenizer.json"


def check_room(histories: Sequence[SemanticHistory], tokenizer: ChatTokenizer, recipe: Recipe) -> None:
    """Refuse histories whose prompt leaves no room for the longest response.

    Raises:
        UserError: naming the key to raise.
    """
    longest = max(histories, key=lambda history: len(history.text))
    prompt = len(render_prompt(tokenizer, longest, tags=TAG_NAMES, task=COMPOSITE_TASK).token_ids)
    around = prompt - tokenizer.count([longest.text])[0]
    response = max(recipe.rl.max_response_tokens, recipe.bench.max_response_tokens)
    needed = recipe.semantize.token_budget + around + response
    if needed > recipe.model.max_length:
        raise UserError(
            f"model.max_length is {recipe.model.max_length}: a history of semantize.token_budget "
            f"{recipe.semantize.token_budget} tokens, {around} around it and a response of {response} need "
            f"{needed}; raise it"
        )


def _tokenizer_texts(
    events: pl.DataFrame, users: Sequence[str], gold: dict[str, dict[str, GoldTag]], recipe: Recipe
) -> Iterator[str]:
    """What the model will read and write, from the `events` of training `users`."""
    slices = build_slices(events, recipe.semantize, RuleRefiner())
    for number, body in enumerate(bodies(slices, np.arange(len(slices.table)))["body"]):
        yield f"\n#{number % 40 + 1} {body}"
    for number, user in enumerate(users):
        tags = {name: gold[user][name].values for name in in_order(gold[user])}
        lines = (number % 20 + 1, number % 7 + 3)
        blank = SemanticHistory(user_id=user, lines=())
        yield gold_answer(blank, gold[user], tuple(tags), COMPOSITE_TASK, recipe.answer)
        yield render_answer(
            Answer(
                think="",
                tags={name: TagAnswer(values=values, lines=lines) for name, values in tags.items()},
                summary=(),
                dropped_citations=0,
            ),
            cite=recipe.answer.cite,
        )
        yield " ".join(text for text, _ in sentences(tags).values())
        yield message("", tuple(tags), COMPOSITE_TASK)
    raw = events.filter(pl.col("user_id").is_in(list(users[:10])))
    for title in raw["content"].unique(maintain_order=True):
        yield f"\n{title}"
