"""Whether a simulated log gives its labels away, or hides them for good.

Three readers predict the gold of held-out users: the majority; TF-IDF with logistic regression on the words
of the raw log; and the oracle, which knows the catalogue, time, recipients and shared accounts. A log is
of use between the last two.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hprbench.baselines import majority, tfidf_lr
from hprbench.metrics import Gold, Values, value_set
from records.errors import UserError
from records.history import HistoryLine, SemanticHistory, gold_tags
from records.simulation import SimulateConfig
from records.tags import TAG_NAMES, GoldTag
from simulate.block import Simulator
from simulate.engine import check_config, scan
from simulate.measure.oracle import public_knowledge, read_tags
from simulate.world_reader import load_world

USERS = 4000
"""Users looked at, unless more are asked for: words know more the more users they are learnt from."""

TEST_SHARE = 0.25
"""Share of users held out."""

SUBSETS: dict[str, Callable[[GoldTag], bool]] = {
    "all": lambda gold: True,
    "non-NA": lambda gold: not gold.is_na,
    "explicit": lambda gold: gold.difficulty == "explicit",
    "implicit": lambda gold: gold.difficulty == "implicit",
    "temporal": lambda gold: gold.difficulty == "temporal",
    "trap": lambda gold: gold.difficulty == "trap",
    "temporal + trap": lambda gold: gold.difficulty in ("temporal", "trap"),
}
"""Cases (a user's tag) that a macro-F1 is taken over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaks:
    """Macro-F1 by reader and subset of cases, cases by subset, and the share of users with NA by tag."""

    users: int
    cases: dict[str, int]
    macro_f1: dict[str, dict[str, float | None]]
    oracle_by_tag: dict[str, float | None]
    tfidf_by_tag: dict[str, float | None]
    na_share: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def measure_leaks(directory: Path, config: SimulateConfig, seed: int, users: int = USERS) -> Leaks:
    """Read the first `users` users of a simulated directory with all three readers.

    `config` and `seed` are those it was made with.

    Raises:
        UserError: the directory holds no simulation.
    """
    if users < 8:
        raise UserError(f"--users: {users} users; give at least 8")
    events = scan(directory, "events", users).collect()
    gold = gold_tags(scan(directory, "gold", users).collect())
    names = sorted(gold)
    order = np.random.default_rng([seed, 3]).permutation(len(names)).tolist()
    held = max(1, int(TEST_SHARE * len(names)))
    test = sorted(names[i] for i in order[:held])
    train = sorted(names[i] for i in order[held:])
    train_gold = {user: gold[user] for user in train}
    texts = _raw_texts(events)
    readers: dict[str, Mapping[str, Mapping[str, Values]]] = {
        "majority": _only(majority(train_gold, test)),
        "TF-IDF + LR": _only(
            tfidf_lr([texts[user] for user in train], train_gold, [texts[user] for user in test], seed)
        ),
    }
    simulator = Simulator(config, load_world(config), seed, check_config(config, seed))
    knowledge = public_knowledge(simulator.world, simulator.titles, config)
    readers["oracle"] = read_tags(events.filter(pl.col("user_id").is_in(test)), knowledge)
    test_gold = {user: gold[user] for user in test}
    return Leaks(
        users=len(test),
        cases={
            name: sum(keep(test_gold[user][tag]) for user in test for tag in TAG_NAMES)
            for name, keep in SUBSETS.items()
        },
        macro_f1={
            reader: {name: macro_f1(found, test_gold, keep) for name, keep in SUBSETS.items()}
            for reader, found in readers.items()
        },
        oracle_by_tag={
            tag: macro_f1(readers["oracle"], test_gold, SUBSETS["all"], [tag]) for tag in TAG_NAMES
        },
        tfidf_by_tag={
            tag: macro_f1(readers["TF-IDF + LR"], test_gold, SUBSETS["all"], [tag]) for tag in TAG_NAMES
        },
        na_share={tag: float(np.mean([gold[user][tag].is_na for user in names])) for tag in TAG_NAMES},
    )


def macro_f1(
    predicted: Mapping[str, Mapping[str, Values]],
    gold: Gold,
    keep: Callable[[GoldTag], bool],
    tags: Sequence[str] = TAG_NAMES,
) -> float | None:
    """Mean over `tags` of the macro-F1 over the values that gold holds in the cases kept.

    NA is a value. Of interests it is the micro-F1 of the sets. A tag without a case is left out; None where
    no tag has one.
    """
    scores = []
    for tag in tags:
        shared: Counter[str] = Counter()
        said: Counter[str] = Counter()
        true: Counter[str] = Counter()
        for user, truth in gold.items():
            if keep(truth[tag]):
                ours, theirs = value_set(tag, predicted[user][tag]), value_set(tag, truth[tag].values)
                shared.update(ours & theirs)
                said.update(ours)
                true.update(theirs)
        if not true:
            continue
        if tag == "interests":
            scores.append(2 * shared.total() / (said.total() + true.total()))
        else:
            scores.append(float(np.mean([2 * shared[v] / (said[v] + true[v]) for v in true])))
    return float(np.mean(scores)) if scores else None


def _only(
    predictions: Mapping[str, Sequence[Mapping[str, Values] | None]],
) -> dict[str, Mapping[str, Values]]:
    """The one run of a deterministic reader."""
    return {user: runs[0] or {} for user, runs in predictions.items()}


def _raw_texts(events: pl.DataFrame) -> dict[str, SemanticHistory]:
    """User → all words of the log, as one line."""
    words = pl.concat_str("source", "action", "content", "category", "location", separator=" ")
    texts = events.group_by("user_id", maintain_order=True).agg(words.str.join("\n").alias("text"))
    return {
        user: SemanticHistory(user_id=user, lines=(HistoryLine(number=1, text=text, event_ids=()),))
        for user, text in texts.iter_rows()
    }
