"""What semantization did to a log, in numbers: tokens saved, budget used, what was dropped, what was kept."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hprbench.labels import label_table
from hprbench.retention import Retention, label_retention, oracle_retention
from lm.plain import PlainTokenizer
from records.errors import UserError
from records.files import read_json
from records.history import histories_of
from semantize.folder import job_of, settled_job
from semantize.privacy.pseudonyms import load_key, pseudonyms
from semantize.raw import raw_lines
from semantize.refining.refiners import refiner_of
from semantize.store import (
    LOG,
    SETTINGS,
    SUMMARY,
    TOKENIZER,
    finished_generations,
    generation_path,
    live_table,
    settings_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens of the raw log (one `time source action content` line an event) and of the histories, user by
    user."""

    raw: list[int]
    histories: list[int]

    @property
    def saved(self) -> float:
        """Share of raw tokens that histories do without."""
        return 1 - sum(self.histories) / sum(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantics:
    """A semantized log.

    `stages`: rows and events by what became of them; `budget_use`: tokens over budget, user by user; `whole`:
    share of users none of whose slices was left out.
    """

    name: str
    users: int
    budget: int
    stages: list[tuple[str, int]]
    masked: dict[str, int]
    gaps: dict[str, int]
    tokens: Tokens
    budget_use: list[float]
    whole: float
    retention: list[Retention]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; of the lists their sums and means."""
        return {
            "name": self.name,
            "users": self.users,
            "budget": self.budget,
            "stages": dict(self.stages),
            "masked": self.masked,
            "gaps": self.gaps,
            "tokens": {
                "users": len(self.tokens.raw),
                "raw": sum(self.tokens.raw),
                "histories": sum(self.tokens.histories),
                "saved": round(self.tokens.saved, 4),
            },
            "budget_use": {
                "mean": round(sum(self.budget_use) / len(self.budget_use), 4),
                "users_with_all_slices": round(self.whole, 4),
            },
            "retention": [asdict(one) | {"difference": one.overall.difference} for one in self.retention],
        }


def measure_semantics(out: Path, users: int, labels: Path | None, key_file: Path | None = None) -> Semantics:
    """Measure the finished folder `out`; raw tokens and retention of at most `users` users.

    Retention is that of the rule oracle where the log is a simulation of this project, of TF-IDF and logistic
    regression where a table of `labels` is given. That names users as the log does: where the folder holds
    pseudonyms, `key_file` is their key.

    Raises:
        UserError: the folder is not finished, or the labels or the key are at fault.
    """
    job = settled_job(out) if key_file is None and labels is None else job_of(out, key_file)
    all_users = live_table(out, "users").collect()
    summaries = [read_json(generation_path(out, number) / SUMMARY) for number in finished_generations(out)]
    labelled = None
    if labels is not None:
        column = "user_id" if job.mapping is None else job.mapping.columns.get("user_id", "user_id")
        labelled = label_table(labels, column)
        if key_file is not None:
            ids = pseudonyms(labelled["user_id"].to_list(), load_key(key_file))
            labelled = labelled.with_columns(user_id=pl.Series(ids, dtype=pl.String))
        all_ids = set(labelled["user_id"].to_list())
        chosen = [user for user in all_users["user_id"].sort() if user in all_ids]
        if not chosen:
            raise UserError(f"{labels}: no user of {out} is in it; give labels of this log's users")
    else:
        chosen = _sample(all_users["user_id"].to_list(), users)
    events = live_table(out, "events", chosen).collect()
    histories = {
        history.user_id: history.text
        for history in histories_of(live_table(out, "histories", chosen).collect())
    }
    count = PlainTokenizer.load(out / TOKENIZER).count
    raw = {
        str(user): "\n".join(raw_lines(mine))
        for (user,), mine in events.group_by("user_id", maintain_order=True)
    }
    tokens = Tokens(raw=count(list(raw.values())), histories=count([histories[user] for user in raw]))
    retention = []
    source = Path(read_json(generation_path(out, 0) / LOG)["source"])
    if job.mapping is None and not settings_of(out)["pseudonym_key"] and _is_simulation(source):
        retention.append(oracle_retention(events, histories, source, refiner_of(out, job.config)))
    if labelled is not None:
        retention.append(label_retention(raw, histories, labelled))
    budget = job.config.token_budget
    return Semantics(
        name=out.name,
        users=len(all_users),
        budget=budget,
        stages=_stages(summaries, all_users),
        masked=_added(summaries, "masked"),
        gaps=_added(summaries, "gaps"),
        tokens=tokens,
        budget_use=[each / budget for each in all_users["tokens"]],
        whole=sum(all_users["lines"] == all_users["slices"]) / len(all_users),
        retention=retention,
    )


def _sample(users: Sequence[str], most: int) -> list[str]:
    """At most so many users, spread evenly over all of them."""
    step = max(1, -(-len(users) // most))
    return sorted(users)[::step]


def _stages(summaries: Sequence[dict[str, Any]], users: pl.DataFrame) -> list[tuple[str, int]]:
    """Rows and events by what became of them, in the order of the stages; the last are shown on a line."""
    rows = sum(summary["rows"] for summary in summaries)
    filtered = sum(summary["filtered"] for summary in summaries)
    reasons = _added(summaries, "quarantined")
    quarantined = sum(count for reason, count in reasons.items() if not reason.startswith("join:"))
    nobody = reasons.get("missing_user", 0)
    names = ("events", "repeats", "old_low_impact", "implied", "beyond_top_k", "no_room")
    events, repeats, old, implied, beyond, no_room = (int(users[name].sum()) for name in names)
    return [
        ("filtered by the mapping", filtered),
        ("without a user", nobody),
        ("set aside as unreadable", quarantined - nobody),
        ("duplicates", rows - filtered - quarantined - events),
        ("repeats of the same action", repeats),
        ("old low-impact actions", old),
        ("said by a high-impact action", implied),
        ("beyond top K of their slice", beyond),
        ("slices without room", no_room),
        ("shown", events - repeats - old - implied - beyond - no_room),
    ]


def _added(summaries: Sequence[dict[str, Any]], key: str) -> dict[str, int]:
    total: Counter[str] = Counter()
    for summary in summaries:
        total.update(summary[key])
    return dict(sorted(total.items()))


def _is_simulation(folder: Path) -> bool:
    return (folder / SETTINGS).exists() and any(folder.glob("gold-*.parquet"))
