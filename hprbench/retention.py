"""What histories keep of the raw log: the same readers read both, user by user.

simulated log: the rule oracle against gold      other logs: TF-IDF and logistic regression against labels
raw events ─► macro-F1 ┐                         raw lines ─► out-of-fold macro-F1 ┐
history    ─► macro-F1 ┴─ paired difference      history   ─► out-of-fold macro-F1 ┴─ paired difference
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier

from hprbench.metrics import value_set
from hprbench.paired import Answers, PairedF1, paired_f1
from records.errors import UserError
from records.events import EVENT_SCHEMA, GOLD_SCHEMA
from records.history import gold_tags
from records.tags import TAG_NAMES
from semantize.refining.refine import Refiner
from semantize.text import entity_text
from simulate.block import Simulator
from simulate.engine import check_config, scan, settings_of
from simulate.measure.oracle import Knowledge, Values, public_knowledge, read_tags
from simulate.world_reader import load_world

FOLDS = 5
REPEATS = 3
"""Cross-validations with other folds; their mean moves less by chance."""

MAX_WORDS = 5_000
"""Most frequent words kept."""

MOST_VALUES = 20
"""Columns of a table of labels with more values are no labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What a reader makes of the raw log (a) and of histories (b): overall, and macro-F1 of both by tag."""

    reader: str
    users: int
    overall: PairedF1
    by_tag: dict[str, tuple[float, float]]


def oracle_retention(
    events: pl.DataFrame, histories: Mapping[str, str], simulation: Path, refiner: Refiner
) -> Retention:
    """The rule oracle on raw `events` (EVENT_SCHEMA, sorted by user and time) and on history texts.

    `simulation` is the folder that the events come from; its gold is the truth. On histories the oracle knows
    what an entity of `refiner` stands for, and sees nothing but the text.
    """
    users = list(histories)
    gold = gold_tags(
        scan(simulation, "gold").filter(pl.col("user_id").is_in(users)).select(list(GOLD_SCHEMA)).collect()
    )
    knowledge = simulation_knowledge(simulation)
    raw = read_tags(events, knowledge)
    read = read_tags(read_lines(histories), refined_knowledge(knowledge, refiner))

    def by_tag(values: Mapping[str, Mapping[str, Values]]) -> dict[str, Answers]:
        return {tag: {user: value_set(tag, values[user][tag]) for user in users} for tag in TAG_NAMES}

    truth = by_tag({user: {tag: one.values for tag, one in gold[user].items()} for user in users})
    return _retention("rule oracle", truth, by_tag(raw), by_tag(read), micro=("interests",))


def simulation_knowledge(simulation: Path) -> Knowledge:
    """What rules may know of the world that the folder `simulation` was made in."""
    config, seed = settings_of(simulation)
    simulator = Simulator(config, load_world(config), seed, check_config(config, seed))
    return public_knowledge(simulator.world, simulator.titles, config)


def label_retention(raw: Mapping[str, str], histories: Mapping[str, str], labels: pl.DataFrame) -> Retention:
    """TF-IDF and balanced logistic regression on raw lines and on histories, out of fold.

    `labels`: `user_id` and columns of labels; REPEATS times FOLDS folds for each. A column is used where it
    has 2 to MOST_VALUES values, each held by at least FOLDS users. Raises UserError when there is no such
    column or no user is known.
    """
    known = labels.filter(pl.col("user_id").is_in(list(raw))).sort("user_id")
    place = {user: row for row, user in enumerate(known["user_id"])}
    sides = [_word_counts([texts[user] for user in place]) for texts in (raw, histories)]
    truth: dict[str, Answers] = {}
    found: tuple[dict[str, Answers], dict[str, Answers]] = ({}, {})
    for name in known.drop("user_id").columns:
        column = known.select("user_id", pl.col(name).cast(pl.String)).drop_nulls()
        column = column.filter(pl.len().over(name) >= FOLDS)
        if not 2 <= column[name].n_unique() <= MOST_VALUES:
            continue
        users, values = column["user_id"].to_list(), column[name].to_list()
        rows = [place[user] for user in users]
        for repeat in range(REPEATS):
            key = f"{name}@{repeat}"
            truth[key] = _answers(users, values)
            for side, counts in zip(found, sides, strict=True):
                side[key] = _answers(users, out_of_fold(counts[rows], values, repeat))
    if not truth:
        raise UserError(
            f"labels: no column has 2 to {MOST_VALUES} values that {FOLDS} users of the log hold; give a "
            "table of user_id and labels"
        )
    return _retention("TF-IDF + LR", truth, *found)


def _retention(
    reader: str,
    truth: Mapping[str, Answers],
    a: Mapping[str, Answers],
    b: Mapping[str, Answers],
    micro: tuple[str, ...] = (),
) -> Retention:
    by_tag: dict[str, list[tuple[float, float]]] = {}
    for tag in truth:
        one = paired_f1({tag: truth[tag]}, a, b, seed=0, micro=micro)
        by_tag.setdefault(tag.partition("@")[0], []).append((one.a, one.b))
    return Retention(
        reader=reader,
        users=len({user for answers in truth.values() for user in answers}),
        overall=paired_f1(truth, a, b, seed=0, micro=micro),
        by_tag={
            tag: (float(np.mean([x for x, _ in pairs])), float(np.mean([y for _, y in pairs])))
            for tag, pairs in by_tag.items()
        },
    )


def _answers(users: list[str], values: list[str]) -> Answers:
    return {user: frozenset([value]) for user, value in zip(users, values, strict=True)}


def _word_counts(texts: list[str]) -> Any:
    """Words of every text, a sparse row each; counted once, as texts are long and models many."""
    return CountVectorizer(max_features=MAX_WORDS).fit_transform(texts).tocsr()


def out_of_fold(counts: Any, values: list[str], seed: int) -> list[str]:
    """The label predicted for each row by a model that was fitted without it."""
    truth = np.array(values)
    predicted = np.empty(len(truth), dtype=object)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for train, test in folds.split(np.zeros(len(truth)), truth):
        weights = TfidfTransformer(sublinear_tf=True).fit(counts[train])
        # One class against the rest: the softmax solver is many times slower.
        model = OneVsRestClassifier(
            LogisticRegression(C=10.0, solver="liblinear", class_weight="balanced", random_state=0)
        )
        x = weights.transform(counts[train])
        predicted[test] = model.fit(x, truth[train]).predict(weights.transform(counts[test]))
    return [str(value) for value in predicted]


_LINE = re.compile(
    r"#\d+ \[Source: ([^\]]*)\] \[TIME: (\d{4}-\d{2})(-\d{2})?(?: (\w+))?\] \[TYPE: ([^\]]*)\] "
    r"\[COUNT: (\d+)\](?: \[PLACE: ([^\]]*)\])? \| (.*)"
)
_HOUR = {"morning": 8, "daytime": 14, "night": 21, "": 12}
"""The hour that a part of day is read as."""


def read_lines(histories: Mapping[str, str]) -> pl.DataFrame:
    """Events (EVENT_SCHEMA) as a reader of history texts sees them; nothing but the text is looked at.

    A month is read as its middle, a part of day as its middle hour; COUNT is that of what stands alone.
    """
    rows = []
    for user, text in histories.items():
        for line in text.split("\n"):
            found = _LINE.fullmatch(line)
            if found is None:
                raise ValueError(f"not a history line: {line!r}")
            source, month, day, part, action, count, place, listed = found.groups()
            time = datetime.fromisoformat(f"{month}{day or '-15'}").replace(tzinfo=UTC)
            entities = listed.split(", ")
            for entity in entities:
                name, _, own_part = entity.partition(" ~")
                name, _, times = name.partition(" ×")
                when = time.replace(hour=_HOUR[own_part or part or ""])
                events = int(times or (1 if len(entities) > 1 else count))
                rows += [(user, when, source, action, name, place or "")] * events
    frame = pl.DataFrame(
        rows,
        schema={
            name: EVENT_SCHEMA[name]
            for name in ("user_id", "timestamp", "source", "action", "content", "location")
        },
        orient="row",
    )
    return frame.sort("user_id", "timestamp", maintain_order=True)


def refined_knowledge(knowledge: Knowledge, refiner: Refiner) -> Knowledge:
    """The same knowledge about entities rather than titles; what an entity stands for most often counts."""
    contents = knowledge.contents
    entities = [entity_text(entity.text) for entity in refiner.refine(contents["content"].to_list())]
    return replace(
        knowledge,
        contents=contents.with_columns(content=pl.Series(entities))
        .group_by("content", "item", "gift", maintain_order=True)
        .len()
        .sort("len", descending=True, maintain_order=True)
        .unique("content", keep="first", maintain_order=True)
        .drop("len"),
    )
