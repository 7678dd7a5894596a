"""Building a run's benchmark in five steps, each a file in `bench/build/`, and correcting it by review.

sample ─→ annotations ─→ strata ─→ quality ─→ review.csv, review.html      ─→ bench/users.json, frozen
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from hprbench.build import Benchmark, freeze
from hprbench.candidates import (
    Annotation,
    Choice,
    Finding,
    Stratum,
    annotate,
    choose,
    inspect,
    stratify,
)
from hprbench.metrics import Gold
from hprbench.retention import simulation_knowledge
from hprbench.review import Review, corrected, export_review, read_review, words
from hprbench.spreadsheet import read_csv, write_csv
from launch.pipeline import Run
from launch.stages.splits import Splits
from lm.tokenizer import ChatTokenizer
from records.errors import UserError
from records.files import read_json, write_json
from records.history import SemanticHistory
from semantize.raw import raw_lines
from sft.duplicates import near_duplicates
from simulate.measure.oracle import read_tags

SPARE_SHARE = 0.25
"""Candidates beyond bench.users, to take the place of those that fail the checks."""


def spare_candidates(count: int) -> int:
    """How many candidates more than `count` are set apart."""
    return max(2, math.ceil(SPARE_SHARE * count))


def users_path(run: Run) -> Path:
    """The frozen benchmark of a run."""
    return run.directory / "bench" / "users.json"


def build_benchmark(
    run: Run,
    splits: Splits,
    gold: Gold,
    histories: dict[str, SemanticHistory],
    events: pl.DataFrame,
    tokenizer: ChatTokenizer,
) -> Choice:
    """All five steps for the candidates of `splits`, whose `events` these are, sorted by user and time.

    Of a simulation bench.users are chosen; of a log of one's own all that pass, as its users are few.

    Raises:
        UserError: too few candidates pass the checks.
    """
    folder, candidates = run.directory / "bench" / "build", list(splits.bench)
    simulated = not run.recipe.log.input
    rules = read_tags(events, simulation_knowledge(run.directory / "events")) if simulated else None
    raw = {user: "\n".join(raw_lines(log)) for (user,), log in events.group_by("user_id")}
    tokens = dict(zip(candidates, tokenizer.count([raw.get(user, "") for user in candidates]), strict=True))
    annotations = annotate(candidates, gold, rules, histories)
    strata = stratify(candidates, gold, histories, tokens)
    # SFT leaves out its own users who say what a candidate says: where users are few, candidates stay.
    others = [*splits.rl, *splits.probe, *(splits.sft if simulated else ())]
    duplicates = near_duplicates(candidates, others, histories)
    findings = inspect(annotations, candidates, histories, duplicates)
    _write_steps(folder, candidates, annotations, strata, findings)
    choice = choose(candidates, strata, findings, run.recipe.bench.users if simulated else None)
    export_review(folder, choice.users, annotations, strata, findings, histories)
    write_json(folder / "build.json", build_counts(candidates, annotations, strata, findings, choice))
    freeze(users_path(run), users=choice.users, gold=gold, strata=strata, histories=histories)
    return choice


def _write_steps(
    folder: Path,
    candidates: list[str],
    annotations: list[Annotation],
    strata: dict[str, Stratum],
    findings: list[Finding],
) -> None:
    sample = [
        {"place": place, "user_id": user, "gender": strata[user].gender, "age_group": strata[user].age_group}
        for place, user in enumerate(candidates, start=1)
    ]
    write_csv(folder / "sample.csv", list(sample[0]), sample)
    labels = [
        {
            **asdict(one),
            "gold": words(one.gold),
            "rule": None if one.rule is None else words(one.rule),
            "lines": " ".join(f"#{line}" for line in one.lines),
        }
        for one in annotations
    ]
    write_csv(folder / "annotations.csv", list(Annotation.__dataclass_fields__), labels)
    rows = [{**(row := asdict(strata[user])), **row.pop("kinds")} for user in candidates]
    write_csv(folder / "strata.csv", list(rows[0]), rows)
    write_csv(folder / "quality.csv", list(Finding.__dataclass_fields__), [asdict(one) for one in findings])


def build_counts(
    candidates: list[str],
    annotations: list[Annotation],
    strata: dict[str, Stratum],
    findings: list[Finding],
    choice: Choice,
) -> dict[str, Any]:
    """What every step came to, in numbers; None where there are no rules, or no label has evidence."""
    chosen = set(choice.users)
    mine = [one for one in annotations if one.user_id in chosen]
    ruled, shown = any(one.rule is not None for one in mine), any(one.events for one in mine)
    of_users = [strata[user] for user in choice.users]
    kinds = Counter(one.difficulty for one in mine if one.gold)
    return {
        "sample": {"candidates": len(candidates), "asked": len(choice.users)},
        "annotations": {
            "labels": len(mine),
            "known": sum(bool(one.gold) for one in mine),
            "rules_agree": sum(not one.disagrees for one in mine) if ruled else None,
            "seen": sum(bool(one.gold and one.lines) for one in mine) if shown else None,
        },
        "strata": {
            "gender × age": _counted(f"{one.gender} {one.age_group}" for one in of_users),
            "level": _counted(one.level for one in of_users if one.level),
            "length": _counted(one.length for one in of_users),
            "evidence": dict(sorted(kinds.items())),
        },
        "quality": {
            "left_out": _counted(check for checks in choice.left_out.values() for check in checks),
            "replaced": choice.replaced,
            "remarks": _counted(one.check for one in findings if not one.hard and one.user_id in chosen),
        },
    }


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def refuse_reviewed(directory: Path) -> None:
    """Nothing, unless what people said of the benchmark of the run in `directory` would be lost with it.

    Raises:
        UserError: its users.json holds corrections, or its review.csv verdicts.
    """
    frozen, sheet = (directory / "bench" / name for name in ("users.json", "build/review.csv"))
    if frozen.exists() and read_json(frozen).get("reviews"):
        raise UserError(f"{frozen}: holds people's corrections; move it away to make the benchmark anew")
    if sheet.exists():
        rows = read_csv(sheet, ("verdict", "correction"))
        if any(row["verdict"] or row["correction"] for row in rows):
            raise UserError(f"{sheet}: holds people's verdicts; move it away to make the benchmark anew")


def apply_review(run: Run, path: Path, benchmark: Benchmark) -> Review:
    """Freeze the run's benchmark again, with the labels that the reviewed file at `path` corrects.

    Raises:
        UserError: the file cannot be read, or was applied before.
    """
    verdicts = read_review(path, benchmark.gold, benchmark.histories)
    gold = corrected(benchmark.gold, benchmark.histories, verdicts)
    known = {label for earlier in benchmark.reviews for label in earlier.labels}
    labels = [(one.user_id, one.tag) for one in verdicts]
    fresh = tuple(sorted(set(labels) - known))
    changed = [tag for user, tag in labels if gold[user][tag] != benchmark.gold[user][tag]]
    review = Review(
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        looked_at=len(fresh),
        corrected=len(changed),
        corrected_by_tag=_counted(changed),
        labels=fresh,
    )
    if review.sha256 in [earlier.sha256 for earlier in benchmark.reviews]:
        raise UserError(f"{path}: this review was applied before; give another")
    freeze(
        users_path(run),
        users=benchmark.users,
        gold=gold,
        strata=benchmark.strata,
        histories=benchmark.histories,
        version=benchmark.version + 1,
        reviews=(*benchmark.reviews, review),
    )
    return review
