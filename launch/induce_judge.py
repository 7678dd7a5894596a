"""`usergpt induce --judge`: other versions of the qualities, held against those that count."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from rich.table import Table

from induce import store
from induce.worker import Induction
from launch.progress import Reporter
from records.client import ClientConfig
from records.errors import UserError
from records.files import written_whole
from records.persona import persona_sets
from rewards.personas.judge import Agreement, Case, LLMJudge
from rewards.personas.versions import Versions, versions

REPLIES = ".llm-cache"


def judge_folder(out: Path, generation: int, users: int, llm: ClientConfig, reporter: Reporter) -> None:
    """Judge the sets of `users` users with personas, evenly spread, by all versions; a language model is
    asked where `llm` names one. Writes `judged.parquet`, and prints means and agreement.

    Raises:
        UserError: nobody has personas, or the model cannot be asked.
    """
    induction = Induction(out, generation)
    quality = pl.read_parquet(out / store.QUALITY, glob=False)
    valid = quality.filter((pl.col("count") > 0) & (pl.col("error") == ""))["user_id"].sort().to_list()
    if not valid:
        raise UserError(f"--judge: no user of {out} has personas")
    places = np.unique(np.linspace(0, len(valid) - 1, min(users, len(valid))).astype(int))
    chosen = [valid[place] for place in places]
    frame = pl.scan_parquet(out / store.PERSONAS, glob=False).filter(pl.col("user_id").is_in(chosen))
    sets = {one.user_id: one for one in persona_sets(frame.collect())}
    memories = store.read_memories(out, chosen)
    cases: list[Case] = [(sets[user], induction.scorer.subject(memories[user])) for user in chosen]
    judge = None
    if llm.model.strip():
        from lm.client import ChatClient

        client = ChatClient(llm, out / REPLIES)
        judge = LLMJudge(
            client, induction.config.quality, progress=lambda done, of: reporter.update(done, of, "replies")
        )
    reporter.doing(f"{len(cases)} users are judged")
    found = versions(cases, induction.embedder, induction.config.quality, judge)
    _write(out / store.JUDGED, chosen, found)
    reporter.console.print(_means(found, len(cases)))
    reporter.console.print(_agreement(found))
    if judge is not None and found.failed:
        counts = ", ".join(f"{count:,} {cause}" for cause, count in sorted(judge.tally.failed.items()))
        reporter.say(f"{found.failed:,} users without a verdict of the language model: {counts}")


def _write(path: Path, users: Sequence[str], found: Versions) -> None:
    columns = {
        f"{name}_{version}": pl.Series(values, dtype=pl.Float64).fill_nan(None)
        for name, of_quality in found.values.items()
        for version, values in of_quality.items()
    }
    with written_whole(path) as aside:
        pl.DataFrame({"user_id": list(users), **columns}).write_parquet(aside)


def _means(found: Versions, users: int) -> Table:
    table = Table(title=f"Qualities by version, mean over {users:,} users (null where it says nothing)")
    table.add_column("")
    names = list(dict.fromkeys(version for of_quality in found.values.values() for version in of_quality))
    for name in names:
        table.add_column(name, justify="right")
    for name, of_quality in found.values.items():
        table.add_row(name, *(_mean(of_quality.get(version)) for version in names))
    return table


def _mean(values: Sequence[float] | None) -> str:
    known = [value for value in values or () if value == value]
    return f"{np.mean(known):.3f}" if known else "–"


def _agreement(found: Versions) -> Table:
    table = Table(title="Agreement of versions over users")
    for heading in ("", "versions", "users", "Spearman", "pairs in the same order"):
        table.add_column(heading, justify="right" if heading in ("users", "Spearman") else "left")
    for name, pairs in found.agreement().items():
        for (one, other), agreed in pairs.items():
            table.add_row(name, f"{one}, {other}", *_told(agreed))
    return table


def _told(agreed: Agreement) -> tuple[str, str, str]:
    numbers = (agreed.spearman, agreed.same_order)
    spearman, same = ("–" if number is None else f"{number:.2f}" for number in numbers)
    return f"{agreed.sets:,}", spearman, same
