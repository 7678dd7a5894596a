"""Stages memories and model: from a log to memories, users by purpose, a tokenizer and a network.

log ── semantize ──► timelines ── induce ──► memories, population ── tokenizer ──► lines that the model reads
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from actors.inducers import memories_of_folder
from actors.persona_scorer import persona_scorer
from actors.semantizers import semantize_folder
from induce.answers import render_personas
from induce.embedding import SentenceEmbedder
from induce.folder import open_personas
from induce.lines import CountTokens, lines_of_users
from induce.pieces import CLAIM_PIECES
from induce.population import Population, text_of
from induce.prompting import persona_message
from induce.scoring import PersonaCase
from induce.store import VECTORS, population_of_folder, read_memories
from induce.teaching import teachers_of
from induce.texts import embedded
from launch.persona_checks import FRAME_TOKENS
from launch.pipeline import Run
from launch.semantization import say_summary, title_client
from launch.stages.data import run_simulate
from launch.stages.own_log import log_job
from launch.stages.splits import Splits, load_splits
from lm.model import create_model
from lm.tokenizer import ChatTokenizer, train_tokenizer
from records.config import Recipe
from records.errors import UserError
from records.files import write_json
from semantize.folder import open_log

TOKENIZER_USERS = 300
"""Users whose lines and persona sets the new tokenizer is trained on."""

CHARACTERS = 6
"""Characters that a token of the new tokenizer has, about: it is not there yet, so lines go by this."""


def run_log(run: Run) -> None:
    """Simulate users into `events/`; of a log of one's own there is nothing to do."""
    if run.recipe.log.input:
        (run.directory / "events").mkdir(exist_ok=True)
        run.reporter.say("simulate: none, as there is a log")
        return
    run_simulate(run)


def run_memories(run: Run) -> None:
    """Timelines and memories of all users, and who of them does what."""
    recipe, directory = run.recipe, run.directory

    def progress(phase: str, done: int, total: int) -> None:
        run.reporter.update(done, total, phase)

    folder = directory / "histories"
    log = open_log(recipe.log.input or str(directory / "events"), log_job(recipe), folder)
    client = title_client(folder, recipe.semantize, recipe.llm)
    summary, lost = semantize_folder(
        log, None, None, recipe.semantize.max_quarantine_share, recipe.cluster, progress, client
    )
    if recipe.log.input:
        say_summary(summary, log, run.reporter)
    out = directory / "memories"
    generation = open_personas(out, folder, recipe.induce, {"name": "none yet"})
    memories_of_folder(generation, recipe.induce, recipe.cluster, progress, lost)
    for name in lost:
        run.reporter.say(f"memories: lost {name}; done again")
    memories = read_memories(out)
    able = sorted(user for user, mine in memories.items() if any(not memory.noise for memory in mine))
    write_json(directory / "splits.json", asdict(split_persona_users(recipe, able)))
    counts = [sum(not memory.noise for memory in memories[user]) for user in able]
    run.reporter.say(
        f"memories: {len(able):,} users with {np.median(counts):.0f} intents each (median); "
        f"{len(memories) - len(able):,} have none and are left out"
    )


def split_persona_users(recipe: Recipe, users: Sequence[str]) -> Splits:
    """Draw the users held out for the bench, those of the probe and of groupwise DPO; the rest are taught.

    Raises:
        UserError: there are too few users.
    """
    sizes = (recipe.bench.users, recipe.sft.probe_users, recipe.sft.rl_users)
    if sum(sizes) >= len(users):
        raise UserError(
            f"bench.users + sft.probe_users + sft.rl_users = {sum(sizes)} leave none to learn from of the "
            f"{len(users)} users with an intent; lower them"
        )
    order_U = np.random.default_rng([recipe.seed, len(users)]).permutation(len(users))
    parts = np.split(order_U, np.cumsum(sizes))
    bench, probe, rl, sft = (tuple(sorted(users[place] for place in part)) for part in parts)
    return Splits(bench=bench, probe=probe, rl=rl, sft=sft)


def run_model(run: Run) -> None:
    """The model to start from: that of `model.init_dir`, or a new one whose tokenizer is trained on lines and
    persona sets of users who are taught."""
    recipe, model = run.recipe, run.directory / "model"
    if recipe.model.init_dir:
        shutil.copytree(recipe.model.init_dir, model, dirs_exist_ok=True)
        tokenizer = ChatTokenizer.load(model)
    else:
        users = load_splits(run.directory).sft[:TOKENIZER_USERS]
        budget = recipe.induce.line_tokens

        def count(texts: Sequence[str]) -> list[int]:
            return [max(1, len(text) // CHARACTERS) for text in texts]

        cases = cases_of(run, users, count, budget)
        texts = _tokenizer_texts(run, cases)
        tokenizer = ChatTokenizer(train_tokenizer(texts, recipe.model.vocab_size, CLAIM_PIECES))
        parameters = create_model(recipe.model, tokenizer, recipe.seed, model)
        run.reporter.say(f"model: new, of {parameters:,} parameters, {recipe.model.vocab_size} tokens")
    frame = len(tokenizer.prompt_ids(persona_message("")))
    if frame > FRAME_TOKENS:
        raise UserError(
            f"model.init_dir {recipe.model.init_dir}: a question takes {frame} tokens beside its lines, and "
            f"{FRAME_TOKENS} are set aside for them; choose another model"
        )


def _tokenizer_texts(run: Run, cases: Mapping[str, PersonaCase]) -> Iterator[str]:
    for case in cases.values():
        yield persona_message(case.lines.text)
    scorer = persona_scorer(run.recipe.induce, load_population(run), vectors_path(run))
    for teacher in teachers_of(run.recipe.sft.teacher_cuts, scorer).values():
        for one in teacher(cases):
            yield render_personas(one, cases[one.user_id].lines)


def vectors_path(run: Run) -> Path:
    """Where a run's embeddings are kept."""
    return run.directory / "memories" / VECTORS


def embedder_of(run: Run) -> SentenceEmbedder:
    """The run's embedder, in this process."""
    clusters = run.recipe.induce.clusters
    return SentenceEmbedder(clusters.embeddings, cache=vectors_path(run), most=clusters.cached_texts)


def load_population(run: Run) -> Population:
    """What all users of the log want."""
    return population_of_folder(run.directory / "memories")


def load_cases(run: Run, users: Sequence[str], share: float = 1.0) -> dict[str, PersonaCase]:
    """Memories of users and the lines that the run's model reads of them, in the order of `users`; or of a
    share of the budget those lines."""
    budget = int(run.recipe.induce.line_tokens * share)
    return cases_of(run, users, ChatTokenizer.load(run.directory / "model").count, budget)


def cases_of(run: Run, users: Sequence[str], count: CountTokens, budget: int) -> dict[str, PersonaCase]:
    """The same by any count of tokens."""
    memories = read_memories(run.directory / "memories", users)
    embedder, most = embedder_of(run), run.recipe.induce.clusters.most_embedded
    # Lines need some of the texts and scores all of them: together they are embedded in fewer batches.
    embedder([text_of(one) for user in users for one in embedded(memories[user], most)[0]])
    lines = lines_of_users({user: memories[user] for user in users}, budget, count, embedder)
    return {user: PersonaCase(memories=memories[user], lines=lines[user]) for user in users}
