"""Golden scores of tags, each worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.atomic import atomic_accuracy, tag_score


@pytest.mark.parametrize(
    ("tag", "predicted", "gold", "score"),
    [
        ("gender", ("female",), ("female",), 1.0),
        ("gender", ("male",), ("female",), 0.0),
        # Closed values are exact; the parser lets no other spelling through.
        ("gender", ("Female",), ("female",), 0.0),
        # NA is a value like any other.
        ("gender", (), (), 1.0),
        ("gender", (), ("female",), 0.0),
        ("gender", ("female",), (), 0.0),
        ("interests", (), (), 1.0),
        ("interests", ("chess",), (), 0.0),
        ("interests", (), ("chess",), 0.0),
        # Open single values ignore case.
        ("home_city", ("lyon",), ("Lyon",), 1.0),
        ("home_city", ("STRASSE",), ("straße",), 1.0),
        ("home_city", ("Paris",), ("Lyon",), 0.0),
        # F1: 2·|both| / (|ours| + |theirs|).
        ("interests", ("chess", "hiking"), ("hiking", "chess"), 1.0),
        ("interests", ("Chess",), ("chess", "hiking", "jazz"), 2 * 1 / (1 + 3)),
        ("interests", ("chess", "opera"), ("chess", "hiking", "jazz"), 2 * 1 / (2 + 3)),
        ("interests", ("a", "b", "c"), ("b", "c"), 2 * 2 / (3 + 2)),
        # The same interest twice is a wrong one more: 2·1/(2+1).
        ("interests", ("chess", "CHESS"), ("chess",), 2 / 3),
        ("interests", ("opera",), ("chess",), 0.0),
    ],
)
def test_tag_score(tag: str, predicted: tuple[str, ...], gold: tuple[str, ...], score: float) -> None:
    assert tag_score(tag, predicted, gold) == pytest.approx(score)


INTERESTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=3, unique=True)


@given(INTERESTS, INTERESTS)
def test_list_scores_are_symmetric_and_1_only_for_equal_sets(ours: list[str], theirs: list[str]) -> None:
    score = tag_score("interests", ours, theirs)
    assert 0 <= score <= 1
    assert score == tag_score("interests", theirs, ours)
    assert (score == 1) == (set(ours) == set(theirs))


def test_atomic_accuracy_is_the_mean_over_the_tags_asked_for() -> None:
    predicted = {"gender": ("male",), "pet": (), "interests": ("a", "b")}
    gold = {"gender": ("female",), "pet": (), "interests": ("a",), "mobility": ("local",)}
    # gender 0, pet 1, interests 2·1/(2+1) = 2/3: (0 + 1 + 2/3)/3 = 5/9; mobility was not asked for.
    assert atomic_accuracy(predicted, gold, ("gender", "pet", "interests")) == pytest.approx(5 / 9)
    assert atomic_accuracy(predicted, gold, ("pet",)) == 1.0
