"""Baselines on users whose histories give the answer away."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from hprbench.aggregates import aggregates
from hprbench.baselines import boosted_aggregates, majority, tfidf_lr
from records.events import EVENT_SCHEMA
from records.history import HistoryLine, SemanticHistory
from records.tags import TAG_NAMES, GoldTag

WORDS = {
    "female": "lipstick",
    "male": "razor",
    "Lyon": "tram",
    "Paris": "metro",
    "chess": "rook",
    "jazz": "trumpet",
}


def gold_user(user: str, **known: tuple[str, ...]) -> dict[str, GoldTag]:
    return {
        tag: GoldTag(user_id=user, tag=tag, values=known.get(tag, ()), event_ids=(), difficulty="explicit")
        for tag in TAG_NAMES
    }


def history(user: str, *values: str) -> SemanticHistory:
    lines = (
        HistoryLine(number=number, text=f"#{number} [TYPE: Order] | {WORDS[value]}", event_ids=())
        for number, value in enumerate(values, start=1)
    )
    return SemanticHistory(user_id=user, lines=tuple(lines))


def make_world(users: int):
    gold, histories = {}, []
    for number in range(users):
        user = f"t{number}"
        gender, city = ("female", "male")[number % 2], ("Lyon", "Paris")[number // 2 % 2]
        interests = ((), ("chess",), ("chess", "jazz"))[number % 3]
        gold[user] = gold_user(user, gender=(gender,), home_city=(city,), interests=interests, pet=("cat",))
        histories.append(history(user, gender, city, *interests))
    return gold, histories


def test_majority_takes_the_most_frequent_value_and_na_is_one():
    gold = {
        "a": gold_user("a", gender=("male",), interests=("chess", "jazz"), fitness=("low",)),
        "b": gold_user("b", gender=("male",), interests=("opera", "chess")),
        "c": gold_user("c", gender=("female",)),
    }
    (run,) = majority(gold, ["x", "y"])["y"]
    # gender: male 2, female 1. interests: chess 2, jazz 1, opera 1, NA 1. fitness: NA 2, low 1.
    assert (run["gender"], run["interests"], run["fitness"]) == (("male",), ("chess",), ())
    assert run.keys() == set(TAG_NAMES)
    with pytest.raises(ValueError, match="training user"):
        majority({}, ["x"])


def test_tfidf_reads_words_that_give_the_answer_away():
    gold, histories = make_world(48)
    bench = [history("x", "female", "Paris"), history("y", "male", "Lyon", "chess", "jazz")]
    predicted = tfidf_lr(histories, gold, bench, seed=0)
    (x,), (y,) = predicted["x"], predicted["y"]
    assert (x["gender"], x["home_city"], x["interests"]) == (("female",), ("Paris",), ())
    assert (y["gender"], y["home_city"], sorted(y["interests"])) == (("male",), ("Lyon",), ["chess", "jazz"])
    # A tag with one value in training has that value; one that is always NA stays NA.
    assert (x["pet"], x["fitness"]) == (("cat",), ())
    assert tfidf_lr(histories, gold, bench, seed=0) == predicted


def test_tfidf_refuses_to_train_on_a_benchmark_user():
    gold, histories = make_world(6)
    with pytest.raises(ValueError, match="t0"):
        tfidf_lr(histories, gold, histories[:1], seed=0)


def test_boosting_learns_from_aggregates_alone():
    gold, _ = make_world(120)
    users = sorted(gold)
    # Women shop at night, men in the morning; who lives in Paris buys dearer things.
    rows = []
    for user in users:
        hour = 22 if gold[user]["gender"].values == ("female",) else 7
        value = 90.0 if gold[user]["home_city"].values == ("Paris",) else 10.0
        rows += [
            {
                "user_id": user, "timestamp": datetime(2026, 1, 1 + n, hour, tzinfo=UTC), "source": "Shop",
                "action": "Order", "content": f"Thing {n}", "category": "Things", "location": "", "count": 1,
                "value": value, "event_id": f"e{n}",
            }
            for n in range(6)
        ]  # fmt: skip
    events = pl.DataFrame(rows, schema=EVENT_SCHEMA)
    train, bench = users[:90], [*users[90:], "nobody"]
    train_x, bench_x = aggregates(events, train, bench)
    assert train_x.shape[0] == 90
    assert np.isfinite(train_x).all()
    assert not bench_x[-1].any()  # a user without events
    predicted = boosted_aggregates(train_x, [gold[user] for user in train], bench_x, bench, seed=0)
    assert list(predicted) == bench
    for tag in ("gender", "home_city"):
        right = [predicted[user][0][tag] == gold[user][tag].values for user in users[90:]]
        assert sum(right) / len(right) > 0.95
    assert all(predicted[user][0]["pet"] == ("cat",) for user in bench)


def test_which_values_are_counted_is_decided_on_training_users():
    rows = [
        {
            "user_id": user, "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "source": source, "action": "a",
            "content": "", "category": "", "location": "", "count": 1, "value": None, "event_id": "e",
        }
        for user, source in (("a", "Shop"), ("b", "Kiosk"))
    ]  # fmt: skip
    events = pl.DataFrame(rows, schema=EVENT_SCHEMA)
    train_x, bench_x = aggregates(events, ["a"], ["b"])
    assert train_x.shape == bench_x.shape
    alone, _ = aggregates(events.filter(user_id="a"), ["a"], [])
    assert alone.shape == train_x.shape


def test_a_tag_is_learnt_from_users_of_whom_it_is_known():
    gold, histories = make_world(24)
    gold = {
        user: {tag: one for tag, one in tags.items() if tag in ("gender", "home_city")}
        for user, tags in gold.items()
    }
    for number in range(0, 12):  # half of the cities nobody knows
        del gold[f"t{number}"]["home_city"]
    others = [history("b1", "male", "Paris"), history("b2", "female", "Lyon")]
    for balanced in (False, True):
        said = tfidf_lr(histories, gold, others, seed=0, balanced=balanced)
        assert said == {
            "b1": [{"gender": ("male",), "home_city": ("Paris",)}],
            "b2": [{"gender": ("female",), "home_city": ("Lyon",)}],
        }
    assert majority({"a": {}, "b": {"pet": gold_user("b")["pet"]}}, ["c"]) == {"c": [{"pet": ()}]}
