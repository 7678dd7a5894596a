"""`usergpt profile`: tags and a summary for every user of somebody's log."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from actors.cluster import ray_cluster
from actors.placement import check_fit, cluster_nodes, rollout_need
from actors.rollout import RolloutPool
from launch.page import MAX_USERS, write_page
from launch.preflight import check_engines
from launch.profile_update import Profile, agreement, agreement_told, read_profiles, settled, updated
from launch.progress import Reporter
from launch.recipe import directory_state, load_recipe
from launch.semantization import run_generation
from launch.stages.data import check_room, load_gold
from lm.answers import Answer, parse_answer
from lm.prompts import render_prompt
from lm.tokenizer import ChatTokenizer
from records.config import PERSONAS, Recipe
from records.errors import UserError
from records.files import read_json, write_json, written_whole
from records.history import SemanticHistory
from records.options import first_difference
from records.prompt import COMPOSITE_TASK, Request, Rollout, Sampling
from records.tags import NA, TAG, TAG_NAMES, known_tags
from semantize.folder import Job, open_log
from semantize.reading.mapping import load_mapping
from semantize.store import live_table, read_histories
from semantize.text import clean, visible

BATCH = 256
"""Users generated for at once; their profiles appear together."""

SHOWN = ("source", "action", "content", "category", "location", "count", "value")
"""Fields of an event that are shown beside its time."""

GREEDY = 0.0

RETRIES = 2
"""Further answers for a user whose first cannot be read."""
"""Profiles are the model's most likely answer, the same every time."""


def profile(
    log: str,
    mapping_name: str,
    run_directory: Path,
    out: Path,
    *,
    limit: int = 0,
    previous: Path | None = None,
    against: Path | None = None,
    overrides: Sequence[str] = (),
) -> int:
    """Profile every user of `log` (with `limit`, the first so many) with the model of `run_directory`.

    Writes profiles.jsonl and profiles.html into `out`, and what the log became (see `semantize.store`) into
    `out`/histories; `overrides` (`key=value`) change the run's recipe. Users done stand in `out`/parts as
    soon as they are, and a rerun goes on. With `previous`, the --out of a profile before, `log` holds new
    events alone, and the profiles are those before brought up to date. With `against`, another --out, the
    agreement is told, and by tag in `out`/agreement.json.

    Raises:
        UserError: the log, mapping or run is at fault, or `out` holds profiles of another model.
    """
    if limit < 0:
        raise UserError(f"--users {limit}: give a number of users, or 0 for all")
    before = {} if previous is None else {user: settled(one) for user, one in read_profiles(previous).items()}
    others = None if against is None else read_profiles(against)
    recipe, model = trained_model(run_directory, overrides)
    check_engines(recipe)
    mapping = load_mapping(mapping_name) if mapping_name else None
    tokenizer = ChatTokenizer.load(model)
    reporter = Reporter()
    folder = out / "histories"
    settle(out, model, recipe, limit, previous)
    job = Job(config=recipe.semantize, mapping=mapping)
    tokenizer_file = model / "tokenizer.json"
    run_generation(open_log(log, job, folder), job, tokenizer_file, recipe.cluster, recipe.llm, reporter)
    histories = read_histories(folder)[: limit or None]
    check_room(histories, tokenizer, recipe)
    with reporter.stage("generate"):
        tags = known_tags(load_gold(run_directory)) if recipe.log.input else TAG_NAMES
        write_parts(recipe, model, tokenizer, histories, tags, out, reporter)
    profiles = {**before, **{new["user_id"]: _after(before, new) for new in read_parts(out)}}
    write_profiles(out / "profiles.jsonl", profiles.values())
    write_page(
        out / "profiles.html",
        list(profiles.values())[:MAX_USERS],
        len(profiles),
        f"Profiles of {Path(log).name}",
    )
    failed = sum(profile["error"] is not None for profile in profiles.values())
    reporter.say(f"{len(profiles)} users, {failed} without a well-formed answer: {out / 'profiles.jsonl'}")
    if previous is not None:
        changed = sum(bool(profile.get("updated")) for profile in profiles.values())
        reporter.say(f"{len(histories)} users with new events, {changed} of them with a tag that changed")
    if others is not None:
        found = agreement(profiles, others)
        write_json(out / "agreement.json", found)
        reporter.say(f"agreement with {against}: {agreement_told(found)}; by tag in {out / 'agreement.json'}")
    show(reporter.console, next((p for p in profiles.values() if p["error"] is None), None))
    return 0


def _after(before: Mapping[str, Profile], new: Profile) -> Profile:
    return updated(before[new["user_id"]], new) if new["user_id"] in before else new


def settle(out: Path, model: Path, recipe: Recipe, limit: int, previous: Path | None) -> None:
    """Note in `out` what its profiles are made with.

    Raises:
        UserError: they were begun with something else.
    """
    path = out / "profile.json"
    settings = {
        "model": directory_state(str(model)),
        "max_response_tokens": recipe.bench.max_response_tokens,
        "users": limit,
        "previous": "" if previous is None else str(previous.absolute()),
    }
    settings = json.loads(json.dumps(settings))
    key = first_difference(read_json(path), settings) if path.exists() else None
    if key is not None:
        raise UserError(
            f"{out}: holds profiles made in another way ({key} differs, see profile.json there); choose "
            "another --out, or delete this one"
        )
    write_json(path, settings)


def write_parts(
    recipe: Recipe,
    model: Path,
    tokenizer: ChatTokenizer,
    histories: Sequence[SemanticHistory],
    tags: Sequence[str],
    out: Path,
    reporter: Reporter,
) -> None:
    """Profiles of BATCH users after the other, each batch a file of `out`/parts; what is there stays."""
    batches = [histories[first : first + BATCH] for first in range(0, len(histories), BATCH)]
    left = {number: batch for number, batch in enumerate(batches) if not part_path(out, number).exists()}
    if not left:
        return
    done = len(histories) - sum(map(len, left.values()))
    with ray_cluster(recipe.cluster):
        check_fit([rollout_need(recipe.rollout)], cluster_nodes())
        pool = RolloutPool(model, recipe.rollout, recipe.model.max_length, recipe.cluster.timeout_s)
        try:
            for number, batch in left.items():
                rollouts = generate(recipe, tokenizer, pool, batch, tags)
                users = [history.user_id for history in batch]
                events = live_table(out / "histories", "events", users).collect()
                write_profiles(part_path(out, number), describe(batch, rollouts, events, tags))
                done += len(batch)
                reporter.update(done, len(histories), "users")
        finally:
            pool.close()


def part_path(out: Path, number: int) -> Path:
    """File of a batch of profiles."""
    return out / "parts" / f"profiles-{number:05d}.jsonl"


def read_parts(out: Path) -> Iterator[Profile]:
    """Profiles made so far, in order."""
    for part in sorted((out / "parts").glob("profiles-*.jsonl")):
        with part.open(encoding="utf-8") as lines:  # whose lines end with \n alone
            yield from map(json.loads, lines)


def write_profiles(path: Path, profiles: Iterable[Profile]) -> None:
    """Write profiles as JSON lines, whole."""
    with written_whole(path) as aside, aside.open("w", encoding="utf-8") as file:
        for profile in profiles:
            file.write(json.dumps(profile, ensure_ascii=False) + "\n")


def trained_model(run_directory: Path, overrides: Sequence[str] = ()) -> tuple[Recipe, Path]:
    """The recipe of a finished run and its best model: the RL policy, else the last SFT stage.

    Raises:
        UserError: there is no such run or it has no model yet.
    """
    config = run_directory / "config.yaml"
    if not config.is_file():
        raise UserError(f"{run_directory}: no run there; run `usergpt run quickstart` or name one with --run")
    recipe = load_recipe(config, overrides)
    for model in (run_directory / "rl" / "policy", run_directory / "sft" / "stage3"):
        if (model / "config.json").is_file():
            return recipe, model
    if recipe.task == PERSONAS:
        raise UserError(f"{run_directory}: its model writes personas; use `usergpt induce … --run`")
    raise UserError(f"{run_directory}: the run has no trained model yet; finish it with `usergpt run`")


def generate(
    recipe: Recipe,
    tokenizer: ChatTokenizer,
    pool: RolloutPool,
    histories: Sequence[SemanticHistory],
    tags: Sequence[str],
) -> list[Rollout]:
    """The most likely composite answer about `tags` for each history, in order.

    Where that cannot be read, up to RETRIES are sampled as the benchmark samples, and the first that can be
    read stands for it.
    """
    bench = recipe.bench
    greedy = Sampling(temperature=GREEDY, top_p=1.0, max_tokens=bench.max_response_tokens)
    sampled = replace(greedy, temperature=bench.temperature, top_p=bench.top_p)
    requests = [
        Request(prompt=render_prompt(tokenizer, history, tags=tags, task=COMPOSITE_TASK), samples=1, seed=0)
        for history in histories
    ]
    found = [answers[0] for answers in pool.generate(requests, greedy)]
    for seed in range(1, RETRIES + 1):
        unread = [
            place
            for place, (history, rollout) in enumerate(zip(histories, found, strict=True))
            if isinstance(read_answer(history, rollout, tags), str)
        ]
        if not unread:
            break
        again = [replace(requests[place], seed=seed) for place in unread]
        for place, answers in zip(unread, pool.generate(again, sampled), strict=True):
            found[place] = answers[0]
    return found


def describe(
    histories: Sequence[SemanticHistory],
    rollouts: Sequence[Rollout],
    events: pl.DataFrame,
    tags: Sequence[str] = TAG_NAMES,
) -> list[dict[str, Any]]:
    """One record a user: each of the `tags` asked, and each sentence, with the lines the model cited and the
    events behind them.
    """
    cited: set[tuple[str, str]] = set()
    answers: list[Answer | str] = []
    for history, rollout in zip(histories, rollouts, strict=True):
        answer = read_answer(history, rollout, tags)
        answers.append(answer)
        if isinstance(answer, Answer):
            lines = {n for tag in answer.tags.values() for n in tag.lines}
            lines |= {n for sentence in answer.summary for n in sentence.lines}
            cited.update(
                (history.user_id, event)
                for line in history.lines
                if line.number in lines
                for event in line.event_ids
            )
    wanted = pl.DataFrame(sorted(cited), schema={"user_id": pl.String, "event_id": pl.String}, orient="row")
    shown = {
        (row["user_id"], row["event_id"]): {
            "event_id": row["event_id"],
            "time": row["timestamp"].isoformat(),
            **{name: row[name] for name in SHOWN if row[name]},
        }
        for row in events.join(wanted, on=["user_id", "event_id"]).iter_rows(named=True)
    }

    def evidence(history: SemanticHistory, numbers: Sequence[int]) -> list[dict[str, Any]]:
        return [
            {
                "line": line.number,
                "text": line.text,
                "events": [shown[history.user_id, event] for event in line.event_ids],
            }
            for line in history.lines
            if line.number in numbers
        ]

    profiles: list[dict[str, Any]] = []
    for history, answer in zip(histories, answers, strict=True):
        if isinstance(answer, str):
            profiles.append({"user_id": history.user_id, "error": answer, "tags": {}, "summary": []})
            continue
        profiles.append(
            {
                "user_id": history.user_id,
                "error": None,
                "tags": {
                    name: {
                        "value": _value(name, tag.values),
                        "evidence": evidence(history, tag.lines),
                    }
                    for name, tag in answer.tags.items()
                },
                "summary": [
                    {"text": sentence.text, "evidence": evidence(history, sentence.lines)}
                    for sentence in answer.summary
                ],
                "dropped_citations": answer.dropped_citations,
            }
        )
    return profiles


def read_answer(history: SemanticHistory, rollout: Rollout, tags: Sequence[str]) -> Answer | str:
    """The answer, or the reason why there is none."""
    if rollout.truncated:
        return "truncated"
    answer = parse_answer(rollout.text, tags=tags, summary=True, history_lines=len(history.lines))
    return answer if isinstance(answer, Answer) else answer.reason


def _value(name: str, values: tuple[str, ...]) -> str | list[str]:
    if not values:
        return NA
    return list(dict.fromkeys(values)) if TAG[name].max_values > 1 else values[0]


def show(console: Console, profile: dict[str, Any] | None) -> None:
    """Print one user as an example."""
    if profile is None:
        return
    lines = [f"User {clean(profile['user_id'], 80)}"]
    for sentence in profile["summary"]:
        cited = ", ".join(f"#{line['line']}" for line in sentence["evidence"]) or "no line cited"
        lines.append(f"  {visible(sentence['text'])}  [{cited}]")
    for name, tag in profile["tags"].items():
        lines.append(f"  {name}: {visible(str(tag['value']))}")
        for line in tag["evidence"]:
            lines.append(f"      {line['text']}  ({len(line['events'])} events)")
    console.print(Text("\n".join(lines)))
