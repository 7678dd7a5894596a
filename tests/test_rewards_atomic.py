"""Golden scores of tags, each worked by hand."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm.answers import Answer, TagAnswer
from records.prompt import TAGS_TASK, Prompt
from rewards.atomic import AtomicScorer, TagScorer
from rewards.case import Case

tag_score = TagScorer().score


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


@pytest.mark.parametrize(
    ("tag", "predicted", "gold", "score"),
    [
        ("home_city", ("München",), ("Munich",), 1.0),
        ("home_city", ("nyc",), ("New York",), 1.0),
        ("home_city", ("KØBENHAVN",), ("copenhagen",), 1.0),
        ("home_city", ("Lisboa",), ("Porto",), 0.0),
        ("interests", ("jogging", "soccer"), ("football", "running"), 1.0),
    ],
)
def test_other_names_are_the_same_thing(
    tag: str, predicted: tuple[str, ...], gold: tuple[str, ...], score: float
) -> None:
    assert tag_score(tag, predicted, gold) == score


class Alike:
    """Values are as alike as a table says."""

    def __init__(self, **table: float) -> None:
        self.table = table
        self.heard: list[list[str]] = []

    def prepare(self, values: Iterable[str]) -> None:
        self.heard.append(sorted(values))

    def __call__(self, tag: str, one: str, other: str) -> float:
        return 1.0 if one == other else self.table.get("_".join(sorted((one, other))), 0.0)


def test_lists_are_matched_as_well_as_they_can_be() -> None:
    score = TagScorer(Alike(bikes_cycling=0.9, bikes_skiing=0.8, cycling_snow=0.7)).score
    # bikes–cycling leaves snow–skiing, which are not alike: .9; bikes–skiing and snow–cycling are 1.5.
    assert score("interests", ("bikes", "snow"), ("cycling", "skiing")) == pytest.approx(2 * 1.5 / 4)
    assert score("interests", ("bikes",), ("cycling", "skiing")) == pytest.approx(2 * 0.9 / 3)
    # One value of the gold is matched once: a second name for it is a wrong one.
    assert score("interests", ("bikes", "cycling"), ("cycling",)) == pytest.approx(2 * 1 / 3)


def _case(predicted: dict[str, tuple[str, ...]], gold: dict[str, tuple[str, ...]]) -> Case:
    tags = tuple(predicted)
    answer = Answer(
        think="",
        tags={name: TagAnswer(values=values, lines=()) for name, values in predicted.items()},
        summary=(),
        dropped_citations=0,
    )
    prompt = Prompt(prompt_id="p", user_id="u", task=TAGS_TASK, tags=tags, history_lines=1, token_ids=(1,))
    return Case(prompt=prompt, answer=answer, gold={name: gold[name] for name in tags})


GOLD: dict[str, tuple[str, ...]] = {
    "gender": ("female",),
    "pet": (),
    "interests": ("a",),
    "mobility": ("local",),
}


def test_atomic_accuracy_is_the_mean_over_the_tags_asked_for() -> None:
    predicted = {"gender": ("male",), "pet": (), "interests": ("a", "b")}
    # gender 0, pet 1, interests 2·1/(2+1) = 2/3: (0 + 1 + 2/3)/3 = 5/9; mobility was not asked for.
    first, second = AtomicScorer(TagScorer(), {}).score([_case(predicted, GOLD), _case({"pet": ()}, GOLD)])
    assert first.value == pytest.approx(5 / 9)
    assert first.reasons == ("tag:gender", "tag:interests")
    assert (second.value, second.reasons) == (1.0, ())


def test_weights_of_tags() -> None:
    predicted: dict[str, tuple[str, ...]] = {"gender": ("male",), "pet": (), "mobility": ("local",)}

    def value(**weights: float) -> float:
        return AtomicScorer(TagScorer(), weights).score([_case(predicted, GOLD)])[0].value

    # gender 0, pet 1, mobility 1.
    assert value(gender=2) == pytest.approx(2 / 4)
    assert value(gender=0) == 1.0
    assert value(gender=1, pet=0.5, mobility=0) == pytest.approx(0.5 / 1.5)
    assert value(gender=0, pet=0, mobility=0) == pytest.approx(2 / 3)


def test_open_values_of_a_batch_are_heard_at_once() -> None:
    similarity = Alike()
    cases = [_case({"interests": ("Chess", "b"), "gender": ("male",)}, GOLD), _case({"interests": ()}, GOLD)]
    AtomicScorer(TagScorer(similarity), {}).score(cases)
    assert similarity.heard == [["a", "a", "b", "chess"]]
