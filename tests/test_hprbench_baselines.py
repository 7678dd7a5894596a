"""Baselines on users whose histories give the answer away."""

import pytest

from hprbench.baselines import majority, tfidf_lr
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
