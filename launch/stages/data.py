"""Stages simulate and semantize: from nothing to histories, splits and a tokenizer."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from actors.semantizers import semantize_folder
from actors.simulators import simulate_sharded
from hprbench.build import freeze, select_users
from launch.pipeline import Run
from launch.semantization import title_client, told_titles
from lm.answers import Answer, TagAnswer, render_answer
from lm.model import create_model
from lm.phrases import sentences
from lm.prompts import message, render_prompt
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import Recipe
from records.errors import UserError
from records.files import read_json, write_json
from records.history import SemanticHistory, read_gold
from records.prompt import COMPOSITE_TASK
from records.tags import TAG_NAMES, GoldTag
from semantize.budget import bodies
from semantize.folder import Job, open_log
from semantize.refining.refine import RuleRefiner
from semantize.slices import build_slices
from semantize.store import read_histories
from sft.demonstration import gold_answer
from simulate.engine import scan

TOKENIZER_USERS = 600
"""Training users whose texts the new tokenizer is trained on; more change nothing but the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Users by purpose; no user has two."""

    bench: tuple[str, ...]
    probe: tuple[str, ...]
    rl: tuple[str, ...]
    sft: tuple[str, ...]


def load_splits(directory: Path) -> Splits:
    """The splits of a run."""
    return Splits(**{name: tuple(users) for name, users in read_json(directory / "splits.json").items()})


def load_histories(directory: Path) -> dict[str, SemanticHistory]:
    """Histories of a run by user."""
    return {history.user_id: history for history in read_histories(directory / "histories")}


def load_gold(directory: Path) -> dict[str, dict[str, GoldTag]]:
    """True tags of a run's simulated users."""
    return read_gold(directory / "events" / "gold-*.parquet")


def run_simulate(run: Run) -> None:
    """Simulate users into `events/`."""
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
    """Choose the users of the benchmark, the reward probe and DF-GRPO, in this order and each evenly over
    gender × age; the rest train the SFT model.

    Raises:
        UserError: there are too few users.
    """
    sizes = {
        "bench.users": recipe.bench.users,
        "sft.probe_users": recipe.sft.probe_users,
        "sft.rl_users": recipe.sft.rl_users,
    }
    left, chosen = dict(gold), []
    for key, count in sizes.items():
        chosen.append(tuple(select_users(left, count, recipe.seed, key=key)))
        left = {user: tags for user, tags in left.items() if user not in set(chosen[-1])}
    bench, probe, rl = chosen
    return Splits(bench=bench, probe=probe, rl=rl, sft=tuple(sorted(left)))


def run_semantize(run: Run) -> None:
    """Histories of all users, fitted to the budget of the model's tokenizer (trained first, if new)."""
    recipe, directory = run.recipe, run.directory
    gold = load_gold(directory)
    splits = split_users(recipe, gold)
    write_json(directory / "splits.json", asdict(splits))
    model = directory / "model"
    if recipe.model.init_dir:
        shutil.copytree(recipe.model.init_dir, model, dirs_exist_ok=True)
        tokenizer = ChatTokenizer.load(model)
    else:
        tokenizer = ChatTokenizer(
            train_tokenizer(_tokenizer_texts(directory, splits, gold, recipe), recipe.model.vocab_size)
        )
        parameters = create_model(recipe.model, tokenizer, recipe.seed, model)
        run.reporter.say(
            f"semantize: new model of {parameters:,} parameters, {recipe.model.vocab_size} tokens"
        )
    folder = directory / "histories"
    summary, lost = semantize_folder(
        open_log(str(directory / "events"), Job(config=recipe.semantize), folder),
        None,
        model / "tokenizer.json",
        recipe.semantize.max_quarantine_share,
        recipe.cluster,
        lambda phase, done, total: run.reporter.update(done, total, phase),
        title_client(folder, recipe.semantize, recipe.llm),
    )
    for name in lost:
        run.reporter.say(f"semantize: lost {name}; done again")
    if "llm" in summary:
        run.reporter.say(f"semantize: {told_titles(summary['llm'])}")
    histories = load_histories(directory)
    check_room(list(histories.values()), tokenizer, recipe)
    freeze(directory / "bench" / "users.json", users=splits.bench, gold=gold, histories=histories)
    tokens = tokenizer.count([history.text for history in histories.values()])
    run.reporter.say(
        f"semantize: {len(histories)} histories, {np.mean(tokens):.0f} tokens and "
        f"{np.mean([len(history.lines) for history in histories.values()]):.0f} lines each on average"
    )


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
    directory: Path, splits: Splits, gold: dict[str, dict[str, GoldTag]], recipe: Recipe
) -> Iterator[str]:
    """What the model will read and write, from training users only."""
    users = splits.sft[:TOKENIZER_USERS]
    events = scan(directory / "events", "events").filter(pl.col("user_id").is_in(list(users))).collect()
    slices = build_slices(events, recipe.semantize, RuleRefiner())
    for number, body in enumerate(bodies(slices, np.arange(len(slices.table)))["body"]):
        yield f"\n#{number % 40 + 1} {body}"
    for number, user in enumerate(users):
        tags = {name: gold[user][name].values for name in TAG_NAMES}
        lines = (number % 20 + 1, number % 7 + 3)
        blank = SemanticHistory(user_id=user, lines=())
        yield gold_answer(blank, gold[user], TAG_NAMES, COMPOSITE_TASK, recipe.answer)
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
        yield message("", TAG_NAMES, COMPOSITE_TASK)
    raw = events.filter(pl.col("user_id").is_in(list(users[:10])))
    for title in raw["content"].unique(maintain_order=True):
        yield f"\n{title}"
